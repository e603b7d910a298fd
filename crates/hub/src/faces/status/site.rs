//! The whole public site as files: drawn from one picture, held in memory, and written to disk as it is.

use super::badge::{self, Badge};
use super::feed::{AtomFeed, Feed, RssFeed};
use super::pages::{EmbedPage, HistoryPage, IncidentPage, IndexPage, MaintenancePage, MonthPage, NotFoundPage};
use super::picture::Picture;
use crate::faces::assets;
use askama::Template;
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page.
    Html,
    /// An answer of the API.
    Json,
    /// A feed.
    Atom,
    /// A feed of the older kind.
    Rss,
    /// A calendar.
    Calendar,
    /// A style sheet.
    Css,
    /// A script.
    Js,
    /// A picture.
    Svg,
}

impl Kind {
    /// The `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Rss => "application/rss+xml; charset=utf-8",
            Self::Calendar => "text/calendar; charset=utf-8",
            Self::Css => "text/css; charset=utf-8",
            Self::Js => "text/javascript; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// What it is.
    pub(crate) kind: Kind,
    /// What is in it.
    pub(crate) body: Bytes,
}

/// All files by path, without a slash at the start. A page `a` is the file `a/index.html`, so that any server of
/// static files finds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Site {
    files: BTreeMap<String, File>,
}

/// The page for what is not there.
const NOT_FOUND: &str = "404.html";

impl Site {
    /// Draws everything.
    ///
    /// # Errors
    /// When a template cannot be written out.
    pub(crate) fn draw(picture: &Picture) -> Result<Self, DrawError> {
        let mut site = Self::default();
        site.page("index.html", &IndexPage { picture })?;
        site.page("embed/index.html", &EmbedPage { picture })?;
        let months = picture.months();
        site.page("history/index.html", &HistoryPage { picture, months: &months })?;
        for month in &months {
            site.page(&format!("history/{}/index.html", month.key), &MonthPage { picture, month })?;
        }
        site.page(NOT_FOUND, &NotFoundPage { picture })?;
        for incident in &picture.incidents {
            let path = format!("incidents/{}/index.html", incident.id);
            site.page(&path, &IncidentPage { picture, incident })?;
        }
        for work in &picture.maintenances {
            let path = format!("maintenance/{}/index.html", work.number);
            site.page(&path, &MaintenancePage { picture, work })?;
        }
        site.put("history.atom", Kind::Atom, AtomFeed { feed: Feed::of(picture) }.render()?);
        site.put("history.rss", Kind::Rss, RssFeed { feed: Feed::of(picture) }.render()?);
        site.put("maintenance.ics", Kind::Calendar, picture.calendar());
        site.put("badge.svg", Kind::Svg, Badge::of_service(picture).render()?);
        for line in &picture.components {
            site.put(&badge::path(&line.name), Kind::Svg, Badge::of_component(line).render()?);
        }
        site.json("api/v2/summary.json", &picture.summary())?;
        site.json("api/v2/status.json", &picture.status())?;
        site.json("api/v2/components.json", &picture.components_answer())?;
        site.json("api/v2/incidents.json", &picture.all_incidents())?;
        site.json("api/v2/incidents/unresolved.json", &picture.unresolved_incidents())?;
        site.json("api/v2/scheduled-maintenances.json", &picture.all_maintenances())?;
        site.json("api/v2/scheduled-maintenances/upcoming.json", &picture.upcoming_maintenances())?;
        site.json("api/v2/scheduled-maintenances/active.json", &picture.active_maintenances())?;
        site.put("status.css", Kind::Css, assets::STATUS_CSS);
        site.put("status.js", Kind::Js, assets::STATUS_JS);
        site.put("embed.js", Kind::Js, assets::EMBED_JS);
        site.put("favicon.svg", Kind::Svg, assets::FAVICON);
        Ok(site)
    }

    /// The file that a request path means.
    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        let path = path.trim_matches('/');
        let page = if path.is_empty() { "index.html".to_owned() } else { format!("{path}/index.html") };
        self.files.get(path).or_else(|| self.files.get(&page))
    }

    /// What to answer when there is none.
    pub(crate) fn not_found(&self) -> Option<&File> {
        self.files.get(NOT_FOUND)
    }

    /// All files with their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    fn page(&mut self, path: &str, page: &impl Template) -> Result<(), DrawError> {
        self.put(path, Kind::Html, page.render()?);
        Ok(())
    }

    fn json(&mut self, path: &str, answer: &impl Serialize) -> Result<(), DrawError> {
        self.put(path, Kind::Json, serde_json::to_vec(answer)?);
        Ok(())
    }

    fn put(&mut self, path: &str, kind: Kind, body: impl Into<Bytes>) {
        self.files.insert(path.to_owned(), File { kind, body: body.into() });
    }
}

/// Why the site could not be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrawError {
    /// A page.
    #[error("draw a page of the status site")]
    Page(#[from] askama::Error),
    /// An answer of the API.
    #[error("write an answer of the status API")]
    Json(#[from] serde_json::Error),
}
