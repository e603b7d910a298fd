//! `downbeat top`: what an edge does just now, once a second, from its admin door.
//!
//! The edge tells sums since its start; what happened in between is the difference of two looks, so that any number of
//! people can look at the same time.

use super::client::{ClientError, HubClient};
use super::output;
use super::style::{Palette, Style};
use clap::Args;
use downbeat_core::model::Sketch;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Clears the screen and goes to its beginning (ECMA-48: CUP, ED).
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat top                                 the edge of this machine, until Ctrl-C
  downbeat top --edge http://10.0.0.1:8082     another one, by its admin address
  downbeat top --once --json | jq .components  one second, for programs";

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// The edge's admin address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8082", env = "DOWNBEAT_EDGE")]
    edge: String,
    /// Look for one second and end
    #[arg(long)]
    once: bool,
    /// Print JSON, one object a second
    #[arg(long)]
    json: bool,
}

/// What an edge tells of itself.
#[derive(Debug, Clone, Deserialize)]
struct State {
    edge: String,
    generation: u64,
    plan_epoch: u64,
    /// An edge of an earlier release says nothing of it.
    #[serde(default)]
    hold: Option<String>,
    connections: u64,
    components: BTreeMap<String, Answers>,
    replicas: Vec<Replica>,
}

/// Answers of one component since the start.
#[derive(Debug, Clone, Default, Deserialize)]
struct Answers {
    requests: u64,
    failed: u64,
    retried: u64,
    resumed: u64,
    bytes: u64,
    first_byte: Sketch,
}

#[derive(Debug, Clone, Deserialize)]
struct Replica {
    name: String,
    checks: String,
    in_flight: u32,
    components: BTreeMap<String, Link>,
}

/// One replica for one component.
#[derive(Debug, Clone, Deserialize)]
struct Link {
    standing: String,
    share: f64,
    attempts: u64,
    failed: u64,
    hedged: u64,
    first_byte: Sketch,
}

/// What happened between two looks, ready to print.
#[derive(Debug)]
struct Frame {
    edge: String,
    generation: u64,
    plan_epoch: u64,
    hold: Option<String>,
    connections: u64,
    components: Vec<ComponentRow>,
    replicas: Vec<ReplicaRow>,
}

#[derive(Debug)]
struct ComponentRow {
    name: String,
    per_second: f64,
    failed: f64,
    waits: Waits,
    retried: f64,
    resumed: f64,
    megabytes: f64,
}

#[derive(Debug)]
struct ReplicaRow {
    component: String,
    name: String,
    standing: String,
    share: f64,
    in_flight: u32,
    per_second: f64,
    failed: f64,
    hedged: f64,
    waits: Waits,
}

/// Quantiles of first bytes in milliseconds; none where there was no answer.
#[derive(Debug)]
struct Waits([Option<f64>; 3]);

impl Waits {
    fn of(sketch: &Sketch) -> Self {
        Self([0.5, 0.95, 0.99].map(|share| sketch.quantile(share).map(|us| us / 1e3)))
    }

    fn text(&self) -> String {
        self.0.map(|ms| format!("{:>7}", ms.map_or("-".into(), milliseconds))).concat()
    }

    fn json(&self) -> Value {
        let [p50, p95, p99] = self.0;
        json!({ "p50": p50, "p95": p95, "p99": p99 })
    }
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2}")
    } else if ms < 100.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

/// Looks until somebody has seen enough.
pub(crate) async fn run(args: TopArgs) -> anyhow::Result<()> {
    let client = HubClient::of_edge(args.edge)?;
    let (mut before, mut at) = (look(&client).await?, Instant::now());
    let mut ticks = tokio::time::interval(EVERY);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (now, looked) = (look(&client).await?, Instant::now());
        let frame = Frame::between(&before, &now, looked - at);
        let screen = std::io::stdout().is_terminal() && !args.once;
        output::write(&if args.json {
            format!("{}\n", frame.json())
        } else if screen {
            format!("{CLEAR}{}", frame.text(Palette::stdout()))
        } else {
            frame.text(Palette::stdout())
        })?;
        if args.once {
            return Ok(());
        }
        (before, at) = (now, looked);
    }
}

async fn look(edge: &HubClient) -> Result<State, ClientError> {
    edge.read("/v1/state").await
}

/// How many more a second; a count that fell was counted by another process.
fn rate(before: u64, now: u64, span: Duration) -> f64 {
    now.checked_sub(before).unwrap_or(now) as f64 / span.as_secs_f64()
}

impl Frame {
    fn between(before: &State, now: &State, span: Duration) -> Self {
        let none = Answers::default();
        let component = |(name, answers): (&String, &Answers)| {
            let old = before.components.get(name).unwrap_or(&none);
            let rate = |figure: fn(&Answers) -> u64| rate(figure(old), figure(answers), span);
            ComponentRow {
                name: name.clone(),
                per_second: rate(|a| a.requests),
                failed: rate(|a| a.failed),
                waits: Waits::of(&answers.first_byte.since(&old.first_byte)),
                retried: rate(|a| a.retried),
                resumed: rate(|a| a.resumed),
                megabytes: rate(|a| a.bytes) / 1e6,
            }
        };
        let mut replicas: Vec<ReplicaRow> = now.replicas.iter().flat_map(|r| links(before, r, span)).collect();
        replicas.sort_by(|a, b| (&a.component, &a.name).cmp(&(&b.component, &b.name)));
        Self {
            edge: now.edge.clone(),
            generation: now.generation,
            plan_epoch: now.plan_epoch,
            hold: now.hold.clone(),
            connections: now.connections,
            components: now.components.iter().map(component).collect(),
            replicas,
        }
    }

    /// At most 80 columns wide.
    fn text(&self, palette: Palette) -> String {
        let title = format!("edge {}", output::printable(&self.edge));
        let mut out = format!(
            "{}  {} connections, configuration {}, plan {}\n",
            palette.paint(Style::Title, &title),
            self.connections,
            self.generation,
            self.plan_epoch
        );
        if let Some(reason) = &self.hold {
            let colon = if reason.is_empty() { "" } else { ": " };
            let line = cell(&format!("automation is on hold here{colon}{reason}"), 80);
            out += &format!("{}\n", palette.paint(Style::Error, line.trim_end()));
        }
        out.push('\n');
        let head = format!(
            "{} {:>7} {:>6}{:>7}{:>7}{:>7} {:>8} {:>8} {:>7}",
            cell("component", 16),
            "req/s",
            "fail/s",
            "p50",
            "p95",
            "p99",
            "retry/s",
            "resume/s",
            "MB/s"
        );
        out += &palette.paint(Style::Faint, &head);
        out.push('\n');
        for row in &self.components {
            let text = format!(
                "{} {:>7.0} {:>6.1}{} {:>8.1} {:>8.1} {:>7.1}",
                cell(&row.name, 16),
                row.per_second,
                row.failed,
                row.waits.text(),
                row.retried,
                row.resumed,
                row.megabytes
            );
            out += &emphasised(palette, &text, row.failed > 0.0);
        }
        let head = format!(
            "{} {} {} {:>5} {:>4} {:>6} {:>6} {:>5} {:>6} {:>6}",
            cell("replica", 15),
            cell("for", 8),
            cell("state", 7),
            "share",
            "now",
            "req/s",
            "fail/s",
            "hedge",
            "p50",
            "p99"
        );
        out += &format!("\n{}\n", palette.paint(Style::Faint, &head));
        for row in &self.replicas {
            let [p50, _, p99] = row.waits.0.map(|ms| ms.map_or("-".into(), milliseconds));
            let text = format!(
                "{} {} {} {:>4.0}% {:>4} {:>6.0} {:>6.1} {:>5.1} {p50:>6} {p99:>6}",
                cell(&row.name, 15),
                cell(&row.component, 8),
                cell(&row.standing, 7),
                row.share * 100.0,
                row.in_flight,
                row.per_second,
                row.failed,
                row.hedged
            );
            out += &emphasised(palette, &text, row.standing != "fit" || row.failed > 0.0);
        }
        out + "\nfirst bytes in milliseconds, from a request's head to its answer's\n"
    }

    fn json(&self) -> Value {
        let component = |row: &ComponentRow| {
            json!({
                "component": row.name, "requests_per_second": row.per_second, "failed_per_second": row.failed,
                "first_byte_ms": row.waits.json(), "retried_per_second": row.retried,
                "resumed_per_second": row.resumed, "megabytes_per_second": row.megabytes,
            })
        };
        let replica = |row: &ReplicaRow| {
            json!({
                "component": row.component, "replica": row.name, "standing": row.standing, "share": row.share,
                "in_flight": row.in_flight, "attempts_per_second": row.per_second, "failed_per_second": row.failed,
                "hedged_per_second": row.hedged, "first_byte_ms": row.waits.json(),
            })
        };
        json!({
            "edge": self.edge, "generation": self.generation, "plan_epoch": self.plan_epoch,
            "hold": self.hold, "connections": self.connections,
            "components": self.components.iter().map(component).collect::<Vec<_>>(),
            "replicas": self.replicas.iter().map(replica).collect::<Vec<_>>(),
        })
    }
}

fn links(before: &State, replica: &Replica, span: Duration) -> Vec<ReplicaRow> {
    let old = before.replicas.iter().find(|old| old.name == replica.name);
    let row = |(component, link): (&String, &Link)| {
        let old = old.and_then(|old| old.components.get(component));
        let rate = |figure: fn(&Link) -> u64| rate(old.map_or(0, figure), figure(link), span);
        ReplicaRow {
            component: component.clone(),
            name: replica.name.clone(),
            // The worse of what the checks and the requests say.
            standing: if link.standing == "fit" { replica.checks.clone() } else { link.standing.clone() },
            share: link.share,
            in_flight: replica.in_flight,
            per_second: rate(|l| l.attempts),
            failed: rate(|l| l.failed),
            hedged: rate(|l| l.hedged),
            waits: Waits::of(
                &old.map_or_else(|| link.first_byte.clone(), |old| link.first_byte.since(&old.first_byte)),
            ),
        }
    };
    replica.components.iter().map(row).collect()
}

/// A text of exactly so many columns.
fn cell(text: &str, width: usize) -> String {
    let text = output::printable(text);
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    text.chars().take(width - 1).chain(['~']).collect()
}

fn emphasised(palette: Palette, line: &str, trouble: bool) -> String {
    if trouble { format!("{}\n", palette.paint(Style::Error, line)) } else { format!("{line}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(requests: u64, waits: &[u64]) -> State {
        let mut first_byte = Sketch::default();
        waits.iter().for_each(|us| first_byte.count(*us));
        let sketch = serde_json::to_value(&first_byte).expect("JSON");
        let text = json!({
            "edge": "edge-1", "generation": 3, "plan_epoch": 7, "hold": "a reason of many words".repeat(9), "connections": 123_456,
            "components": {
                "playback": {"requests": requests, "failed": 0, "retried": 1, "resumed": 0, "bytes": 5_000_000, "first_byte": sketch},
                "a-component-with-a-very-long-name": {"requests": 0, "failed": 0, "retried": 0, "resumed": 0, "bytes": 0, "first_byte": {"scheme": 1, "counts": []}},
            },
            "replicas": [{"name": "a-replica-with-a-long-name\u{1b}[2J", "checks": "dead", "in_flight": 4096, "components": {
                "playback": {"standing": "fit", "share": 1.0, "attempts": requests, "failed": 2, "hedged": 1, "first_byte": sketch},
            }}],
        });
        serde_json::from_value(text).expect("a state")
    }

    #[test]
    fn a_frame_is_the_difference_and_fits_eighty_columns() {
        let (before, now) = (state(100, &[1_000]), state(4_100, &[1_000, 2_000, 2_000, 30_000_000]));
        let frame = Frame::between(&before, &now, Duration::from_secs(2));
        assert_eq!(frame.components.iter().map(|c| c.per_second).collect::<Vec<_>>(), [0.0, 2_000.0]);
        let text = frame.text(Palette::Plain);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("dead") && text.contains("2.0"), "{text}");
        assert!(text.contains("automation is on hold here: a reason"), "{text}");
        let p50 = frame.json()["components"][1]["first_byte_ms"]["p50"].as_f64().expect("there were answers");
        assert!((p50 - 2.0).abs() < 0.07, "{p50}");
    }

    #[test]
    fn an_edge_that_began_anew_is_no_flood() {
        let frame = Frame::between(&state(1_000_000, &[]), &state(10, &[]), Duration::from_secs(1));
        assert_eq!(frame.components[1].per_second, 10.0);
    }
}
