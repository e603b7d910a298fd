//! The packs of series: found, unpacked once, and read.

use crate::health;
use anyhow::{Context, ensure};
use downbeat_core::detect::series::{Answer, Budget, Detector};
use downbeat_core::model::{FigureKind, Moment};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A labelled series at even steps.
pub(crate) struct Series {
    pub(crate) start: i64,
    pub(crate) step: i64,
    /// A missing point is not a number.
    pub(crate) values: Vec<f64>,
    /// First and last point of each anomaly.
    pub(crate) anomalies: Vec<(usize, usize)>,
}

/// A finding in a series, by its points.
pub(crate) struct Found {
    pub(crate) detected: usize,
    /// The first usual one after it.
    pub(crate) end: usize,
}

/// The folder of an unpacked pack; `None` where the pack is not to be had.
pub(crate) fn open(data: &Path, folder: &Path, pack: &str) -> anyhow::Result<Option<PathBuf>> {
    let archive = data.join(format!("{pack}.tar.zst"));
    if !archive.is_file() {
        eprintln!("SKIP: {} is not there: its rows will not be measured", archive.display());
        return Ok(None);
    }
    let target = folder.join(pack);
    if !target.is_dir() {
        fs::create_dir_all(&target).context("make a folder for the data")?;
        let status = Command::new("tar").args(["--zstd", "-xf"]).arg(&archive).arg("-C").arg(&target).status();
        ensure!(status.context("run tar")?.success(), "cannot unpack {}", archive.display());
    }
    Ok(Some(target))
}

/// All series of a pack in the order of their names.
pub(crate) fn series(folder: &Path) -> anyhow::Result<Vec<Series>> {
    let labels: Value = serde_json::from_str(&fs::read_to_string(folder.join("labels.json"))?)?;
    let labels = labels.as_object().context("labels.json is no object")?;
    labels.iter().map(|(name, label)| one(folder, name, label).with_context(|| format!("read {name}"))).collect()
}

fn one(folder: &Path, name: &str, label: &Value) -> anyhow::Result<Series> {
    let text = fs::read_to_string(folder.join(format!("{name}.txt")))?;
    let values = text.lines().skip(1).map(|line| line.trim().parse().unwrap_or(f64::NAN)).collect();
    let figure = |key: &str| label[key].as_i64().with_context(|| format!("no {key}"));
    let place = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    let anomalies = label["anomalies"].as_array().context("no anomalies")?;
    let anomalies = anomalies.iter().filter_map(|pair| Some((place(&pair[0])?, place(&pair[1])?))).collect();
    Ok(Series { start: figure("start")?, step: figure("step")?, values, anomalies })
}

/// The bits of every point of a series that comes live; zero where there is no answer.
pub(crate) fn bits(times: impl Iterator<Item = i64>, values: &[f64], step: i64) -> Vec<f64> {
    let step = Duration::from_secs(u64::try_from(step).unwrap_or(60));
    let mut detector = Detector::new(FigureKind::Gauge, step, Budget::default().bits(step));
    let points = times.zip(values).map(|(time, value)| {
        let at = Moment::from_millis(u64::try_from(time).unwrap_or(0) * 1_000);
        match detector.see(at, (!value.is_nan()).then_some(*value)) {
            Answer::Seen(verdict) => verdict.bits.0,
            Answer::Missing | Answer::Refused(_) => 0.0,
        }
    });
    points.collect()
}

impl Series {
    /// The bits of every point.
    pub(crate) fn bits(&self) -> Vec<f64> {
        bits((self.start..).step_by(usize::try_from(self.step).unwrap_or(1)), &self.values, self.step)
    }

    /// What is found in it.
    pub(crate) fn findings(&self, budget: Budget) -> Vec<Found> {
        let (start, step) = (self.start.unsigned_abs(), self.step.unsigned_abs());
        let place = |at: Moment| ((at.as_millis() / 1_000).saturating_sub(start) / step.max(1)) as usize;
        let found = health::findings(&self.values, start, step, budget).into_iter();
        found
            .map(|spell| Found {
                detected: place(spell.detected_at),
                end: spell.end.map_or(self.values.len(), |(end, _)| place(end)),
            })
            .collect()
    }

    /// How many months it lasts.
    pub(crate) fn months(&self) -> f64 {
        self.values.len() as f64 * self.step as f64 / (30.0 * 86_400.0)
    }
}
