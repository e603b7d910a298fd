//! The program as a process: its log, its exit codes, stopping, and several of it at once.

use std::{net::TcpListener, process::Command, time::Instant};

use crate::support::{PATIENCE, Program, Replica, TestResult, data, eventually, prepared_directory, raw};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn signal(program: &Program, signal: Signal) -> TestResult {
    let pid = Pid::from_raw(i32::try_from(program.child.id())?).ok_or("no pid")?;
    Ok(kill_process(pid, signal)?)
}

#[tokio::test]
async fn logs_are_json_lines_that_keep_no_token() -> TestResult {
    let mut program = Program::serve(data(), "--replica eu-9 --version 1.4.2");
    let address = program.address();
    raw(address, b"GET /api/search?q=night&token=SECRET HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let line = program.wait_for("request");
    assert_eq!((line["method"].as_str(), line["path"].as_str()), (Some("GET"), Some("/api/search")));
    assert_eq!((line["status"].as_u64(), line["replica"].as_str()), (Some(200), Some("eu-9")));
    assert_eq!(line["version"], "1.4.2");
    assert!(line["duration_ms"].is_number() && line["bytes"].as_u64() > Some(0), "{line}");
    signal(&program, Signal::TERM)?;
    assert_eq!(program.child.wait()?.code(), Some(0));
    for line in program.rest() {
        assert!(line.is_object() && !line.to_string().contains("SECRET"), "{line}");
    }
    Ok(())
}

#[test]
fn a_port_in_use_is_named_and_ends_the_program_with_1() -> TestResult {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let mut program = Program::serve(data(), &format!("--listen {address}"));
    assert_eq!(program.child.wait()?.code(), Some(1));
    let said: String = program.rest().iter().map(ToString::to_string).collect();
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
    Ok(())
}

#[tokio::test]
async fn stopping_finishes_requests_and_drops_streams() -> TestResult {
    let folder = tempfile::tempdir()?;
    let misbehaving = "--demo-seconds 20 --db-pool 1 --db-latency 1s --defect stream-stall";
    let mut program = Program::serve(folder.path(), misbehaving);
    let address = program.address();
    let replica = Replica::start_over(folder.path(), "").await;
    let (token, media) = (replica.login("demo").await, replica.first_media().await);

    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {media} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut begun = vec![0; 1000];
    stream.read_exact(&mut begun).await?;

    // Two searches for one connection: once one of them waits, both are under way.
    let search = b"GET /api/search?q=night HTTP/1.1\r\nHost: x\r\n\r\n";
    let searches = [tokio::spawn(raw(address, search)), tokio::spawn(raw(address, search))];
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    eventually("a query waits", async || raw(address, metrics).await.contains("encore_db_waiting 1")).await;
    signal(&program, Signal::TERM)?;
    for search in searches {
        let answer = search.await?;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut begun)).await?;
    assert!(ended.is_err() || begun.len() < 400_000, "the stream is cut, not completed");
    assert_eq!(program.child.wait()?.code(), Some(0));
    assert!(TcpStream::connect(address).await.is_err());
    Ok(())
}

#[test]
fn of_replicas_that_start_at_once_exactly_one_prepares() -> TestResult {
    let folder = tempfile::tempdir()?;
    let programs = [(); 3].map(|()| Program::serve(folder.path(), "--demo-seconds 10"));
    let lines = programs.iter().flat_map(|program| program.lines_until("listening"));
    let said: Vec<String> = lines.map(|line| line.to_string()).collect();
    assert_eq!(said.iter().filter(|line| line.contains("rendered")).count(), 6, "{said:?}");
    Ok(())
}

#[test]
fn who_waits_for_another_to_prepare_says_so() -> TestResult {
    let folder = tempfile::tempdir()?;
    let lock = std::fs::File::create(folder.path().join("prepare.lock"))?;
    lock.lock()?;
    let program = Program::serve(folder.path(), "");
    let line = program.wait_for("preparing");
    assert!(line["message"].as_str().is_some_and(|text| text.contains("waiting for another")), "{line}");
    lock.unlock()?;
    program.address();
    Ok(())
}

#[tokio::test]
async fn a_child_ends_with_its_parent_if_asked_to() -> TestResult {
    let data = prepared_directory();
    let encore = env!("CARGO_BIN_EXE_encore");
    let script = format!("{encore} serve --listen 127.0.0.1:0 --data {} & wait", data.path().display());
    let mut parent = Program::spawn(Command::new("sh").args(["-c", &script]).env("ENCORE_EXIT_WITH_PARENT", "1"));
    let address = parent.address();
    parent.child.kill()?;
    parent.child.wait()?;
    let start = Instant::now();
    eventually("the child is gone", async || TcpStream::connect(address).await.is_err()).await;
    assert!(start.elapsed() < PATIENCE);
    Ok(())
}
