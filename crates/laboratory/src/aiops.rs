//! The key figures of the AIOps challenge of 2018: F1 by points, with a delay of seven, one threshold for all series.
//!
//! An anomaly counts as found, with all its points, when one of its first eight points is flagged (delay 7); it is missed with
//! all of them otherwise. Each flagged point outside an anomaly is false.

use crate::health;
use crate::pack::{self, Series};
use crate::page::{Goal, Page};
use std::path::Path;

const DELAY: usize = 7;
/// What we aim at on the second halves; published: FluxEV 0.790, SR-CNN 0.771.
const GOAL: f64 = 0.82;

/// What a sweep found best.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Best {
    f1: f64,
    threshold: f64,
    precision: f64,
    recall: f64,
}

/// Scores the development series.
pub(crate) fn measure(folder: &Path, page: &mut Page) -> anyhow::Result<()> {
    let series = pack::series(folder)?;
    let bits: Vec<Vec<f64>> = series.iter().map(Series::bits).collect();
    page.title(&format!("AIOps 2018, {} development series", series.len()));
    page.text(
        "F1 by points with a delay of 7, one threshold for all series, the best in hindsight as in the literature (FluxEV 0.790, \
         SR-CNN 0.771). The second half of each series is scored, as the published detectors learn on the first.",
    );
    let half = sweep(&series, &bits, 0.5);
    let what = format!(
        "F1, second halves ({:.1} bits, precision {:.2}, recall {:.2})",
        half.threshold, half.precision, half.recall
    );
    page.row(&what, half.f1, "", Goal::AtLeast(GOAL));
    let whole = sweep(&series, &bits, 0.0);
    page.row(
        &format!("F1, all of each series, the learning included ({:.1} bits)", whole.threshold),
        whole.f1,
        "",
        Goal::None,
    );
    health::measure_real("All of these series", &series, page);
    Ok(())
}

fn sweep(series: &[Series], bits: &[Vec<f64>], from: f64) -> Best {
    // Threshold at which it happens, points then found, points then falsely flagged.
    let mut steps: Vec<(f64, f64, f64)> = vec![];
    let mut anomalous = 0.0;
    for (series, bits) in series.iter().zip(bits) {
        let start = (series.values.len() as f64 * from) as usize;
        let mut normal = vec![true; bits.len()];
        for &(first, last) in &series.anomalies {
            let last = last.min(bits.len() - 1);
            normal[first..=last].fill(false);
            let first = first.max(start);
            if first > last {
                continue;
            }
            let size = (last - first + 1) as f64;
            anomalous += size;
            steps.push((bits[first..=last.min(first + DELAY)].iter().copied().fold(0.0, f64::max), size, 0.0));
        }
        let outside = (start..bits.len()).filter(|point| normal[*point]);
        steps.extend(outside.map(|point| (bits[point], 0.0, 1.0)));
    }
    steps.retain(|step| step.0 > 0.0);
    steps.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut wrong, mut best) = (0.0, 0.0, Best::default());
    for same in steps.chunk_by(|a, b| a.0 == b.0) {
        found += same.iter().map(|step| step.1).sum::<f64>();
        wrong += same.iter().map(|step| step.2).sum::<f64>();
        let f1 = 2.0 * found / (found + wrong + anomalous);
        if f1 > best.f1 {
            best = Best { f1, threshold: same[0].0, precision: found / (found + wrong), recall: found / anomalous };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anomaly_found_late_is_missed_whole() {
        let series = Series { start: 0, step: 60, values: vec![0.0; 100], anomalies: vec![(50, 69)] };
        let f1 = |flags: &[usize]| {
            let mut bits = vec![0.0; 100];
            flags.iter().for_each(|point| bits[*point] = 5.0);
            sweep(std::slice::from_ref(&series), &[bits], 0.0).f1
        };
        assert_eq!((f1(&[57]), f1(&[58]), f1(&[])), (1.0, 0.0, 0.0));
        assert_eq!(f1(&[50, 10]), 2.0 * 20.0 / (20.0 + 1.0 + 20.0));
    }
}
