//! The tables of what a request costs.

use super::figures::{median, number, table};
use crate::measure::cost::{Row, Sample};
use crate::measure::telemetry::Share;
use crate::subject::Kind;

/// What telemetry may cost at most, as a share of all instructions.
const TELEMETRY: f64 = 0.05;

/// What the edge may cost at most, as a share of a peer's cost.
struct Goal {
    section: &'static str,
    peer: Kind,
    most: f64,
}

const GOALS: [Goal; 9] = [
    Goal { section: "cpu-1k", peer: Kind::Haproxy, most: 0.55 },
    Goal { section: "cpu-1k", peer: Kind::Nginx, most: 0.70 },
    Goal { section: "cpu-1k", peer: Kind::Envoy, most: 0.15 },
    Goal { section: "cpu-64k", peer: Kind::Haproxy, most: 0.50 },
    Goal { section: "cpu-64k", peer: Kind::Nginx, most: 1.00 },
    Goal { section: "cpu-10m", peer: Kind::HaproxySplice, most: 1.00 },
    Goal { section: "cpu-10m", peer: Kind::Nginx, most: 0.33 },
    Goal { section: "tls-1k", peer: Kind::Haproxy, most: 1.00 },
    Goal { section: "h2-1k", peer: Kind::Haproxy, most: 1.00 },
];

const HEAD: [&str; 8] =
    ["proxy", "CPU-µs a request, median (min to max)", "edge ÷ it", "goal", "", "requests/s", "p99 ms", "errors"];

/// One table; `section` is the name that chooses it on the command line.
pub(super) fn section(section: &str, rows: &[Row]) -> String {
    let edge = rows.iter().find(|row| row.proxy == Kind::Edge.name());
    let lines: Vec<Vec<String>> = rows.iter().map(|row| line(section, row, edge)).collect();
    table(&HEAD, &lines)
}

fn line(section: &str, row: &Row, edge: Option<&Row>) -> Vec<String> {
    let all = |figure: fn(&Sample) -> f64| row.samples.iter().map(figure).collect::<Vec<_>>();
    let middle = |figure: fn(&Sample) -> f64| median(&all(figure)).map_or("-".into(), number);
    let p99: Vec<f64> = row.samples.iter().filter_map(|sample| sample.seen.p99_ms).collect();
    let micros = all(Sample::micros);
    let (least, most) = micros.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), x| (l.min(*x), m.max(*x)));
    let ratio = edge.filter(|edge| edge.proxy != row.proxy).and_then(|edge| ratio(edge, row));
    let goal = GOALS.iter().find(|goal| goal.section == section && goal.peer.name() == row.proxy).map(|goal| goal.most);
    let errors: u64 = row.samples.iter().map(|sample| sample.seen.errors).sum();
    vec![
        format!("{} {}", row.proxy, row.version),
        format!("**{}** ({} to {})", middle(Sample::micros), number(least), number(most)),
        ratio.map_or(String::new(), number),
        goal.map_or(String::new(), |goal| format!("≤ {goal:.2}")),
        ratio.zip(goal).map_or("", |(ratio, goal)| verdict(ratio <= goal)).to_owned(),
        middle(|sample| sample.seen.requests as f64 / sample.seen.seconds),
        median(&p99).map_or("-".into(), number),
        errors.to_string(),
    ]
}

/// The median of the rounds' ratios: the two of a round had the same neighbours.
fn ratio(edge: &Row, peer: &Row) -> Option<f64> {
    let pairs = edge.samples.iter().zip(&peer.samples);
    median(&pairs.map(|(ours, theirs)| ours.micros() / theirs.micros()).collect::<Vec<_>>())
}

/// Telemetry's share.
pub(super) fn telemetry(share: Option<Share>) -> String {
    let notes = "Instructions of the edge outside the kernel, counted by callgrind while `wrk` asks for 1 KB on four \
                 connections, from the edge's start to its end. Telemetry is what stands in the folder `tell`, inlined or \
                 not, and all that is called from there; the locks around its counts are not in it.";
    let Some(Share { requests, errors, all, telemetry }) = share else { return format!("{notes}\n") };
    let part = telemetry as f64 / all as f64;
    let row = [
        requests.to_string(),
        errors.to_string(),
        (all / requests.max(1)).to_string(),
        format!("**{} %**", number(part * 100.0)),
        format!("< {:.0} %", TELEMETRY * 100.0),
        verdict(part < TELEMETRY).to_owned(),
    ];
    let head = ["requests", "errors", "instructions a request", "of them telemetry", "goal", ""];
    format!("{notes}\n\n{}", table(&head, &[row.to_vec()]))
}

/// How a goal is marked.
pub(crate) fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::wrk::Seen;

    fn row(kind: Kind, micros: &[u64]) -> Row {
        let seen = Seen { requests: 1000, errors: 0, seconds: 2.0, p50_ms: Some(1.0), p99_ms: Some(2.0) };
        let samples = micros.iter().map(|us| Sample { seen, busy_ns: us * 1_000_000, resident: 0 }).collect();
        Row { proxy: kind.name().into(), version: "1.0".into(), samples }
    }

    #[test]
    fn a_goal_is_judged_by_the_median_of_the_rounds_ratios() {
        let rows = [row(Kind::Edge, &[20, 60, 30]), row(Kind::Haproxy, &[40, 60, 60])];
        let text = section("cpu-1k", &rows);
        assert!(text.contains("| edge 1.0 | **30.0** (20.0 to 60.0) |  |  |  | 500 | 2.00 | 0 |"), "{text}");
        assert!(text.contains("| HAProxy 1.0 | **60.0** (40.0 to 60.0) | 0.50 | ≤ 0.55 | met |"), "{text}");
        let slower = section("cpu-1k", &[row(Kind::Edge, &[50]), row(Kind::Haproxy, &[60])]);
        assert!(slower.contains("0.83 | ≤ 0.55 | **missed** |"), "{slower}");
    }

    #[test]
    fn telemetry_is_judged_by_its_share() {
        for (part, words) in [(49, "| **4.90 %** | < 5 % | met |"), (50, "| **5.00 %** | < 5 % | **missed** |")] {
            let text = telemetry(Some(Share { requests: 10, errors: 0, all: 1000, telemetry: part }));
            assert!(text.contains(words), "{text}");
        }
        assert!(!telemetry(None).contains('|'));
    }
}
