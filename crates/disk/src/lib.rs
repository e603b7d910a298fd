//! A disk that fails on demand, for tests of what is kept in SQLite.
//!
//! [`Disk::under`] puts itself between SQLite and the files of one directory. What SQLite does to them goes on a [`Tape`]; a
//! [`Fault`] makes one operation fail; [`Tape::cut`] tells what a power cut after any operation would have left: all that was
//! synced, any part of what was not, the last write of it torn. Other directories are left alone.
//!
//! The model of a disk is the harshest that SQLite is made for: unsynced writes reach it in any selection; a file that was
//! never synced may not be there at all, one removed without a sync of its folder may be back; and after a sync that failed,
//! what it should have written is lost or not, while readers go on seeing it and the next sync says that all is well.

mod chance;
mod shim;
mod tape;

pub use chance::Chance;
pub use tape::{Files, Tape};

use std::path::{Path, PathBuf};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nothing is done, and an error of the hardware is reported. After a sync, what was to be synced may be lost.
    Broken,
    /// Nothing is done: there is no room.
    Full,
    /// The first half is written, then there is no room.
    Short,
}

/// Which operations fail: writes, syncs, truncations and removals, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The first.
    pub at: usize,
    /// How many of them in a row.
    pub times: usize,
    /// In which way.
    pub how: How,
}

/// A directory whose files are on such a disk, for as long as this lives.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Puts a directory on a sound disk, whose files are as they are now.
    pub fn under(folder: &Path) -> Self {
        Self::with(folder, Tape::default(), None)
    }

    /// The same, with a fault to come.
    pub fn failing(folder: &Path, fault: Fault) -> Self {
        Self::with(folder, Tape::default(), Some(fault))
    }

    /// A disk on which other bytes are than its files show: what a kill after a sync that failed leaves behind.
    pub fn lying(folder: &Path, on_disk: &Files) -> Self {
        Self::with(folder, Tape::holding(on_disk), None)
    }

    fn with(folder: &Path, tape: Tape, fault: Option<Fault>) -> Self {
        shim::watch(folder, tape, fault);
        Self { folder: folder.into() }
    }

    /// From now on there is no room for files whose names begin so, until there is again.
    pub fn fill(&self, files: &str) {
        shim::fill(&self.folder, Some(files));
    }

    /// There is room again.
    pub fn clear(&self) {
        shim::fill(&self.folder, None);
    }

    /// What has been done so far.
    pub fn tape(&self) -> Tape {
        shim::tape(&self.folder)
    }

    /// How many operations that is.
    pub fn operations(&self) -> usize {
        self.tape().len()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        shim::forget(&self.folder);
    }
}
