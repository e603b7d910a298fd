//! Microsoft's cloud monitoring: what is found at the threshold that is shipped, how late, and how often wrongly.

use crate::pack::{self, Series};
use crate::page::{Goal, Page};
use downbeat_core::detect::series::BITS_WORTH;
use std::path::Path;

/// False flags closer than so many points are one episode.
const ONE_EPISODE: usize = 30;
/// The first share of a series is for learning.
const LEARNING: f64 = 0.15;

/// Counts over all series.
#[derive(Default)]
struct Tally {
    segments: f64,
    delays: Vec<usize>,
    false_episodes: f64,
    months: f64,
}

/// Scores the development series.
pub(crate) fn measure(folder: &Path, page: &mut Page) -> anyhow::Result<()> {
    let series = pack::series(folder)?;
    let mut tally = Tally::default();
    series.iter().for_each(|one| tally.add(one, &one.bits()));
    tally.delays.sort_unstable();
    page.title(&format!("Microsoft cloud monitoring, {} development series", series.len()));
    page.text(&format!(
        "At the shipped threshold, {} bits. The first 15 % of each series are for learning.",
        BITS_WORTH.0
    ));
    page.row("labelled segments", tally.segments, "", Goal::None);
    page.row("share of them found", tally.delays.len() as f64 / tally.segments.max(1.0), "", Goal::None);
    let median = tally.delays.get(tally.delays.len() / 2).copied().unwrap_or_default();
    page.row("median delay of the found", median as f64, "points", Goal::None);
    page.row("false episodes a series and month", tally.false_episodes / tally.months, "", Goal::None);
    Ok(())
}

impl Tally {
    fn add(&mut self, series: &Series, bits: &[f64]) {
        let start = (bits.len() as f64 * LEARNING) as usize;
        self.months += series.months() * (1.0 - LEARNING);
        let mut labelled = vec![false; bits.len()];
        for &(first, last) in &series.anomalies {
            let last = last.min(bits.len() - 1);
            labelled[first..=last].fill(true);
            if first >= start {
                self.segments += 1.0;
                self.delays.extend((first..=last).find(|p| bits[*p] >= BITS_WORTH.0).map(|point| point - first));
            }
        }
        let mut last = None;
        for point in (start..bits.len()).filter(|p| bits[*p] >= BITS_WORTH.0 && !labelled[*p]) {
            self.false_episodes += f64::from(u8::from(last.is_none_or(|last| point - last > ONE_EPISODE)));
            last = Some(point);
        }
    }
}
