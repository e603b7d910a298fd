//! `wrk`: asks as fast as it is answered, on connections that are kept.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Prints the figures in one line, because the report for people rounds them.
const SCRIPT: &str = r#"done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, e.connect + e.read + e.write + e.timeout,
    e.status, summary.duration, latency:percentile(50), latency:percentile(99)))
end
"#;

/// What `wrk` saw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Whole answers, bad ones included.
    pub(crate) requests: u64,
    /// Connections that failed, and answers that are neither 2xx nor 3xx.
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
    /// Latencies, where the client tells them.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

/// Loads a URL for a while on one thread.
pub(crate) fn run(url: &str, connections: u32, duration: Duration, folder: &Path) -> Result<Seen> {
    run_as(url, connections, duration, folder, "")
}

/// The same, with requests as a script of `wrk` makes them.
pub(crate) fn run_as(url: &str, connections: u32, duration: Duration, folder: &Path, requests: &str) -> Result<Seen> {
    let script = folder.join("wrk.lua");
    std::fs::write(&script, format!("{requests}{SCRIPT}")).context("write wrk's script")?;
    let seconds = duration.as_secs().max(1);
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}"), "--timeout", "10s", "-s"]);
    let output = command.arg(&script).arg(url).output().context("run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    parse(&text).with_context(|| format!("read what wrk says: {text}"))
}

fn parse(text: &str) -> Option<Seen> {
    let figures = text.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let figures: Vec<u64> = figures.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [requests, broken, bad, micros, p50, p99] = figures[..] else { return None };
    let ms = |micros: u64| Some(micros as f64 / 1e3);
    let seconds = micros as f64 / 1e6;
    Some(Seen { requests, errors: broken + bad, seconds, p50_ms: ms(p50), p99_ms: ms(p99) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let seen = Seen { requests: 900, errors: 3, seconds: 2.0, p50_ms: Some(1.5), p99_ms: Some(9.0) };
        assert_eq!(parse("Running 2s test\nRESULT 900 1 2 2000000 1500 9000\n"), Some(seen));
        assert_eq!(parse("unable to connect"), None);
    }
}
