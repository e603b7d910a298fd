//! The pages of the public site: a struct each, drawn by the template of the same name.

use super::maintenance::PublicMaintenance;
use super::picture::{Measured, Picture, Promise, PublicIncident};
use crate::faces::claim::Indicator;
use crate::faces::html::Html;
use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use askama::Template;

/// `/`: how it is now.
#[derive(Template)]
#[template(path = "status/index.html")]
pub(super) struct IndexPage<'a> {
    pub(super) picture: &'a Picture,
}

impl IndexPage<'_> {
    /// How the banner is shown: what is not measured is never green.
    fn tone(&self) -> Tone {
        match self.picture.indicator {
            Indicator::None if !self.picture.measured.is_fresh() => Tone::Unknown,
            indicator => indicator.tone(),
        }
    }

    fn headline(&self) -> &'static str {
        match self.tone() {
            Tone::Unknown => "No current measurements",
            _ => self.picture.indicator.description(),
        }
    }
}

/// `/incidents/{id}`: one incident.
#[derive(Template)]
#[template(path = "status/incident.html")]
pub(super) struct IncidentPage<'a> {
    pub(super) picture: &'a Picture,
    pub(super) incident: &'a PublicIncident,
}

/// `/maintenance/{id}`: one maintenance.
#[derive(Template)]
#[template(path = "status/maintenance.html")]
pub(super) struct MaintenancePage<'a> {
    pub(super) picture: &'a Picture,
    pub(super) work: &'a PublicMaintenance,
}

/// `/history`: all of them.
#[derive(Template)]
#[template(path = "status/history.html")]
pub(super) struct HistoryPage<'a> {
    pub(super) picture: &'a Picture,
}

/// Whatever is not there.
#[derive(Template)]
#[template(path = "status/not_found.html")]
pub(super) struct NotFoundPage<'a> {
    pub(super) picture: &'a Picture,
}

/// `/history.atom`: the same for feed readers.
#[derive(Template)]
#[template(path = "status/history.atom", escape = "html")]
pub(super) struct Feed<'a> {
    pub(super) picture: &'a Picture,
}

impl Feed<'_> {
    /// When anything last happened; the moment of drawing would make each fetch look new.
    fn updated_at(&self) -> Stamp {
        self.picture.incidents.iter().map(|i| i.updated_at).max().unwrap_or(self.picture.drawn_at)
    }

    fn entry(&self, incident: &PublicIncident) -> String {
        let words = |update: &super::picture::Update| {
            format!(
                "<p><strong>{}</strong>, {}</p>\n{}",
                update.stage.title(),
                update.at.full(),
                Html::from_markdown(&update.body)
            )
        };
        Self::text(&incident.updates.iter().map(words).collect::<Vec<_>>().join("\n"))
    }

    /// Without the control characters that XML cannot carry, not even escaped.
    fn text(text: &str) -> String {
        let allowed = |c: &char| !matches!(c, '\u{fffe}' | '\u{ffff}') && (!c.is_control() || matches!(c, '\t' | '\n'));
        text.chars().filter(allowed).collect()
    }
}

/// `/reported`: the answer to who reported something.
#[derive(Template)]
#[template(path = "status/reported.html")]
pub(super) struct ReportedPage<'a> {
    pub(super) picture: &'a Picture,
    pub(super) answer: Answer,
}

impl ReportedPage<'_> {
    /// How many told us lately, this report included.
    fn others(&self) -> String {
        match self.picture.recent.as_ref().map_or(0, |recent| recent.reports) {
            0 | 1 => "Nobody else told us in the last two minutes.".into(),
            reports => format!("{reports} reports came in during the last two minutes, yours among them."),
        }
    }
}

/// What a reporter is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// An incident is open: the page shows which.
    Known,
    /// Something is suspected since then, and not yet confirmed.
    Checking(Stamp),
    /// Nothing is seen.
    Nothing,
}
