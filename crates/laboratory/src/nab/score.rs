//! The scorer of the Numenta Anomaly Benchmark, by its published protocol (Lavin and Ahmad 2015; version 1.1).
//!
//! The first 15 % of a file, 750 rows at most, are for learning and score nothing. A window of a label scores by its best
//! detection: near 1 at its left edge, 0 at its right (a scaled sigmoid). A window without one costs the weight of a miss. A
//! detection outside costs the weight of a false alarm, less if it comes shortly after a window. The sum is scaled so that
//! finding nothing is 0 and finding everything at once is 100. One threshold holds for the whole corpus, the best there is.

use super::corpus::File;

/// What a profile of NAB costs a miss and a false alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    miss: f64,
    false_alarm: f64,
}

/// The three profiles.
pub(crate) const PROFILES: [Profile; 3] = [
    Profile { name: "standard", miss: 1.0, false_alarm: 0.11 },
    Profile { name: "low FP", miss: 1.0, false_alarm: 0.22 },
    Profile { name: "low FN", miss: 2.0, false_alarm: 0.11 },
];

/// Points this far behind a window, in widths of it, are outright false.
const FAR: f64 = 3.0;

/// What a detection at one row is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Worth {
    /// It is not scored.
    Learning,
    /// It finds this window so early.
    Finds(usize, f64),
    /// It is false by this share.
    False(f64),
}

fn sigmoid(x: f64) -> f64 {
    if x >= FAR { -1.0 } else { 2.0 / (1.0 + (5.0 * x).exp()) - 1.0 }
}

fn worths(file: &File) -> Vec<Worth> {
    let learning = (file.values.len() * 15 / 100).min(750);
    let mut windows = file.windows.iter().copied().enumerate().peekable();
    let mut past: Option<(usize, f64)> = None;
    let mut out = Vec::with_capacity(file.values.len());
    for row in 0..file.values.len() {
        let worth = match windows.peek().copied() {
            Some((window, (first, last))) if row >= first => {
                let width = (last - first + 1) as f64;
                if row == last {
                    past = Some((last, width));
                    windows.next();
                }
                Worth::Finds(window, sigmoid(-((last - row + 1) as f64) / width) / sigmoid(-1.0))
            }
            _ => Worth::False(past.map_or(1.0, |(last, width)| -sigmoid((row - last) as f64 / (width - 1.0)))),
        };
        out.push(if row < learning { Worth::Learning } else { worth });
    }
    out
}

/// A score in hundredths of what finding everything at once is worth, and the threshold that gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    pub(crate) points: f64,
    pub(crate) threshold: f64,
}

/// The running sum of a sweep from high thresholds to low.
struct Sum<'a> {
    found: Vec<Vec<Option<f64>>>,
    files: &'a [File],
    windows: f64,
    /// What was found, and how many windows that is.
    worth: f64,
    hits: f64,
    wrong: f64,
}

impl<'a> Sum<'a> {
    fn new(files: &'a [File]) -> Self {
        let found = files.iter().map(|file| vec![None; file.windows.len()]).collect();
        let windows = files.iter().map(|file| file.windows.len()).sum::<usize>() as f64;
        Self { found, files, windows, worth: 0.0, hits: 0.0, wrong: 0.0 }
    }

    fn add(&mut self, file: usize, worth: Worth) {
        debug_assert!(file < self.files.len(), "a file of the corpus");
        match worth {
            Worth::Learning => {}
            Worth::False(share) => self.wrong += share,
            Worth::Finds(window, early) => {
                let best = &mut self.found[file][window];
                self.hits += f64::from(u8::from(best.is_none()));
                self.worth += early.max(best.unwrap_or(early)) - best.unwrap_or(0.0);
                *best = Some(best.unwrap_or(early).max(early));
            }
        }
    }

    fn points(&self, profile: &Profile) -> f64 {
        let raw = self.worth - (self.windows - self.hits) * profile.miss - self.wrong * profile.false_alarm;
        let nothing = -self.windows * profile.miss;
        if self.windows == 0.0 { raw } else { 100.0 * (raw - nothing) / (self.windows - nothing) }
    }
}

/// The best score over all thresholds; `scores` has a figure for each row of each file.
pub(crate) fn best(files: &[File], scores: &[Vec<f64>], profile: &Profile) -> Score {
    let worths: Vec<Vec<Worth>> = files.iter().map(worths).collect();
    let rows = scores.iter().enumerate().flat_map(|(file, scores)| {
        scores.iter().enumerate().filter(|(_, score)| **score > 0.0).map(move |(row, score)| (*score, file, row))
    });
    let mut rows: Vec<(f64, usize, usize)> = rows.collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut sum = Sum::new(files);
    let mut best = Score { points: sum.points(profile), threshold: f64::INFINITY };
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        same.iter().for_each(|(_, file, row)| sum.add(*file, worths[*file][*row]));
        let points = sum.points(profile);
        if points > best.points {
            best = Score { points, threshold: same[0].0 };
        }
    }
    best
}

/// The score at one threshold.
pub(crate) fn at(files: &[File], scores: &[Vec<f64>], profile: &Profile, threshold: f64) -> f64 {
    let mut sum = Sum::new(files);
    for (index, (file, scores)) in files.iter().zip(scores).enumerate() {
        let flagged = worths(file).into_iter().zip(scores).filter(|(_, score)| **score >= threshold);
        flagged.for_each(|(worth, _)| sum.add(index, worth));
    }
    sum.points(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        File { name: "a/b.csv".into(), times: vec![], values: vec![0.0; 1_000], windows: vec![(400, 499)] }
    }

    fn points(rows: &[usize], profile: usize) -> f64 {
        let mut scores = vec![0.0; 1_000];
        rows.iter().for_each(|row| scores[*row] = 1.0);
        at(&[file()], &[scores], &PROFILES[profile], 1.0)
    }

    #[test]
    fn the_protocol_on_one_window() {
        // Left edge; middle; nothing; while learning; false far behind, right behind, before.
        let rows: [(&[usize], usize, f64); 9] = [
            (&[400], 0, 100.0),
            (&[450], 0, 93.0),
            (&[400, 450], 0, 100.0),
            (&[], 0, 0.0),
            (&[], 2, 0.0),
            (&[100], 0, 0.0),
            (&[400, 900], 0, 94.5),
            (&[400, 900], 1, 89.0),
            (&[400, 500], 0, 99.86),
        ];
        for (flagged, profile, expected) in rows {
            let points = points(flagged, profile);
            assert!((points - expected).abs() < 0.05, "{flagged:?} {profile}: {points} is not {expected}");
        }
    }

    #[test]
    fn the_best_threshold_leaves_false_alarms_out() {
        let mut scores = vec![0.0; 1_000];
        (scores[400], scores[900]) = (2.0, 1.0);
        assert_eq!(best(&[file()], &[scores], &PROFILES[0]).threshold, 2.0);
    }
}
