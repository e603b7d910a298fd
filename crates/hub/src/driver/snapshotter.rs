//! Keeps a snapshot of the book every some thousand records, on a thread of its own and beside everything else.

use crate::log::{LogReader, ReadError, Snapshots};
use downbeat_core::incident::Book;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Records between snapshots: a start folds so many at most, which takes some tens of milliseconds.
const EVERY: u64 = 10_000;

/// Keeps snapshots.
#[derive(Debug)]
pub(crate) struct Snapshotter {
    snapshots: Snapshots,
    log: LogReader,
    /// The last record of the newest snapshot, or of the last attempt at one.
    last: u64,
    writing: Option<JoinHandle<()>>,
}

/// Why a snapshot was not written.
#[derive(Debug, thiserror::Error)]
enum SaveError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("record {0} is not in the log")]
    Absent(u64),
    #[error("cannot write it")]
    Write(#[from] std::io::Error),
}

impl Snapshotter {
    /// Goes on after the newest snapshot there is.
    pub(crate) fn new(snapshots: Snapshots, log: LogReader) -> Self {
        let newest = snapshots.newest_first().ok().and_then(|found| found.first().map(|(seq, _)| *seq));
        Self { snapshots, log, last: newest.unwrap_or(0), writing: None }
    }

    /// Begins a snapshot when it is time for one and none is being written.
    pub(super) fn consider(&mut self, book: &Arc<Book>) {
        let is_writing = self.writing.as_ref().is_some_and(|task| !task.is_finished());
        if is_writing || book.last_seq < self.last + EVERY {
            return;
        }
        self.last = book.last_seq;
        let (snapshots, log, book) = (self.snapshots.clone(), self.log.clone(), Arc::clone(book));
        self.writing = Some(tokio::task::spawn_blocking(move || match save(&snapshots, &log, &book) {
            Ok(path) => tracing::info!(path = %path.display(), "a snapshot is written"),
            Err(error) => tracing::warn!(%error, "a snapshot could not be written; the log has everything"),
        }));
    }

    /// Waits for the one that is being written.
    pub(super) async fn stop(&mut self) {
        if let Some(writing) = self.writing.take() {
            drop(writing.await);
        }
    }
}

fn save(snapshots: &Snapshots, log: &LogReader, book: &Book) -> Result<PathBuf, SaveError> {
    let head = log.head_at(book.last_seq)?.ok_or(SaveError::Absent(book.last_seq))?;
    Ok(snapshots.save(head, book)?)
}
