//! Forged reports: how many the hub takes in and counts, what one costs, what they leave in memory, and what they bring about.
//!
//! 10,000 addresses in four networks report as fast as they are answered, a proxy in front saying which address it is. A table
//! makes the networks four autonomous systems, so that all that stands between forgers and an outage is at work (G1, G3).

use super::site::{Hub, Site};
use crate::load::wrk;
use crate::report::{number, table, verdict};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Reports that have to be taken in.
const FORGED: u64 = 1_000_000;
/// One core has to take so many a second.
const GOAL: f64 = 50_000.0;
/// At most resident, in bytes.
const MEMORY: u64 = 64 * 1024 * 1024;
/// Clients beside each other.
const CONNECTIONS: u32 = 64;
/// Longest that it may take.
const ROUNDS_MAX: usize = 60;

/// Each request comes from another of the 10,000 addresses.
const FORGER: &str = r#"local n = 0
request = function()
  n = (n + 7919) % 10000
  local from = string.format("203.0.%d.%d", 100 + n % 4, math.floor(n / 4) % 250)
  if n >= 1000 then from = string.format("198.%d.%d.%d", 20 + n % 4, math.floor(n / 1000), math.floor(n / 4) % 250) end
  return wrk.format("POST", "/report", {
    ["accept"] = "application/json", ["content-type"] = "application/x-www-form-urlencoded", ["x-forwarded-for"] = from,
  }, "category=part-0&component=part-0")
end
"#;

/// Whose those addresses are: four systems.
const NETWORKS: &str = "\
203.0.100.0/24,64500,One
203.0.101.0/24,64501,Two
203.0.102.0/24,64502,Three
203.0.103.0/24,64503,Four
198.20.0.0/16,64500,One
198.21.0.0/16,64501,Two
198.22.0.0/16,64502,Three
198.23.0.0/16,64503,Four
";

const EXPLANATION: &str = "\
`wrk` reports as fast as it is answered, each time from another of 10,000 addresses in four autonomous systems, until at least
1,000,000 have come. A report a second on one core is a million divided by the **CPU-µs** of a report, the answer in JSON and
the whole of HTTP included; memory is the most that was resident. Afterwards the incidents are asked for.
";

/// Measures, and gives the table.
pub(super) fn measure(site: &Site<'_>) -> Result<String> {
    let networks = site.folder.join("networks.csv");
    fs::write(&networks, NETWORKS).context("write the table of networks")?;
    let more = format!("[reports]\nas_table = \"{}\"\nproxies = [\"127.0.0.0/8\"]\n", networks.display());
    let hub = site.setup(1, &more)?.start()?;
    let (idle, url) = (hub.process.resident(), format!("http://127.0.0.1:{}/report", hub.status));
    let (mut taken, mut errors, mut seconds, mut most) = (0, 0, 0.0, idle);
    let before = hub.process.busy_ns();
    for _ in 0..ROUNDS_MAX {
        let seen =
            wrk::run_as(&url, CONNECTIONS, Duration::max(site.each, Duration::from_secs(2)), &site.folder, FORGER)?;
        taken += seen.requests;
        errors += seen.errors;
        seconds += seen.seconds;
        most = most.max(hub.process.resident());
        if taken >= FORGED {
            break;
        }
    }
    ensure!(taken >= FORGED, "only {taken} reports were taken in");
    let micros = (hub.process.busy_ns() - before) as f64 / 1e3 / taken as f64;
    let per_core = 1e6 / micros;
    let states = states(&hub)?;
    let quiet = states.iter().all(|state| state == "suspected" || state == "dismissed");
    let mb = |bytes: u64| (bytes / 1_000_000).to_string();
    let row = |what: &str, figure: String, goal: &str, good: bool| {
        vec![what.to_owned(), figure, goal.to_owned(), verdict(good).to_owned()]
    };
    let rows = [
        row("reports taken in", taken.to_string(), "≥ 1,000,000", true),
        row("errors", errors.to_string(), "0", errors == 0),
        row("reports a second, as loaded", number(taken as f64 / seconds), "", true),
        row("CPU-µs a report", format!("{micros:.1}"), "≤ 20", micros <= 20.0),
        row("reports a second on one core", number(per_core), "≥ 50,000", per_core >= GOAL),
        row("MB resident, idle", mb(idle), "", true),
        row("MB resident, the most", mb(most), "≤ 67", most <= MEMORY),
        row(
            "incidents afterwards",
            if states.is_empty() { "none".into() } else { states.join(", ") },
            "suspected",
            quiet,
        ),
    ];
    Ok(format!("{EXPLANATION}\n{}", table(&["forged reports", "", "goal", ""], &rows)))
}

/// Where each incident stands.
fn states(hub: &Hub) -> Result<Vec<String>> {
    let url = format!("http://127.0.0.1:{}/v1/incidents", hub.console);
    let output = Command::new("curl").args(["-sf", &url]).output().context("run curl")?;
    ensure!(output.status.success(), "the hub does not say what incidents there are");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).context("read the incidents")?;
    let list = answer.as_array().or_else(|| answer["incidents"].as_array()).context("a list of incidents")?;
    Ok(list.iter().filter_map(|it| it["state"].as_str()).map(str::to_owned).collect())
}
