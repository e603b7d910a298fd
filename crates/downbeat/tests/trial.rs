//! New configurations on trial, by real processes: what crashes or breaches goes back by itself (invariant C2), and what
//! was good once serves with the hub dead and the disk full (C1, C4).

mod support;

use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;
use support::running::{Kind, Load, Running, ask, read_head, replica};
use support::{Service, downbeat, text, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_downbeat");

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("downbeat-data/edge")).expect("a data folder").flatten();
    let mut names: Vec<String> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".toml"));
    names.sort();
    names
}

fn crashes(kind: Kind) {
    let mut running = Running::with(kind, Path::new(PROGRAM), "trial_for = \"100ms\"");
    running.passed();
    running.write("trial_for = \"10m\"\nretries = 1");
    running.signal(Signal::HUP);
    running.until("a trial", |state| state["configuration"]["footing"] == "on_trial");
    assert_eq!(files(running.folder.path()), ["configuration.1.toml", "trial.2.toml"]);
    running.service.process.kill();

    running.start_again();
    let state = running.state().expect("it serves");
    assert_eq!(
        (&state["generation"], &state["configuration"]["footing"]),
        (&1.into(), &"returned".into()),
        "{state:#}"
    );
    let said = running.service.log();
    assert!(said.contains("the process died within the trial of this configuration"), "{said}");
    ask(running.clients, &mut None).expect("served by the one before");
    assert_eq!(files(running.folder.path()), ["configuration.1.toml", "quarantined.2.toml"]);

    // Neither a reload nor an upgrade nor another start takes the same bytes; other bytes are another configuration.
    let refused = running.operator(&["reload"]);
    let why = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && why.contains("was generation 2"), "{why}");
    let process = running.figure("process");
    running.signal(Signal::USR2);
    let state = running.until("the successor", |state| state["process"] != process);
    assert_eq!(
        (&state["generation"], &state["configuration"]["footing"]),
        (&1.into(), &"returned".into()),
        "{state:#}"
    );
    running.write("trial_for = \"10m\"\nretries = 2");
    assert!(running.operator(&["reload"]).status.success());
    running.until("the mended one", |state| state["configuration"]["footing"] == "on_trial");
}

#[test]
fn a_configuration_that_kills_its_edge_is_not_started_again() {
    crashes(Kind::Edge);
}

#[test]
fn nor_one_that_kills_hub_and_edge() {
    crashes(Kind::Run);
}

#[test]
fn a_stop_within_a_trial_is_no_crash() {
    let mut edge = Running::with(Kind::Edge, Path::new(PROGRAM), "trial_for = \"100ms\"");
    edge.passed();
    edge.write("trial_for = \"10m\"");
    assert!(edge.operator(&["reload"]).status.success());
    assert!(edge.service.process.terminate().success(), "{}", edge.service.log());
    assert_eq!(files(edge.folder.path()), ["configuration.1.toml"]);
    edge.start_again();
    let state = edge.state().expect("it serves");
    assert_eq!(
        (&state["generation"], &state["configuration"]["footing"]),
        (&2.into(), &"on_trial".into()),
        "{state:#}"
    );
}

#[test]
fn a_first_configuration_has_nothing_to_go_back_to_and_a_broken_file_is_still_told() {
    let mut edge = Running::with(Kind::Edge, Path::new(PROGRAM), "trial_for = \"10m\"");
    edge.service.process.kill();
    edge.start_again();
    ask(edge.clients, &mut None).expect("tried again");
    edge.service.process.kill();
    edge.write("surprise = 1");
    let output = support::run(edge.folder.path(), &["edge"]);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output.stderr));
}

/// Killed at any instant of a change (the pauses are those instants, nothing is waited for by them), the next start
/// serves: by the new configuration, or by the last that passed.
#[test]
fn whenever_it_is_killed_it_starts_again_and_serves() {
    let mut edge = Running::with(Kind::Edge, Path::new(PROGRAM), "trial_for = \"1ms\"");
    edge.passed();
    wait_for("the first on disk", || (files(edge.folder.path()) == ["configuration.1.toml"]).then_some(()));
    for round in 0..12_u64 {
        edge.write(&format!("trial_for = \"10m\" # {round}"));
        edge.signal(Signal::HUP);
        thread::sleep(Duration::from_millis(round * 6));
        edge.service.process.kill();
        edge.start_again();
        ask(edge.clients, &mut None).expect("it serves");
        let footing = edge.state().expect("it can be asked")["configuration"]["footing"].clone();
        assert!(footing == "on_trial" || footing == "returned", "{footing}");
        assert!(files(edge.folder.path()).contains(&"configuration.1.toml".to_owned()), "what passed stays");
    }
}

#[test]
fn a_configuration_that_leads_astray_goes_back_within_its_trial() {
    leads_astray(Kind::Edge);
}

#[test]
fn and_takes_the_hub_back_as_well() {
    let running = leads_astray(Kind::Run);
    let console = running.console.expect("a hub");
    let sound = format!(":{}", running.replica.port());
    wait_for("the hub's half of the one before", || {
        let name = look(console, "/v1/board")?["replicas"][0]["name"].clone();
        name.as_str()?.ends_with(&sound).then_some(())
    });
}

fn leads_astray(kind: Kind) -> Running {
    let mut edge = Running::with(kind, Path::new(PROGRAM), "trial_for = \"100ms\"");
    edge.passed();
    let load = Load::on(&edge);
    load.flows();
    edge.until("a second with requests", |state| state["components"]["playback"]["requests"].as_u64() > Some(100));
    let sound = std::mem::replace(&mut edge.replica, SocketAddr::from(([127, 0, 0, 1], support::free_port())));
    edge.write("trial_for = \"10m\"");
    let output = edge.operator(&["reload", "--wait"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("generation 2 did not pass its trial") && said.contains("hint: "), "{said}");
    let state = edge.until("the one before", |state| state["configuration"]["footing"] == "returned");
    assert_eq!(state["generation"], 3);
    load.flows();
    let (_, failures) = load.end();
    assert!(failures.len() >= 20, "it was a breach");
    ask(edge.clients, &mut None).expect("served as before");
    // The disk follows when it can.
    wait_for("the verdict on disk", || {
        (files(edge.folder.path()) == ["configuration.3.toml", "quarantined.2.toml"]).then_some(())
    });
    edge.replica = sound;
    edge
}

/// Answers every roll-up with a plan that empties `r1`.
fn hub() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let Ok(Some(head)) = read_head(&mut reader) else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let plan = "{\"epoch\":7,\"weights\":[{\"replica\":\"r1\",\"share\":0}]}";
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{plan}", plan.len());
            let _ = stream.flush();
        }
    });
    address
}

fn protect(folder: &Path, hub: SocketAddr, replicas: [SocketAddr; 2]) {
    let [one, two] = replicas;
    let config = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nhub = \"http://{hub}\"\n\
         [[replica]]\nname = \"r1\"\nurl = \"http://{one}\"\n[[replica]]\nname = \"r2\"\nurl = \"http://{two}\"\n\
         [[component]]\nname = \"playback\"\nreplicas = [\"r1\", \"r2\"]\n"
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("written");
}

fn state(service: &mut Service) -> (SocketAddr, serde_json::Value) {
    let addresses = service.addresses(2);
    let at = |what: &str| addresses[what].trim_start_matches("http://").parse().expect("an address");
    (at("edge"), look(at("edge admin"), "/v1/state").expect("it can be asked"))
}

fn look(admin: SocketAddr, path: &str) -> Option<serde_json::Value> {
    let text = fetch(admin, path)?;
    serde_json::from_str(&text).ok()
}

fn fetch(admin: SocketAddr, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(admin).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// C1: killed while the hub is dead, it serves by its last good plan from the first request on.
#[test]
fn an_edge_that_starts_with_the_hub_dead_goes_on_with_its_last_good_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    // The plan leaves the second one; a request that came to the first would fail.
    let replicas = [SocketAddr::from(([127, 0, 0, 1], support::free_port())), replica()];
    protect(folder.path(), hub(), replicas);
    let mut edge = Service::start(folder.path(), "edge");
    edge.addresses(2);
    let plan = folder.path().join("downbeat-data/edge/plan.json");
    wait_for("the plan on disk", || plan.exists().then_some(()));
    edge.process.kill();
    // The hub is gone as well: nobody listens where the edge looks for it.
    protect(folder.path(), SocketAddr::from(([127, 0, 0, 1], support::free_port())), replicas);
    let mut edge = Service::start(folder.path(), "edge");
    let (clients, state) = state(&mut edge);
    assert_eq!(state["plan_epoch"], 7, "in force when it first serves: {state:#}");
    for _ in 0..20 {
        ask(clients, &mut None).expect("served by the plan");
    }
    assert!(edge.log().contains("traffic plan restored from disk"), "{}", edge.log());
}

/// Runs an edge whose data folder is a file system of its own, in a mount namespace of its own; `None` where the system
/// does not allow that.
fn with_disk(folder: &Path, mount: &str) -> Option<Service> {
    std::fs::create_dir_all(folder.join("downbeat-data")).expect("a new folder");
    let allowed = Command::new("unshare").args(["-rm", "true"]).output().is_ok_and(|output| output.status.success());
    if !allowed {
        eprintln!("SKIP: no mount namespaces here");
        return None;
    }
    let mut command = Command::new("unshare");
    let script = format!("{mount} && exec '{PROGRAM}' \"$@\"");
    command.args(["-rm", "sh", "-ec", &script, "downbeat"]);
    Some(Service::spawn(&mut command, folder, "edge"))
}

/// C4: a data folder that is full, or cannot be written at all, holds up neither clients nor plans nor reloads.
#[test]
fn a_full_or_read_only_disk_leaves_serving_unaffected_and_is_counted() {
    for (what, mount) in [
        ("full", "mount -t tmpfs -o size=4k none downbeat-data && ! head -c 9999 /dev/zero > downbeat-data/ballast"),
        ("read-only", "mount -t tmpfs -o ro none downbeat-data"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let replicas = [SocketAddr::from(([127, 0, 0, 1], support::free_port())), replica()];
        protect(folder.path(), hub(), replicas);
        let Some(mut edge) = with_disk(folder.path(), mount) else { return };
        let addresses = edge.addresses(2);
        let admin: SocketAddr = addresses["edge admin"].trim_start_matches("http://").parse().expect("an address");
        let (clients, _) = state(&mut edge);
        wait_for("the plan in force", || (look(admin, "/v1/state")?["plan_epoch"] == 7).then_some(()));
        for _ in 0..20 {
            ask(clients, &mut None).expect("served by the plan");
        }
        let config = folder.path().join("downbeat.toml");
        let more = std::fs::read_to_string(&config).expect("readable").replace("[edge]", "[edge]\nretries = 2");
        std::fs::write(&config, more).expect("written");
        let admin_url = format!("http://{admin}");
        let reload = downbeat().args(["reload", "--edge", &admin_url]).output().expect("downbeat runs");
        assert!(reload.status.success(), "{what}: {}", text(&reload.stderr));
        ask(clients, &mut None).expect("served by the new configuration");
        // The plan, the trial of the first configuration and that of the second.
        wait_for("the failures counted", || {
            let metrics = fetch(admin, "/metrics")?;
            let line = metrics.lines().find(|line| line.starts_with("downbeat_edge_write_failures_total "))?;
            (line.rsplit(' ').next()?.parse::<u64>().ok()? >= 3).then_some(())
        });
        let log = BufReader::new(edge.log().as_bytes()).lines().map_while(Result::ok).collect::<Vec<_>>();
        assert!(log.iter().any(|line| line.contains("file not written; serving from memory")), "{what}: {log:?}");
    }
}
