//! The files of histories: `imported/HASH.json` in the data folder, each written whole and synced before the log names it.

use super::chapter::{Chapter, FILE_MAX};
use downbeat_core::incident::Digest;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The folder.
#[derive(Debug)]
pub(super) struct Shelf(PathBuf);

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The disk.
    #[error("cannot use {path}: {source}", path = path.display())]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what its name says.
    #[error("{path} is damaged: its hash is another one", path = .0.display())]
    Damaged(PathBuf),
    /// It is no history that this build knows.
    #[error("{path} is no history: {source}", path = path.display())]
    Strange {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Shelf {
    pub(super) fn at(data: &Path) -> Self {
        Self(data.join("imported"))
    }

    fn path(&self, file: Digest) -> PathBuf {
        self.0.join(format!("{file}.json"))
    }

    /// Reads a file, which has to be what its name says.
    pub(super) fn read(&self, file: Digest) -> Result<Chapter, ShelfError> {
        let path = self.path(file);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|source| ShelfError::Disk { path: path.clone(), source })?;
        if Digest::of(&bytes) != file {
            return Err(ShelfError::Damaged(path));
        }
        serde_json::from_slice(&bytes).map_err(|source| ShelfError::Strange { path, source })
    }

    /// Writes a file so that it is there whole, also after a power cut, or not at all.
    pub(super) fn write(&self, file: Digest, bytes: &[u8]) -> Result<(), ShelfError> {
        let path = self.path(file);
        let draft = path.with_extension("draft");
        let work = || {
            fs::create_dir_all(&self.0)?;
            let mut out = File::create(&draft)?;
            out.write_all(bytes)?;
            out.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(&self.0)?.sync_all()
        };
        work().map_err(|source| ShelfError::Disk { path: path.clone(), source })
    }

    /// Takes away all other files.
    pub(super) fn keep_only(&self, named: &BTreeSet<Digest>) -> Result<(), ShelfError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ShelfError::Disk { path, source }
        };
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed(&self.0))?,
        };
        for entry in entries {
            let path = entry.map_err(failed(&self.0))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_named = stem.and_then(|stem| stem.parse().ok()).is_some_and(|file: Digest| named.contains(&file));
            if !is_named || path.extension().is_none_or(|end| end != "json") {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chapter, story};
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says_or_refused() {
        let data = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::at(data.path());
        let told = chapter(vec![story("a", 3)]);
        let (file, bytes) = told.to_file().expect("small");
        shelf.write(file, &bytes).expect("written");
        shelf.write(file, &bytes).expect("a repeat is nothing new");
        assert_eq!(shelf.read(file).expect("read"), told);

        let strange = Digest::of(b"{}");
        shelf.write(strange, b"{}").expect("written");
        assert!(matches!(shelf.read(strange), Err(ShelfError::Strange { .. })));
        fs::write(shelf.path(file), "{}").expect("written");
        assert!(matches!(shelf.read(file), Err(ShelfError::Damaged(_))));
        assert!(matches!(shelf.read(Digest::of(b"x")), Err(ShelfError::Disk { .. })));

        shelf.keep_only(&[strange].into()).expect("tidied");
        assert_eq!(fs::read_dir(data.path().join("imported")).expect("there").count(), 1);
    }
}
