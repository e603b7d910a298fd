//! The Numenta Anomaly Benchmark: 58 files, one threshold.

mod corpus;
mod gaussian;
mod score;

use crate::pack;
use crate::page::{Goal, Page};
use corpus::File;
use score::{PROFILES, best};
use std::collections::BTreeMap;
use std::path::Path;

/// What the windowed Gaussian reaches by the board of NAB, at the threshold that its scores have there.
const PUBLISHED: [f64; 3] = [39.65, 20.87, 47.41];
/// Its scores were written with twelve digits, and its threshold is 1: what rounds to 1 counts.
const PUBLISHED_AT: f64 = 1.0 - 5e-13;
/// What we aim at, and what the best published detector reaches in each profile (ARTime, CAD OSE, ARTime).
const GOALS: [f64; 3] = [70.0, 65.0, 74.0];
const BEST: [f64; 3] = [74.85, 66.98, 80.36];

/// Scores ours, and the check.
pub(crate) fn measure(folder: &Path, page: &mut Page) -> anyhow::Result<()> {
    let files = corpus::read(folder)?;
    let ours: Vec<Vec<f64>> =
        files.iter().map(|file| pack::bits(file.times.iter().copied(), &file.values, file.step())).collect();
    let known: Vec<Vec<f64>> = files.iter().map(|file| gaussian::scores(&file.values)).collect();
    page.title("NAB, 58 files");
    page.text(
        "Questions, weights and threshold were chosen on these very files, as those of the published detectors were: an \
         in-sample figure. With weights and threshold chosen on six of the seven folders and scored on the seventh, from a start \
         that had not seen them, a search of 1,920 settings a folder reached 58.3 / 46.3 / 63.9: that is what to \
         expect of new data at best, for the questions were chosen with all folders in sight. (The nine questions asked before reach \
         53.6 / 39.9 / 60.7 by the same search.) With all weights some 2 % off it is 69.9 / 61.8 / 75.1 in the mean, on \
         these files. Ours never sees the length, minimum or maximum of a file in advance.",
    );
    for (k, profile) in PROFILES.iter().enumerate() {
        let score = best(&files, &ours, profile);
        let what = format!("{} (threshold {:.2} bits; best published {})", profile.name, score.threshold, BEST[k]);
        page.row(&what, score.points, "", Goal::AtLeast(GOALS[k]));
    }
    let threshold = best(&files, &ours, &PROFILES[0]).threshold;
    for (folder, points) in by_folder(files, ours, threshold) {
        page.row(&format!("standard, {folder}"), points, "", Goal::None);
    }
    page.title("The scorer, checked");
    page.text("NAB's windowed Gaussian, written again here and scored here, next to what NAB's board says of it.");
    let files = corpus::read(folder)?;
    for (profile, published) in PROFILES.iter().zip(PUBLISHED) {
        let points = score::at(&files, &known, profile, PUBLISHED_AT);
        page.row(&format!("{}; published {published}", profile.name), points, "", Goal::Equals(published));
    }
    Ok(())
}

/// The standard score of each folder at the corpus's threshold; of the folder without windows, what its false alarms cost.
fn by_folder(files: Vec<File>, scores: Vec<Vec<f64>>, threshold: f64) -> Vec<(String, f64)> {
    let mut folders: BTreeMap<String, (Vec<File>, Vec<Vec<f64>>)> = BTreeMap::new();
    for (file, scores) in files.into_iter().zip(scores) {
        let folder = folders.entry(file.folder().to_owned()).or_default();
        folder.0.push(file);
        folder.1.push(scores);
    }
    let scored = folders.into_iter();
    scored.map(|(name, (files, scores))| (name, score::at(&files, &scores, &PROFILES[0], threshold))).collect()
}
