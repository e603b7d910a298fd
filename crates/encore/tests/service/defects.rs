//! Every defect misbehaves as it promises, and in no other way.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::support::{PATIENCE, Program, Replica, TestResult, data, eventually, raw};
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn login_errors_fail_exactly_their_share() -> TestResult {
    let replica = Replica::start("--defect login-errors=0.3").await;
    let mut failed = 0;
    for _ in 0..20 {
        match replica.try_login("demo", "demo").await.status().as_u16() {
            200 => {}
            500 => failed += 1,
            other => panic!("{other} is neither"),
        }
    }
    assert_eq!(failed, 6);
    Ok(())
}

#[tokio::test]
async fn playlist_empty_answers_200_without_tracks() -> TestResult {
    let replica = Replica::start("--defect playlist-empty").await;
    let token = replica.login("demo").await;
    let playlists = replica.get_json("/api/playlists", &token).await;
    assert_eq!(playlists["playlists"][0]["track_count"], 0);
    let id = playlists["playlists"][0]["id"].as_str().ok_or("no id")?;
    assert_eq!(replica.get_json(&format!("/api/playlists/{id}"), &token).await["tracks"], serde_json::json!([]));
    // The playlist itself is unharmed.
    let healthy = Replica::start("").await;
    let tracks = healthy.get_json(&format!("/api/playlists/{id}"), &token).await;
    assert_eq!(tracks["tracks"].as_array().map(Vec::len), Some(6));
    Ok(())
}

#[tokio::test]
async fn stream_stall_stops_in_mid_body_and_keeps_the_connection() -> TestResult {
    // Twenty seconds of music are well above the 256 KiB after which a stream stalls.
    let folder = tempfile::tempdir()?;
    let replica = Replica::start_over(folder.path(), "--demo-seconds 20 --defect stream-stall").await;
    let token = replica.login("demo").await;
    let path = replica.first_media().await;
    let mut answer = replica.request(Method::GET, &path).bearer_auth(&token).send().await?;
    let declared = answer.content_length().ok_or("no length")?;
    let mut received = 0;
    while received < 256 << 10 {
        received += answer.chunk().await?.ok_or("ended")?.len();
    }
    assert_eq!(received, 256 << 10);
    assert!(declared > received as u64, "{declared}");
    let more = tokio::time::timeout(Duration::from_millis(700), answer.chunk()).await;
    assert!(more.is_err(), "neither data nor an end: {more:?}");
    assert_eq!(replica.get("/healthz").await.status(), 200, "a gray failure: health is green");
    Ok(())
}

#[tokio::test]
async fn slow_delays_answers_but_not_probes() -> TestResult {
    let replica = Replica::start("--defect slow=400ms").await;
    let timed = async |path| -> (u16, Duration) {
        let start = Instant::now();
        (replica.get(path).await.status().as_u16(), start.elapsed())
    };
    for (path, status) in [("/api/tracks", 200), ("/media/0123.flac", 401)] {
        let (answered, took) = timed(path).await;
        assert_eq!(answered, status);
        assert!(took >= Duration::from_millis(400), "{path} took {took:?}");
    }
    assert_eq!(timed("/healthz").await.0, 200);
    Ok(())
}

#[tokio::test]
async fn crash_after_aborts_the_process_at_that_request() -> TestResult {
    use std::os::unix::process::ExitStatusExt;
    const ABORT: i32 = 6;
    let mut program = Program::serve(data(), "--defect crash-after=3");
    let address = program.address();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(raw(address, request).await.starts_with("HTTP/1.1 200"));
    assert!(raw(address, request).await.starts_with("HTTP/1.1 200"));
    assert_eq!(raw(address, request).await, "", "no answer any more");
    let status = program.child.wait()?;
    assert_eq!(status.signal(), Some(ABORT), "{status}");
    Ok(())
}

#[tokio::test]
async fn cpu_burn_burns() -> TestResult {
    let program = Program::serve(data(), "--defect cpu-burn");
    program.address();
    let stat = format!("/proc/{}/stat", program.child.id());
    // Field 14 is user time in hundredths of a second; the name before it may hold no closing bracket but its own.
    let user_time = || -> Option<u64> {
        let text = fs::read_to_string(&stat).ok()?;
        text.rsplit_once(") ")?.1.split(' ').nth(11)?.parse().ok()
    };
    eventually("a second of processor time", async || user_time().is_some_and(|hundredths| hundredths > 100)).await;
    Ok(())
}

#[tokio::test]
async fn leak_grows() -> TestResult {
    let program = Program::serve(data(), "--defect leak=64MiB/s");
    let address = program.address();
    let status = format!("/proc/{}/status", program.child.id());
    let resident_kib = || -> Option<u64> {
        let text = fs::read_to_string(&status).ok()?;
        text.lines().find(|line| line.starts_with("VmRSS:"))?.split_whitespace().nth(1)?.parse().ok()
    };
    let before = resident_kib().ok_or("no figure")?;
    eventually("100 MiB more", async || resident_kib().is_some_and(|now| now > before + 100 * 1024)).await;
    let health = raw(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    Ok(())
}

#[tokio::test]
async fn without_defects_nothing_of_this_happens() -> TestResult {
    let replica = Replica::start("").await;
    let token = replica.login("demo").await;
    let playlists: Value = replica.get_json("/api/playlists", &token).await;
    assert_eq!(playlists["playlists"][0]["track_count"], 6);
    for _ in 0..20 {
        assert_eq!(replica.try_login("demo", "demo").await.status(), 200);
    }
    let path = replica.first_media().await;
    let whole = replica.request(Method::GET, &path).bearer_auth(&token).timeout(PATIENCE).send().await?;
    assert_eq!(whole.content_length(), Some(whole.bytes().await?.len() as u64));
    Ok(())
}
