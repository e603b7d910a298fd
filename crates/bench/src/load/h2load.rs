//! `h2load`: HTTP/2 over TLS, several requests at a time on each connection.

use super::wrk::Seen;
use anyhow::{Context, Result, ensure};
use std::process::Command;
use std::time::Duration;

/// Connections, and requests at a time on each of them.
const CONNECTIONS: &str = "-c16";
const STREAMS: &str = "-m8";

/// Loads a URL for a while on one thread.
pub(crate) fn run(url: &str, duration: Duration) -> Result<Seen> {
    let seconds = duration.as_secs().max(1);
    let mut command = Command::new("h2load");
    command.args(["-t1", CONNECTIONS, STREAMS, "-D", &seconds.to_string(), url]);
    let output = command.output().context("run h2load")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "h2load failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    ensure!(text.contains("Application protocol: h2"), "the proxy did not agree to HTTP/2");
    parse(&text, seconds as f64).with_context(|| format!("read what h2load says: {text}"))
}

/// A line such as `requests: 9 total, 9 started, 9 done, 8 succeeded, 1 failed, 0 errored, 0 timeout`.
fn parse(text: &str, seconds: f64) -> Option<Seen> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(what))?;
        part.trim().parse::<u64>().ok()
    };
    let (requests, errors) = (count("done")?, count("failed")?);
    Some(Seen { requests, errors, seconds, p50_ms: None, p99_ms: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let text =
            "finished in 2s\nrequests: 9 total, 9 started, 9 done, 8 succeeded, 1 failed, 1 errored, 0 timeout\n";
        assert_eq!(parse(text, 2.0), Some(Seen { requests: 9, errors: 1, seconds: 2.0, p50_ms: None, p99_ms: None }));
        assert_eq!(parse("", 2.0), None);
    }
}
