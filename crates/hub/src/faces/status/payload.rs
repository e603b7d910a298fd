//! What a subscriber's webhook gets of a story, in the shape of Statuspage's.

use super::picture::Picture;
use downbeat_core::tell::word::StoryId;
use serde_json::{Value, json};

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
}
