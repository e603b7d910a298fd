//! Bodies that go on from another replica, and bodies that must not.

use crate::client::{End, get, read_slowly};
use crate::replica::{BodyFault, Framing, Keep, Ranges, Replica, Script};
use crate::rig::{Rig, music};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

const LENGTH: usize = 300_000;

fn breaking(at: usize, fault: BodyFault) -> Script {
    Script { fault: Some((at, fault)), ..Script::serving(&music(LENGTH)) }
}

fn sound() -> Script {
    Script::serving(&music(LENGTH))
}

async fn is_whole(scripts: Vec<Script>, request: &str, expected: std::ops::RangeInclusive<usize>) -> Vec<Replica> {
    let (rig, replicas) = Rig::new(scripts).await;
    let answer = rig.send(&format!("{request}Host: test\r\nConnection: close\r\n\r\n")).await;
    assert_eq!((answer.end, answer.body.len()), (End::Whole, expected.clone().count()), "{}", answer.head);
    assert!(answer.body == music(LENGTH)[expected], "a wrong byte");
    replicas
}

const WHOLE: &str = "GET /song HTTP/1.1\r\n";
const PART: &str = "GET /song HTTP/1.1\r\nRange: bytes=1000-250000\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_survives_every_way_of_breaking() {
    for fault in [BodyFault::Reset, BodyFault::Eof, BodyFault::Stall] {
        for at in [0, 1, 100_000, LENGTH - 1] {
            let replicas = is_whole(vec![breaking(at, fault), sound()], WHOLE, 0..=LENGTH - 1).await;
            let rest = &replicas[1].seen()[0];
            assert!(rest.contains(&format!("Range: bytes={at}-{}\r\n", LENGTH - 1)), "{fault:?} at {at}: {rest}");
            assert!(rest.contains("If-Range: \"v1\"\r\n"), "{rest}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_part_that_the_client_asked_for() {
    for fault in [BodyFault::Reset, BodyFault::Eof, BodyFault::Stall] {
        let replicas = is_whole(vec![breaking(100_000, fault), sound()], PART, 1000..=250_000).await;
        let rest = &replicas[1].seen()[0];
        assert!(rest.contains("Range: bytes=100000-250000\r\n"), "{rest}");
        assert_eq!(rest.to_lowercase().matches("\r\nrange:").count(), 1, "one Range only: {rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_in_a_row_are_survived() {
    let scripts = vec![breaking(50_000, BodyFault::Reset), breaking(120_000, BodyFault::Stall), sound()];
    is_whole(scripts, WHOLE, 0..=LENGTH - 1).await;
    let scripts = vec![breaking(50_000, BodyFault::Stall), breaking(50_001, BodyFault::Eof), sound()];
    is_whole(scripts, WHOLE, 0..=LENGTH - 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_replica_is_asked_again() {
    let (rig, replicas) = Rig::new(vec![breaking(50_000, BodyFault::Reset)]).await;
    let request = rig.get("/song");
    let repair = async {
        while replicas[0].seen().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        replicas[0].change(|script| script.fault = None);
    };
    let (answer, ()) = tokio::join!(request, repair);
    assert!(answer.end == End::Whole && answer.body == music(LENGTH));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_everywhere_at_the_same_byte_is_given_up() {
    let scripts = vec![breaking(50_000, BodyFault::Eof), breaking(50_000, BodyFault::Reset)];
    let (rig, replicas) = Rig::with(scripts, |s| s.resume.give_up = Duration::from_secs(2)).await;
    let answer = rig.get("/song").await;
    assert_eq!((answer.status, answer.end), (200, End::Reset));
    assert!(music(LENGTH).starts_with(&answer.body));
    let asked = replicas[0].seen().len() + replicas[1].seen().len();
    assert!((3..20).contains(&asked), "asked again, with longer and longer pauses: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_cannot_help_is_passed_over() {
    let broken = || breaking(50_000, BodyFault::Reset);
    let useless = [
        Script { etag: Some("\"v2\""), ..sound() },
        Script { etag: None, ..sound() },
        Script { ranges: Ranges::Ignored, ..sound() },
        Script { ranges: Ranges::Shifted, ..sound() },
        Script { framing: Framing::Chunked, ..sound() },
        Script { head: crate::replica::Head::Status(500), ..sound() },
        Script { head: crate::replica::Head::Hang, ..sound() },
        Script { head: crate::replica::Head::Garbage, ..sound() },
        Script { fields: "Content-Encoding: gzip\r\n", ..sound() },
    ];
    for script in useless {
        let label = format!("{:?} {:?} {:?}", script.etag, script.ranges, script.head);
        let replicas = is_whole(vec![broken(), script, sound()], WHOLE, 0..=LENGTH - 1).await;
        assert_eq!(replicas[2].seen().len(), 1, "{label}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_can_prove_ends_honestly() {
    let other = || Script { etag: Some("\"v2\""), body: music(LENGTH + 1)[1..].to_vec().into(), ..sound() };
    let table = [
        ("another etag", breaking(50_000, BodyFault::Reset), other()),
        ("another etag, end of file", breaking(50_000, BodyFault::Eof), other()),
        ("no etag", Script { etag: None, ..breaking(50_000, BodyFault::Reset) }, sound()),
        ("a weak etag", Script { etag: Some("W/\"v1\""), ..breaking(50_000, BodyFault::Reset) }, sound()),
        ("no ranges", Script { ranges: Ranges::Ignored, ..breaking(50_000, BodyFault::Reset) }, sound()),
        ("chunks", Script { framing: Framing::Chunked, ..breaking(50_000, BodyFault::Reset) }, sound()),
    ];
    for (label, first, second) in table {
        // The one that broke would have the body when it is asked again; take it away.
        let first = Script { keep: Keep::Close, ..first };
        let (rig, replicas) = Rig::with(vec![first, second], |s| s.resume.give_up = Duration::from_secs(1)).await;
        let request = rig.get("/song");
        let refute = async {
            while replicas[0].seen().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            replicas[0].change(|script| (script.etag, script.fault) = (Some("\"v3\""), None));
        };
        let (answer, ()) = tokio::join!(request, refute);
        assert_eq!((answer.status, answer.end), (200, End::Reset), "{label}");
        let sent = dechunked(&answer.body, &answer.head);
        assert!(music(LENGTH).starts_with(&sent), "{label}: a wrong byte");
    }
}

/// The body bytes in an answer that was cut.
fn dechunked(body: &[u8], head: &str) -> Vec<u8> {
    if !head.to_lowercase().contains("chunked") {
        return body.to_vec();
    }
    let (mut out, mut rest) = (Vec::new(), body);
    while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).ok().and_then(|s| usize::from_str_radix(s, 16).ok());
        let size = size.expect("a chunk size");
        let data = &rest[line + 2..];
        out.extend_from_slice(&data[..size.min(data.len())]);
        rest = data.get(size + 2..).unwrap_or_default();
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_without_proof_is_waited_out() {
    let pausing = Script { etag: None, ..breaking(50_000, BodyFault::Pause(1_000)) };
    let replicas = is_whole(vec![pausing, sound()], WHOLE, 0..=LENGTH - 1).await;
    assert!(replicas[1].seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_replica_may_go_on_itself() {
    let other = Script { etag: Some("\"v2\""), ..sound() };
    is_whole(vec![breaking(50_000, BodyFault::Pause(1_000)), other], WHOLE, 0..=LENGTH - 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_replica_alone_stalls_the_budget_holds_nobody_up() {
    let (rig, replicas) = Rig::with(vec![sound(), sound()], |settings| {
        // Whoever had to wait for the longer bound would be cut before.
        settings.resume.stall_after = Duration::from_secs(3_600);
        settings.limits.in_flight_floor = 64;
    })
    .await;
    // One whole body tells which silence is unusual.
    assert_eq!(rig.get("/song").await.end, End::Whole);
    replicas[0].change(|script| script.fault = Some((50_000, BodyFault::Stall)));
    let address = rig.address();
    let burst: Vec<_> = (0..40).map(|_| tokio::spawn(async move { get(address, "/song").await })).collect();
    for answer in burst {
        let answer = answer.await.expect("no panic");
        assert!(answer.end == End::Whole && answer.body == music(LENGTH));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_no_stall() {
    let body = music(3_000_000);
    let (rig, replicas) = Rig::new(vec![Script::serving(&body), Script::serving(&body)]).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    // Small, or the kernel takes in the whole body.
    socket.set_recv_buffer_size(16 * 1024).expect("a smaller buffer");
    let mut stream = socket.connect(rig.address()).await.expect("the edge listens");
    stream.write_all(b"GET /song HTTP/1.1\r\nHost: test\r\n\r\n").await.expect("the edge reads");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let answer = read_slowly(&mut stream, 64 * 1024, Duration::from_millis(10)).await;
    assert!(answer.end == End::Whole && answer.body == body);
    assert!(replicas[1].seen().is_empty(), "nobody else was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_asked_of_a_dead_replica_is_served_by_another() {
    let (rig, _) = Rig::with(vec![sound(), sound()], |settings| {
        settings.replicas[0].url = format!("http://{}", crate::rig::nobody());
    })
    .await;
    let answer = rig.send("GET /song HTTP/1.1\r\nHost: test\r\nRange: bytes=5-9\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("content-range")), (206, Some("bytes 5-9/300000")));
    assert!(answer.body == music(LENGTH)[5..=9]);
}
