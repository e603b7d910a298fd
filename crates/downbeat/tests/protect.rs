//! A five-line configuration in front of real servers: what happens to a download when its server is killed.
//!
//! nginx proves by its strong ETag that all of it serve the same file: the listener hears no gap. Python's
//! server proves nothing, so the download ends honestly, and the next one goes elsewhere.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{Process, Service, free_port, nginx, noise, outside, wait_for_listener};
use tempfile::{TempDir, tempdir};

/// More than all buffers between server and client hold, so that the server is busy until the client reads on.
const LENGTH: usize = 48 * 1024 * 1024;
/// How much is read before the server is killed.
const BEFORE: usize = 1024 * 1024;

/// A folder with one file to serve.
fn music() -> (TempDir, Vec<u8>) {
    let folder = tempdir().expect("a folder");
    let song = noise(LENGTH);
    std::fs::create_dir(folder.path().join("www")).expect("a new folder");
    std::fs::write(folder.path().join("www/song.bin"), &song).expect("a written file");
    (folder, song)
}

fn configure(folder: &Path, replicas: &[u16]) {
    let urls: Vec<String> = replicas.iter().map(|port| format!("\"http://127.0.0.1:{port}\"")).collect();
    let config = format!(
        "[service]\nname = \"Music\"\n\
         [edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n\
         [[component]]\nname = \"playback\"\nreplicas = [{}]\n",
        urls.join(", ")
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("a written file");
}

fn python(program: &Path, folder: &Path) -> (u16, Process) {
    let port = free_port();
    let mut command = Command::new(program);
    command.args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory"]);
    command.arg(folder.join("www")).stdout(Stdio::null()).stderr(Stdio::null());
    (port, Process::start(&mut command))
}

/// A download in the middle, and the ports it may come from.
struct Download {
    edge: String,
    admin: String,
    http: reqwest::Client,
}

impl Download {
    async fn through(service: &mut Service, replicas: usize) -> Self {
        let addresses = service.addresses(4);
        let http = reqwest::Client::builder().no_proxy().timeout(support::SOON).build().expect("a client");
        let this = Self { edge: addresses["edge"].clone(), admin: addresses["edge admin"].clone(), http };
        this.wait(|state| count(state, |r| r["checks"] == "fit") == replicas).await;
        this
    }

    async fn state(&self) -> serde_json::Value {
        let answer = self.http.get(format!("{}/v1/state", self.admin)).send().await.expect("the edge answers");
        answer.json().await.expect("its state is JSON")
    }

    async fn wait(&self, mut good: impl FnMut(&serde_json::Value) -> bool) -> serde_json::Value {
        let asking = async {
            loop {
                let state = self.state().await;
                if good(&state) {
                    return state;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(support::SOON, asking).await.expect("the edge gets there")
    }

    /// Bodies that went on from another replica so far.
    async fn resumed(&self) -> u64 {
        let answer = self.http.get(format!("{}/metrics", self.admin)).send().await.expect("the edge answers");
        let text = answer.text().await.expect("its metrics are text");
        let counts = text.lines().filter(|line| line.starts_with("downbeat_edge_resumed_bodies_total"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Waits until one body has: the edge counts by the second.
    async fn wait_until_resumed(&self) {
        let counting = async {
            while self.resumed().await != 1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(support::SOON, counting).await.expect("one server died, another took over");
    }

    async fn start(&self) -> (reqwest::Response, Vec<u8>) {
        let mut answer = self.http.get(format!("{}/song.bin", self.edge)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut got = Vec::new();
        while got.len() < BEFORE {
            got.extend_from_slice(&answer.chunk().await.expect("more").expect("not the end"));
        }
        (answer, got)
    }

    /// The port of the server that the download comes from.
    async fn source(&self) -> u16 {
        let state = self.wait(|state| count(state, |r| r["in_flight"] == 1) == 1).await;
        let serving = replicas(&state).find(|r| r["in_flight"] == 1).expect("there is one");
        let name = serving["name"].as_str().expect("a name");
        name.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a name ends with its port")
    }
}

fn replicas(state: &serde_json::Value) -> impl Iterator<Item = &serde_json::Value> {
    state["replicas"].as_array().into_iter().flatten()
}

fn count(state: &serde_json::Value, good: impl Fn(&serde_json::Value) -> bool) -> usize {
    replicas(state).filter(|r| good(r)).count()
}

fn kill(servers: &mut [(u16, Process)], port: u16) {
    let (_, server) = servers.iter_mut().find(|(own, _)| *own == port).expect("one of ours");
    server.kill();
}

async fn protect(folder: &Path, servers: &[(u16, Process)]) -> (Service, Download) {
    let ports: Vec<u16> = servers.iter().map(|(port, _)| *port).collect();
    ports.iter().for_each(|port| wait_for_listener(*port));
    configure(folder, &ports);
    let mut service = Service::start(folder, "run");
    let download = Download::through(&mut service, ports.len()).await;
    (service, download)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_from_nginx_survives_the_death_of_its_server() {
    let Some(program) = outside("DOWNBEAT_NGINX", "nginx", "-v") else { return };
    let (folder, song) = music();
    let mut servers: Vec<_> = (0..3).map(|_| nginx(&program, folder.path())).collect();
    let (mut service, download) = protect(folder.path(), &servers).await;
    let (mut answer, mut got) = download.start().await;
    kill(&mut servers, download.source().await);
    while let Some(chunk) = answer.chunk().await.expect("the edge goes on from another server") {
        got.extend_from_slice(&chunk);
    }
    assert_eq!(got.len(), song.len());
    assert!(got == song, "the bytes differ");
    download.wait_until_resumed().await;
    assert!(service.process.terminate().success(), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_nobody_can_go_on_with_ends_honestly() {
    let Some(program) = outside("DOWNBEAT_PYTHON", "python3", "--version") else { return };
    let (folder, song) = music();
    let mut servers: Vec<_> = (0..3).map(|_| python(&program, folder.path())).collect();
    let (_service, download) = protect(folder.path(), &servers).await;
    let (mut answer, mut got) = download.start().await;
    kill(&mut servers, download.source().await);
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            Ok(None) => panic!("a clean end after {} of {} bytes", got.len(), song.len()),
            Err(_) => break,
        }
    }
    assert!(got.len() < song.len() && song.starts_with(&got), "every byte before the end is right");
    let (mut again, mut whole) = download.start().await;
    while let Some(chunk) = again.chunk().await.expect("another server is there at once") {
        whole.extend_from_slice(&chunk);
    }
    assert!(whole == song, "the bytes differ");
}

/// Listeners that ask again and again.
const LISTENERS: usize = 4;
/// Requests before a server fails, and after it.
const REQUESTS: usize = 400;

/// Fails one of three servers under load; every answer has to be whole and good.
async fn fail_one(fail: fn(&mut Process)) {
    let Some(program) = outside("DOWNBEAT_NGINX", "nginx", "-v") else { return };
    let (folder, _) = music();
    let small = noise(4_000);
    std::fs::write(folder.path().join("www/small.bin"), &small).expect("a written file");
    let mut servers: Vec<_> = (0..3).map(|_| nginx(&program, folder.path())).collect();
    let (_service, download) = protect(folder.path(), &servers).await;
    let done = Arc::new(AtomicUsize::new(0));
    let mut listeners = tokio::task::JoinSet::new();
    for _ in 0..LISTENERS {
        let (http, url) = (download.http.clone(), format!("{}/small.bin", download.edge));
        let (done, small) = (done.clone(), small.clone());
        listeners.spawn(async move {
            while done.fetch_add(1, Ordering::Relaxed) < 2 * REQUESTS {
                let answer = http.get(&url).send().await.expect("an answer");
                assert_eq!(answer.status(), 200);
                assert!(answer.bytes().await.expect("a whole body") == small, "the bytes differ");
            }
        });
    }
    while done.load(Ordering::Relaxed) < REQUESTS {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fail(&mut servers[0].1);
    while let Some(listener) = listeners.join_next().await {
        listener.expect("no listener noticed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h5_a_server_that_is_killed_costs_no_request() {
    fail_one(Process::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h5_a_server_that_freezes_costs_no_request() {
    fail_one(Process::freeze).await;
}

#[test]
fn the_noise_does_not_repeat() {
    let bytes = noise(4096);
    assert!(bytes.chunks(8).collect::<std::collections::BTreeSet<_>>().len() == 512);
}
