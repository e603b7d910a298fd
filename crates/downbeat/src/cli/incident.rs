//! Incidents as the hub tells them, drawn for a terminal. Only what is drawn is read from the answer.

use super::output::{Table, printable};
use super::style::{Palette, Style};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The answer to a question for all incidents.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    incidents: Vec<Line>,
}

/// One incident in short.
#[derive(Debug, Deserialize)]
struct Line {
    id: u64,
    title: String,
    slice: String,
    state: String,
    cause: Option<Cause>,
    acked_by: Option<String>,
    #[serde(default)]
    taken_by: Option<String>,
    #[serde(default)]
    merged_into: Option<u64>,
    since_ms: u64,
    suspected_at_ms: u64,
    confirmed_at_ms: Option<u64>,
    public_word_at_ms: Option<u64>,
    mitigated_at_ms: Option<u64>,
    restored_at_ms: Option<u64>,
    resolved_at_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Cause {
    title: String,
    slice: String,
    posterior: f64,
}

/// One incident with everything.
#[derive(Debug, Deserialize)]
pub(super) struct Incident {
    #[serde(flatten)]
    line: Line,
    bits: BTreeMap<String, f64>,
    findings: Vec<Finding>,
    hypotheses: Vec<Hypothesis>,
    remedies: Vec<Remedy>,
    refusals: Vec<Refusal>,
    notices: Vec<Notice>,
    #[serde(default)]
    draft: Option<Draft>,
    #[serde(default)]
    word_clock: Option<Clock>,
    review: Option<String>,
    timeline: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    class: String,
    measure: String,
    /// Which figure, of those that a place has any number of.
    of: Option<String>,
    slice: String,
    since: u64,
    expected: f64,
    observed: f64,
    bits: f64,
}

#[derive(Debug, Deserialize)]
struct Hypothesis {
    kind: String,
    slice: String,
    posterior: f64,
    because: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Remedy {
    id: String,
    kind: String,
    slice: String,
    mode: String,
    stage: String,
    share: f64,
    started_at_ms: Option<u64>,
    predicted: String,
    observed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    kind: String,
    slice: String,
    guard: String,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Notice {
    audience: String,
    stage: String,
    title: String,
    at_ms: u64,
    sent: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Draft {
    stage: String,
    title: String,
    body: String,
    goes_at_ms: Option<u64>,
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Clock {
    said: u32,
    due_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Event {
    at: u64,
    headline: String,
}

impl List {
    /// The newest first, one a line.
    pub(super) fn table(&self) -> Table {
        let row = |line: &Line| {
            vec![
                json!(line.id),
                json!(line.state),
                json!(super::log::time(line.since_ms)),
                line.after(line.confirmed_at_ms),
                line.after(line.mitigated_at_ms),
                line.after(line.resolved_at_ms),
                json!(line.title),
                json!(line.cause.as_ref().map(Cause::text)),
            ]
        };
        let columns = &["id", "state", "since", "confirmed", "mitigated", "resolved", "title", "cause"];
        Table { title: "incidents", columns, rows: self.incidents.iter().map(row).collect() }
    }

    /// True when nothing ever happened.
    pub(super) fn is_empty(&self) -> bool {
        self.incidents.is_empty()
    }
}

impl Line {
    /// A later moment of the incident, counted from its start: `+1.6 s`.
    fn after(&self, at_ms: Option<u64>) -> Value {
        at_ms.map_or(Value::Null, |at| json!(seconds(self.since_ms, at)))
    }
}

impl Cause {
    fn text(&self) -> String {
        format!("{}, {} ({:.0} %)", self.title, self.slice, self.posterior * 100.0)
    }
}

fn seconds(from_ms: u64, to_ms: u64) -> String {
    // Exact enough: a span of years in milliseconds is far below 2^53.
    format!("+{:.1} s", to_ms.saturating_sub(from_ms) as f64 / 1_000.0)
}

impl Incident {
    /// Everything, the outcome first and the story last.
    pub(super) fn text(&self, palette: Palette) -> String {
        let line = &self.line;
        let title = format!("incident {}: {}", line.id, printable(&line.title));
        let tables = [
            self.times(),
            self.evidence(),
            self.findings(),
            self.suspects(),
            self.remedies(),
            self.refusals(),
            self.notices(),
            self.public_waits(),
            self.draft(),
            self.timeline(),
        ];
        let drawn = tables.iter().filter(|t| !t.rows.is_empty()).map(|table| format!("\n{}", table.text(palette)));
        let review = self.review.as_ref().map(|path| format!("\nreview: {}\n", printable(path)));
        palette.paint(Style::Title, &title) + "\n" + &drawn.collect::<String>() + &review.unwrap_or_default()
    }

    fn times(&self) -> Table {
        let line = &self.line;
        let row = vec![
            json!(line.state),
            json!(line.slice),
            json!(super::log::time(line.since_ms)),
            line.after(Some(line.suspected_at_ms)),
            line.after(line.confirmed_at_ms),
            line.after(line.public_word_at_ms),
            line.after(line.mitigated_at_ms),
            line.after(line.restored_at_ms),
            line.after(line.resolved_at_ms),
            json!(line.acked_by),
            json!(line.taken_by),
            json!(line.merged_into),
        ];
        let columns = &[
            "state",
            "where",
            "since",
            "suspected",
            "confirmed",
            "public_word",
            "mitigated",
            "restored",
            "resolved",
            "acked_by",
            "taken_by",
            "part_of",
        ];
        Table { title: "state", columns, rows: vec![row] }
    }

    fn evidence(&self) -> Table {
        let row = |(class, bits): (&String, &f64)| vec![json!(class), json!(rounded(*bits))];
        Table { title: "evidence", columns: &["source", "bits"], rows: self.bits.iter().map(row).collect() }
    }

    fn findings(&self) -> Table {
        let row = |f: &Finding| {
            vec![
                json!(f.class),
                json!(f.of.as_ref().map_or_else(|| f.measure.clone(), |of| format!("{} {of}", f.measure))),
                json!(f.slice),
                json!(seconds(self.line.since_ms, f.since)),
                json!(rounded(f.expected)),
                json!(rounded(f.observed)),
                json!(rounded(f.bits)),
            ]
        };
        let columns = &["source", "measure", "where", "since", "expected", "observed", "bits"];
        Table { title: "findings", columns, rows: self.findings.iter().map(row).collect() }
    }

    fn suspects(&self) -> Table {
        let row = |h: &Hypothesis| {
            let percent = format!("{:.1} %", h.posterior * 100.0);
            vec![json!(h.kind), json!(h.slice), json!(percent), json!(h.because.join("; "))]
        };
        let columns = &["cause", "where", "probability", "because"];
        Table { title: "suspects", columns, rows: self.hypotheses.iter().map(row).collect() }
    }

    fn remedies(&self) -> Table {
        let row = |r: &Remedy| {
            vec![
                json!(r.id),
                json!(r.kind),
                json!(r.slice),
                json!(r.mode),
                json!(r.stage),
                self.line.after(r.started_at_ms),
                json!(format!("{:.0} %", r.share * 100.0)),
                json!(r.observed.as_ref().unwrap_or(&r.predicted)),
            ]
        };
        let columns = &["id", "kind", "where", "mode", "stage", "started", "traffic", "effect"];
        Table { title: "remedies", columns, rows: self.remedies.iter().map(row).collect() }
    }

    fn refusals(&self) -> Table {
        let row = |r: &Refusal| vec![json!(r.kind), json!(r.slice), json!(r.guard), json!(r.why)];
        let columns = &["kind", "where", "guard", "why"];
        Table { title: "refused by guards", columns, rows: self.refusals.iter().map(row).collect() }
    }

    fn notices(&self) -> Table {
        let row = |n: &Notice| {
            let sent: Vec<&String> = n.sent.keys().collect();
            vec![
                json!(seconds(self.line.since_ms, n.at_ms)),
                json!(n.audience),
                json!(n.stage),
                json!(n.title),
                json!(sent),
            ]
        };
        let columns = &["at", "audience", "stage", "title", "sent_to"];
        Table { title: "messages", columns, rows: self.notices.iter().map(row).collect() }
    }

    /// Until when the public has to hear something.
    fn public_waits(&self) -> Table {
        let row = |clock: &Clock| {
            let what = if clock.said == 0 { "first word" } else { "next update" };
            vec![json!(what), json!(super::log::time(clock.due_ms))]
        };
        let rows = self.word_clock.iter().map(row).collect();
        Table { title: "the public waits for", columns: &["what", "due"], rows }
    }

    /// The public word that waits to be said.
    fn draft(&self) -> Table {
        let row = |draft: &Draft| {
            let goes = draft.goes_at_ms.map_or_else(|| "held back".into(), super::log::time);
            vec![json!(goes), json!(draft.stage), json!(draft.by), json!(draft.title), json!(draft.body)]
        };
        let columns = &["goes_out", "stage", "changed_by", "title", "body"];
        Table { title: "not said yet", columns, rows: self.draft.iter().map(row).collect() }
    }

    fn timeline(&self) -> Table {
        let row = |e: &Event| vec![json!(seconds(self.line.since_ms, e.at)), json!(e.headline)];
        Table { title: "timeline", columns: &["at", "what"], rows: self.timeline.iter().map(row).collect() }
    }
}

/// Four digits that count are enough for people.
fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let scale = 10_f64.powi(3 - number.abs().log10().floor() as i32);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_drawn_whole() {
        let told = json!({
            "id": 3, "title": "Playback failing in eu", "slice": "component=playback,region=eu", "state": "mitigated",
            "cause": {"kind": "host", "title": "host failure", "slice": "replica=eu-1", "posterior": 0.97},
            "acked_by": "anna", "since_ms": 1_000_000, "suspected_at_ms": 1_000_900, "confirmed_at_ms": 1_001_600,
            "public_word_at_ms": null, "mitigated_at_ms": 1_002_400, "restored_at_ms": null, "resolved_at_ms": null,
            "bits": {"edge": 41.23456}, "findings": [{
                "class": "edge", "measure": "failures", "slice": "region=eu", "since": 1_000_000, "at": 1_001_000,
                "expected": 0.001, "observed": 0.14567, "total": 212, "kinds": {}, "bits": 41.2
            }],
            "hypotheses": [{"kind": "host", "slice": "replica=eu-1", "change": null, "posterior": 0.97, "because": ["all resets", "one replica"]}],
            "remedies": [{
                "id": "3.1", "kind": "restart", "slice": "replica=eu-1", "mode": "auto", "stage": "kept", "share": 0.0,
                "started_at_ms": 1_001_700, "predicted": "failures end", "observed": null
            }],
            "refusals": [{"kind": "divert", "slice": "region=eu", "guard": "A1", "why": "no room"}],
            "notices": [{"audience": "public", "stage": "investigating", "title": "Playback", "at_ms": 1_001_700, "sent": {"status-page": {}}}],
            "review": null, "timeline": [{"seq": 9, "at": 1_001_600, "headline": "confirmed: \u{1b}[31mresets"}]
        });
        let incident: Incident = serde_json::from_value(told).expect("the hub's answer");
        let text = incident.text(Palette::Plain);
        let wanted = [
            "incident 3: Playback failing in eu",
            "+1.6 s",
            "41.23",
            "0.1457",
            "all resets; one replica",
            "A1",
            "status-page",
        ];
        for wanted in wanted {
            assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn figures_are_rounded_by_their_size() {
        for (number, expected) in [(0.0, 0.0), (0.123_456, 0.1235), (41.234_5, 41.23), (12_345.0, 12_350.0)] {
            assert!((rounded(number) - expected).abs() < 1e-9, "{number}");
        }
    }
}
