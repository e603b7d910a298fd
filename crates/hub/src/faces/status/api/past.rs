//! What other pages told, in the same shape: with their ids and their words.

use super::{AffectedJson, ComponentJson, IncidentJson, MaintenanceJson, Picture, UpdateJson, update_json};
use crate::faces::stamp::Stamp;
use crate::history::{Affected, Past, Touched, Word};

impl Picture {
    pub(super) fn past_json<'a>(&'a self, past: Past<'a>) -> IncidentJson<'a> {
        let story = past.story;
        let iso = |at| Stamp(at).iso();
        IncidentJson {
            id: story.id.clone(),
            name: &story.title,
            status: story.standing.word(),
            created_at: iso(story.created_at),
            updated_at: iso(story.updated_at),
            monitoring_at: story.monitoring_at.map(iso),
            resolved_at: Some(iso(story.resolved_at)),
            impact: story.impact.word(),
            shortlink: format!("{}{}", self.url, past.path()),
            started_at: iso(story.started_at),
            page_id: self.page_id(),
            incident_updates: story.words.iter().map(|word| past_word(word, &story.id)).collect(),
            components: self.touched_there(&story.components),
        }
    }

    /// `None` for an incident.
    pub(super) fn past_work_json<'a>(&'a self, past: Past<'a>) -> Option<MaintenanceJson<'a>> {
        let planned = past.story.planned?;
        let (from, until) = (Stamp(planned.from).iso(), Stamp(planned.until).iso());
        Some(MaintenanceJson { story: self.past_json(past), scheduled_for: from, scheduled_until: until })
    }

    /// The components of ours that were meant; what is not here any more has no state to tell.
    fn touched_there(&self, touched: &[Touched]) -> Vec<ComponentJson<'_>> {
        let ours: Vec<_> =
            touched.iter().filter_map(|it| self.ours(&it.code, &it.title)).map(|line| &line.name).collect();
        let lines = (1..).zip(&self.components).filter(|(_, line)| ours.contains(&&line.name));
        lines.map(|(position, line)| self.component_json(position, line)).collect()
    }
}

fn past_word<'a>(word: &'a Word, story: &str) -> UpdateJson<'a> {
    let affected = |it: &'a Affected| AffectedJson {
        code: &it.code,
        name: &it.title,
        old_status: it.before.word(),
        new_status: it.after.word(),
    };
    let said = (word.id.as_str(), word.standing.word(), word.body.as_str(), story.to_owned(), Stamp(word.at));
    // Whoever heard it, heard it from there.
    UpdateJson { deliver_notifications: false, ..update_json(said, word.affected.iter().map(affected).collect()) }
}
