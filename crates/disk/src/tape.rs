//! What was done to the files of a directory, and what a power cut in its midst would have left of them.

use crate::Chance;
use std::collections::BTreeMap;
use std::path::Path;

/// The files of a directory by their names, with their bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One operation on one file.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate(usize),
    Sync,
    /// A sync that reported an error: what it should have written is lost, or not.
    SyncFailed,
    /// Removed; with the folder synced, or not.
    Remove {
        synced: bool,
    },
}

/// Operations in their order.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    before: Files,
    operations: Vec<(String, Operation)>,
}

impl Tape {
    pub(crate) fn holding(files: &Files) -> Self {
        Self { before: files.clone(), operations: Vec::new() }
    }

    pub(crate) fn push(&mut self, file: &str, operation: Operation) {
        self.operations.push((file.into(), operation));
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// True when nothing was done.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What is on the disk when the power is cut after so many operations: one of the ways that chance may choose.
    pub fn cut(&self, after: usize, chance: &mut Chance) -> Files {
        let mut platters: BTreeMap<&str, Platter> = BTreeMap::new();
        for (name, bytes) in &self.before {
            platters.insert(name, Platter { there: Some(bytes.clone()), is_named: true, ..Platter::default() });
        }
        for (name, operation) in &self.operations[..after] {
            let platter = platters.entry(name).or_default();
            let is_new = !platter.is_named;
            platter.take(operation, chance);
            // SQLite syncs the folder with the first sync of a new file, and with that all removals in it.
            if is_new && matches!(operation, Operation::Sync) {
                platters.values_mut().for_each(|platter| platter.removed = None);
            }
        }
        // How much of what was not synced is kept: nothing, all, or something in between.
        let kept = [0, 25, 50, 75, 100][chance.below(5)];
        let mut files = Files::new();
        for (name, platter) in platters {
            files.extend(platter.left(kept, chance).map(|bytes| (name.to_owned(), bytes)));
        }
        files
    }

    /// What an operation is, for the report of a failure.
    pub fn describe(&self, operation: usize) -> String {
        match self.operations.get(operation) {
            Some((file, Operation::Write { offset, bytes })) => format!("write {} at {offset} of {file}", bytes.len()),
            Some((file, other)) => format!("{other:?} of {file}"),
            None => "the end".into(),
        }
    }
}

/// One file on the disk.
#[derive(Debug, Default)]
struct Platter {
    /// What is there for certain.
    there: Option<Vec<u8>>,
    /// True once its folder was synced with its name in it.
    is_named: bool,
    /// Writes and truncations since the last sync.
    unsynced: Vec<Operation>,
    /// What was there before a removal that was not synced.
    removed: Option<Vec<u8>>,
}

impl Platter {
    fn take(&mut self, operation: &Operation, chance: &mut Chance) {
        match operation {
            Operation::Write { .. } | Operation::Truncate(_) => self.unsynced.push(operation.clone()),
            Operation::Sync => {
                self.settle(|_| true);
                self.is_named = true;
            }
            Operation::SyncFailed => self.settle(|_| chance.percent(50)),
            Operation::Remove { synced } => {
                let bytes = self.there.take();
                self.removed = if *synced { None } else { bytes.filter(|_| self.is_named).or(self.removed.take()) };
                self.unsynced.clear();
                self.is_named = false;
            }
        }
    }

    /// Writes down what was not synced yet, as far as it is `kept`.
    fn settle(&mut self, mut kept: impl FnMut(&Operation) -> bool) {
        let bytes = self.there.get_or_insert_default();
        self.unsynced.drain(..).filter(|operation| kept(operation)).for_each(|operation| carry_out(bytes, &operation));
    }

    /// What a power cut leaves.
    fn left(mut self, kept: u64, chance: &mut Chance) -> Option<Vec<u8>> {
        if !self.is_named && chance.percent(50) {
            return self.removed;
        }
        let mut survivors: Vec<Operation> = self.unsynced.drain(..).filter(|_| chance.percent(kept)).collect();
        if let Some(Operation::Write { bytes, .. }) = survivors.last_mut() {
            bytes.truncate(chance.below(bytes.len() + 1));
        }
        if self.there.is_none() && survivors.is_empty() {
            return None;
        }
        let bytes = self.there.get_or_insert_default();
        survivors.iter().for_each(|operation| carry_out(bytes, operation));
        self.there
    }
}

fn carry_out(file: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Write { offset, bytes } => {
            let end = offset + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[*offset..end].copy_from_slice(bytes);
        }
        Operation::Truncate(size) => file.truncate(*size),
        Operation::Sync | Operation::SyncFailed | Operation::Remove { .. } => {}
    }
}

/// The name by which a tape knows a file, where it lies in this folder.
pub(crate) fn name_in(folder: &Path, file: &Path) -> Option<String> {
    let name = file.strip_prefix(folder).ok()?;
    (name.components().count() == 1).then(|| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: usize, text: &str) -> Operation {
        Operation::Write { offset, bytes: text.into() }
    }

    fn tape(operations: Vec<Operation>) -> Tape {
        Tape { before: Files::new(), operations: operations.into_iter().map(|op| ("f".into(), op)).collect() }
    }

    /// Everything that a cut at the end may leave, over many seeds.
    fn outcomes(operations: Vec<Operation>) -> std::collections::BTreeSet<Option<String>> {
        let tape = tape(operations);
        let cut = |seed| {
            tape.cut(tape.len(), &mut Chance::seeded(seed)).remove("f").map(|b| String::from_utf8(b).expect("text"))
        };
        (0..500).map(cut).collect()
    }

    fn texts<const N: usize>(list: [Option<&str>; N]) -> std::collections::BTreeSet<Option<String>> {
        list.map(|text| text.map(String::from)).into()
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_may() {
        assert_eq!(outcomes(vec![write(0, "ab"), Operation::Sync]), texts([Some("ab")]));
        assert_eq!(outcomes(vec![write(0, "ab")]), texts([None, Some(""), Some("a"), Some("ab")]));
        let later = outcomes(vec![write(0, "ab"), Operation::Sync, write(0, "c"), write(1, "d")]);
        assert_eq!(later, texts([Some("ab"), Some("cb"), Some("ad"), Some("cd")]));
    }

    #[test]
    fn a_failed_sync_loses_for_good_what_it_loses() {
        let operations = vec![write(0, "a"), Operation::Sync, write(0, "b"), Operation::SyncFailed, Operation::Sync];
        assert_eq!(outcomes(operations), texts([Some("a"), Some("b")]));
    }

    #[test]
    fn a_removal_may_come_undone() {
        let removed = |synced| outcomes(vec![write(0, "a"), Operation::Sync, Operation::Remove { synced }]);
        assert_eq!(removed(true), texts([None]));
        assert_eq!(removed(false), texts([None, Some("a")]));
        let mut tape = tape(vec![write(0, "a"), Operation::Sync, Operation::Remove { synced: false }]);
        tape.push("g", write(0, "b"));
        tape.push("g", Operation::Sync);
        let is_back = |seed| tape.cut(tape.len(), &mut Chance::seeded(seed)).contains_key("f");
        assert!(!(0..50).any(is_back), "a new file's sync is one of the folder");
    }
}
