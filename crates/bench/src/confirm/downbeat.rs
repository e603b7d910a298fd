//! Downbeat: an edge that tells a hub, and the hub's own probes. It only observes, as the others do, and takes an incident
//! for over after seconds: by default it watches on for ten minutes. A probe fails
//! after half a second, as by the rules of the others. All else, what decides on a call above all, is as it is by default.
//!
//! The health path is what the clients ask for, and what the other probers ask for too.

use super::subject::{Site, Subject, Watcher};
use crate::process::{free_ports, local};
use crate::subject::version_of;
use crate::upstream::content;
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// Downbeat, and where it is reached.
pub(super) struct Ours {
    pub(super) watcher: Watcher,
    pub(super) edge: u16,
    pub(super) console: u16,
}

/// Starts hub and edge.
pub(super) fn start(program: &Path, site: &Site<'_>) -> Result<Ours> {
    let ports = free_ports(4)?;
    let (edge, admin, console, status) = (ports[0], ports[1], ports[2], ports[3]);
    let config = format!(
        r#"data = "{data}"
[service]
name = "Bench"
[edge]
listen = "127.0.0.1:{edge}"
admin = "127.0.0.1:{admin}"
hub = "http://127.0.0.1:{console}"
threads = 1
[hub]
console = "127.0.0.1:{console}"
status = "127.0.0.1:{status}"
[health]
path = "{path}"
timeout = "500ms"
[policy.act]
ramp_after = "4s"
[policy.incident]
quiet_for = "4s"
[automation]
divert = "observe"
restart = "observe"
roll_back = "observe"
shed = "observe"
limit = "observe"
pin = "observe"
[[component]]
name = "bench"
replicas = [{replicas}]
[[webhook]]
name = "pager"
audience = "on_call"
url = "{webhook}"
[[webhook]]
name = "public"
audience = "public"
url = "{webhook}"
"#,
        data = site.fresh("downbeat-data")?,
        path = content::small().path,
        replicas = site.list(|port| format!("\"http://127.0.0.1:{port}\"")),
        webhook = site.webhook(Subject::Downbeat),
    );
    let config = site.write("downbeat.toml", &config)?;
    let hub = site.launch(program, &["hub", "--config", &config], "hub", console)?;
    let proxy = site.launch(program, &["edge", "--config", &config], "edge", edge)?;
    let version = version_of(program, "--version")?;
    let watcher = Watcher { subject: Subject::Downbeat, version, _processes: vec![proxy, hub] };
    Ok(Ours { watcher, edge, console })
}

/// Closes an incident as an operator does; one that is over already is refused, which is as good.
pub(super) fn resolve(console: u16, incident: u64) -> Result<()> {
    let body = r#"{"why": "the bench goes on"}"#;
    let request = format!(
        "POST /v1/incidents/{incident}/resolve HTTP/1.1\r\nHost: localhost:{console}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nX-Downbeat-Operator: bench\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(local(console)).context("reach the hub")?;
    stream.write_all(request.as_bytes()).context("ask the hub")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("hear the hub")?;
    let taken = ["HTTP/1.1 2", "HTTP/1.1 409"].iter().any(|status| answer.starts_with(status));
    ensure!(taken, "resolve incident {incident}: {}", answer.lines().next().unwrap_or_default());
    Ok(())
}
