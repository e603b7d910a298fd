//! Mark Nottingham's tests for HTTP caches (`http-cache-tests` on npm), against this edge and against Debian's nginx.
//!
//! It needs Node, nginx and the package; `cargo xtask test` installs it, and so does
//! `npm install --prefix target/cache-tests --no-save http-cache-tests`. Without them nothing is tested, and said so.
//! A test counts as passed only when those that it depends on have passed. "required" are the conformance tests,
//! "optimal" ask whether a cache makes use of what it may, "check" only notes what a cache does.

use crate::rig::{Rig, settings};
use downbeat_edge::CacheSettings;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// What the edge passed when this was written; fewer is a step back.
const REQUIRED_MIN: usize = 142;
/// The same for those that ask for more than conformance.
const OPTIMAL_MIN: usize = 76;
/// A program is up within this.
const START: Duration = Duration::from_secs(20);

/// Prints each test's kind and what it depends on.
const KINDS: &str = "import tests from './tests/index.mjs'; const all = {}; for (const suite of tests) for (const t of \
                     suite.tests) if (!t.browser_only) all[t.id] = [t.kind || 'required', t.depends_on || []]; \
                     console.log(JSON.stringify(all))";

type Kinds = BTreeMap<String, (String, Vec<String>)>;
type Results = BTreeMap<String, serde_json::Value>;

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/cache-tests/node_modules/http-cache-tests")
}

fn is_there() -> bool {
    let programs = ["node", "nginx"].map(|name| std::process::Command::new(name).arg("-v").output().is_ok());
    programs == [true, true] && package().is_dir()
}

fn node(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command
        .arg("--no-warnings")
        .args(arguments)
        .current_dir(package())
        .kill_on_drop(true)
        .env("npm_package_config_id", "");
    command
}

async fn read<T: serde::de::DeserializeOwned>(mut command: Command) -> T {
    let output = command.output().await.expect("node runs");
    serde_json::from_slice(&output.stdout).expect("node prints JSON")
}

fn free_port() -> u16 {
    crate::rig::nobody().port()
}

async fn up(port: u16) {
    let deadline = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "nobody listens at {port}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn origin(folder: &Path) -> (Child, u16) {
    let port = free_port();
    let mut command = node(&["server/server.mjs"]);
    command.env("npm_config_protocol", "http").env("npm_config_port", port.to_string());
    command.env("npm_config_pidfile", folder.join("pid")).stdout(Stdio::null());
    let child = command.spawn().expect("node runs");
    up(port).await;
    (child, port)
}

async fn nginx(folder: &Path, origin: u16) -> (Child, u16) {
    let port = free_port();
    let temporary: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|n| format!("{n}_temp_path t-{n};")).concat();
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log nginx.log; events {{}} http {{ access_log off; {temporary} \
         proxy_cache_path store keys_zone=c:8m; server {{ listen 127.0.0.1:{port}; location / {{ \
         proxy_pass http://127.0.0.1:{origin}; proxy_cache c; proxy_cache_revalidate on; }} }} }}"
    );
    std::fs::write(folder.join("nginx.conf"), configuration).expect("a temporary folder");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).args(["-c", "nginx.conf"]).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().expect("nginx is installed");
    up(port).await;
    (child, port)
}

async fn results(port: u16) -> Results {
    let mut command = node(&["cli.mjs"]);
    command.env("npm_config_base", format!("http://127.0.0.1:{port}"));
    read(command).await
}

fn passed(id: &str, kinds: &Kinds, results: &Results) -> bool {
    let depends = kinds.get(id).map_or(&[][..], |(_, depends)| depends);
    results.get(id) == Some(&true.into()) && depends.iter().all(|other| passed(other, kinds, results))
}

/// Passed and all, by kind.
fn score(kinds: &Kinds, results: &Results) -> BTreeMap<String, (usize, usize)> {
    let mut score: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (id, (kind, _)) in kinds {
        let (good, all) = score.entry(kind.clone()).or_default();
        *good += usize::from(passed(id, kinds, results));
        *all += 1;
    }
    score
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_cache_tests() {
    if !is_there() {
        eprintln!("SKIP: Node, nginx or the package http-cache-tests is missing: the public cache tests are NOT RUN");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let kinds: Kinds = read(node(&["--input-type=module", "-e", KINDS])).await;
    let (_origin, origin) = origin(folder.path()).await;
    let (_nginx, nginx) = nginx(folder.path(), origin).await;
    let data = tempfile::tempdir().expect("a folder");
    let mut settings = settings(&data, &[SocketAddr::from(([127, 0, 0, 1], origin))]);
    settings.health.path = "/".into();
    settings.replicas[0].max_in_flight = 1_000;
    settings.components[0].cache = Some(CacheSettings::default());
    let rig = Rig::start(data, settings).await;
    let ours = results(rig.address().port()).await;
    let (ours, theirs) = (score(&kinds, &ours), score(&kinds, &results(nginx).await));
    for kind in ["required", "optimal", "check"] {
        let ((good, all), (other, _)) = (ours[kind], theirs[kind]);
        println!("{kind:8}  edge {good:3} of {all:3}   nginx {other:3} of {all:3}");
    }
    assert!(ours["required"].0 >= REQUIRED_MIN && ours["optimal"].0 >= OPTIMAL_MIN, "{ours:?}");
}
