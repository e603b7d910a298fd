//! The picture in the shape of Statuspage's API v2, which many tools read already.

use super::maintenance::{PublicMaintenance, Word};
use super::picture::{ComponentLine, Picture, PublicIncident, Update};
use crate::faces::claim::Indicator;
use crate::faces::stamp::Stamp;
use crate::text::slug;
use downbeat_core::incident::MaintenancePhase;
use downbeat_core::model::Name;
use serde::Serialize;

/// Most incidents in an answer, newest first: as many as Statuspage gives.
const INCIDENTS_MAX: usize = 50;

/// `summary.json`: everything that is true now.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    page: Page<'a>,
    components: Vec<ComponentJson<'a>>,
    incidents: Vec<IncidentJson<'a>>,
    scheduled_maintenances: Vec<MaintenanceJson<'a>>,
    status: Status,
}

/// `status.json`: one word and one sentence.
#[derive(Debug, Serialize)]
pub(super) struct StatusAnswer<'a> {
    page: Page<'a>,
    status: Status,
}

/// `components.json`.
#[derive(Debug, Serialize)]
pub(super) struct ComponentsAnswer<'a> {
    page: Page<'a>,
    components: Vec<ComponentJson<'a>>,
}

/// `incidents.json` and `incidents/unresolved.json`.
#[derive(Debug, Serialize)]
pub(super) struct IncidentsAnswer<'a> {
    page: Page<'a>,
    incidents: Vec<IncidentJson<'a>>,
}

/// `scheduled-maintenances.json` and those below it.
#[derive(Debug, Serialize)]
pub(super) struct MaintenancesAnswer<'a> {
    page: Page<'a>,
    scheduled_maintenances: Vec<MaintenanceJson<'a>>,
}

#[derive(Debug, Serialize)]
struct Page<'a> {
    id: String,
    name: &'a str,
    url: &'a str,
    time_zone: &'static str,
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct Status {
    indicator: &'static str,
    description: &'static str,
}

#[derive(Debug, Serialize)]
struct ComponentJson<'a> {
    id: &'a str,
    name: &'a str,
    status: &'static str,
    created_at: String,
    updated_at: String,
    position: usize,
    description: Option<&'a str>,
    showcase: bool,
    start_date: Option<String>,
    group_id: Option<String>,
    page_id: String,
    group: bool,
    only_show_if_degraded: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct IncidentJson<'a> {
    id: String,
    name: &'a str,
    status: &'static str,
    created_at: String,
    updated_at: String,
    monitoring_at: Option<String>,
    resolved_at: Option<String>,
    impact: &'static str,
    shortlink: String,
    started_at: String,
    page_id: String,
    incident_updates: Vec<UpdateJson<'a>>,
    components: Vec<ComponentJson<'a>>,
}

/// An incident in shape, with its appointment.
#[derive(Debug, Serialize)]
pub(super) struct MaintenanceJson<'a> {
    #[serde(flatten)]
    story: IncidentJson<'a>,
    scheduled_for: String,
    scheduled_until: String,
}

#[derive(Debug, Serialize)]
struct UpdateJson<'a> {
    id: &'a str,
    status: &'static str,
    body: &'a str,
    incident_id: String,
    created_at: String,
    updated_at: String,
    display_at: String,
    /// Always null, as Statuspage allows: what was claimed when is not part of a word.
    affected_components: Option<()>,
    deliver_notifications: bool,
    custom_tweet: Option<()>,
    tweet_id: Option<()>,
}

impl Picture {
    /// `summary.json`.
    pub(super) fn summary(&self) -> Summary<'_> {
        Summary {
            page: self.page(),
            components: self.components_json(),
            incidents: self.open().map(|incident| self.incident_json(incident)).collect(),
            scheduled_maintenances: self.maintenances_json(self.active().chain(self.upcoming())),
            status: status(self.indicator),
        }
    }

    /// `status.json`.
    pub(super) fn status(&self) -> StatusAnswer<'_> {
        StatusAnswer { page: self.page(), status: status(self.indicator) }
    }

    /// `components.json`.
    pub(super) fn components_answer(&self) -> ComponentsAnswer<'_> {
        ComponentsAnswer { page: self.page(), components: self.components_json() }
    }

    /// `incidents.json`.
    pub(super) fn all_incidents(&self) -> IncidentsAnswer<'_> {
        let newest = self.incidents.iter().take(INCIDENTS_MAX);
        let incidents = newest.map(|incident| self.incident_json(incident)).collect();
        IncidentsAnswer { page: self.page(), incidents }
    }

    /// `incidents/unresolved.json`.
    pub(super) fn unresolved_incidents(&self) -> IncidentsAnswer<'_> {
        let incidents = self.open().map(|incident| self.incident_json(incident)).collect();
        IncidentsAnswer { page: self.page(), incidents }
    }

    /// `scheduled-maintenances.json`. Statuspage has no word for what was called off, so that is not there.
    pub(super) fn all_maintenances(&self) -> MaintenancesAnswer<'_> {
        let kept = self.maintenances.iter().filter(|it| it.phase != MaintenancePhase::Cancelled);
        MaintenancesAnswer { page: self.page(), scheduled_maintenances: self.maintenances_json(kept) }
    }

    /// `scheduled-maintenances/upcoming.json`.
    pub(super) fn upcoming_maintenances(&self) -> MaintenancesAnswer<'_> {
        MaintenancesAnswer { page: self.page(), scheduled_maintenances: self.maintenances_json(self.upcoming()) }
    }

    /// `scheduled-maintenances/active.json`.
    pub(super) fn active_maintenances(&self) -> MaintenancesAnswer<'_> {
        MaintenancesAnswer { page: self.page(), scheduled_maintenances: self.maintenances_json(self.active()) }
    }

    fn page(&self) -> Page<'_> {
        Page {
            id: self.page_id(),
            name: &self.service,
            url: &self.url,
            time_zone: "Etc/UTC",
            updated_at: self.drawn_at.iso(),
        }
    }

    /// The service's name as a stable id: small letters, digits and hyphens.
    pub(super) fn page_id(&self) -> String {
        slug(&self.service)
    }

    fn components_json(&self) -> Vec<ComponentJson<'_>> {
        (1..).zip(&self.components).map(|(position, line)| self.component_json(position, line)).collect()
    }

    fn component_json<'a>(&self, position: usize, line: &'a ComponentLine) -> ComponentJson<'a> {
        ComponentJson {
            id: line.name.as_str(),
            name: &line.title,
            status: line.claim.word(),
            created_at: line.created_at.iso(),
            updated_at: line.updated_at.iso(),
            position,
            description: None,
            showcase: true,
            start_date: None,
            group_id: None,
            page_id: self.page_id(),
            group: false,
            only_show_if_degraded: false,
        }
    }

    pub(super) fn incident_json<'a>(&'a self, incident: &'a PublicIncident) -> IncidentJson<'a> {
        IncidentJson {
            id: incident.id.to_string(),
            name: &incident.title,
            status: incident.stage.word(),
            created_at: incident.created_at.iso(),
            updated_at: incident.updated_at.iso(),
            monitoring_at: incident.monitoring_at.map(Stamp::iso),
            resolved_at: incident.resolved_at.map(Stamp::iso),
            impact: incident.impact.word(),
            shortlink: format!("{}/incidents/{}", self.url, incident.id),
            started_at: incident.started_at.iso(),
            page_id: self.page_id(),
            incident_updates: incident.updates.iter().map(|update| update_json(incident, update)).collect(),
            components: self.touched(&incident.components),
        }
    }

    fn touched(&self, components: &[Name]) -> Vec<ComponentJson<'_>> {
        let touched = (1..).zip(&self.components).filter(|(_, line)| components.contains(&line.name));
        touched.map(|(position, line)| self.component_json(position, line)).collect()
    }

    fn maintenances_json<'a>(&'a self, some: impl Iterator<Item = &'a PublicMaintenance>) -> Vec<MaintenanceJson<'a>> {
        some.map(|maintenance| self.maintenance_json(maintenance)).collect()
    }

    pub(super) fn maintenance_json<'a>(&'a self, it: &'a PublicMaintenance) -> MaintenanceJson<'a> {
        let story = IncidentJson {
            id: it.key(),
            name: &it.title,
            status: it.phase.word(),
            created_at: it.created_at.iso(),
            updated_at: it.updated_at.iso(),
            monitoring_at: None,
            resolved_at: it.ended_at.map(Stamp::iso),
            impact: Indicator::Maintenance.word(),
            shortlink: format!("{}/maintenance/{}", self.url, it.number),
            started_at: it.began_at.unwrap_or(it.start).iso(),
            page_id: self.page_id(),
            incident_updates: it.words.iter().map(|word| word_json(it, word)).collect(),
            components: self.touched(&it.components),
        };
        MaintenanceJson { story, scheduled_for: it.start.iso(), scheduled_until: it.end.iso() }
    }
}

fn update_json<'a>(incident: &PublicIncident, update: &'a Update) -> UpdateJson<'a> {
    UpdateJson {
        id: &update.id,
        status: update.stage.word(),
        body: &update.body,
        incident_id: incident.id.to_string(),
        created_at: update.at.iso(),
        updated_at: update.at.iso(),
        display_at: update.at.iso(),
        affected_components: None,
        deliver_notifications: true,
        custom_tweet: None,
        tweet_id: None,
    }
}

fn word_json<'a>(maintenance: &PublicMaintenance, word: &'a Word) -> UpdateJson<'a> {
    UpdateJson {
        id: &word.id,
        status: word.phase.word(),
        body: &word.body,
        incident_id: maintenance.key(),
        created_at: word.at.iso(),
        updated_at: word.at.iso(),
        display_at: word.at.iso(),
        affected_components: None,
        deliver_notifications: true,
        custom_tweet: None,
        tweet_id: None,
    }
}

fn status(indicator: Indicator) -> Status {
    Status { indicator: indicator.word(), description: indicator.description() }
}

#[cfg(test)]
mod tests {
    use super::super::super::{claim::Claims, story};
    use super::*;
    use downbeat_core::incident::State;

    #[test]
    fn a_summary_in_the_middle_of_an_outage() {
        let picture = Picture::of(&story::in_state(State::Confirmed), &Claims::new());
        insta::assert_json_snapshot!(picture.summary());
    }

    #[test]
    fn a_summary_while_something_is_worked_on() {
        let picture = Picture::of(&story::maintained(), &Claims::new());
        insta::assert_json_snapshot!(picture.summary());
    }

    #[test]
    fn maintenances_are_there_by_where_they_stand() {
        let picture = Picture::of(&story::maintained(), &Claims::new());
        let ids = |answer: MaintenancesAnswer<'_>| -> Vec<String> {
            let id = |it: &MaintenanceJson<'_>| format!("{} {}", it.story.id, it.story.status);
            answer.scheduled_maintenances.iter().map(id).collect()
        };
        assert_eq!(ids(picture.active_maintenances()), ["maintenance-5 in_progress"]);
        assert_eq!(ids(picture.upcoming_maintenances()), ["maintenance-2 scheduled", "maintenance-3 scheduled"]);
        let all = ids(picture.all_maintenances());
        assert_eq!((all.len(), all[3].as_str()), (4, "maintenance-1 completed"), "what was called off is not there");
    }

    #[test]
    fn incidents_of_two_days() {
        let picture = Picture::of(&story::in_state(State::Reviewed), &Claims::new());
        insta::assert_json_snapshot!(picture.all_incidents());
        assert!(picture.unresolved_incidents().incidents.is_empty());
    }
}
