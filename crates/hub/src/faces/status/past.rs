//! Stories of another page, as this one shows them: in the history by the time at which they began, each marked with its source.

use super::phrases::{Phrases, fill};
use super::picture::{ComponentLine, Picture};
use crate::faces::claim::Indicator;
use crate::faces::foreign;
use crate::faces::html::Html;
use crate::faces::stamp::{Stamp, span};
use crate::history::{Impact, Past, Standing, Touched, Word};
use downbeat_core::incident::MaintenancePhase;
use downbeat_core::model::Stage;

impl From<Impact> for Indicator {
    fn from(impact: Impact) -> Self {
        match impact {
            Impact::None => Self::None,
            Impact::Maintenance => Self::Maintenance,
            Impact::Minor => Self::Minor,
            Impact::Major => Self::Major,
            Impact::Critical => Self::Critical,
        }
    }
}

impl Phrases {
    /// Where a story of another page stood.
    pub(crate) const fn past_standing(&self, standing: &Standing) -> &'static str {
        match standing {
            Standing::Investigating => self.stage(&Stage::Investigating),
            Standing::Identified => self.stage(&Stage::Identified),
            Standing::Monitoring => self.stage(&Stage::Monitoring),
            Standing::Resolved => self.stage(&Stage::Resolved),
            Standing::Postmortem => self.postmortem,
            Standing::Scheduled => self.phase(&MaintenancePhase::Scheduled),
            Standing::InProgress => self.phase(&MaintenancePhase::InProgress),
            Standing::Verifying => self.verifying,
            Standing::Completed => self.phase(&MaintenancePhase::Completed),
        }
    }
}

impl<'a> Past<'a> {
    /// Its page, with a slash at the start: the same path as where it was.
    pub(super) fn path(&self) -> String {
        format!("/incidents/{}", self.story.id)
    }

    /// When it began.
    pub(super) fn began(&self) -> Stamp {
        Stamp(self.story.started_at)
    }

    /// When it was over.
    pub(super) fn ended(&self) -> Stamp {
        Stamp(self.story.resolved_at)
    }

    /// How much was lost.
    pub(super) fn impact(&self) -> Indicator {
        self.story.impact.into()
    }

    /// How long it lasted.
    pub(super) fn lasted(&self) -> String {
        span(self.story.resolved_at.since(self.story.started_at))
    }

    /// How it went, and whose it is.
    pub(super) fn outcome(&self, t: &Phrases) -> String {
        let standing = t.past_standing(&self.story.standing);
        let went = match self.story.planned {
            Some(planned) => fill(t.maintained, &[&span(planned.until.since(planned.from)), &standing.to_lowercase()]),
            None => fill(t.went, &[standing, &self.lasted(), t.impact(&self.impact())]),
        };
        fill(t.imported, &[&went, &self.chapter.title])
    }

    /// The latest word.
    pub(super) fn last_word(&self) -> Option<Html> {
        self.story.words.first().map(|word| foreign::html(&word.body))
    }

    /// What was said, the newest first.
    pub(super) fn words(&self) -> impl Iterator<Item = PastWord<'a>> + use<'a> {
        self.story.words.iter().map(PastWord)
    }
}

/// A word of another page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PastWord<'a>(&'a Word);

impl PastWord<'_> {
    pub(super) fn standing(&self, t: &Phrases) -> &'static str {
        t.past_standing(&self.0.standing)
    }

    pub(super) fn at(&self) -> Stamp {
        Stamp(self.0.at)
    }

    pub(super) fn html(&self) -> Html {
        foreign::html(&self.0.body)
    }
}

impl Picture {
    /// The component of ours that another page meant: by its id there, by its name, or by its title.
    pub(super) fn ours(&self, code: &str, title: &str) -> Option<&ComponentLine> {
        let by = |is_it: &dyn Fn(&ComponentLine) -> bool| self.components.iter().find(|line| is_it(line));
        by(&|line| line.code == code)
            .or_else(|| by(&|line| line.name.as_str() == code))
            .or_else(|| by(&|line| line.title == title))
    }

    /// What a component of another page is called here, or was called there.
    pub(super) fn title_there<'a>(&'a self, touched: &'a Touched) -> &'a str {
        self.ours(&touched.code, &touched.title).map_or(&touched.title, |line| &line.title)
    }
}
