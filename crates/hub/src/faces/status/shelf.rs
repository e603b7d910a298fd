//! The site on disk: each file replaced whole, so that whoever serves the folder while the hub is dead, or is
//! being written to, never serves half a page (invariant C5).

use super::site::{File, Site};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder, and what is known to lie in it.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    written: BTreeMap<String, Bytes>,
}

/// Why a file is not on the shelf.
#[derive(Debug, thiserror::Error)]
#[error("write {path}: {source}", path = path.display())]
pub struct ShelfError {
    path: PathBuf,
    source: std::io::Error,
}

impl Shelf {
    /// The shelf in this folder, which need not exist yet.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder, written: BTreeMap::new() }
    }

    /// Writes what differs from last time. What one failure leaves out is tried again next time.
    ///
    /// # Errors
    /// The first file that could not be written; those before it are.
    pub(crate) fn put(&mut self, site: &Site) -> Result<(), ShelfError> {
        for (path, file) in site.files() {
            if self.written.get(path) != Some(&file.body) {
                replace(&self.folder.join(path), file)?;
                self.written.insert(path.to_owned(), file.body.clone());
            }
        }
        Ok(())
    }
}

/// No fsync: after a power cut the site is drawn anew, and a page of a second ago is as good until then.
fn replace(path: &Path, file: &File) -> Result<(), ShelfError> {
    let failed = |source| ShelfError { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    std::fs::write(&draft, &file.body).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::super::{claim::Claims, story};
    use super::super::picture::Picture;
    use super::*;
    use downbeat_core::incident::State;

    fn site(state: State) -> Site {
        Site::draw(&Picture::of(&story::in_state(state), &Claims::new()), None).expect("the story can be drawn")
    }

    #[test]
    fn every_file_lies_there_and_only_changed_ones_are_written_again() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut shelf = Shelf::at(folder.path().join("status"));
        shelf.put(&site(State::Confirmed))?;
        let index = folder.path().join("status/index.html");
        assert!(std::fs::read_to_string(&index)?.contains("Playback problems in Europe"));
        assert!(folder.path().join("status/incidents/3/index.html").exists());
        assert!(folder.path().join("status/api/v2/summary.json").exists());

        std::fs::write(folder.path().join("status/status.css"), "as it was")?;
        shelf.put(&site(State::Resolved))?;
        assert!(std::fs::read_to_string(&index)?.contains("All Systems Operational"));
        assert_eq!(std::fs::read_to_string(folder.path().join("status/status.css"))?, "as it was");
        Ok(())
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_tried_again() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let blocked = folder.path().join("status");
        std::fs::write(&blocked, "a file where the folder should be")?;
        let mut shelf = Shelf::at(blocked.clone());
        let error = shelf.put(&site(State::Confirmed)).expect_err("there is a file in the way");
        assert!(error.to_string().contains("status"), "{error}");
        std::fs::remove_file(&blocked)?;
        shelf.put(&site(State::Confirmed))?;
        assert!(blocked.join("index.html").exists());
        Ok(())
    }
}
