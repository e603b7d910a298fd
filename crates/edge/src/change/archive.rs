//! Generations on disk: the text of each configuration, in a file whose name says what became of it.
//!
//! ```text
//! trial.N.toml          generation N is on trial, or was when its process died
//! configuration.N.toml  it passed; the last three texts that did, the newest with the greatest number
//! quarantined.N.toml    it came to grief within its trial: not taken again while the file has the same bytes
//! ```
//!
//! A start that finds its own text on trial knows that the last one died of it, or at least with it (invariant C2).

use crate::change::store::{StoreError, write_whole};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Texts that passed and are kept.
const KEPT_MAX: usize = 3;
/// Texts that are remembered not to be taken again.
pub(crate) const QUARANTINED_MAX: usize = 8;
/// No configuration is larger; what is, is not read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The files of generations in the data folder.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
}

/// One generation as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub generation: u64,
    /// Its text.
    pub text: String,
}

/// How a process begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// By itself: whatever is on trial, its process has died.
    Fresh,
    /// It takes over from a process that is alive, and goes on with its trial.
    Succession,
}

/// What a start should do with the configuration that it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Take it.
    Take,
    /// Not take it, but the first of these that can still be used, the newest first; there is at least one.
    GoBack {
        /// The number that it has in quarantine.
        quarantined: u64,
        /// Those that passed.
        kept: Vec<Written>,
    },
}

/// What became of a generation: the beginning of its file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Trial,
    Kept,
    Quarantined,
}

impl Fate {
    const ALL: [Self; 3] = [Self::Trial, Self::Kept, Self::Quarantined];

    const fn word(self) -> &'static str {
        match self {
            Self::Trial => "trial.",
            Self::Kept => "configuration.",
            Self::Quarantined => "quarantined.",
        }
    }

    fn file(self, generation: u64) -> String {
        format!("{}{generation}.toml", self.word())
    }

    fn generation(self, file: &str) -> Option<u64> {
        file.strip_prefix(self.word())?.strip_suffix(".toml")?.parse().ok()
    }
}

impl Archive {
    /// The files of generations in an edge's data folder. Touches nothing.
    pub fn new(data: &Path) -> Self {
        Self { folder: data.to_owned() }
    }

    /// Whether a start should take a text. Where its last trial ended with the process, it goes into quarantine, unless
    /// there is nothing to go back to. Blocks.
    pub fn advise(&self, text: &str, beginning: Beginning) -> Advice {
        let kept = self.kept();
        let died = self.all(Fate::Trial).into_iter().filter(|_| beginning == Beginning::Fresh && !kept.is_empty());
        let mut quarantined = self.quarantined();
        for trial in died {
            if let Err(error) = self.quarantine(&trial) {
                crate::tell::events::file_not_written(&error);
            }
            quarantined.push(trial);
        }
        match quarantined.into_iter().rev().find(|bad| bad.text == text) {
            Some(bad) if !kept.is_empty() => Advice::GoBack { quarantined: bad.generation, kept },
            _ => Advice::Take,
        }
    }

    /// The number of a text: the one that it has, on trial or as the newest kept, else the next one.
    pub(crate) fn number(&self, text: &str) -> u64 {
        let known = self.all(Fate::Trial).into_iter().chain(self.kept().into_iter().take(1));
        let known = known.into_iter().find(|written| written.text == text).map(|written| written.generation);
        known.unwrap_or_else(|| Fate::ALL.iter().flat_map(|fate| self.numbers(*fate)).max().unwrap_or(0) + 1)
    }

    /// The texts that passed, the newest first.
    pub(crate) fn kept(&self) -> Vec<Written> {
        let mut kept = self.all(Fate::Kept);
        kept.reverse();
        kept
    }

    /// The texts that are not to be taken again, the newest last.
    pub(crate) fn quarantined(&self) -> Vec<Written> {
        self.all(Fate::Quarantined)
    }

    /// A trial begins; it is the only one.
    pub(crate) fn begin(&self, written: &Written) -> Result<(), StoreError> {
        self.write(Fate::Trial, written)?;
        let others = self.numbers(Fate::Trial).into_iter().filter(|number| *number != written.generation);
        others.into_iter().try_for_each(|number| self.remove(Fate::Trial, number))
    }

    /// A trial ends without a verdict.
    pub(crate) fn withdraw(&self, generation: u64) -> Result<(), StoreError> {
        self.remove(Fate::Trial, generation)
    }

    /// A text passed. Under an older number it is kept no longer.
    pub(crate) fn keep(&self, written: &Written) -> Result<(), StoreError> {
        self.write(Fate::Kept, written)?;
        self.remove(Fate::Trial, written.generation)?;
        let older = self.all(Fate::Kept).into_iter().filter(|old| old.generation < written.generation);
        for old in older.filter(|old| old.text == written.text) {
            self.remove(Fate::Kept, old.generation)?;
        }
        self.prune(Fate::Kept, KEPT_MAX)
    }

    /// A text came to grief.
    pub(crate) fn quarantine(&self, written: &Written) -> Result<(), StoreError> {
        self.write(Fate::Quarantined, written)?;
        self.remove(Fate::Trial, written.generation)?;
        self.prune(Fate::Quarantined, QUARANTINED_MAX)
    }

    /// Those with a fate that can be read, the newest last. What cannot be read was not written by this program.
    fn all(&self, fate: Fate) -> Vec<Written> {
        let read = |generation| {
            let mut text = String::new();
            let file = File::open(self.folder.join(fate.file(generation))).ok()?;
            file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
            Some(Written { generation, text })
        };
        self.numbers(fate).into_iter().filter_map(read).collect()
    }

    /// The smallest first; none when the folder cannot be read.
    fn numbers(&self, fate: Fate) -> Vec<u64> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut numbers: Vec<u64> = names.filter_map(|name| fate.generation(name.to_str()?)).collect();
        numbers.sort_unstable();
        numbers
    }

    fn write(&self, fate: Fate, written: &Written) -> Result<(), StoreError> {
        let path = self.folder.join(fate.file(written.generation));
        write_whole(&self.folder, &path, written.text.as_bytes()).map_err(|source| StoreError::Write { path, source })
    }

    fn remove(&self, fate: Fate, generation: u64) -> Result<(), StoreError> {
        let path = self.folder.join(fate.file(generation));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Write { path, source }),
            _ => Ok(()),
        }
    }

    fn prune(&self, fate: Fate, most: usize) -> Result<(), StoreError> {
        let numbers = self.numbers(fate);
        numbers.iter().rev().skip(most).try_for_each(|number| self.remove(fate, *number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(generation: u64, text: &str) -> Written {
        Written { generation, text: text.into() }
    }

    fn archive() -> (tempfile::TempDir, Archive) {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::new(&folder.path().join("deeper"));
        (folder, archive)
    }

    #[test]
    fn the_last_three_texts_are_kept() {
        let (_folder, archive) = archive();
        assert_eq!((archive.kept(), archive.number("a")), (vec![], 1));
        for (generation, text) in [(8, "a"), (9, "b"), (10, "c"), (11, "d")] {
            archive.keep(&written(generation, text)).expect("a writable folder");
        }
        assert_eq!(archive.kept(), [written(11, "d"), written(10, "c"), written(9, "b")]);
        archive.keep(&written(12, "c")).expect("a writable folder");
        assert_eq!(archive.kept(), [written(12, "c"), written(11, "d"), written(9, "b")], "three different ones");
        assert_eq!([archive.number("c"), archive.number("d"), archive.number("e")], [12, 13, 13]);
    }

    #[test]
    fn what_its_trial_did_not_survive_is_not_taken_again() {
        let (_folder, archive) = archive();
        archive.keep(&written(1, "good")).expect("a writable folder");
        assert_eq!(archive.advise("bad", Beginning::Fresh), Advice::Take, "nothing is known against it");
        archive.begin(&written(2, "bad")).expect("a writable folder");
        assert_eq!((archive.number("bad"), archive.number("other")), (2, 3));
        assert_eq!(archive.advise("bad", Beginning::Succession), Advice::Take, "its trial goes on");
        let back = Advice::GoBack { quarantined: 2, kept: vec![written(1, "good")] };
        for time in ["at once", "and for ever"] {
            assert_eq!(archive.advise("bad", Beginning::Fresh), back, "{time}");
        }
        assert_eq!(archive.advise("bad", Beginning::Succession), back);
        assert_eq!(archive.advise("bad ", Beginning::Fresh), Advice::Take, "other bytes are another configuration");
        assert_eq!((archive.number("bad "), archive.number("good")), (3, 1));
    }

    #[test]
    fn another_text_starts_while_the_one_that_died_goes_into_quarantine() {
        let (_folder, archive) = archive();
        archive.keep(&written(1, "good")).expect("a writable folder");
        archive.begin(&written(2, "bad")).expect("a writable folder");
        assert_eq!(archive.advise("mended", Beginning::Fresh), Advice::Take);
        assert_eq!(archive.quarantined(), [written(2, "bad")]);
    }

    #[test]
    fn where_there_is_nothing_to_go_back_to_it_is_tried_again() {
        let (_folder, archive) = archive();
        archive.begin(&written(1, "first")).expect("a writable folder");
        assert_eq!(archive.advise("first", Beginning::Fresh), Advice::Take);
        assert_eq!(archive.quarantined(), []);
        archive.withdraw(1).expect("a writable folder");
        archive.withdraw(1).expect("what is not there need not be removed");
    }

    #[test]
    fn quarantine_is_bounded_and_one_trial_is_the_only_one() {
        let (folder, archive) = archive();
        (1..=20).for_each(|n| archive.quarantine(&written(n, &n.to_string())).expect("a writable folder"));
        assert_eq!(archive.quarantined().len(), QUARANTINED_MAX);
        archive.begin(&written(21, "a")).expect("a writable folder");
        archive.begin(&written(22, "b")).expect("a writable folder");
        assert_eq!(archive.all(Fate::Trial), [written(22, "b")]);
        std::fs::write(folder.path().join("deeper/configuration.x.toml"), "no number").expect("written");
        assert_eq!(archive.kept(), []);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a writable folder");
        let archive = Archive::new(&file);
        assert!(archive.begin(&written(1, "a")).is_err() && archive.keep(&written(1, "a")).is_err());
        assert_eq!(archive.advise("a", Beginning::Fresh), Advice::Take);
    }
}
