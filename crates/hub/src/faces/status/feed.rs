//! The same story for feed readers: `/history.atom` (RFC 4287) and `/history.rss` (RSS 2.0).

use super::entry::Entry;
use super::phrases::Phrases;
use super::picture::Picture;
use crate::faces::stamp::Stamp;
use askama::Template;

/// Most entries of a feed.
const ENTRIES_MAX: usize = 50;

/// `/history.atom`
#[derive(Template)]
#[template(path = "status/history.atom", escape = "html")]
pub(super) struct AtomFeed<'a> {
    pub(super) feed: Feed<'a>,
}

/// `/history.rss`
#[derive(Template)]
#[template(path = "status/history.rss", escape = "html")]
pub(super) struct RssFeed<'a> {
    pub(super) feed: Feed<'a>,
}

/// What both of them tell.
#[derive(Debug)]
pub(super) struct Feed<'a> {
    picture: &'a Picture,
    entries: Vec<Entry<'a>>,
}

impl<'a> Feed<'a> {
    pub(super) fn of(picture: &'a Picture) -> Self {
        let mut entries = picture.entries();
        entries.truncate(ENTRIES_MAX);
        Self { picture, entries }
    }

    /// When anything last happened; the moment of drawing would make each fetch look new.
    fn updated_at(&self) -> Stamp {
        self.entries.iter().map(Entry::updated_at).max().unwrap_or(self.picture.drawn_at)
    }

    fn title(&self, entry: &Entry<'_>) -> String {
        Self::text(entry.title(&self.picture.language()))
    }

    fn words(&self, entry: &Entry<'_>) -> String {
        Self::text(&entry.words(Phrases::of(self.picture.language())))
    }

    fn service(&self) -> String {
        Self::text(&self.picture.service)
    }

    /// Without the characters that XML cannot carry, not even escaped.
    fn text(text: &str) -> String {
        let allowed = |c: &char| !matches!(c, '\u{fffe}' | '\u{ffff}') && (!c.is_control() || matches!(c, '\t' | '\n'));
        text.chars().filter(allowed).collect()
    }
}
