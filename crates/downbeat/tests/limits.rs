//! What clients can make the program hold, measured from outside on the process itself (invariant H3).

mod support;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::Write;
use std::net::TcpStream;
use support::{Service, wait_for};
use tempfile::tempdir;

/// Clients that stop in the middle of a head.
const CLIENTS: usize = 2_000;
/// Most memory for each of them: what was promised for 9,000.
const BYTES_EACH: usize = 6 * 1024;
/// What the process may need besides: an allocator keeps pages, tables grow by doubling.
const BYTES_BESIDES: usize = 2 * 1024 * 1024;

const CONFIG: &str = "\
[edge]
hub = false
listen = \"127.0.0.1:0\"
admin = \"127.0.0.1:0\"
[[component]]
name = \"playback\"
replicas = [\"http://127.0.0.1:9\"]
";

/// Memory of a process that lies in RAM, in bytes.
fn resident(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number")
}

/// How many clients the edge has, as it says itself.
fn connections(http: &reqwest::Client, runtime: &tokio::runtime::Runtime, admin: &str) -> usize {
    let metrics = runtime.block_on(async {
        http.get(format!("{admin}/metrics")).send().await.expect("an answer").text().await.expect("text")
    });
    let line = metrics.lines().find_map(|line| line.strip_prefix("downbeat_edge_connections ")).expect("a gauge");
    line.parse().expect("a number")
}

#[test]
fn h3_a_client_with_half_a_head_costs_a_few_kilobytes() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum it is allowed");
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("downbeat.toml"), CONFIG).expect("a written file");
    let mut edge = Service::start(folder.path(), "edge");
    let addresses = edge.addresses(2);
    let address = addresses["edge"].trim_start_matches("http://").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let http = reqwest::Client::builder().no_proxy().timeout(support::SOON).build().expect("a client");
    connections(&http, &runtime, &addresses["edge admin"]);
    let before = resident(edge.process.id());
    let half_open: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("the edge listens");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").expect("the edge reads");
            stream
        })
        .collect();
    wait_for("all clients", || {
        (connections(&http, &runtime, &addresses["edge admin"]) >= half_open.len()).then_some(())
    });
    let grown = resident(edge.process.id()).saturating_sub(before);
    println!("{CLIENTS} half-open clients cost {} bytes each", grown / CLIENTS);
    assert!(grown <= CLIENTS * BYTES_EACH + BYTES_BESIDES, "{CLIENTS} clients cost {grown} bytes");
}
