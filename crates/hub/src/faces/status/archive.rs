//! The pages of what other pages told: they change when something is imported, and only then are they drawn.

use super::pages::{MonthPage, PastPage};
use super::picture::Picture;
use super::site::{DrawError, File, Kind, page_path};
use super::told::Told;
use crate::history::History;
use askama::Template;
use downbeat_core::model::Language;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The files, and of which history they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Archive {
    of: Arc<History>,
    files: Arc<BTreeMap<String, File>>,
}

impl Archive {
    /// The archive of a picture: the one before, as long as nothing else was imported. What else is on these pages, the
    /// configuration says, which no hub changes.
    pub(super) fn draw(picture: &Picture, before: Option<&Self>) -> Result<Self, DrawError> {
        match before {
            Some(before) if Arc::ptr_eq(&before.of, &picture.archive) => Ok(before.clone()),
            _ => {
                let mut files = BTreeMap::new();
                picture.languages.iter().try_for_each(|language| draw_in(picture, *language, &mut files))?;
                Ok(Self { of: Arc::clone(&picture.archive), files: Arc::new(files) })
            }
        }
    }

    pub(super) fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }
}

fn draw_in(picture: &Picture, language: Language, files: &mut BTreeMap<String, File>) -> Result<(), DrawError> {
    let mut put = |path: &str, html: String| {
        files.insert(page_path(picture, language, path), File { kind: Kind::Html, body: html.into() });
    };
    for past in picture.archive.stories() {
        let path = past.path();
        let path = path.trim_start_matches('/');
        put(path, PastPage { picture: Told::new(picture, language, path), past }.render()?);
    }
    for month in picture.months().iter().filter(|month| month.is_past()) {
        let path = format!("history/{}", month.key);
        put(&path, MonthPage { picture: Told::new(picture, language, &path), month }.render()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::{claim::Claims, story};
    use super::*;

    #[test]
    fn nothing_is_drawn_again_before_something_else_is_imported() {
        let mut snapshot = story::moved();
        let picture = Picture::of(&snapshot, &Claims::new());
        let first = Archive::draw(&picture, None).expect("drawn");
        assert!(first.files().contains_key("incidents/kctbh9vrtdwd/index.html"), "{:?}", first.files().keys());
        let again = Archive::draw(&Picture::of(&snapshot, &Claims::new()), Some(&first)).expect("drawn");
        assert!(Arc::ptr_eq(&again.files, &first.files));
        snapshot.history = Arc::default();
        let gone = Archive::draw(&Picture::of(&snapshot, &Claims::new()), Some(&first)).expect("drawn");
        assert!(gone.files().is_empty());
    }
}
