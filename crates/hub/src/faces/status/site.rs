//! The whole public site as files: drawn from one picture, held in memory, and written to disk as it is.

use super::archive::Archive;
use super::badge::{self, Badge};
use super::feed::{AtomFeed, Feed, RssFeed};
use super::pages::{EmbedPage, HistoryPage, IncidentPage, IndexPage, MaintenancePage, MonthPage, NotFoundPage};
use super::picture::Picture;
use super::told::Told;
use crate::faces::assets;
use crate::theme::LogoKind;
use askama::Template;
use bytes::Bytes;
use downbeat_core::model::Language;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

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
    /// A picture drawn by lines.
    Svg,
    /// A picture.
    Png,
    /// A picture.
    Jpeg,
    /// A picture.
    Webp,
}

impl Kind {
    /// By the end of a file's name; `None` for what is no part of a site.
    fn of(path: &str) -> Option<Self> {
        Some(match path.rsplit_once('.')?.1 {
            "html" => Self::Html,
            "json" => Self::Json,
            "atom" => Self::Atom,
            "rss" => Self::Rss,
            "ics" => Self::Calendar,
            "css" => Self::Css,
            "js" => Self::Js,
            "svg" => Self::Svg,
            "png" => Self::Png,
            "jpg" => Self::Jpeg,
            "webp" => Self::Webp,
            _ => return None,
        })
    }

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
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl From<LogoKind> for Kind {
    fn from(kind: LogoKind) -> Self {
        match kind {
            LogoKind::Svg => Self::Svg,
            LogoKind::Png => Self::Png,
            LogoKind::Jpeg => Self::Jpeg,
            LogoKind::Webp => Self::Webp,
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
    /// What other pages told; a file of ours at the same path goes before.
    archive: Archive,
}

/// A site that is being drawn.
struct Draft<'a> {
    files: BTreeMap<String, File>,
    /// The one that was drawn last.
    before: Option<&'a Site>,
}

/// By how much a file may grow from one drawing to the next before it has to move: a thirty-second part.
const ROOM_MORE: usize = 32;
/// The operator's colours, where there are any.
const THEME_CSS: &str = "theme.css";
/// The page for what is not there.
pub(super) const NOT_FOUND: &str = "404.html";

impl Site {
    /// Draws everything; `before` is the site as it was drawn last.
    ///
    /// # Errors
    /// When a template cannot be written out.
    pub(crate) fn draw(picture: &Picture, before: Option<&Self>) -> Result<Self, DrawError> {
        let archive = Archive::draw(picture, before.map(|site| &site.archive))?;
        let mut site = Draft { files: BTreeMap::new(), before };
        picture.languages.iter().try_for_each(|language| site.pages(picture, *language))?;
        site.page(NOT_FOUND, &NotFoundPage { picture: Told::new(picture, picture.language(), "") })?;
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
        if let Some(css) = picture.theme.css() {
            site.put(THEME_CSS, Kind::Css, css);
        }
        if let Some(logo) = &picture.theme.logo {
            site.put(logo.path(), logo.kind.into(), logo.bytes.clone());
        }
        site.put("status.js", Kind::Js, assets::STATUS_JS);
        site.put("embed.js", Kind::Js, assets::EMBED_JS);
        site.put("report.js", Kind::Js, assets::REPORT_JS);
        site.put("favicon.svg", Kind::Svg, assets::FAVICON);
        Ok(Self { files: site.files, archive })
    }

    /// A site as it lies on disk; what is none of its files is passed over.
    ///
    /// # Errors
    /// When a folder or a file cannot be read.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut site = Self::default();
        let mut folders = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = format!("{prefix}{name}");
                if entry.file_type()?.is_dir() {
                    folders.push((entry.path(), format!("{path}/")));
                } else if let Some(kind) = Kind::of(&path) {
                    let body = std::fs::read(entry.path())?.into();
                    site.files.insert(path, File { kind, body });
                }
            }
        }
        Ok(site)
    }

    /// All files with their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        let past = self.archive.files().iter().filter(|(path, _)| !self.files.contains_key(*path));
        self.files.iter().chain(past).map(|(path, file)| (path.as_str(), file))
    }
}

impl Draft<'_> {
    /// All pages of a language.
    fn pages(&mut self, picture: &Picture, language: Language) -> Result<(), DrawError> {
        let told = |path: &str| Told::new(picture, language, path);
        let file = |path: &str| page_path(picture, language, path);
        self.page(&file(""), &IndexPage { picture: told("") })?;
        self.page(&file("embed"), &EmbedPage { picture: told("embed") })?;
        let months = picture.months();
        self.page(&file("history"), &HistoryPage { picture: told("history"), months: &months })?;
        for month in months.iter().filter(|month| !month.is_past()) {
            let path = format!("history/{}", month.key);
            self.page(&file(&path), &MonthPage { picture: told(&path), month })?;
        }
        for incident in &picture.incidents {
            let path = format!("incidents/{}", incident.id);
            self.page(&file(&path), &IncidentPage { picture: told(&path), incident })?;
        }
        for work in &picture.maintenances {
            let path = format!("maintenance/{}", work.number);
            self.page(&file(&path), &MaintenancePage { picture: told(&path), work })?;
        }
        Ok(())
    }

    fn page(&mut self, path: &str, page: &impl Template) -> Result<(), DrawError> {
        let mut html = String::with_capacity(self.room(path));
        page.render_into(&mut html)?;
        self.put(path, Kind::Html, html);
        Ok(())
    }

    fn json(&mut self, path: &str, answer: &impl Serialize) -> Result<(), DrawError> {
        let mut json = Vec::with_capacity(self.room(path));
        serde_json::to_writer(&mut json, answer)?;
        self.put(path, Kind::Json, json);
        Ok(())
    }

    fn put(&mut self, path: &str, kind: Kind, body: impl Into<Bytes>) {
        let file = File { kind, body: body.into() };
        // What says the same stays where it lies, and the new copy goes at once.
        let file = self.before(path).filter(|before| **before == file).cloned().unwrap_or(file);
        self.files.insert(path.to_owned(), file);
    }

    /// As many bytes as the file had last, and some more: one that grows by doubling is held three times over meanwhile.
    fn room(&self, path: &str) -> usize {
        let last = self.before(path).map_or(0, |before| before.body.len());
        last + last / ROOM_MORE
    }

    fn before(&self, path: &str) -> Option<&File> {
        self.before.and_then(|site| site.files.get(path))
    }
}

/// Where a page lies: below the folder of its language.
pub(super) fn page_path(picture: &Picture, language: Language, path: &str) -> String {
    let root = picture.root_of(language);
    let parts = [root.trim_start_matches('/'), path, "index.html"];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
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
