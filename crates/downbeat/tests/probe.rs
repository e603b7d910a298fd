//! `downbeat probe`: tried once, and as a vantage point of a real hub.

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use support::{Process, Service, downbeat, run, text, wait_for};
use tempfile::tempdir;

const SERVICE: &str = "[edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[hub]\nconsole = \"127.0.0.1:0\"\n\
                       status = \"127.0.0.1:0\"\n[[component]]\nname = \"playback\"\nreplicas = [\"http://127.0.0.1:9\"]\n";

fn configure(folder: &Path, probes: &str) {
    std::fs::write(folder.join("downbeat.toml"), format!("{SERVICE}{probes}")).expect("a written configuration");
}

fn tcp(table: &str, name: &str, port: u16) -> String {
    format!("[[{table}]]\nname = \"{name}\"\nkind = \"tcp\"\naddress = \"127.0.0.1:{port}\"\n")
}

/// A port that answers, with who keeps it open, and one that does not.
fn ports() -> (TcpListener, u16, u16) {
    let open = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = open.local_addr().expect("an address").port();
    (open, port, support::free_port())
}

#[test]
fn each_probe_once() {
    let folder = tempdir().expect("a folder");
    let (_open, alive, dead) = ports();
    let heartbeat = "[[probe]]\nname = \"job\"\nkind = \"heartbeat\"\nevery = \"1h\"\nkey = \"v3RyS4cretAndL0ng\"\n";
    let inside = "[[probe]]\nname = \"inside\"\nkind = \"tcp\"\naddress = \"127.1:9\"\n";
    configure(folder.path(), &[&tcp("probe", "a", alive), heartbeat, &tcp("reference", "gateway", alive)].concat());
    let good = run(folder.path(), &["probe", "--once"]);
    let said = text(&good.stdout);
    assert!(good.status.success(), "{said}{}", text(&good.stderr));
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["name", "about", "kind", "what", "result", "ms", "said"]);
    assert_eq!(lines[2][..5], ["a", "everywhere", "tcp", &format!("127.0.0.1:{alive}"), "passed"]);
    assert_eq!(lines[3][..2], ["gateway", "reference"]);
    assert_eq!(lines.len(), 4, "heartbeats are the hub's: {said}");

    configure(folder.path(), &[&tcp("probe", "a", alive), &tcp("probe", "b", dead), inside].concat());
    let bad = run(folder.path(), &["probe", "--once", "--json"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad.stderr).contains("2 of 3 probes did not pass"), "{}", text(&bad.stderr));
    let rows: serde_json::Value = serde_json::from_slice(&bad.stdout).expect("JSON");
    assert_eq!((rows[0]["result"].as_str(), rows[1]["result"].as_str()), (Some("passed"), Some("failed")));
    assert!(rows[1]["said"].as_str().is_some_and(|said| said.starts_with("refused: connecting to ")), "{rows}");
    assert_eq!(rows[2]["result"], "unknown");
    assert!(rows[2]["said"].as_str().is_some_and(|said| said.contains("[outbound] allow = [\"127.0.0.1\"]")), "{rows}");
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempdir().expect("a folder");
    for (args, says) in [
        (vec!["probe"], "--once"),
        (vec!["probe", "--hub", "http://127.0.0.1:9"], "--from"),
        (vec!["probe", "--once", "--hub", "http://127.0.0.1:9", "--from", "oslo"], "cannot be used with"),
        (vec!["probe", "--hub", "http://127.0.0.1:9", "--from", "o s"], "--from"),
    ] {
        let output = run(folder.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(says), "{args:?}: {}", text(&output.stderr));
    }
}

/// The board of a hub.
fn board(console: &str) -> Option<serde_json::Value> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let http = reqwest::Client::builder().no_proxy().timeout(support::SOON).build().expect("a client");
    runtime.block_on(async { http.get(format!("{console}/v1/board")).send().await.ok()?.json().await.ok() })
}

#[test]
fn a_vantage_point_tells_its_hub() {
    let (here, there) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let (_open, alive, dead) = ports();
    configure(here.path(), &tcp("probe", "shop", alive));
    // What the vantage point reaches is another place under the same name, and it has no way out.
    configure(there.path(), &[tcp("probe", "shop", dead), tcp("reference", "gateway", dead)].concat());
    let mut hub = Service::start(here.path(), "hub");
    let console = hub.addresses(2)["console"].clone();
    let passed = |board: &serde_json::Value| board["probes"]["shop"]["passed"].as_bool();
    wait_for("the hub's own look", || board(&console).filter(|board| passed(board) == Some(true)));

    let mut command = downbeat();
    command.args(["probe", "--from", "oslo", "--hub", &console]);
    let mut vantage = Process::start(command.current_dir(there.path()).stderr(Stdio::null()));
    let blind =
        wait_for("a word of the vantage point", || Some(board(&console)?["blind"]["oslo"].as_str()?.to_owned()));
    assert!(blind.starts_with("our own uplink is down: no reference answers (gateway: "), "{blind}");
    assert_eq!(passed(&board(&console).expect("a board")), Some(true), "that is no evidence against the shop");
    assert!(vantage.terminate().success());
}
