//! The tables of what faults, crowds and long runs do.

use super::cost::verdict;
use super::figures::{median, number, percentile, table};
use crate::load::download::{AROUND, End, PATIENCE, Seen};
use crate::measure::crowd::{CONNECTIONS, Row};
use crate::measure::failover::{Fault, Run};
use crate::measure::soak::Course;
use crate::measure::survival::{self, Series};
use crate::subject::Kind;

/// The longest wait that a hung replica may cost a client of the edge.
const HANG_MS: f64 = 60.0;
/// The longest gap, 99 of 100 times, when a download's upstream is killed or hung.
const KILLED_GAP_MS: f64 = 5.0;
const HUNG_GAP_MS: f64 = 150.0;
/// Requests to upstreams beyond those of clients, as a share.
const EXTRA: f64 = 0.1;
/// Memory for one half-open connection.
const HALF_OPEN_BYTES: f64 = 6.0 * 1024.0;
/// Good requests beside a crowd, 99 of 100.
const CROWDED_MS: f64 = 10.0;
/// How much memory may grow over a long run, as a share: what an allocator does by itself.
const GROWTH: f64 = 1.05;
/// Minutes after which growth can be judged.
const SOAK_MINUTES: f64 = 60.0;

fn is_ours(proxy: &str) -> bool {
    proxy == Kind::Edge.name()
}

/// Failover: a line for each fault and proxy, a figure for each run.
pub(super) fn failover(runs: &[Run]) -> String {
    let mut lines: Vec<(Fault, &str)> = Vec::new();
    for run in runs {
        if !lines.contains(&(run.fault, &run.proxy)) {
            lines.push((run.fault, &run.proxy));
        }
    }
    lines.sort_by_key(|(fault, proxy)| (*fault as u8, !is_ours(proxy), proxy.to_owned()));
    let rows: Vec<_> = lines
        .into_iter()
        .map(|(fault, proxy)| {
            failover_line(
                fault,
                proxy,
                &runs.iter().filter(|r| r.fault == fault && r.proxy == proxy).collect::<Vec<_>>(),
            )
        })
        .collect();
    let head = ["fault", "proxy", "errors of requests, each run", "p99 ms", "longest ms", "extra %", "goal", ""];
    let notes = "1,000 requests a second, fault for 2.5 s after 5 s, as every proxy is by default. Extra is what the \
                 upstreams counted beyond what the clients asked, health checks apart, over the whole run of 8.5 s.";
    format!("{notes}\n\n{}", table(&head, &rows))
}

fn failover_line(fault: Fault, proxy: &str, runs: &[&Run]) -> Vec<String> {
    let each = |text: &dyn Fn(&Run) -> String| runs.iter().map(|run| text(run)).collect::<Vec<_>>().join(" / ");
    let errors: u64 = runs.iter().map(|run| run.seen.errors).sum();
    let longest = median(&runs.iter().map(|run| run.seen.max_ms).collect::<Vec<_>>()).unwrap_or_default();
    let extra = median(&runs.iter().map(|run| run.extra()).collect::<Vec<_>>()).unwrap_or_default();
    let fair = errors == 0 && extra <= EXTRA;
    let (goal, met) = match fault {
        Fault::Hung => ("0 errors, longest ≤ 60 ms, extra ≤ 10 %", fair && longest <= HANG_MS),
        _ => ("0 errors, extra ≤ 10 %", fair),
    };
    let judged = is_ours(proxy);
    let word = runs.iter().find_map(|run| run.seen.first_error.as_deref());
    let requests = runs.first().map_or(0, |run| run.seen.requests);
    let errors = each(&|run| run.seen.errors.to_string());
    vec![
        fault.words().to_owned(),
        proxy.to_owned(),
        format!("**{errors}** of {requests}{}", word.map_or(String::new(), |word| format!(" ({word})"))),
        each(&|run| number(run.seen.p99_ms)),
        each(&|run| number(run.seen.max_ms)),
        each(&|run| number(run.extra() * 100.0)),
        if judged { goal } else { "" }.to_owned(),
        if judged { verdict(met) } else { "" }.to_owned(),
    ]
}

/// Downloads whose upstream is lost.
pub(super) fn survival(all: &[Series]) -> String {
    let rows: Vec<_> = all.iter().map(survival_line).collect();
    let head = [
        "serving upstream",
        "proxy",
        "faults",
        "whole",
        "wrong bytes",
        "gap p50 / p99 / max ms",
        "just before it",
        "excess p50 / p99",
        "goal",
        "",
    ];
    let notes = format!(
        "10 MB at 8 MB a second, sent every millisecond, one download at a time, SHA-256 compared; the three lines of a \
         proxy took turns, download by download, in front of the same processes. **Gap** is the longest time between two \
         reads of the client that ended after the fault and began within {around} ms of it, so it holds whatever the \
         machine did meanwhile. **Just before it** is the same for the {around} ms that ended with the fault, of the \
         same downloads: what the client sees without a fault. **Excess** is the difference, download by download. In \
         the line `none` nothing is done at that moment. Of downloads that were not whole no gap counts; one without a \
         byte for {patience} s hangs. The client's thread goes ahead of the proxy and the upstreams (nice).",
        around = AROUND.as_millis(),
        patience = PATIENCE.as_secs(),
    );
    format!("{notes}\n\n{}", table(&head, &rows))
}

fn survival_line(series: &Series) -> Vec<String> {
    let count = |end: fn(&End) -> bool| series.downloads.iter().filter(|seen| end(&seen.end)).count();
    let (whole, wrong) = (count(|end| *end == End::Whole), count(|end| *end == End::Wrong));
    let broken = series.downloads.iter().find_map(|seen| match &seen.end {
        End::Broken(why) => Some(format!(" ({why})")),
        _ => None,
    });
    let survivors: Vec<&Seen> = series.downloads.iter().filter(|seen| seen.end == End::Whole).collect();
    let figures = |of: fn(&Seen) -> f64| survivors.iter().map(|seen| of(seen)).collect::<Vec<_>>();
    let at = |of: fn(&Seen) -> f64, shares: &[f64]| {
        let figures = figures(of);
        let each = shares.iter().map(|share| percentile(&figures, *share).map_or("-".into(), number));
        each.collect::<Vec<_>>().join(" / ")
    };
    let most = match series.fault {
        survival::Fault::Nothing => None,
        survival::Fault::Killed => Some(KILLED_GAP_MS),
        survival::Fault::Hung => Some(HUNG_GAP_MS),
    };
    let most = most.filter(|_| is_ours(&series.proxy));
    let gap = percentile(&figures(|seen| seen.gap_ms), 0.99);
    let met = |most| whole == series.downloads.len() && gap.is_some_and(|gap| gap <= most);
    vec![
        series.fault.words().to_owned(),
        series.proxy.clone(),
        series.faults.to_string(),
        format!("**{whole}** of {}{}", series.downloads.len(), broken.unwrap_or_default()),
        wrong.to_string(),
        at(|seen| seen.gap_ms, &[0.5, 0.99, 1.0]),
        at(|seen| seen.before_ms, &[0.5, 0.99, 1.0]),
        at(|seen| seen.gap_ms - seen.before_ms, &[0.5, 0.99]),
        most.map_or(String::new(), |most| format!("all, p99 ≤ {most:.0} ms")),
        most.map_or("", |most| verdict(met(most))).to_owned(),
    ]
}

/// Half-open crowds.
pub(super) fn crowd(rows: &[Row]) -> String {
    let head = [
        "proxy",
        "held, most",
        "held, mean",
        "KB each",
        "good requests' p99 ms, alone",
        "with the crowd",
        "errors",
        "",
    ];
    let lines: Vec<_> = rows.iter().map(crowd_line).collect();
    let notes = format!(
        "{CONNECTIONS} clients that never finish a head, a byte every 5 s; who is cut comes again. Goals: all held at \
         ≤ 6 KB each, good requests' p99 < 10 ms."
    );
    format!("{notes}\n\n{}", table(&head, &lines))
}

fn crowd_line(row: &Row) -> Vec<String> {
    let met = row.held_most == CONNECTIONS
        && row.bytes_each <= HALF_OPEN_BYTES
        && row.crowded.p99_ms < CROWDED_MS
        && row.crowded.errors == 0;
    vec![
        row.proxy.clone(),
        row.held_most.to_string(),
        format!("{:.0}", row.held_mean),
        number(row.bytes_each / 1024.0),
        number(row.alone.p99_ms),
        number(row.crowded.p99_ms),
        row.crowded.errors.to_string(),
        if is_ours(&row.proxy) { verdict(met) } else { "" }.to_owned(),
    ]
}

/// A long run. What is in use goes up and down a little, so its first tenth is compared with its last.
pub(super) fn soak(course: &Course) -> String {
    let megabytes: Vec<f64> = course.resident.iter().map(|bytes| *bytes as f64 / 1e6).collect();
    let tenth = megabytes.len().div_ceil(10);
    let middle = |readings: &[f64]| median(readings).unwrap_or(0.0);
    let (first, last) = (middle(&megabytes[..tenth]), middle(&megabytes[megabytes.len() - tenth..]));
    let most = megabytes.iter().copied().fold(0.0, f64::max);
    let flat = last <= first * GROWTH;
    let row = vec![
        format!("{:.0}", course.minutes),
        course.requests.to_string(),
        course.errors.to_string(),
        number(first),
        number(last),
        number(most),
        if course.minutes < SOAK_MINUTES { "too short to say" } else { verdict(flat) }.to_owned(),
    ];
    let head = [
        "minutes",
        "requests",
        "errors",
        "MB over the first tenth",
        "MB over the last tenth",
        "MB at most",
        "≤ 5 % growth in an hour",
    ];
    format!("The edge under 1 KB, 64 KB and 10 MB in turn.\n\n{}", table(&head, &[row]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::steady;

    fn seen(errors: u64, max_ms: f64) -> steady::Seen {
        steady::Seen { requests: 100, errors, first_error: None, p50_ms: 1.0, p99_ms: 2.0, max_ms }
    }

    #[test]
    fn a_hang_is_judged_by_errors_and_by_the_longest_wait() {
        let table = [
            (0, 59.0, 109, "| met |"),
            (0, 61.0, 109, "**missed**"),
            (1, 5.0, 109, "**missed**"),
            (0, 59.0, 111, "**missed**"),
        ];
        for (errors, max_ms, upstream, word) in table {
            let run =
                Run { fault: Fault::Hung, proxy: "edge".into(), seen: seen(errors, max_ms), asked: 100, upstream };
            let text = failover(&[run]);
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn one_lost_download_is_too_many() {
        let download = |end| Seen { end, gap_ms: 3.0, before_ms: 2.0 };
        let series = |downloads| Series { proxy: "edge".into(), fault: survival::Fault::Killed, faults: 2, downloads };
        let good = survival(&[series(vec![download(End::Whole), download(End::Whole)])]);
        assert!(
            good.contains(
                "| **2** of 2 | 0 | 3.00 / 3.00 / 3.00 | 2.00 / 2.00 / 2.00 | 1.00 / 1.00 | all, p99 ≤ 5 ms | met |"
            ),
            "{good}"
        );
        let bad = survival(&[series(vec![download(End::Whole), download(End::Broken("cut".into()))])]);
        assert!(bad.contains("| **1** of 2 (cut) |") && bad.contains("**missed**"), "{bad}");
    }
}
