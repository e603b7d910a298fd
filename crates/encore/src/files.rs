//! Small helpers for files that must be whole or absent, never half written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}", path = path.display())]
pub struct FileError {
    /// What was attempted: "write", "read", ...
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's answer.
    pub source: io::Error,
}

/// Names the attempt and the place on an I/O result.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|source| FileError { action, path: path.to_owned(), source })
    }
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Everybody,
    OwnerOnly,
}

/// Writes a file whole: to a temporary name beside it, flushed to disk, then renamed over the old one.
pub(crate) fn write_whole(path: &Path, content: &[u8], readers: Readers) -> Result<(), FileError> {
    let temporary = temporary_beside(path);
    let mode = if readers == Readers::OwnerOnly { 0o600 } else { 0o644 };
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().at("write", &temporary)?;
    put_in_place(&temporary, path)
}

/// Renames a finished temporary file to its name, and makes the name itself durable.
pub(crate) fn put_in_place(temporary: &Path, path: &Path) -> Result<(), FileError> {
    fs::rename(temporary, path).at("rename to", path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).at("flush", folder)
}

/// A name beside `path`, of this process and thread, that no listing of music files picks up.
pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{:?}.tmp", std::process::id(), std::thread::current().id()))
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of `content` as 64 lower-case hexadecimal digits.
pub(crate) fn sha256_hex(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// A short stable name made from several words; the separator keeps ("a", "bc") and ("ab", "c") apart.
pub(crate) fn short_id(words: &[&str]) -> String {
    let mut digest = sha256_hex(words.join("\u{1f}").as_bytes());
    digest.truncate(16);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_behind() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("catalogue.json");
        write_whole(&path, b"old and longer", Readers::Everybody)?;
        write_whole(&path, b"new", Readers::OwnerOnly)?;
        assert_eq!(fs::read(&path)?, b"new");
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn an_error_names_the_attempt_and_the_place() {
        let error = write_whole(Path::new("/nowhere/at/all"), b"", Readers::Everybody).expect_err("no such folder");
        assert!(error.to_string().starts_with("write /nowhere/at/"), "{error}");
    }

    #[test]
    fn short_ids_keep_word_boundaries() {
        assert_ne!(short_id(&["a", "bc"]), short_id(&["ab", "c"]));
        assert_eq!(short_id(&["a"]).len(), 16);
    }
}
