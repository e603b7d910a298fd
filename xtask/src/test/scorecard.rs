//! What a drill's scorecard says, as far as it is shown here, and the table of all of them.

use super::drills::Run;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt::Write;

/// The scorecard of one drill. Times are in seconds from the fault; none for what did not happen.
#[derive(Debug, Deserialize)]
pub(super) struct Scorecard {
    drill: String,
    silence_s: Silence,
    confirmed_s: Option<f64>,
    public_word_s: Option<f64>,
    mitigated_s: Option<f64>,
    resolved_s: Option<f64>,
    cause: Option<Cause>,
    passed: bool,
    failed_expectations: Vec<String>,
}

/// Seconds in which listeners heard nothing.
#[derive(Debug, Deserialize)]
struct Silence {
    total: f64,
}

/// The cause that was ranked first.
#[derive(Debug, Deserialize)]
struct Cause {
    kind: String,
    #[serde(rename = "where")]
    place: String,
}

impl Scorecard {
    /// Reads what a drill printed: one JSON object and nothing else.
    pub(super) fn parse(printed: &str) -> Result<Self> {
        let start: String = printed.chars().take(120).collect();
        serde_json::from_str(printed.trim()).with_context(|| format!("read a scorecard from {start:?}"))
    }

    pub(super) fn drill(&self) -> &str {
        &self.drill
    }

    pub(super) fn passed(&self) -> bool {
        self.passed
    }
}

const HEADINGS: [&str; 8] =
    ["drill", "passed", "silence_s", "confirmed_s", "public_word_s", "mitigated_s", "resolved_s", "cause"];

/// A line for each drill in aligned columns, then what each failed one fell short of; empty without drills.
pub(super) fn table(runs: &[Run]) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(runs.iter().map(row));
    let widths: [usize; 8] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    for run in runs {
        shortfalls(run).iter().for_each(|line| text.push_str(&format!("drill {}: {line}\n", run.name)));
    }
    text
}

fn row(run: &Run) -> [String; 8] {
    let time = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
    let name = run.name.to_owned();
    let passed = if run.passed() { "yes" } else { "NO" }.to_owned();
    let Ok(card) = &run.outcome else {
        let none = || "-".to_owned();
        return [name, passed, none(), none(), none(), none(), none(), "no scorecard".to_owned()];
    };
    let cause = card.cause.as_ref().map_or_else(|| "-".to_owned(), |cause| format!("{} {}", cause.kind, cause.place));
    let times = [Some(card.silence_s.total), card.confirmed_s, card.public_word_s, card.mitigated_s, card.resolved_s];
    let [silence, confirmed, public_word, mitigated, resolved] = times.map(time);
    [name, passed, silence, confirmed, public_word, mitigated, resolved, cause]
}

/// Why a drill did not pass, a line for each reason.
fn shortfalls(run: &Run) -> Vec<String> {
    match &run.outcome {
        Err(error) => vec![format!("{error:#}")],
        Ok(card) if card.passed => Vec::new(),
        Ok(card) if card.failed_expectations.is_empty() => vec!["did not pass, and does not say why".to_owned()],
        Ok(card) => card.failed_expectations.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"drill":"bad-deploy","mode":"live","seed":1,"listeners":30,"duration_s":75.0,
        "silence_s":{"total":0.0,"max":0.0,"listeners":0},
        "requests":{"total":41210,"failed":12,"retried":31,"resumed":4},
        "suspected_s":0.9,"confirmed_s":1.6,"public_word_s":1.7,"cause_s":1.8,"mitigated_s":2.4,"restored_s":41.0,
        "resolved_s":null,
        "cause":{"kind":"bad_deploy","where":"version=1.5.0","rank":1,"expected":{"kind":"bad_deploy","where":"x"}},
        "incidents":1,"false_incidents":0,"pages":1,"remedies":[{"kind":"roll_back","helped":true}],
        "guards_violated":0,"review":"reviews/playback.md","passed":true,"failed_expectations":[]}"#;

    fn run(name: &'static str, printed: &str) -> Run {
        Run { name, outcome: Scorecard::parse(printed) }
    }

    #[test]
    fn the_table_lines_up() {
        let failed = GOOD
            .replace("\"passed\":true", "\"passed\":false")
            .replace("\"failed_expectations\":[]", "\"failed_expectations\":[\"silence at most 0 s, was 3.2 s\"]");
        let text = table(&[run("bad-deploy", GOOD), run("host", &failed)]);
        assert_eq!(
            text,
            "drill       passed  silence_s  confirmed_s  public_word_s  mitigated_s  resolved_s  cause\n\
             bad-deploy  yes     0.0        1.6          1.7            2.4          -           bad_deploy version=1.5.0\n\
             host        NO      0.0        1.6          1.7            2.4          -           bad_deploy version=1.5.0\n\
             drill host: silence at most 0 s, was 3.2 s\n"
        );
    }

    #[test]
    fn no_drills_no_table() {
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn what_is_no_scorecard_is_a_failure() {
        for printed in ["", "starting…\n{}", "{\"passed\":true}", "[]", "{\"drill\":\"host\""] {
            let run = run("host", printed);
            assert!(!run.passed(), "{printed}");
            assert!(table(&[run]).contains("no scorecard"), "{printed}");
        }
    }
}
