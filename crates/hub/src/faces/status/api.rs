//! The picture in the shape of Statuspage's API v2, which many tools read already.

mod past;

use super::entry::Entry;
use super::maintenance::{PublicMaintenance, Word};
use super::picture::{ComponentLine, Group, Picture, PublicIncident, Update};
use crate::faces::claim::{Claim, Indicator};
use crate::faces::stamp::Stamp;
use crate::text::slug;
use downbeat_core::incident::MaintenancePhase;
use downbeat_core::model::{Name, Stage};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Most incidents, and most maintenances, in an answer, newest first: as many as Statuspage gives.
const STORIES_MAX: usize = 50;

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
pub(super) struct ComponentJson<'a> {
    pub(super) id: Cow<'a, str>,
    name: &'a str,
    pub(super) status: &'static str,
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
    /// Of a group: what is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<&'a str>>,
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
pub(super) struct UpdateJson<'a> {
    pub(super) id: &'a str,
    status: &'static str,
    body: &'a str,
    incident_id: String,
    pub(super) created_at: String,
    updated_at: String,
    display_at: String,
    pub(super) affected_components: Vec<AffectedJson<'a>>,
    deliver_notifications: bool,
    custom_tweet: Option<()>,
    tweet_id: Option<()>,
}

/// What a word meant for a component: by the incident's impact as a whole, for what was claimed when is not part of a word.
#[derive(Debug, Serialize)]
pub(super) struct AffectedJson<'a> {
    pub(super) code: &'a str,
    name: &'a str,
    pub(super) old_status: &'static str,
    pub(super) new_status: &'static str,
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
        let newest = self.all_told().into_iter().take(STORIES_MAX);
        let incidents = newest.filter_map(|entry| match entry {
            Entry::Incident(incident) => Some(self.incident_json(incident)),
            Entry::Past(past) => Some(self.past_json(past)),
            Entry::Work(_) => None,
        });
        let incidents = incidents.collect();
        IncidentsAnswer { page: self.page(), incidents }
    }

    /// `incidents/unresolved.json`.
    pub(super) fn unresolved_incidents(&self) -> IncidentsAnswer<'_> {
        let incidents = self.open().map(|incident| self.incident_json(incident)).collect();
        IncidentsAnswer { page: self.page(), incidents }
    }

    /// `scheduled-maintenances.json`.
    pub(super) fn all_maintenances(&self) -> MaintenancesAnswer<'_> {
        let past = self.archive.stories().filter_map(|past| self.past_work_json(past));
        let ours = self.maintenances.iter().map(|it| self.maintenance_json(it));
        let scheduled_maintenances = ours.chain(past).take(STORIES_MAX).collect();
        MaintenancesAnswer { page: self.page(), scheduled_maintenances }
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

    /// The components, then the groups in which they stand.
    pub(super) fn components_json(&self) -> Vec<ComponentJson<'_>> {
        let lines = (1..).zip(&self.components).map(|(position, line)| self.component_json(position, line));
        let groups = (1..).zip(self.groups()).filter_map(|(position, group)| self.group_json(position, &group));
        lines.chain(groups).collect()
    }

    fn group_json<'a>(&'a self, position: usize, group: &Group<'a>) -> Option<ComponentJson<'a>> {
        let title = group.title?;
        Some(ComponentJson {
            id: Cow::Owned(self.group_id(title)),
            name: title,
            status: group.claim.word(),
            created_at: group.lines.iter().map(|line| line.created_at).min()?.iso(),
            updated_at: group.lines.iter().map(|line| line.updated_at).max()?.iso(),
            position,
            description: None,
            showcase: true,
            start_date: None,
            group_id: None,
            page_id: self.page_id(),
            group: true,
            only_show_if_degraded: false,
            components: Some(group.lines.iter().map(|line| line.code.as_str()).collect()),
        })
    }

    /// A group's id: the one that clients know from before, else one that no component has, for names have no tilde in them;
    /// titles in any script have one of their own.
    fn group_id(&self, title: &str) -> String {
        let made = || {
            let digest = Sha256::digest(title);
            let digits: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            format!("group~{digits}")
        };
        self.group_ids.get(title).map_or_else(made, ToString::to_string)
    }

    fn component_json<'a>(&self, position: usize, line: &'a ComponentLine) -> ComponentJson<'a> {
        ComponentJson {
            id: Cow::Borrowed(line.code.as_str()),
            name: &line.title,
            status: line.claim.word(),
            created_at: line.created_at.iso(),
            updated_at: line.updated_at.iso(),
            position,
            description: None,
            showcase: true,
            start_date: None,
            group_id: line.group.as_deref().map(|title| self.group_id(title)),
            page_id: self.page_id(),
            group: false,
            only_show_if_degraded: false,
            components: None,
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
            incident_updates: self.updates_json(incident),
            components: self.touched(&incident.components),
        }
    }

    /// Newest first; each word leads from what the one before it claimed.
    pub(super) fn updates_json<'a>(&'a self, incident: &'a PublicIncident) -> Vec<UpdateJson<'a>> {
        let claim = |update: &Update| match update.stage {
            Stage::Resolved => Claim::Operational,
            Stage::Investigating | Stage::Identified | Stage::Monitoring => claim_of(incident.impact),
        };
        let before = incident.updates.iter().skip(1).map(claim).chain([Claim::Operational]);
        let updates = incident.updates.iter().zip(before).map(|(update, before)| {
            let said =
                (update.id.as_str(), update.stage.word(), update.body.as_str(), incident.id.to_string(), update.at);
            update_json(said, self.affected(&incident.components, before, claim(update)))
        });
        updates.collect()
    }

    /// Newest first, as those of an incident.
    pub(super) fn words_json<'a>(&'a self, it: &'a PublicMaintenance) -> Vec<UpdateJson<'a>> {
        let claim = |word: &Word| match word.phase {
            MaintenancePhase::InProgress => Claim::UnderMaintenance,
            MaintenancePhase::Scheduled | MaintenancePhase::Completed | MaintenancePhase::Cancelled => {
                Claim::Operational
            }
        };
        let before = it.words.iter().skip(1).map(claim).chain([Claim::Operational]);
        let words = it.words.iter().zip(before).map(|(word, before)| {
            let said = (word.id.as_str(), phase_word(word.phase), word.body.as_str(), it.key(), word.at);
            update_json(said, self.affected(&it.components, before, claim(word)))
        });
        words.collect()
    }

    fn affected(&self, components: &[Name], before: Claim, after: Claim) -> Vec<AffectedJson<'_>> {
        let touched = self.components.iter().filter(|line| components.contains(&line.name));
        let affected = touched.map(|line| AffectedJson {
            code: line.code.as_str(),
            name: &line.title,
            old_status: before.word(),
            new_status: after.word(),
        });
        affected.collect()
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
            status: phase_word(it.phase),
            created_at: it.created_at.iso(),
            updated_at: it.updated_at.iso(),
            monitoring_at: None,
            resolved_at: it.ended_at.map(Stamp::iso),
            impact: Indicator::Maintenance.word(),
            shortlink: format!("{}/maintenance/{}", self.url, it.number),
            started_at: it.began_at.unwrap_or(it.start).iso(),
            page_id: self.page_id(),
            incident_updates: self.words_json(it),
            components: self.touched(&it.components),
        };
        MaintenanceJson { story, scheduled_for: it.start.iso(), scheduled_until: it.end.iso() }
    }
}

/// A word's id, its state, what it says, of what, and when.
type Said<'a> = (&'a str, &'static str, &'a str, String, Stamp);

fn update_json<'a>((id, status, body, incident_id, at): Said<'a>, affected: Vec<AffectedJson<'a>>) -> UpdateJson<'a> {
    UpdateJson {
        id,
        status,
        body,
        incident_id,
        created_at: at.iso(),
        updated_at: at.iso(),
        display_at: at.iso(),
        affected_components: affected,
        deliver_notifications: true,
        custom_tweet: None,
        tweet_id: None,
    }
}

/// Statuspage has no word for what was called off; it is over, and who was told of it learns that.
const fn phase_word(phase: MaintenancePhase) -> &'static str {
    match phase {
        MaintenancePhase::Cancelled => MaintenancePhase::Completed.word(),
        phase => phase.word(),
    }
}

/// What an incident of this impact means for what it touches.
const fn claim_of(impact: Indicator) -> Claim {
    match impact {
        Indicator::Critical => Claim::MajorOutage,
        Indicator::Major => Claim::PartialOutage,
        Indicator::None | Indicator::Maintenance | Indicator::Minor => Claim::DegradedPerformance,
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
        assert_eq!(all.len(), 5);
        assert!(all.contains(&"maintenance-4 completed".to_owned()), "what was called off is over: {all:?}");
    }

    #[test]
    fn each_word_leads_from_what_was_claimed_before() {
        let picture = Picture::of(&story::in_state(State::Resolved), &Claims::new());
        let answer = serde_json::to_value(picture.all_incidents()).expect("JSON");
        let updates = answer["incidents"][0]["incident_updates"].as_array().expect("a list");
        let claims = |it: &serde_json::Value| {
            let affected = it["affected_components"].as_array().expect("a list").iter();
            let pair = |one: &serde_json::Value| format!("{}>{}", one["old_status"], one["new_status"]);
            affected.map(pair).collect::<std::collections::BTreeSet<_>>()
        };
        let first = claims(updates.last().expect("something was said"));
        assert!(first.iter().all(|pair| pair.starts_with("\"operational\">") && !pair.ends_with("\"operational\"")));
        assert!(!first.is_empty() && claims(&updates[0]).iter().all(|pair| pair.ends_with(">\"operational\"")));
        for pair in updates.windows(2) {
            let old = |it: &serde_json::Value| it["affected_components"][0]["old_status"].clone();
            assert_eq!(old(&pair[0]), pair[1]["affected_components"][0]["new_status"]);
        }
    }

    #[test]
    fn incidents_of_two_days() {
        let picture = Picture::of(&story::in_state(State::Reviewed), &Claims::new());
        insta::assert_json_snapshot!(picture.all_incidents());
        assert!(picture.unresolved_incidents().incidents.is_empty());
    }
}
