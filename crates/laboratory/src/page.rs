//! The page that is written, row by row.

use anyhow::Context;
use std::fmt::Write;
use std::path::Path;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    None,
    AtLeast(f64),
    AtMost(f64),
    /// To two decimals.
    Equals(f64),
}

impl Goal {
    fn words(self, value: f64) -> (String, &'static str) {
        let (words, met) = match self {
            Self::None => return (String::new(), ""),
            Self::AtLeast(goal) => (format!("≥ {goal}"), value >= goal),
            Self::AtMost(goal) => (format!("≤ {goal}"), value <= goal),
            Self::Equals(goal) => (format!("{goal}"), (value - goal).abs() <= 0.011),
        };
        (words, if met { "met" } else { "**missed**" })
    }
}

/// What came out so far.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    in_table: bool,
}

impl Page {
    /// A new part.
    pub(crate) fn title(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n");
        self.in_table = false;
    }

    /// Words below a title.
    pub(crate) fn text(&mut self, words: &str) {
        let _ = write!(self.text, "\n{words}\n");
        self.in_table = false;
    }

    /// A figure.
    pub(crate) fn row(&mut self, what: &str, value: f64, unit: &str, goal: Goal) {
        if !self.in_table {
            self.text += "\n| what | measured | goal |  |\n|---|---|---|---|\n";
            self.in_table = true;
        }
        let (words, met) = goal.words(value);
        let digits = if value.abs() >= 1_000.0 {
            0
        } else if value.abs() >= 10.0 {
            2
        } else {
            3
        };
        let row = format!("| {what} | **{value:.digits$}** {unit} | {words} | {met} |\n");
        eprint!("{row}");
        self.text += &row;
    }

    /// Data that is not there.
    pub(crate) fn skipped(&mut self, what: &str) {
        self.title(what);
        self.text("Skipped: the data was not found.");
    }

    /// Writes it all.
    pub(crate) fn write(self, path: &Path, revision: &str) -> anyhow::Result<()> {
        let head = "# The detectors on labelled data\n\nWritten by `cargo xtask bench detect`; do not edit. Each point is \
                    judged by those before it alone, and one threshold holds for all series of a corpus.\n";
        let foot = format!("\nDetectors {revision}.\n");
        std::fs::write(path, format!("{head}{}{foot}", self.text)).with_context(|| format!("write {}", path.display()))
    }
}
