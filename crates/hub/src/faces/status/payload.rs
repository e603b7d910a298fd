//! What a subscriber's webhook gets of a story, in the shape of Statuspage's.

use super::api::AffectedJson;
use super::picture::Picture;
use downbeat_core::tell::word::{StoryId, WordId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a word changed for one component, in the payload of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ComponentChange {
    /// `component`: how it is since the word.
    pub(crate) component: Value,
    /// `component_update`: from what to what.
    pub(crate) component_update: Value,
}

impl ComponentChange {
    /// The component's name.
    pub(crate) fn name(&self) -> &str {
        self.component["id"].as_str().unwrap_or_default()
    }
}

impl Picture {
    /// `page` in the payload of a webhook.
    pub(crate) fn page_payload(&self) -> Value {
        let (indicator, description) = (self.indicator.word(), self.indicator.description());
        json!({"id": self.page_id(), "status_indicator": indicator, "status_description": description})
    }

    /// `incident` in the payload of a webhook: announced work has its times in it as well. Null for what is not public.
    pub(crate) fn story_payload(&self, story: StoryId) -> Value {
        let value = match story {
            StoryId::Incident(id) => {
                let incident = self.incidents.iter().find(|incident| incident.id == id);
                incident.map(|incident| serde_json::to_value(self.incident_json(incident)))
            }
            StoryId::Maintenance(id) => {
                let work = self.maintenances.iter().find(|work| work.number == id);
                work.map(|work| serde_json::to_value(self.maintenance_json(work)))
            }
        };
        value.transpose().expect("shapes of texts, numbers and lists are JSON").unwrap_or_default()
    }
    /// The components that a word changed: those whose status it leads to another one, as its `affected_components` say.
    pub(crate) fn changes_payload(&self, word: WordId) -> Vec<ComponentChange> {
        let updates = match word.story {
            StoryId::Incident(id) => {
                self.incidents.iter().find(|incident| incident.id == id).map(|incident| self.updates_json(incident))
            }
            StoryId::Maintenance(id) => {
                self.maintenances.iter().find(|work| work.number == id).map(|work| self.words_json(work))
            }
        };
        let name = word.to_string();
        let Some(update) = updates.into_iter().flatten().find(|update| update.id == name) else { return vec![] };
        let changed = update.affected_components.iter().filter(|it| it.old_status != it.new_status);
        let change = |it: &AffectedJson<'_>| {
            let mut component = self.components_json().into_iter().find(|component| component.id == it.code)?;
            component.status = it.new_status;
            let component = serde_json::to_value(component).expect("shapes of texts, numbers and lists are JSON");
            let component_update = json!({
                "id": format!("{name}-{}", it.code),
                "component_id": it.code,
                "component_type": "Component",
                "old_status": it.old_status,
                "new_status": it.new_status,
                "created_at": update.created_at,
            });
            Some(ComponentChange { component, component_update })
        };
        changed.filter_map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::claim::Claims;
    use crate::faces::story;
    use downbeat_core::incident::State;
    use downbeat_core::model::{IncidentId, MaintenanceId};

    fn changes(picture: &Picture, story: StoryId, count: u32) -> Vec<String> {
        let changes = picture.changes_payload(WordId { story, count });
        let line = |it: &ComponentChange| {
            let (update, status) = (&it.component_update, &it.component["status"]);
            assert_eq!((&update["new_status"], &update["component_id"]), (status, &it.component["id"]));
            format!("{}: {} to {}", it.name(), update["old_status"], update["new_status"]).replace('"', "")
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn a_word_changes_what_it_leads_elsewhere_and_nothing_else() {
        let picture = Picture::of(&story::in_state(State::Resolved), &Claims::new());
        let incident = picture.incidents.iter().find(|it| it.updates.len() > 2).expect("an outage with words");
        let story = StoryId::Incident(incident.id);
        let counts: Vec<u32> =
            incident.updates.iter().filter_map(|it| it.id.rsplit('.').next()?.parse().ok()).collect();
        let all: Vec<Vec<String>> = counts.iter().rev().map(|count| changes(&picture, story, *count)).collect();
        let (first, last) = (&all[0], &all[all.len() - 1]);
        assert!(!first.is_empty() && first.iter().all(|line| line.contains(": operational to ")), "{all:?}");
        assert!(!last.is_empty() && last.iter().all(|line| line.ends_with(" to operational")), "{all:?}");
        assert!(all[1..all.len() - 1].iter().all(Vec::is_empty), "{all:?}");
        assert!(changes(&picture, StoryId::Incident(IncidentId(999)), 1).is_empty());
    }

    #[test]
    fn announced_work_changes_components_while_it_is_done() {
        let picture = Picture::of(&story::maintained(), &Claims::new());
        let work = StoryId::Maintenance(MaintenanceId(5));
        assert!(changes(&picture, work, 1).is_empty(), "it was announced");
        assert_eq!(changes(&picture, work, 2), ["playlists: operational to under_maintenance"], "it began");
    }
}
