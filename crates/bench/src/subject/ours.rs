//! The edge, with its defaults, one thread, and a hub that it tells once a second what it saw.
//!
//! The hub is a process of its own and not weighed: in production it runs elsewhere.

use super::certificate::Certificate;
use super::{Plan, Site};
use crate::process::free_ports;
use anyhow::Result;

const FILE: &str = "downbeat.toml";

pub(super) fn plan(site: &Site<'_>) -> Result<Plan> {
    let ports = free_ports(4)?;
    let (console, status, admin, spare) = (ports[0], ports[1], ports[2], ports[3]);
    // The listener without TLS is always there; where TLS is measured it moves aside.
    let (plain, tls) = site.tls.map_or((site.port, String::new()), |tls| (spare, tls_lines(site.port, tls)));
    let replicas = site.each(|port| format!("\"http://127.0.0.1:{port}\", "));
    let config = format!(
        r#"# The edge of a benchmark: everything as it is by default, but for the addresses.
data = "{data}"
[service]
name = "Bench"
[edge]
listen = "127.0.0.1:{plain}"
admin = "127.0.0.1:{admin}"
hub = "http://127.0.0.1:{console}"
threads = 1
{tls}[hub]
console = "127.0.0.1:{console}"
status = "127.0.0.1:{status}"
[[component]]
name = "bench"
replicas = [{replicas}]
"#,
        data = site.place("data"),
    );
    let command = |verb: &str| vec![verb.to_owned(), "--config".to_owned(), site.place(FILE)];
    Ok(Plan { config: (FILE, config), main: command("edge"), helper: Some((command("hub"), console)) })
}

/// The listener for TLS, which speaks HTTP/2 to whoever can.
fn tls_lines(port: u16, tls: &Certificate) -> String {
    let (cert, key) = (tls.cert.display(), tls.key.display());
    format!("listen_tls = \"127.0.0.1:{port}\"\n[[edge.certificate]]\ncert = \"{cert}\"\nkey = \"{key}\"\n")
}
