//! The 58 files of NAB and their windows.

use anyhow::Context;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// One file.
pub(crate) struct File {
    /// Folder and name.
    pub(crate) name: String,
    /// Unix seconds.
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// First and last row of each labelled window.
    pub(crate) windows: Vec<(usize, usize)>,
}

impl File {
    /// The folder it is in.
    pub(crate) fn folder(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The usual seconds between rows.
    pub(crate) fn step(&self) -> i64 {
        let mut apart: Vec<i64> = self.times.windows(2).take(200).map(|pair| pair[1] - pair[0]).collect();
        apart.retain(|step| *step > 0);
        apart.sort_unstable();
        apart.get(apart.len() / 2).copied().unwrap_or(60)
    }
}

/// Reads all of it, in the order of the names.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Vec<File>> {
    let windows: Value = serde_json::from_str(&fs::read_to_string(folder.join("labels/combined_windows.json"))?)?;
    let windows = windows.as_object().context("the windows are no object")?;
    windows.iter().map(|(name, windows)| one(folder, name, windows).with_context(|| format!("read {name}"))).collect()
}

fn one(folder: &Path, name: &str, windows: &Value) -> anyhow::Result<File> {
    let text = fs::read_to_string(folder.join("data").join(name))?;
    let (mut times, mut values) = (vec![], vec![]);
    for line in text.lines().skip(1) {
        let (time, value) = line.split_once(',').context("a line without a comma")?;
        times.push(seconds(time)?);
        values.push(value.trim().parse()?);
    }
    let row = |value: &Value| -> anyhow::Result<usize> {
        let time = seconds(value.as_str().context("a window without a time")?)?;
        times.iter().position(|t| *t == time).context("a window at no row")
    };
    let windows = windows.as_array().context("no windows")?;
    let windows = windows.iter().map(|pair| Ok((row(&pair[0])?, row(&pair[1])?))).collect::<anyhow::Result<_>>()?;
    Ok(File { name: name.to_owned(), times, values, windows })
}

fn seconds(text: &str) -> anyhow::Result<i64> {
    let time: jiff::civil::DateTime = text.trim().parse()?;
    Ok(time.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_second())
}
