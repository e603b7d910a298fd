//! One page in one language: the picture, the phrases, and where the same page is in other languages.
//!
//! The page's own language is at the root, the others below their codes (`/de/history`). Feeds, the calendar, badges and the
//! API are there once, in the page's own language.

use super::phrases::Phrases;
use super::picture::Picture;
use downbeat_core::model::Language;
use std::ops::Deref;

/// A picture as one page tells it.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    picture: &'a Picture,
    /// What the page says of itself.
    pub(crate) t: &'static Phrases,
    /// The page's language.
    pub(crate) language: Language,
    /// Below the root of its language, without slashes at its ends: `incidents/3`; empty for the first page.
    path: String,
}

impl Deref for Told<'_> {
    type Target = Picture;

    fn deref(&self) -> &Picture {
        self.picture
    }
}

impl<'a> Told<'a> {
    pub(super) fn new(picture: &'a Picture, language: Language, path: &str) -> Self {
        Self { picture, t: Phrases::of(language), language, path: path.to_owned() }
    }

    /// What stands before the paths of pages in this language.
    pub(super) fn root(&self) -> String {
        root(self.picture, self.language)
    }

    /// The same page in every language that there is, if there are several.
    pub(super) fn versions(&self) -> Vec<(Language, String)> {
        let languages = &self.picture.languages;
        let version = |language: &Language| (*language, format!("{}/{}", root(self.picture, *language), self.path));
        if languages.len() > 1 { languages.iter().map(version).collect() } else { vec![] }
    }
}

/// `` for the page's own language, `/de` for another.
pub(super) fn root(picture: &Picture, language: Language) -> String {
    if language == picture.language() { String::new() } else { format!("/{language}") }
}
