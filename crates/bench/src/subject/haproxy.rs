//! HAProxy with one thread: Debian's time limits, health checks as they are by default, connections always reused.

use super::{Plan, Site};

const FILE: &str = "haproxy.cfg";

/// How bodies are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Splice {
    /// HAProxy decides; this is what is usually run.
    Auto,
    /// Always, with large pipes: best for large bodies.
    Forced,
}

pub(super) fn plan(site: &Site<'_>, splice: Splice) -> Plan {
    let (tuning, option) = match splice {
        Splice::Auto => ("", "splice-auto"),
        Splice::Forced => ("  tune.pipesize 1048576\n  tune.bufsize 65536\n", "splice-response"),
    };
    let port = site.port;
    let bind = site.tls.map_or(String::new(), |tls| format!(" ssl crt {} alpn h2,http/1.1", tls.both.display()));
    let servers = site.each(|port| format!("  server s{port} 127.0.0.1:{port} check\n"));
    let config = format!(
        "global\n  nbthread 1\n  maxconn 9700\n  maxpipes 100\n{tuning}\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 50s\n  timeout server 50s\n  \
         option {option}\n  http-reuse always\n\
         frontend f\n  bind 127.0.0.1:{port}{bind}\n  default_backend b\n\
         backend b\n  balance roundrobin\n{servers}"
    );
    let main = vec!["-db".to_owned(), "-f".to_owned(), site.place(FILE)];
    Plan { config: (FILE, config), main, helper: None }
}
