//! What was done under which key, so that the same order twice is carried out once. Kept on disk, one JSON
//! object a line.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Orders remembered; a drill gives a handful.
const ORDERS_MAX: usize = 10_000;

/// One order that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its key.
    pub(super) key: String,
    /// The order, as it came.
    pub(super) order: serde_json::Value,
    /// What was done, in words.
    pub(super) did: String,
}

/// Why the journal cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened or written.
    #[error("keep the journal {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no room for more orders.
    #[error("the journal is full: {ORDERS_MAX} orders")]
    Full,
}

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    done: BTreeMap<String, Entry>,
}

impl Journal {
    /// Opens or begins it. A line that was cut off by a crash is left out: its order may be done again.
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let entries = text.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
        let done = entries.map(|entry| (entry.key.clone(), entry)).collect();
        Ok(Self { path: path.to_owned(), file, done })
    }

    /// What was done under a key.
    pub(super) fn done(&self, key: &str) -> Option<&Entry> {
        self.done.get(key)
    }

    /// How many orders were carried out.
    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    /// Remembers an order that was carried out.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), JournalError> {
        if self.done.len() >= ORDERS_MAX {
            return Err(JournalError::Full);
        }
        let failed = |source| JournalError::Io { path: self.path.clone(), source };
        let line = serde_json::to_string(&entry).map_err(|e| failed(io::Error::other(e)))?;
        writeln!(self.file, "{line}").and_then(|()| self.file.sync_data()).map_err(failed)?;
        self.done.insert(entry.key.clone(), entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_over_restarts_and_torn_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let entry = Entry { key: "1.1".to_owned(), order: serde_json::json!({ "a": 1 }), did: "it".to_owned() };
        Journal::open(&path).expect("a new one").add(entry.clone()).expect("kept");
        let mut file = OpenOptions::new().append(true).open(&path).expect("open");
        file.write_all(b"{\"key\":\"1.2\",\"ord").expect("torn");
        let journal = Journal::open(&path).expect("the same one");
        assert_eq!((journal.len(), journal.done("1.1"), journal.done("1.2")), (1, Some(&entry), None));
    }
}
