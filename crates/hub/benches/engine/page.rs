//! The page: what was measured, on what, against which goal.

use std::fmt::Write;

/// One figure.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Option<Goal>,
}

/// What a figure should be.
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, goal: None }
    }

    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    fn goal_text(&self) -> String {
        let judged = |is_met: bool| if is_met { "met" } else { "**missed**" };
        match &self.goal {
            None => "| ".into(),
            Some(Goal::AtMost(most)) => format!("≤ {} | {}", number(*most), judged(self.value <= *most)),
            Some(Goal::AtLeast(least)) => format!("≥ {} | {}", number(*least), judged(self.value >= *least)),
        }
    }
}

/// The whole page.
pub(crate) fn text(sections: &[(&str, Vec<Row>)], revision: &str) -> String {
    let mut text = String::from(
        "# The hub's own speed\n\n\
         Written by `cargo xtask bench engine`, but for the last section; do not edit. Incidents are those of a golden log told\n\
         again under new numbers, some 30 records each. A decision is `Engine::step` after one observation was taken in.\n\
         Records are 300 bytes in the middle; those of the append are 200. Deciding and starting are processor time, which\n\
         noisy neighbours disturb least; writing is time on the clock, for it waits for the machine's ordinary disk, and so is a\n\
         start without a snapshot, which two threads share.\n",
    );
    for (title, rows) in sections {
        let _ = write!(text, "\n## {title}\n\n| what | measured | goal |  |\n|---|---|---|---|\n");
        for row in rows {
            let _ = writeln!(text, "| {} | **{}** {} | {} |", row.what, number(row.value), row.unit, row.goal_text());
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = write!(text, "\nHub {revision}; {processors} processors, load {load} at the end.\n");
    text
}

/// What a page keeps that others have written below the figures: how the kill loop went.
pub(crate) fn kept(page: &str) -> &str {
    page.find(KEPT).map_or("", |start| &page[start..])
}

/// The heading above what is kept.
const KEPT: &str = "\n## Kills\n";

/// Three digits that count.
fn number(value: f64) -> String {
    match value {
        v if v >= 1_000.0 => {
            let digits = format!("{v:.0}");
            let groups: Vec<&str> =
                digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
            groups.join(",")
        }
        v if v >= 10.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}
