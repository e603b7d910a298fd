//! `downbeat run`, `hub` and `edge` as processes: starting, answering the operator's verbs, stopping, one at a time.

mod support;

use std::path::Path;
use support::{Process, Service, downbeat, run, text, wait_for};
use tempfile::{TempDir, tempdir};

const CONFIG: &str = "\
[edge]
listen = \"127.0.0.1:0\"
admin = \"127.0.0.1:0\"
[hub]
console = \"127.0.0.1:0\"
status = \"127.0.0.1:0\"
[[component]]
name = \"playback\"
replicas = [\"http://127.0.0.1:9\"]
";

fn folder(more: &str) -> TempDir {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("downbeat.toml"), format!("{CONFIG}{more}")).expect("a written file");
    folder
}

fn verify(folder: &Path) -> String {
    let output = run(folder, &["log", "verify"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn operators_reach_a_running_hub_and_the_log_remembers() {
    let folder = folder("");
    let mut service = Service::start(folder.path(), "run");
    let hub = service.addresses(4)["console"].clone();
    let told = |args: &[&str]| run(folder.path(), &[args, &["--hub", &hub, "--as", "anna"]].concat());
    assert_eq!(text(&told(&["incident", "list"]).stdout), "no incident yet\n");
    let json: serde_json::Value = serde_json::from_slice(&told(&["incident", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(json["incidents"], serde_json::json!([]));
    assert!(told(&["automation", "hold"]).status.success());
    assert!(told(&["automation", "release"]).status.success());
    let refused = told(&["incident", "ack", "7"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("there is no incident 7"), "{}", text(&refused.stderr));

    // Beside the running hub, and after it.
    assert!(verify(folder.path()).contains("records follow from one another"));
    assert!(service.process.terminate().success(), "{}", service.log());
    verify(folder.path());
    let replay = text(&run(folder.path(), &["log", "replay"]).stdout);
    assert!(replay.contains("anna"), "{replay}");
    let export = text(&run(folder.path(), &["log", "export", "--data", "downbeat-data"]).stdout);
    let records: Vec<serde_json::Value> =
        export.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert!(records.len() >= 3, "{export}");
    assert!(records.iter().zip(1..).all(|(record, seq)| record["seq"] == seq), "{export}");
}

#[test]
fn what_people_have_tried_is_told_to_the_hub() {
    let folder = folder("[automation]\ndivert = \"auto\"\n");
    let mut service = Service::start(folder.path(), "hub");
    let hub = service.addresses(2)["console"].clone();
    let record = |component: &str| {
        let what = ["drill", "record", "october", "--component", component, "--kind", "divert"];
        run(folder.path(), &[&what[..], &["--hub", &hub, "--as", "anna"]].concat())
    };
    let stranger = record("billing");
    assert_eq!(stranger.status.code(), Some(1));
    assert!(text(&stranger.stderr).contains("there is no component billing here"), "{}", text(&stranger.stderr));
    assert!(record("playback").status.success());
    assert!(service.process.terminate().success(), "{}", service.log());
    let export = text(&run(folder.path(), &["log", "export", "--data", "downbeat-data"]).stdout);
    let (armed, passed) = (export.find("\"armed\""), export.find("\"drill_passed\""));
    assert!(armed.is_some() && armed < passed, "{export}");
}

#[test]
fn a_token_is_asked_for() {
    let folder = folder("");
    let config = CONFIG.replace("[hub]", "[hub]\ntoken = \"correct-horse\"");
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("a written file");
    let mut service = Service::start(folder.path(), "hub");
    let hub = service.addresses(2)["console"].clone();
    let stranger = run(folder.path(), &["automation", "hold", "--hub", &hub]);
    assert_eq!(stranger.status.code(), Some(1));
    assert!(text(&stranger.stderr).contains("hint: give the token"), "{}", text(&stranger.stderr));
    let known = run(folder.path(), &["automation", "hold", "--hub", &hub, "--token", "correct-horse"]);
    assert!(known.status.success(), "{}", text(&known.stderr));
}

#[test]
fn one_data_folder_has_one_hub() {
    let folder = folder("");
    let mut first = Service::start(folder.path(), "hub");
    first.addresses(2);
    let second = run(folder.path(), &["hub"]);
    let said = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("error: cannot start the hub") && said.contains("in use by another hub"), "{said}");
    assert!(first.process.ended().is_none(), "the first hub goes on");
}

#[test]
fn an_edge_serves_without_a_hub() {
    let folder = folder("");
    let config = CONFIG.replace("[edge]", "[edge]\nhub = false");
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("a written file");
    let mut edge = Service::start(folder.path(), "edge");
    assert_eq!(edge.addresses(2).keys().collect::<Vec<_>>(), ["edge", "edge admin"]);
    assert!(edge.process.terminate().success(), "{}", edge.log());
}

#[test]
fn a_child_ends_with_the_process_that_wants_it_so() {
    let folder = folder("");
    // The shell starts the hub, says its number, and waits to be killed.
    let mut command = std::process::Command::new("sh");
    let script = format!("'{}' hub 2>/dev/null & echo $! > child; wait", env!("CARGO_BIN_EXE_downbeat"));
    command.args(["-c", &script]).current_dir(folder.path()).env("DOWNBEAT_EXIT_WITH_PARENT", "1");
    let mut shell = Process::start(&mut command);
    let path = folder.path().join("child");
    let child = wait_for("the child's number", || std::fs::read_to_string(&path).ok()?.trim().parse::<u32>().ok());
    wait_for("the hub's lock", || folder.path().join("downbeat-data/hub.lock").exists().then_some(()));
    shell.kill();
    wait_for("the end of the child", || has_ended(child).then_some(()));
}

/// True when a process is gone, or a zombie that nobody has collected yet.
fn has_ended(id: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat"));
    state.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = folder("");
    let mut child = downbeat();
    child
        .args(["check"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = child.spawn().expect("downbeat starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}
