//! `downbeat probe`: tried once, and as a vantage point of a real hub.

mod support;

use std::io::{BufRead, BufReader, Write};
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

/// Gives a token, and says back what it was told.
fn gossip() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {}
            let told = head.lines().find(|line| line.starts_with("authorization"));
            let body = serde_json::json!({"token": "t0k3n-of-some-length", "told": told}).to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.get_mut().write_all(answer.as_bytes()).expect("written");
        }
    });
    root
}

const WALK: &str = r#"
[[probe.step]]
name = "enter"
url = "/?key={key}"
capture = { token = "json $.token" }
[[probe.step]]
name = "tell"
component = "playback"
url = "/"
headers = { authorization = "Bearer {token} {password}" }
expect = ['json $.told == "nothing"']
"#;

/// Neither what is checked nor what is found shows a secret, from wherever it comes.
#[test]
fn a_journey_keeps_its_secrets() {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("probe.secret"), "correct horse\n").expect("written");
    let secrets = "secrets = { password = { file = \"probe.secret\" }, key = { env = \"DOWNBEAT_TEST_KEY\" } }";
    let probe = format!("[[probe]]\nname = \"shop\"\nkind = \"journey\"\nurl = \"{}\"\n{secrets}\n{WALK}", gossip());
    configure(folder.path(), &probe);
    let run = |args: &[&str]| {
        let mut command = downbeat();
        command.args(args).current_dir(folder.path()).env("DOWNBEAT_TEST_KEY", "battery staple");
        command.output().expect("downbeat runs")
    };
    let (checked, found) = (run(&["check"]), run(&["probe", "--once", "--json"]));
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    for said in [&checked.stdout, &checked.stderr, &found.stdout, &found.stderr].map(|bytes| text(bytes)) {
        for secret in ["correct", "horse", "battery", "staple", "t0k3n"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    let rows: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let said = rows[0]["said"].as_str().unwrap_or_default();
    assert!(
        said.starts_with("wrong: tell: expected json $.told") && said.contains("Bearer {token} {password}"),
        "{said}"
    );
    let without = downbeat().args(["check"]).current_dir(folder.path()).output().expect("downbeat runs");
    assert!(text(&without.stderr).contains("secrets: key: DOWNBEAT_TEST_KEY: environment variable not found"));
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
