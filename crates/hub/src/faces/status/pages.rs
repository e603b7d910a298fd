//! The pages of the public site: a struct each, drawn by the template of the same name.

use super::history::History;
use super::maintenance::PublicMaintenance;
use super::months::Month;
use super::phrases::fill;
use super::picture::{Measured, Promise, PublicIncident};
use super::told::Told;
use crate::faces::claim::Claim;
use crate::faces::html::Html;
use crate::faces::tone::Tone;
use crate::history::Past;
use askama::Template;
use downbeat_core::incident::MaintenancePhase;

/// With more groups than these, those in which all is well are folded.
const UNFOLDED: usize = 4;

/// `/`: how it is now.
#[derive(Template)]
#[template(path = "status/index.html")]
pub(super) struct IndexPage<'a> {
    pub(super) picture: Told<'a>,
}

/// `/incidents/{id}`: one incident.
#[derive(Template)]
#[template(path = "status/incident.html")]
pub(super) struct IncidentPage<'a> {
    pub(super) picture: Told<'a>,
    pub(super) incident: &'a PublicIncident,
}

/// `/maintenance/{id}`: one maintenance.
#[derive(Template)]
#[template(path = "status/maintenance.html")]
pub(super) struct MaintenancePage<'a> {
    pub(super) picture: Told<'a>,
    pub(super) work: &'a PublicMaintenance,
}

/// `/incidents/{id}`, where another page told it.
#[derive(Template)]
#[template(path = "status/past.html")]
pub(super) struct PastPage<'a> {
    pub(super) picture: Told<'a>,
    pub(super) past: Past<'a>,
}

impl PastPage<'_> {
    fn impact(&self) -> &'static str {
        self.picture.t.impact(&self.past.impact())
    }
}

/// Months that `/history` shows in full.
const LATELY: usize = 3;

/// `/history`: what happened lately, and the way to all months.
#[derive(Template)]
#[template(path = "status/history.html")]
pub(super) struct HistoryPage<'a> {
    pub(super) picture: Told<'a>,
    pub(super) months: &'a [Month<'a>],
}

/// `/history/{month}`: what happened in one month.
#[derive(Template)]
#[template(path = "status/month.html")]
pub(super) struct MonthPage<'a> {
    pub(super) picture: Told<'a>,
    pub(super) month: &'a Month<'a>,
}

/// Whatever is not there.
#[derive(Template)]
#[template(path = "status/not_found.html")]
pub(super) struct NotFoundPage<'a> {
    pub(super) picture: Told<'a>,
}

/// `/embed`: the state in one line, in a frame of another page.
#[derive(Template)]
#[template(path = "status/embed.html")]
pub(super) struct EmbedPage<'a> {
    pub(super) picture: Told<'a>,
}

impl IndexPage<'_> {
    /// That one network alone reports or suffers.
    fn alone(&self) -> Option<String> {
        self.picture.alone.as_ref().map(|who| fill(self.picture.t.reporting.alone, &[who]))
    }
}

impl EmbedPage<'_> {
    /// The first thing that goes on.
    fn what(&self) -> Option<&str> {
        let incident = self.picture.open().next().map(|incident| incident.title_in(&self.picture.language));
        incident.or_else(|| self.picture.active().next().map(|work| work.title.as_str()))
    }
}
