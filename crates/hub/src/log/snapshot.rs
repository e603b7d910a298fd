//! Snapshots: the book as it was after some record, so that a start folds only what follows.
//!
//! A snapshot is a file of two lines: what it is, and the book's canonical form. It is never truth. The chain is checked
//! from its beginning at every start all the same; a snapshot of another build, with another hash or damaged is passed
//! over; `downbeat log verify` compares each with the fold. They lie beside the log and not in it, so that writing one
//! holds no event up and losing one loses nothing.

use super::chain::Hash;
use super::replay::Head;
use downbeat_core::incident::{Book, Digest};
use downbeat_core::model::Moment;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The form of the file.
const FORMAT: u32 = 1;
/// Snapshots kept: the newest, and one in case that it is damaged.
const KEPT: usize = 2;
/// Longest first line that is read, in bytes: ours have some 300.
const TITLE_MAX: u64 = 4_096;

/// The snapshots of a data directory.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
}

/// The first line of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Title {
    format: u32,
    /// The build that folded it.
    version: String,
    /// The number of its fold.
    fold: u32,
    /// The last record in it.
    seq: u64,
    /// When that was written.
    at: Moment,
    /// The chain's hash there.
    #[serde(with = "as_text")]
    chain: Hash,
    /// The book's hash.
    #[serde(with = "as_text")]
    digest: Digest,
}

/// A snapshot that is sound in itself. Whether it fits the log is for the chain to say.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) head: Head,
    pub(super) digest: Digest,
    pub(super) book: Book,
}

/// Why a snapshot is passed over.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is no snapshot, or a damaged one.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Another build folded it.
    #[error("downbeat {version} with fold {fold} made it, this is {} with fold {}", VERSION, Book::FOLD)]
    OtherBuild {
        /// Which build.
        version: String,
        /// Its fold.
        fold: u32,
    },
    /// Its record has another hash in the log.
    #[error("record {seq} of the log is another one than it was made from")]
    OtherLog {
        /// The last record in it.
        seq: u64,
    },
    /// The fold of the log is another book.
    #[error("the fold of the log has the hash {fold}, it has {found}")]
    OtherBook {
        /// What follows from the log.
        fold: Digest,
        /// What it says.
        found: Digest,
    },
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Snapshots {
    /// Those of this data directory.
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("snapshots") }
    }

    /// All there are, newest first, by the record that each ends with.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn newest_first(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            found.extend(seq_of(&path).map(|seq| (seq, path)));
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// Writes the book as it was at `head`, whole or not at all, and forgets all but the newest.
    ///
    /// # Errors
    /// When the disk does not take it; the older ones are there then.
    pub fn save(&self, head: Head, book: &Book) -> io::Result<PathBuf> {
        let digest = book.digest();
        let title = Title {
            format: FORMAT,
            version: VERSION.into(),
            fold: Book::FOLD,
            seq: head.seq,
            at: head.at,
            chain: head.hash,
            digest,
        };
        std::fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(format!("{:020}.json", head.seq));
        let beside = path.with_extension("part");
        let mut file = BufWriter::new(File::create(&beside)?);
        serde_json::to_writer(&mut file, &title)?;
        file.write_all(b"\n")?;
        book.write_canonical(&mut file)?;
        file.write_all(b"\n")?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        std::fs::rename(&beside, &path)?;
        File::open(&self.folder)?.sync_all()?;
        self.forget_old()?;
        Ok(path)
    }

    fn forget_old(&self) -> io::Result<()> {
        self.newest_first()?.iter().skip(KEPT).try_for_each(|(_, path)| std::fs::remove_file(path))
    }

    /// What a snapshot's first line says of the log, whatever its book is worth.
    pub(super) fn title(path: &Path) -> Result<Head, SnapshotFault> {
        let mut line = String::new();
        BufReader::new(File::open(path)?).take(TITLE_MAX).read_line(&mut line)?;
        let title: Title = serde_json::from_str(&line).map_err(|error| SnapshotFault::Damaged(error.to_string()))?;
        Ok(title.head())
    }

    /// Reads one, and checks all that can be checked without the log.
    pub(super) fn load(path: &Path) -> Result<Snapshot, SnapshotFault> {
        let damaged = |why: &dyn std::fmt::Display| SnapshotFault::Damaged(why.to_string());
        let text = std::fs::read(path)?;
        let end = text.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged(&"it has no title"))?;
        let title: Title = serde_json::from_slice(&text[..end]).map_err(|error| damaged(&error))?;
        if (title.format, title.version.as_str(), title.fold) != (FORMAT, VERSION, Book::FOLD) {
            return Err(SnapshotFault::OtherBuild { version: title.version, fold: title.fold });
        }
        let body = text[end + 1..].strip_suffix(b"\n").ok_or_else(|| damaged(&"it has no end"))?;
        if Digest::of(body) != title.digest {
            return Err(damaged(&"its hash is another one"));
        }
        let book: Book = serde_json::from_slice(body).map_err(|error| damaged(&error))?;
        if book.last_seq != title.seq {
            return Err(damaged(&"its title speaks of another record"));
        }
        Ok(Snapshot { head: title.head(), digest: title.digest, book })
    }
}

impl Title {
    fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.chain, at: self.at }
    }
}

/// The record that a snapshot's name speaks of.
fn seq_of(path: &Path) -> Option<u64> {
    let is_snapshot = path.extension().is_some_and(|extension| extension == "json");
    path.file_stem().filter(|_| is_snapshot)?.to_str()?.parse().ok()
}

/// Hashes as the text that people see.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(super) fn serialize<T: Display, S: Serializer>(hash: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
