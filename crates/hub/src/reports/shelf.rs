//! What the desk keeps over a restart: the key of its seals, the last day by quarters, and what is usual at which hour.
//!
//! One small file, `reports.json`, readable to its owner alone because of the key. It is written whole beside itself and moved
//! into place; a crash costs what was counted since the last time. One that cannot be read begins anew, and says so.

use super::counts::Series;
use downbeat_core::detect::Usual;
use downbeat_core::model::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Largest file that is read: some thousand components.
const FILE_MAX: u64 = 32 * 1024 * 1024;
/// What names no component is kept under this.
const NO_COMPONENT: &str = "-";

/// What is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// 32 bytes in hexadecimal.
    pub(super) key: String,
    series: BTreeMap<String, KeptSeries>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptSeries {
    quarters: Vec<(u64, u32)>,
    usual: Usual,
    /// None in the files of earlier releases.
    #[serde(default)]
    usual_of_100k: Usual,
}

impl Kept {
    /// What is worth keeping of these series, the first of which names no component.
    pub(super) fn of(key: String, components: &[Name], series: &[Series]) -> Self {
        let names = [NO_COMPONENT].into_iter().chain(components.iter().map(Name::as_str));
        let keep = |series: &Series| KeptSeries {
            quarters: series.quarters.iter().copied().collect(),
            usual: series.usual.clone(),
            usual_of_100k: series.usual_of_100k.clone(),
        };
        Self { key, series: names.zip(series).map(|(name, series)| (name.to_owned(), keep(series))).collect() }
    }

    /// The series again, each with the number of its component.
    pub(super) fn series(&self, components: &[Name]) -> Vec<(u16, Series)> {
        let names = [NO_COMPONENT].into_iter().chain(components.iter().map(Name::as_str));
        let kept = names.enumerate().filter_map(|(n, name)| Some((u16::try_from(n).ok()?, self.series.get(name)?)));
        kept.map(|(n, kept)| {
            let quarters = kept.quarters.iter().copied().collect();
            let (usual, usual_of_100k) = (kept.usual.clone(), kept.usual_of_100k.clone());
            (n, Series { quarters, usual, usual_of_100k, ..Series::default() })
        })
        .collect()
    }
}

fn file_in(data: &Path) -> PathBuf {
    data.join("reports.json")
}

/// Reads what was kept; nothing when there is none. Blocks.
pub(super) fn load(data: &Path) -> Option<Kept> {
    let path = file_in(data);
    if std::fs::metadata(&path).ok()?.len() > FILE_MAX {
        tracing::warn!(path = %path.display(), "what was kept of users' reports is too large and begins anew");
        return None;
    }
    let read = std::fs::read(&path).map_err(|error| error.to_string());
    match read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
        Ok(kept) => Some(kept),
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "what was kept of users' reports begins anew");
            None
        }
    }
}

/// Writes it. Blocks.
pub(super) fn save(data: &Path, kept: &Kept) -> std::io::Result<()> {
    let path = file_in(data);
    let beside = path.with_extension("json.new");
    // One that was left over may be readable to others.
    drop(std::fs::remove_file(&beside));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    std::fs::rename(&beside, &path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Moment;

    #[test]
    fn what_is_kept_comes_back_to_the_components_that_are_still_there() {
        let data = tempfile::tempdir().expect("a directory");
        assert!(load(data.path()).is_none());
        let names = ["login", "playback"].map(|text| Name::new(text).expect("good"));
        let mut usual = Usual::default();
        usual.learn(Moment::from_millis(0), 1.0, 0.2);
        let series: Vec<Series> = (0..3)
            .map(|n| Series { quarters: [(n, 7)].into_iter().collect(), usual: usual.clone(), ..Series::default() })
            .collect();
        save(data.path(), &Kept::of("00".repeat(32), &names, &series)).expect("written");
        let kept = load(data.path()).expect("it is there");
        let again = kept.series(&names[1..]);
        let quarters: Vec<_> = again.iter().map(|(n, series)| (*n, series.quarters[0])).collect();
        assert_eq!(quarters, [(0, (0, 7)), (1, (2, 7))]);
        assert_eq!(again[1].1.usual, usual);

        std::fs::write(file_in(data.path()), "{\"key\": 7").expect("written");
        assert!(load(data.path()).is_none(), "garbage begins anew");
    }
}
