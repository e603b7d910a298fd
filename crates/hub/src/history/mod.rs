//! Histories from elsewhere: what another status page told before this one took over, shown beside ours and never taken for it.
//!
//! Each lies in a file of its own beside the log, named by its hash; the log says which of them stand, and who brought them
//! (decision 30). What the log does not name is not shown. Nothing is decided by a history: it is read by the status page and
//! its API alone.

mod chapter;
mod shelf;
pub mod statuspage;

#[cfg(test)]
pub(crate) use chapter::testing;
pub use chapter::{
    Affected, BODY_MAX, Chapter, ChapterError, Comparison, FILE_MAX, Impact, Planned, STORIES_MAX, Standing, Status,
    Story, TITLE_MAX, TOUCHED_MAX, Touched, WORDS_MAX, Word, is_id, is_url,
};
pub use shelf::ShelfError;

use downbeat_core::incident::{Book, Digest};
use downbeat_core::model::Name;
use shelf::Shelf;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// All that stands beside our own history.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct History {
    chapters: Vec<Arc<Chapter>>,
    /// Chapter and story, the newest first; of two with the same id the first source's.
    order: Vec<(usize, usize)>,
}

/// A story with where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// The source.
    pub chapter: &'a Chapter,
    /// What it told.
    pub story: &'a Story,
}

impl History {
    /// These chapters as one history.
    pub fn of(chapters: Vec<Arc<Chapter>>) -> Self {
        let mut order: Vec<(usize, usize)> = Vec::new();
        let mut ids = BTreeSet::new();
        for (n, chapter) in chapters.iter().enumerate() {
            let fresh = chapter.stories.iter().enumerate().filter(|(_, story)| ids.insert(story.id.as_str()));
            order.extend(fresh.map(|(m, _)| (n, m)));
        }
        let at = |(n, m): &(usize, usize)| std::cmp::Reverse(chapters[*n].stories[*m].started_at);
        order.sort_by_key(at);
        Self { chapters, order }
    }

    /// The stories, the newest first by when they began.
    pub fn stories(&self) -> impl DoubleEndedIterator<Item = Past<'_>> {
        self.order.iter().map(|&(n, m)| Past { chapter: &self.chapters[n], story: &self.chapters[n].stories[m] })
    }

    /// By source.
    pub fn chapters(&self) -> impl Iterator<Item = &Chapter> {
        self.chapters.iter().map(Arc::as_ref)
    }
}

/// The files of the histories. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Histories(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shelf: Shelf,
    known: Mutex<BTreeMap<Digest, Arc<Chapter>>>,
    /// What stood when it was last asked for: whoever draws it sees by the pointer that nothing has changed.
    newest: Mutex<(BTreeMap<Name, Digest>, Arc<History>)>,
    /// One import at a time: each joins what stands.
    turn: tokio::sync::Mutex<()>,
}

impl Histories {
    /// The files in a data folder, and of them in memory what a book names. What is missing or damaged is said, and not shown.
    /// Blocks.
    pub(crate) fn open(data: &Path, book: &Book) -> Self {
        let shelf = Shelf::at(data);
        let mut known = BTreeMap::new();
        for (source, file) in &book.histories {
            match shelf.read(*file) {
                Ok(chapter) => drop(known.insert(*file, Arc::new(chapter))),
                Err(error) => tracing::error!(%source, %error, "an imported history is not shown: import it again"),
            }
        }
        Self(Arc::new(Shared { shelf, known: Mutex::new(known), newest: Mutex::default(), turn: Default::default() }))
    }

    /// What stands by a book.
    pub(crate) fn standing(&self, book: &Book) -> Arc<History> {
        let mut newest = self.0.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.0 != book.histories {
            let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
            let chapters = book.histories.values().filter_map(|file| known.get(file).cloned()).collect();
            *newest = (book.histories.clone(), Arc::new(History::of(chapters)));
        }
        Arc::clone(&newest.1)
    }

    /// Waits until no other import is under way.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// Joins a newer copy with what stands of its source, and writes it beside the log. It is shown once the log names it.
    ///
    /// # Errors
    /// [`KeepError`]; nothing has changed then.
    pub(crate) async fn keep(&self, book: &Book, newer: Chapter) -> Result<(Kept, Comparison), KeepError> {
        newer.check()?;
        let older = book.histories.get(&newer.source).and_then(|file| self.chapter(*file));
        let older = older.map_or_else(|| newer.empty(), |chapter| Chapter::clone(&chapter));
        let (chapter, comparison) = older.joined(newer);
        let (file, bytes) = chapter.to_file()?;
        let shared = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || shared.shelf.write(file, &bytes)).await;
        written.expect("writing a file does not panic")?;
        let chapter = Arc::new(chapter);
        if self.known().insert(file, Arc::clone(&chapter)).is_none() {
            // The log may name it already: it was missing or damaged, and is mended now.
            *self.0.newest.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
        }
        Ok((Kept { file, chapter }, comparison))
    }

    /// Takes away the files that a book does not name.
    pub(crate) async fn tidy(&self, book: &Book) {
        let named: BTreeSet<Digest> = book.histories.values().copied().collect();
        self.known().retain(|file, _| named.contains(file));
        let shared = Arc::clone(&self.0);
        let tidied = tokio::task::spawn_blocking(move || shared.shelf.keep_only(&named)).await;
        if let Err(error) = tidied.expect("removing files does not panic") {
            tracing::warn!(%error, "a history that no longer stands still lies on the disk");
        }
    }

    fn chapter(&self, file: Digest) -> Option<Arc<Chapter>> {
        self.known().get(&file).cloned()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Arc<Chapter>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chapter that lies beside the log.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// What names its file.
    pub(crate) file: Digest,
    /// What is in it.
    pub(crate) chapter: Arc<Chapter>,
}

/// Why a history was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// It is not one that may be.
    #[error(transparent)]
    Chapter(#[from] ChapterError),
    /// The disk does not take it.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

#[cfg(test)]
mod tests {
    use super::testing::{chapter, story};
    use super::*;

    #[test]
    fn stories_of_two_sources_stand_in_one_order() {
        let other =
            Chapter { source: Name::new("other").expect("good"), ..chapter(vec![story("c", 5), story("a", 9)]) };
        let history = History::of(vec![Arc::new(chapter(vec![story("b", 7), story("a", 3)])), Arc::new(other)]);
        let told: Vec<(&str, &str)> =
            history.stories().map(|it| (it.story.id.as_str(), it.chapter.source.as_str())).collect();
        assert_eq!(told, [("b", "srhpyqt94yxb"), ("c", "other"), ("a", "srhpyqt94yxb")]);
    }

    #[tokio::test]
    async fn what_the_log_does_not_name_is_not_shown() {
        let data = tempfile::tempdir().expect("a folder");
        let mut book = Book::default();
        let histories = Histories::open(data.path(), &book);
        let (kept, _) = histories.keep(&book, chapter(vec![story("a", 3)])).await.expect("kept");
        assert_eq!(histories.standing(&book).stories().count(), 0);
        book.histories.insert(kept.chapter.source.clone(), kept.file);
        let standing = histories.standing(&book);
        assert_eq!(standing.stories().count(), 1);
        assert!(Arc::ptr_eq(&standing, &histories.standing(&book)), "nothing has changed");

        let again = Histories::open(data.path(), &book);
        assert_eq!(*again.standing(&book), *standing, "after a restart too");
        let (joined, comparison) = again.keep(&book, chapter(vec![story("b", 4)])).await.expect("kept");
        assert_eq!((joined.chapter.stories.len(), comparison.new), (2, 1));
        again.tidy(&book).await;
        let only = Histories::open(data.path(), &book);
        assert_eq!(only.standing(&book).stories().count(), 1, "the one that the log names is still there");
        book.histories.insert(joined.chapter.source.clone(), joined.file);
        let gone = Histories::open(data.path(), &book);
        assert_eq!(gone.standing(&book).stories().count(), 0, "the other one is not");
    }
}
