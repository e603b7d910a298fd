//! One page in one language: the picture, the phrases, and where the same page is in other languages.
//!
//! The page's own language is at the root, the others below their codes (`/de/history`). Pages that the hub answers by itself
//! are at one address each, which may name a language (`/report?language=de`) and else goes by the reader's own. Feeds, the
//! calendar, badges and the API are there once, in the page's own language.

use super::phrases::{Phrases, fill};
use super::picture::Picture;
use crate::settings::Category;
use downbeat_core::model::Language;
use std::ops::Deref;

/// A picture as one page tells it.
#[derive(Debug, Clone)]
pub(crate) struct Told<'a> {
    picture: &'a Picture,
    /// What the page says of itself.
    pub(crate) t: &'static Phrases,
    /// The page's language.
    pub(crate) language: Language,
    place: Place,
}

/// How the same page is found in another language.
#[derive(Debug, Clone)]
enum Place {
    /// Below the root of its language, without slashes at its ends: `incidents/3`; empty for the first page.
    Drawn(String),
    /// At one address, which is told the language.
    Answered(String),
}

impl Deref for Told<'_> {
    type Target = Picture;

    fn deref(&self) -> &Picture {
        self.picture
    }
}

impl<'a> Told<'a> {
    /// A page that is a file.
    pub(super) fn new(picture: &'a Picture, language: Language, path: &str) -> Self {
        Self { picture, t: Phrases::of(language), language, place: Place::Drawn(path.to_owned()) }
    }

    /// A page that the hub answers by itself, at this path.
    pub(crate) fn answered(picture: &'a Picture, language: Language, path: &str) -> Self {
        Self { place: Place::Answered(path.to_owned()), ..Self::new(picture, language, "") }
    }

    /// What stands before the paths of pages in this language.
    pub(super) fn root(&self) -> String {
        self.picture.root_of(self.language)
    }

    /// The same page in every language that there is, if there are several.
    pub(super) fn versions(&self) -> Vec<(Language, String)> {
        let languages = &self.picture.languages;
        let version = |language: &Language| (*language, self.version(*language));
        if languages.len() > 1 { languages.iter().map(version).collect() } else { vec![] }
    }

    fn version(&self, language: Language) -> String {
        match &self.place {
            Place::Drawn(path) => format!("{}/{path}", self.picture.root_of(language)),
            Place::Answered(path) => {
                let mark = if path.contains('?') { '&' } else { '?' };
                format!("{path}{mark}language={language}")
            }
        }
    }

    /// What stands on the button of a category, and in which language: the operator's words in this one, or built-in ones, or
    /// the operator's in the page's own.
    pub(super) fn category(&self, category: &Category) -> (String, Language) {
        if let Some(said) = category.titles.get(&self.language) {
            return (said.clone(), self.language);
        }
        let title = category.component.as_ref().map(|component| self.picture.title_of(component));
        let built_in = match (&category.component, title) {
            (Some(component), Some(title)) => Category::does_not_work(component, title),
            _ => Category::something_else(),
        };
        match title {
            _ if *category != built_in => (category.title.clone(), self.picture.language()),
            Some(title) => (fill(self.t.reporting.does_not_work, &[title]), self.language),
            None => (self.t.reporting.something_else.to_owned(), self.language),
        }
    }

    /// Where strangers may subscribe, in this language.
    pub(super) fn subscribe_at(&self) -> Option<String> {
        self.picture.subscribe.as_ref().map(|url| format!("{url}?language={}", self.language))
    }
}
