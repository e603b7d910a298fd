//! What a child process says: kept in a file that stays small, with the warnings remembered.

use crate::progress::Progress;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log file grows to this size, in bytes, and is then put aside once; the one before that goes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Lines remembered for messages.
const TAIL_LINES: usize = 12;

/// Warnings remembered.
const WARNINGS_MAX: usize = 50;

#[derive(Debug)]
struct Inner {
    file: File,
    bytes: u64,
    tail: VecDeque<String>,
    warnings: VecDeque<String>,
}

/// The log of one child process and of those that follow it under the same name.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    aloud: Option<Arc<Progress>>,
    inner: Mutex<Inner>,
}

impl Log {
    /// Begins an empty file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let inner = Inner {
            file: File::create(path)?,
            bytes: 0,
            tail: VecDeque::with_capacity(TAIL_LINES),
            warnings: VecDeque::new(),
        };
        Ok(Self { path: path.to_owned(), aloud: None, inner: Mutex::new(inner) })
    }

    /// Also says each line as progress.
    pub(super) fn aloud(mut self, progress: &Arc<Progress>) -> Self {
        self.aloud = Some(Arc::clone(progress));
        self
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a line. A disk that takes no more costs the log, not the drill.
    pub(super) fn keep(&self, line: &str) {
        if let Some(progress) = &self.aloud {
            progress.say(line);
        }
        let mut inner = self.lock();
        if inner.bytes > FILE_BYTES_MAX && self.turn(&mut inner).is_err() {
            return;
        }
        if writeln!(inner.file, "{line}").is_ok() {
            inner.bytes += line.len() as u64 + 1;
        }
        push(&mut inner.tail, line, TAIL_LINES);
        if is_warning(line) {
            push(&mut inner.warnings, line, WARNINGS_MAX);
        }
    }

    fn turn(&self, inner: &mut Inner) -> io::Result<()> {
        std::fs::rename(&self.path, self.path.with_extension("old.log"))?;
        inner.file = File::create(&self.path)?;
        inner.bytes = 0;
        Ok(())
    }

    /// The last lines.
    pub(super) fn tail(&self) -> String {
        self.lock().tail.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// Warnings and errors since the last time that this was asked.
    pub(super) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().warnings).into()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Lines are whole after every statement, whoever panicked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(lines: &mut VecDeque<String>, line: &str, max: usize) {
    if lines.len() == max {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

/// True for lines of level WARN or ERROR, in plain and in JSON form.
fn is_warning(line: &str) -> bool {
    let plain = line.split_whitespace().take(2).any(|word| matches!(word, "WARN" | "ERROR"));
    plain || line.contains(r#""level":"WARN""#) || line.contains(r#""level":"ERROR""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stays_small_and_warnings_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::create(&folder.path().join("hub.log")).expect("a file");
        let line = "x".repeat(100_000);
        for _ in 0..100 {
            log.keep(&line);
        }
        let bytes: u64 = std::fs::read_dir(folder.path())
            .expect("readable")
            .map(|entry| entry.and_then(|e| e.metadata()).expect("metadata").len())
            .sum();
        assert!(bytes < 3 * FILE_BYTES_MAX, "{bytes} bytes for 10 MB of lines");
        log.keep("2026-11-22T12:00:00Z  WARN hub: disk is slow");
        log.keep(r#"{"timestamp":"…","level":"ERROR","message":"no"}"#);
        log.keep("2026-11-22T12:00:00Z  INFO hub: somebody said WARN");
        assert_eq!(log.take_warnings().len(), 2);
        assert!(log.tail().ends_with("said WARN"));
    }
}
