//! Changes of a running service, by real processes under load: reloads, upgrades, stops. Nobody's request fails for them.

mod support;

use rustix::process::Signal;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::running::{Kind, Load, PART, PARTS, Running, ask, ask_securely, certify, read_head, tls_client};
use support::{text, wait_for};

fn begin_long_download(to: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(to).expect("the edge listens");
    stream.write_all(b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n").expect("the edge reads");
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader).expect("readable").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    reader
}

fn end_long_download(mut reader: BufReader<TcpStream>) {
    let mut body = vec![0; PARTS * PART];
    reader.read_exact(&mut body).expect("the body is whole");
    assert!(body.iter().all(|b| *b == b'x'));
}

#[test]
fn a_stop_lets_a_long_download_end() {
    let mut edge = Running::start(Kind::Edge);
    let download = begin_long_download(edge.clients);
    edge.signal(Signal::TERM);
    wait_for("a closed door", || TcpStream::connect(edge.clients).is_err().then_some(()));
    assert!(edge.service.process.ended().is_none(), "it waits for the download");
    end_long_download(download);
    let status = wait_for("the end of the edge", || edge.service.process.ended());
    assert_eq!(status.code(), Some(0), "{}", edge.service.log());
}

/// Three reloads and three upgrades under load, one after the other, and a download that lasts through the first of them.
fn survives_changes(kind: Kind) {
    let mut running = Running::start(kind);
    let load = Load::on(&running);
    let download = begin_long_download(running.clients);
    for round in 1..=3_u64 {
        let (process, generation) = (running.figure("process"), running.figure("generation"));
        load.flows();
        running.write(&format!("retries = {round}"));
        running.signal(Signal::HUP);
        running.until("the next generation", |state| state["generation"] == generation + 1);
        load.flows();
        running.signal(Signal::USR2);
        running.until("the next process", |state| state["process"] != process);
        load.flows();
        assert_eq!(running.figure("generation"), generation + 1, "the same configuration has the same number");
    }
    let (asked, failures) = load.end();
    assert!(failures.is_empty(), "{} of {asked}: {failures:?}\n{}", failures.len(), running.service.log());
    end_long_download(download);
    let status = wait_for("the end of the first process", || running.service.process.ended());
    assert_eq!(status.code(), Some(0), "{}", running.service.log());
    println!("{kind:?}: {asked} requests, 3 reloads, 3 upgrades, no failure");
}

#[test]
fn no_request_to_an_edge_fails_over_upgrades_and_reloads() {
    survives_changes(Kind::Edge);
}

#[test]
fn no_request_over_tls_fails_over_upgrades_and_reloads() {
    survives_changes(Kind::SecureEdge);
}

#[test]
fn no_request_fails_where_the_hub_is_in_the_same_process() {
    survives_changes(Kind::Run);
}

#[test]
fn a_successor_that_does_not_start_changes_nothing() {
    let edge = Running::start(Kind::Edge);
    let process = edge.figure("process");
    edge.write("retries = \"many\"\nsurprise = 1");
    edge.signal(Signal::HUP);
    wait_for("a refusal", || edge.service.log().contains("configuration refused").then_some(()));
    edge.signal(Signal::USR2);
    wait_for("a refusal", || edge.service.log().contains("not handed over").then_some(()));
    ask(edge.clients, &mut None).expect("served as before");
    assert_eq!((edge.figure("process"), edge.figure("generation")), (process, 1));
    let refusal = edge.service.log();
    assert!(refusal.contains("surprise") && refusal.contains("retries"), "every fault is told: {refusal}");
}

#[test]
fn a_hangup_takes_certificates_up() {
    let edge = Running::start(Kind::SecureEdge);
    let url = format!("https://a.example:{}/a", edge.secure.expect("TLS").port());
    // Two clients: one that has been there has a ticket, and takes its session up again whatever is shown now.
    let [before, old] = [(), ()].map(|()| tls_client(&edge, "a.example").build().expect("a client"));
    ask_securely(&before, &url).expect("the old one is shown");
    certify(edge.folder.path(), "a.example");
    edge.signal(Signal::HUP);
    edge.until("the same configuration once more", |state| state["generation"] == 2);
    let new = tls_client(&edge, "a.example").build().expect("a client");
    ask_securely(&new, &url).expect("the new one is shown");
    ask_securely(&old, &url).expect_err("the old one no longer");
}

#[test]
fn an_access_log_that_was_moved_away_goes_on_even_when_the_configuration_is_refused() {
    let log = "access_log = { to = \"access.log\" }";
    let edge = Running::with(Kind::Edge, Path::new(env!("CARGO_BIN_EXE_downbeat")), log);
    let folder = edge.folder.path().to_owned();
    let lines = |name: &str| std::fs::read_to_string(folder.join(name)).map_or(0, |text| text.lines().count());
    ask(edge.clients, &mut None).expect("an answer");
    wait_for("the first line", || (lines("access.log") == 1).then_some(()));
    std::fs::rename(folder.join("access.log"), folder.join("access.log.1")).expect("moved away");
    edge.write("surprise = 1");
    edge.signal(Signal::HUP);
    wait_for("a refusal", || edge.service.log().contains("configuration refused").then_some(()));
    // The order to open the file anew comes with the refusal; which of these is the first to follow it does not matter.
    let mut asked = 1;
    wait_for("a line in a new file", || {
        ask(edge.clients, &mut None).expect("an answer");
        asked += 1;
        (lines("access.log") > 0).then_some(())
    });
    wait_for("every line", || (lines("access.log") + lines("access.log.1") == asked).then_some(()));
}

#[test]
fn operators_reload_and_are_told_every_fault() {
    let edge = Running::with(Kind::Edge, Path::new(env!("CARGO_BIN_EXE_downbeat")), "trial_for = \"100ms\"");
    edge.passed();
    edge.write("trial_for = \"1s\"");
    let good = edge.operator(&["reload", "--wait"]);
    assert!(good.status.success(), "{}", text(&good.stderr));
    assert_eq!(text(&good.stdout), "generation 2 is in force, on trial\ngeneration 2 has passed its trial\n");
    edge.write("retries = \"many\"\nsurprise = 1");
    let bad = edge.operator(&["reload"]);
    let said = text(&bad.stderr);
    assert_eq!((bad.status.code(), bad.stdout.is_empty()), (Some(1), true), "{said}");
    assert!(said.contains("surprise") && said.contains("retries"), "{said}");
    assert_eq!(edge.figure("generation"), 2);
}

#[test]
fn operators_upgrade_and_are_told_when_it_does_not_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("downbeat");
    let install = |from: &Path| {
        // As `install` does: beside it and renamed, for what runs cannot be written to.
        let beside = folder.path().join("new");
        std::fs::copy(from, &beside).expect("copied");
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o700)).expect("ours");
        std::fs::rename(&beside, &program).expect("renamed");
    };
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/bin/sh\nexit 3\n").expect("written");
    install(Path::new(env!("CARGO_BIN_EXE_downbeat")));
    for kind in [Kind::Edge, Kind::Run] {
        let running = Running::with(kind, &program, "");
        let process = running.figure("process");
        install(&script);
        let bad = running.operator(&["upgrade"]);
        let said = text(&bad.stderr);
        assert_eq!(bad.status.code(), Some(1), "{said}");
        assert!(said.contains("going on as before") && said.contains("the other process has ended"), "{said}");
        ask(running.clients, &mut None).expect("served as before");
        assert_eq!(running.figure("process"), process);

        install(Path::new(env!("CARGO_BIN_EXE_downbeat")));
        let good = running.operator(&["upgrade"]);
        assert!(good.status.success(), "{}", text(&good.stderr));
        let next = running.until("the next process", |state| state["process"] != process)["process"].clone();
        let said = text(&good.stdout);
        assert_eq!(said, format!("process {next} serves; process {process} finishes what is in flight\n"));
        ask(running.clients, &mut None).expect("served as before");
    }
}

#[test]
fn top_shows_a_running_edge() {
    let edge = Running::start(Kind::Edge);
    let load = Load::on(&edge);
    load.flows();
    let top = |more: &[&str]| {
        let output = edge.operator(&[&["top", "--once"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    // The edge gathers once a second, so the first second may be an empty one.
    let figures = wait_for("a second with requests", || {
        let figures: serde_json::Value = serde_json::from_str(&top(&["--json"])).expect("JSON");
        (figures["components"][0]["requests_per_second"].as_f64()? > 0.0).then_some(figures)
    });
    assert_eq!(figures["components"][0]["failed_per_second"], 0.0);
    assert!(figures["replicas"][0]["first_byte_ms"]["p99"].as_f64().is_some_and(|ms| ms > 0.0), "{figures:#}");
    let screen = top(&[]);
    assert!(screen.contains("playback") && screen.contains("fit") && !screen.contains('\u{1b}'), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    let (asked, failures) = load.end();
    assert!(failures.is_empty(), "{} of {asked}: {failures:?}", failures.len());
}
