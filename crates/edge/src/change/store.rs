//! What survives a restart, in the data folder: the last three plans and the last good addresses as JSON.
//!
//! Written beside and renamed, so that a crash leaves the old file or the new one. Whatever cannot be read is passed
//! over; whatever cannot be written is not: the edge serves on from memory (invariants C1, C4).

use downbeat_core::model::{Name, TrafficPlan};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The newest first.
const PLANS: [&str; 3] = ["plan.json", "plan.1.json", "plan.2.json"];
const ADDRESSES: &str = "addresses.json";
/// Configurations may hold tokens: nobody else reads them.
const OWNER_ONLY: u32 = 0o600;
/// Nothing of ours is larger; what is, is not read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The data folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("understand {path}: {source}")]
    Content { path: PathBuf, source: serde_json::Error },
    #[error("write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// The last good addresses of each host name.
pub(crate) type Addresses = BTreeMap<Name, Vec<IpAddr>>;

impl Store {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The stored plans that can be read, the newest first, and why others could not.
    pub(crate) fn plans(&self) -> (Vec<TrafficPlan>, Vec<StoreError>) {
        let (mut plans, mut errors) = (Vec::new(), Vec::new());
        for file in PLANS {
            match self.load(file) {
                Ok(plan) => plans.extend(plan),
                Err(error) => errors.push(error),
            }
        }
        (plans, errors)
    }

    /// Keeps a plan as the newest, and the two before it.
    pub(crate) fn keep_plan(&self, plan: &TrafficPlan) -> Result<(), StoreError> {
        for pair in [(PLANS[1], PLANS[2]), (PLANS[0], PLANS[1])] {
            self.move_on(pair.0, pair.1)?;
        }
        self.save(PLANS[0], plan)
    }

    /// The last good addresses; none when there is no such file.
    pub(crate) fn addresses(&self) -> Result<Addresses, StoreError> {
        Ok(self.load(ADDRESSES)?.unwrap_or_default())
    }

    /// Keeps the last good addresses.
    pub(crate) fn keep_addresses(&self, addresses: &Addresses) -> Result<(), StoreError> {
        self.save(ADDRESSES, addresses)
    }

    /// Copies by a hard link, so that a file of the name `from` exists at every moment.
    fn move_on(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.folder.join(from), self.folder.join(to));
        let beside = to.with_extension("next");
        let _ = fs::remove_file(&beside);
        let moved = fs::hard_link(&from, &beside).and_then(|()| fs::rename(&beside, &to));
        match moved {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Write { path: to, source }),
            _ => Ok(()),
        }
    }

    fn load<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, StoreError> {
        let path = self.folder.join(file);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|f| f.take(FILE_BYTES_MAX).read_to_end(&mut bytes)) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Read { path, source }),
            Ok(_) => serde_json::from_slice(&bytes).map(Some).map_err(|source| StoreError::Content { path, source }),
        }
    }

    fn save<T: Serialize>(&self, file: &str, value: &T) -> Result<(), StoreError> {
        let path = self.folder.join(file);
        let written =
            serde_json::to_vec(value).map_err(io::Error::from).and_then(|b| write_whole(&self.folder, &path, &b));
        written.map_err(|source| StoreError::Write { path, source })
    }
}

/// Writes a file of a folder beside it and renames it, so that a crash leaves the old one or the new one.
pub(super) fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(epoch: u64) -> TrafficPlan {
        TrafficPlan { epoch, ..TrafficPlan::default() }
    }

    #[test]
    fn the_last_three_plans_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(&folder.path().join("deeper"));
        for epoch in 1..=5 {
            store.keep_plan(&plan(epoch)).expect("a writable folder");
        }
        let (plans, errors) = store.plans();
        assert_eq!(plans.iter().map(|p| p.epoch).collect::<Vec<_>>(), [5, 4, 3]);
        assert!(errors.is_empty());
    }

    #[test]
    fn garbage_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        store.keep_plan(&plan(1)).expect("a writable folder");
        store.keep_plan(&plan(2)).expect("a writable folder");
        for garbage in ["", "{", "{\"surprise\":1}", "\u{0}\u{0}"] {
            fs::write(folder.path().join("plan.json"), garbage).expect("a writable folder");
            let (plans, errors) = store.plans();
            assert_eq!((plans.len(), plans[0].epoch, errors.len()), (1, 1, 1), "{garbage:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a writable folder");
        let store = Store::new(&file);
        assert!(store.keep_plan(&plan(1)).is_err());
        assert!(store.keep_addresses(&Addresses::new()).is_err());
    }
}
