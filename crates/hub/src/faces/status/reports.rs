//! Users' reports of the last day against the usual, as the public sees them.

use super::phrases::Phrases;
use crate::faces::stamp::Stamp;
use crate::reports::{Quarter, ReportPicture};
use std::fmt::Write;

/// The height of the chart, in its own units; a quarter of an hour is one unit wide.
const HEIGHT: f64 = 40.0;
/// The least top of the scale: one report must not look like a wall.
const TOP_MIN: f64 = 10.0;

/// The chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReportChart {
    /// Its width in quarters.
    pub(crate) width: usize,
    /// The bars as one SVG path.
    pub(crate) bars: String,
    /// What is usual, as an SVG path.
    pub(crate) usual: String,
    /// The largest value of its scale.
    pub(crate) top: u64,
    /// When it begins.
    pub(crate) from: Stamp,
    counted: u64,
    expected: f64,
    /// The quarter of an hour in which most came.
    peak: Option<(u64, Stamp)>,
}

impl ReportChart {
    /// The last day; `None` before anything was drawn.
    pub(crate) fn of(reports: &ReportPicture) -> Option<Self> {
        let first = reports.day.first()?;
        let height = |quarter: &Quarter| (quarter.counted as f64).max(quarter.usual);
        let top = reports.day.iter().map(height).fold(TOP_MIN, f64::max).ceil();
        let y = |value: f64| HEIGHT * (1.0 - value / top);
        let (mut bars, mut usual) = (String::new(), String::new());
        for (n, quarter) in reports.day.iter().enumerate() {
            let letter = if n == 0 { 'M' } else { 'L' };
            // Writing to a string does not fail.
            let _ = write!(usual, "{letter}{n} {0:.1}H{1}", y(quarter.usual), n + 1);
            if quarter.counted > 0 {
                let _ = write!(bars, "M{n}.1 {HEIGHT}V{:.1}h.8V{HEIGHT}z", y(quarter.counted as f64));
            }
        }
        let counted: u64 = reports.day.iter().map(|quarter| quarter.counted).sum();
        let expected: f64 = reports.day.iter().map(|quarter| quarter.usual).sum();
        let most = reports.day.iter().max_by_key(|quarter| quarter.counted).filter(|quarter| quarter.counted > 0);
        let peak = most.map(|it| (it.counted, Stamp(it.at)));
        let (width, from) = (reports.day.len(), Stamp(first.at));
        Some(Self { width, bars, usual, top: top as u64, from, counted, expected, peak })
    }

    /// The same in words.
    pub(crate) fn words(&self, t: &Phrases) -> String {
        let peak = self.peak.map(|(most, from)| (most, t.short(&from)));
        t.reporting.of_the_day(self.counted, self.expected, peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::story;
    use downbeat_core::model::Language;

    #[test]
    fn the_day_is_drawn_and_said() {
        let chart = ReportChart::of(&story::reported().reports).expect("there is a day");
        assert_eq!((chart.width, chart.top), (96, 120));
        let words = |language| chart.words(Phrases::of(language));
        let english = words(Language::En);
        assert!(english.starts_with("378 reports counted; about 236 are usual. Most within"), "{english}");
        assert!(words(Language::De).starts_with("378 Meldungen gezählt; etwa 236 sind üblich. Die meisten"));
        assert_eq!(ReportChart::of(&ReportPicture::default()), None);
    }
}
