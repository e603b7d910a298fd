//! Microsoft's cloud monitoring: what is found within the budget that is shipped, how late, and how often wrongly.

use crate::health;
use crate::pack::{self, Series};
use crate::page::{Goal, Page};
use downbeat_core::detect::series::Budget;
use std::path::Path;

/// The first share of a series is for learning.
const LEARNING: f64 = 0.15;

/// Counts over all series.
#[derive(Default)]
struct Tally {
    segments: f64,
    delays: Vec<usize>,
    wrong: f64,
    months: f64,
}

/// Scores the development series.
pub(crate) fn measure(folder: &Path, page: &mut Page) -> anyhow::Result<()> {
    let series = pack::series(folder)?;
    let mut tally = Tally::default();
    series.iter().for_each(|one| tally.add(one));
    tally.delays.sort_unstable();
    page.title(&format!("Microsoft cloud monitoring, {} development series", series.len()));
    page.text(&format!(
        "Within the shipped budget of {} finding a healthy series and month. The first 15 % of each series are for learning. A \
         segment is found if a finding lasts into it that was noticed before its end.",
        Budget::default().findings()
    ));
    page.row("labelled segments", tally.segments, "", Goal::None);
    page.row("share of them found", tally.delays.len() as f64 / tally.segments.max(1.0), "", Goal::None);
    let median = tally.delays.get(tally.delays.len() / 2).copied().unwrap_or_default();
    page.row("median delay of the found", median as f64, "points", Goal::None);
    page.row("false findings a series and month", tally.wrong / tally.months, "", Goal::None);
    health::measure_real("All of these series", &series, page);
    Ok(())
}

impl Tally {
    fn add(&mut self, series: &Series) {
        let start = (series.values.len() as f64 * LEARNING) as usize;
        self.months += series.months() * (1.0 - LEARNING);
        let found = series.findings(Budget::default());
        for &(first, last) in series.anomalies.iter().filter(|(first, _)| *first >= start) {
            self.segments += 1.0;
            let hit = found.iter().find(|found| found.detected <= last && found.end > first);
            self.delays.extend(hit.map(|hit| hit.detected.saturating_sub(first)));
        }
        let labelled = |place: usize| series.anomalies.iter().any(|(first, last)| (*first..=*last).contains(&place));
        let wrong = found.iter().filter(|found| found.detected >= start && !labelled(found.detected));
        self.wrong += wrong.count() as f64;
    }
}
