//! What the public sees, as one value: the pages, the feed and Statuspage's API all read from it.

use super::history::History;
use super::maintenance::{PublicMaintenance, WorkDays, maintenances, work_days};
use super::phrases::{Phrases, fill};
use super::reports::ReportChart;
use crate::faces::claim::{self, Claim, Claims, Indicator};
use crate::faces::feature::{self, FeatureLine};
use crate::faces::stamp::Stamp;
use crate::faces::tone::{Tone, count, percent, rate};
use crate::history::History as Archive;
use crate::reports::Place;
use crate::settings::Category;
use crate::theme::Theme;
use crate::view::Snapshot;
use downbeat_core::incident::{Condition, Incident, MaintenancePhase, NoticeCase, State};
use downbeat_core::model::{Audience, Component, IncidentId, Language, Moment, Name, Said, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most incidents that have a page and stand in the history, newest first.
const INCIDENTS_MAX: usize = 200;
const DAY_MS: u64 = 86_400_000;

/// What the public sees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// The service's name.
    pub(crate) service: String,
    /// The operator's look.
    pub(crate) theme: Theme,
    /// Where readers find the page, without a slash at its end.
    pub(crate) url: String,
    /// When it was drawn.
    pub(crate) drawn_at: Stamp,
    /// How old the measurements behind it are.
    pub(crate) measured: Measured,
    /// The page's own language first, then those that it is translated into.
    pub(crate) languages: Vec<Language>,
    /// All of it in one word.
    pub(crate) indicator: Indicator,
    /// Dearest first.
    pub(crate) components: Vec<ComponentLine>,
    /// Ids of groups in the API that clients know from before, by title.
    pub(crate) group_ids: BTreeMap<String, Name>,
    /// Newest first.
    pub(crate) incidents: Vec<PublicIncident>,
    /// Announced work: what goes on, then what comes, then what is over.
    pub(crate) maintenances: Vec<PublicMaintenance>,
    /// What other pages told before this one.
    pub(crate) archive: Arc<Archive>,
    /// What can be reported.
    pub(crate) categories: Vec<Category>,
    /// Where a reporter may say to be; none where there is one region alone.
    pub(crate) regions: Vec<Name>,
    /// Where strangers may subscribe; `None` when they may not. Whole, for the page may be served from elsewhere.
    pub(crate) subscribe: Option<String>,
    /// The last two minutes in figures; `None` when nothing was counted.
    pub(crate) recent: Option<Recent>,
    /// The autonomous system from which alone reports come, or whose clients alone suffer, while others are well.
    pub(crate) alone: Option<String>,
    /// Users' reports of the last day; `None` before any could come.
    pub(crate) reports: Option<ReportChart>,
    /// What is claimed, for the next picture.
    pub(crate) claims: Claims,
}

/// How old the measurements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measured {
    /// They are fresh.
    Now(Stamp),
    /// The last ones came then.
    Last(Stamp),
    /// There were none since the hub started.
    Never,
}

impl Measured {
    /// True while they are fresh.
    pub(crate) const fn is_fresh(self) -> bool {
        matches!(self, Self::Now(_))
    }
}

/// What clients had of the last two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recent {
    /// Requests.
    pub(crate) requests: String,
    /// Share that failed for the client: `0.03 %`.
    pub(crate) failed: String,
    /// Users' reports.
    pub(crate) reports: u64,
}

/// One component.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ComponentLine {
    /// Its stable id.
    pub(crate) name: Name,
    /// Its id in Statuspage's API.
    pub(crate) code: String,
    /// Its name for people.
    pub(crate) title: String,
    /// The group under which it stands.
    pub(crate) group: Option<String>,
    /// What is claimed of it.
    pub(crate) claim: Claim,
    /// What is measured.
    pub(crate) measured: Condition,
    /// By region.
    pub(crate) regions: Vec<RegionChip>,
    /// Features that not everybody gets now.
    pub(crate) features_out: Vec<FeatureLine>,
    /// Its last ninety days.
    pub(crate) history: History,
    /// Since when it is known.
    pub(crate) created_at: Stamp,
    /// When something last happened to it.
    pub(crate) updated_at: Stamp,
}

/// One component in one region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegionChip {
    /// Where.
    pub(crate) region: Name,
    /// What is measured.
    pub(crate) condition: Condition,
    /// What is claimed of the component. While nothing that was confirmed touches it, whatever is unusual is being checked or
    /// worked on, and the page does not cry (invariant J1).
    pub(crate) claim: Claim,
    /// In figures; `None` when nothing is known.
    pub(crate) figures: Option<Figures>,
}

/// What clients have of a component in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Requests a second.
    per_second: String,
    /// Until the first byte, milliseconds.
    first_byte_ms: String,
    /// Share of the attempts that failed.
    failed: String,
}

impl Figures {
    /// In a sentence.
    pub(crate) fn text(&self, t: &Phrases) -> String {
        fill(t.figures, &[&self.per_second, &self.first_byte_ms, &self.failed])
    }
}

impl RegionChip {
    /// How it is shown.
    pub(crate) fn tone(&self) -> Tone {
        match self.claim {
            Claim::Operational if self.is_unusual() => Tone::Unknown,
            Claim::UnderMaintenance if self.is_unusual() => Tone::Maintenance,
            _ => self.condition.into(),
        }
    }

    /// What is measured, in a word.
    pub(crate) const fn word(&self, t: &Phrases) -> &'static str {
        match self.claim {
            Claim::Operational if self.is_unusual() => t.being_checked,
            Claim::UnderMaintenance if self.is_unusual() => t.worked_on,
            _ => t.condition(&self.condition),
        }
    }

    const fn is_unusual(&self) -> bool {
        matches!(self.condition, Condition::Degraded | Condition::Down)
    }
}

impl ComponentLine {
    /// True while something fresh is known of it.
    pub(crate) fn is_measured(&self) -> bool {
        self.measured != Condition::Unknown
    }

    /// True when the claim rests on what was measured last. What a person announced needs no measurement.
    pub(crate) fn is_last_known(&self) -> bool {
        !self.is_measured() && self.claim != Claim::UnderMaintenance
    }

    /// How the claim is shown: what is not measured is never green.
    pub(crate) fn tone(&self) -> Tone {
        match self.claim {
            Claim::Operational if !self.is_measured() => Tone::Unknown,
            claim => claim.tone(),
        }
    }
}

/// An incident that was confirmed, as the public hears of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PublicIncident {
    /// Its stable id.
    pub(crate) id: IncidentId,
    /// The first public title, else its own.
    pub(crate) title: String,
    /// The same in other languages, where the hub made it.
    titles: BTreeMap<Language, String>,
    /// Where the story stands.
    pub(crate) stage: Stage,
    /// How much was lost.
    pub(crate) impact: Indicator,
    /// Estimated start of the outage.
    pub(crate) started_at: Stamp,
    /// When it was confirmed.
    pub(crate) created_at: Stamp,
    /// When something was last said or done.
    pub(crate) updated_at: Stamp,
    /// When it first worked again.
    pub(crate) monitoring_at: Option<Stamp>,
    /// When it was over.
    pub(crate) resolved_at: Option<Stamp>,
    /// By when the next word is promised.
    pub(crate) next_update: Option<Promise>,
    /// What was said, newest first.
    pub(crate) updates: Vec<Update>,
    /// What it touches.
    pub(crate) components: Vec<Name>,
}

impl PublicIncident {
    /// The title, translated where it was.
    pub(crate) fn title_in(&self, language: &Language) -> &str {
        self.titles.get(language).unwrap_or(&self.title)
    }

    /// True while it goes on.
    pub(crate) const fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }

    /// How long it lasted, once it is over.
    pub(crate) fn lasted(&self) -> Option<String> {
        self.resolved_at.map(|end| crate::faces::stamp::span(end.0.since(self.started_at.0)))
    }
}

/// A word that was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// It is due then.
    By(Stamp),
    /// It was due then and has not come.
    Overdue(Stamp),
}

/// One public word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    /// Its stable id.
    pub(crate) id: String,
    /// Where the story stood.
    pub(crate) stage: Stage,
    /// One line.
    pub(crate) title: String,
    /// The words, in Markdown.
    pub(crate) body: String,
    /// The same in other languages, where the hub made the words itself.
    translations: BTreeMap<Language, Said>,
    /// When.
    pub(crate) at: Stamp,
}

impl Update {
    /// One line, translated where it was.
    pub(crate) fn title_in(&self, language: &Language) -> &str {
        self.translations.get(language).map_or(&self.title, |said| &said.title)
    }

    /// The words, translated where they were.
    pub(crate) fn body_in(&self, language: &Language) -> &str {
        self.translations.get(language).map_or(&self.body, |said| &said.body)
    }
}

/// Components that stand together.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// Its title; the others have none.
    pub(crate) title: Option<&'a str>,
    /// The worst that is claimed in it.
    pub(crate) claim: Claim,
    /// What is in it.
    pub(crate) lines: Vec<&'a ComponentLine>,
}

impl Group<'_> {
    /// How it is shown: what is not measured is never green.
    pub(crate) fn tone(&self) -> Tone {
        match self.claim {
            Claim::Operational if !self.is_measured() => Tone::Unknown,
            claim => claim.tone(),
        }
    }

    /// True while something fresh is known of all that is in it.
    pub(crate) fn is_measured(&self) -> bool {
        self.lines.iter().all(|line| line.is_measured())
    }
}

impl Picture {
    /// The public part of a snapshot; `before` is what was claimed last.
    pub(crate) fn of(snapshot: &Snapshot, before: &Claims) -> Self {
        let (policy, page) = (&snapshot.settings.policy, &snapshot.settings.page);
        let claims = claim::claims(&snapshot.book, &snapshot.board, policy, before);
        Self {
            service: page.theme.name.clone().unwrap_or_else(|| policy.topology.service.clone()),
            theme: page.theme.clone(),
            url: snapshot.settings.status_url.trim_end_matches('/').to_owned(),
            drawn_at: Stamp(snapshot.now),
            measured: measured(snapshot),
            languages: policy.tell.languages(),
            indicator: Indicator::of(&claims),
            components: components(snapshot, &claims),
            group_ids: page.group_ids.clone(),
            incidents: incidents(snapshot),
            maintenances: maintenances(snapshot),
            archive: Arc::clone(&snapshot.history),
            categories: snapshot.settings.categories.clone(),
            regions: Some(policy.topology.regions()).filter(|all| all.len() > 1).into_iter().flatten().collect(),
            subscribe: subscribe(snapshot),
            recent: Recent::of(snapshot),
            alone: alone(snapshot),
            reports: ReportChart::of(&snapshot.reports),
            claims,
        }
    }

    /// How the whole is shown: what is not measured is never green.
    pub(crate) fn tone(&self) -> Tone {
        match self.indicator {
            Indicator::None if !self.measured.is_fresh() => Tone::Unknown,
            indicator => indicator.tone(),
        }
    }

    /// All of it in a few words.
    pub(crate) fn headline(&self, t: &Phrases) -> &'static str {
        match self.tone() {
            Tone::Unknown => t.unmeasured,
            _ => t.headline(&self.indicator),
        }
    }

    /// The page's own language.
    pub(crate) fn language(&self) -> Language {
        self.languages.first().copied().unwrap_or_default()
    }

    /// What stands before the paths of the pages of a language: `` for the page's own, `/de` for another.
    pub(crate) fn root_of(&self, language: Language) -> String {
        if language == self.language() { String::new() } else { format!("/{language}") }
    }

    /// True when more differs than what is measured: what is claimed, or what people were told.
    pub(crate) fn says_otherwise(&self, other: &Self) -> bool {
        self.claims != other.claims
            || self.incidents != other.incidents
            || self.maintenances != other.maintenances
            || !Arc::ptr_eq(&self.archive, &other.archive)
    }

    /// The components by group, in the order in which the groups first come; those without one last.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for line in &self.components {
            let title = line.group.as_deref();
            match groups.iter_mut().find(|group| group.title == title) {
                Some(group) => {
                    group.claim = group.claim.max(line.claim);
                    group.lines.push(line);
                }
                None => groups.push(Group { title, claim: line.claim, lines: vec![line] }),
            }
        }
        groups.sort_by_key(|group| group.title.is_none());
        groups
    }

    /// Incidents that go on.
    pub(crate) fn open(&self) -> impl Iterator<Item = &PublicIncident> {
        self.incidents.iter().filter(|incident| incident.is_open())
    }

    /// Announced work that goes on.
    pub(crate) fn active(&self) -> impl Iterator<Item = &PublicMaintenance> {
        self.maintenances.iter().filter(|it| it.phase == MaintenancePhase::InProgress)
    }

    /// Announced work to come, the next first.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = &PublicMaintenance> {
        self.maintenances.iter().filter(|it| it.phase == MaintenancePhase::Scheduled)
    }

    /// A component's name for people.
    pub(crate) fn title_of<'a>(&'a self, component: &'a Name) -> &'a str {
        self.components.iter().find(|line| line.name == *component).map_or(component.as_str(), |line| &line.title)
    }
}

/// A system that the operator's table names; a single network is a household or an office, and nobody's to name in public.
fn alone(snapshot: &Snapshot) -> Option<String> {
    let networks = &snapshot.settings.reports.networks;
    let is_system = |owner: &Name| networks.systems().iter().any(|system| system.name == *owner);
    let suffering = snapshot.board.alone.as_ref().filter(|it| is_system(&it.owner));
    let suffering = suffering.map(|it| networks.title_of(&it.owner));
    suffering.or_else(|| snapshot.reports.alone_in_public(&snapshot.board.asked).map(Place::owner_title))
}

fn subscribe(snapshot: &Snapshot) -> Option<String> {
    let settings = &snapshot.settings;
    let open = !settings.subscribers.open_to.is_empty();
    open.then(|| format!("{}/subscribe", settings.status_url.trim_end_matches('/')))
}

fn measured(snapshot: &Snapshot) -> Measured {
    match snapshot.board.heard_at {
        Some(at) if claim::is_fresh(&snapshot.board, &snapshot.settings.policy, snapshot.now) => {
            Measured::Now(Stamp(at))
        }
        Some(at) => Measured::Last(Stamp(at)),
        None => Measured::Never,
    }
}

impl Recent {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        if snapshot.board.pulses.is_empty() {
            return None;
        }
        let sum = |part: fn(&downbeat_core::incident::Pulse) -> u64| {
            snapshot.board.pulses.iter().map(part).fold(0_u64, u64::saturating_add)
        };
        let (requests, failed) = (sum(|p| p.requests), sum(|p| p.failed));
        // The casts lose digits only beyond 2^53 requests.
        let share = if requests == 0 { 0.0 } else { failed as f64 / requests as f64 };
        Some(Self { requests: count(requests), failed: percent(share), reports: sum(|p| p.reports) })
    }
}

fn components(snapshot: &Snapshot, claims: &Claims) -> Vec<ComponentLine> {
    let topology = &snapshot.settings.policy.topology;
    let mut known: Vec<&Component> = topology.components.values().collect();
    known.sort_by_key(|component| component.priority);
    let work = work_days(snapshot);
    known.into_iter().map(|component| component_line(snapshot, claims, &work, component)).collect()
}

fn component_line(snapshot: &Snapshot, claims: &Claims, work: &WorkDays, component: &Component) -> ComponentLine {
    let name = &component.name;
    let days = snapshot.days.get(name).map_or(&[][..], Vec::as_slice);
    let today = i64::try_from(snapshot.now.as_millis() / DAY_MS).unwrap_or(i64::MAX);
    let claim = claims.get(name).copied().unwrap_or(Claim::Operational);
    let since_day = days.first().and_then(|day| u64::try_from(day.day).ok());
    let created_at = since_day.map_or(snapshot.book.started_at, |day| Moment::from_millis(day.saturating_mul(DAY_MS)));
    ComponentLine {
        name: name.clone(),
        code: snapshot.settings.page.ids.get(name).unwrap_or(name).to_string(),
        title: component.title.clone(),
        group: snapshot.settings.page.groups.get(name).cloned(),
        claim,
        measured: claim::measured(&snapshot.board, &snapshot.settings.policy, name),
        regions: regions(snapshot, name, claim),
        features_out: feature::lines(&snapshot.book, component).into_iter().filter(|line| !line.is_in()).collect(),
        history: History::of(days, work.get(name), today),
        created_at: Stamp(created_at),
        updated_at: Stamp(last_touched(snapshot, component).unwrap_or(created_at)),
    }
}

fn regions(snapshot: &Snapshot, component: &Name, claim: Claim) -> Vec<RegionChip> {
    let fresh = claim::is_fresh(&snapshot.board, &snapshot.settings.policy, snapshot.now);
    let cells = snapshot.board.cells.iter().filter(|((c, _), _)| c == component);
    cells
        .map(|((_, region), cell)| {
            let condition = if fresh { cell.condition } else { Condition::Unknown };
            let figures = (condition != Condition::Unknown).then(|| Figures {
                per_second: rate(cell.per_second),
                first_byte_ms: rate(cell.first_byte_ms),
                failed: percent(cell.failed),
            });
            RegionChip { region: region.clone(), condition, claim, figures }
        })
        .collect()
}

fn last_touched(snapshot: &Snapshot, component: &Component) -> Option<Moment> {
    let topology = &snapshot.settings.policy.topology;
    let incidents = public(snapshot).filter(|i| i.touches(component, topology)).map(|i| i.state_since);
    let works = snapshot.book.maintenances.values().filter(|it| it.appointment.components.contains(&component.name));
    incidents.chain(works.filter_map(|it| it.ended_at.or(it.began_at))).max()
}

/// Incidents that the public hears of: those that were confirmed once.
fn public(snapshot: &Snapshot) -> impl Iterator<Item = &Incident> {
    snapshot.book.incidents.values().rev().filter(|incident| incident.confirmed_at.is_some())
}

fn incidents(snapshot: &Snapshot) -> Vec<PublicIncident> {
    public(snapshot).take(INCIDENTS_MAX).map(|incident| public_incident(snapshot, incident)).collect()
}

fn public_incident(snapshot: &Snapshot, incident: &Incident) -> PublicIncident {
    let topology = &snapshot.settings.policy.topology;
    let said: Vec<&NoticeCase> = incident.notices.iter().filter(|n| n.notice.audience == Audience::Public).collect();
    // A review is written for the team: to the public nothing has changed by it.
    let stands_since =
        incident.resolved_at.filter(|_| incident.state == State::Reviewed).unwrap_or(incident.state_since);
    let updated_at = said.iter().map(|n| n.at).chain([stands_since]).max().unwrap_or(stands_since);
    let monitoring = said.iter().find(|n| n.notice.stage == Stage::Monitoring).map(|n| n.at);
    PublicIncident {
        id: incident.id,
        title: said.first().map_or_else(|| incident.title.clone(), |n| n.notice.title.clone()),
        titles: said.first().map_or_else(BTreeMap::new, |n| titles(&n.notice.translations)),
        stage: stage(incident),
        impact: claim::impact(incident),
        started_at: Stamp(incident.since),
        created_at: Stamp(incident.confirmed_at.unwrap_or(incident.suspected_at)),
        updated_at: Stamp(updated_at),
        monitoring_at: monitoring.or(incident.mitigated_at).map(Stamp),
        resolved_at: incident.resolved_at.map(Stamp),
        next_update: promise(snapshot, incident),
        updates: said.iter().rev().map(|n| update(n)).collect(),
        components: (topology.components.values())
            .filter(|component| incident.touches(component, topology))
            .map(|component| component.name.clone())
            .collect(),
    }
}

fn titles(translations: &BTreeMap<Language, Said>) -> BTreeMap<Language, String> {
    translations.iter().map(|(language, said)| (*language, said.title.clone())).collect()
}

fn update(case: &NoticeCase) -> Update {
    let notice = &case.notice;
    Update {
        id: notice.id.to_string(),
        stage: notice.stage,
        title: notice.title.clone(),
        body: notice.body.clone(),
        translations: notice.translations.clone(),
        at: Stamp(case.at),
    }
}

/// Where the public story stands: what was said last, unless the incident is over.
fn stage(incident: &Incident) -> Stage {
    let said = incident.public_word().map(|word| word.notice.stage);
    match (incident.state, said) {
        (State::Resolved | State::Reviewed, _) => Stage::Resolved,
        (_, Some(stage)) => stage,
        (State::Mitigated | State::Restoring, None) => Stage::Monitoring,
        _ => Stage::Investigating,
    }
}

fn promise(snapshot: &Snapshot, incident: &Incident) -> Option<Promise> {
    let word = incident.public_word().filter(|_| incident.state.is_open())?;
    let due = word.at + snapshot.settings.policy.tell.next_update;
    Some(if due >= snapshot.now { Promise::By(Stamp(due)) } else { Promise::Overdue(Stamp(due)) })
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;

    fn picture(snapshot: &Snapshot) -> Picture {
        Picture::of(snapshot, &Claims::new())
    }

    #[test]
    fn only_what_was_confirmed_is_public() {
        let count = |state| picture(&story::in_state(state)).open().count();
        let table = [
            (State::Suspected, 0),
            (State::Dismissed, 0),
            (State::Confirmed, 1),
            (State::Mitigated, 1),
            (State::Restoring, 1),
            (State::Resolved, 0),
        ];
        for (state, open) in table {
            assert_eq!(count(state), open, "{state:?}");
        }
        assert_eq!(picture(&story::healthy()).lately().len(), 1, "the dismissed one of yesterday is not told");
    }

    #[test]
    fn the_story_follows_what_was_said_until_it_is_over() {
        let stage = |state| picture(&story::in_state(state)).incidents[0].stage;
        assert_eq!(stage(State::Confirmed), Stage::Investigating);
        assert_eq!(stage(State::Mitigated), Stage::Monitoring);
        assert_eq!(stage(State::Reviewed), Stage::Resolved);
    }

    #[test]
    fn a_promise_that_is_broken_says_so() {
        let mut snapshot = story::in_state(State::Confirmed);
        assert!(matches!(picture(&snapshot).incidents[0].next_update, Some(Promise::By(_))));
        snapshot.now = snapshot.now + std::time::Duration::from_secs(7_200);
        assert!(matches!(picture(&snapshot).incidents[0].next_update, Some(Promise::Overdue(_))));
        assert_eq!(picture(&story::in_state(State::Resolved)).incidents[0].next_update, None);
    }

    #[test]
    fn old_measurements_are_not_shown_as_current() {
        let picture = picture(&story::no_data());
        assert!(matches!(picture.measured, Measured::Last(_)));
        assert!(picture.components.iter().all(|line| line.measured == Condition::Unknown));
        let chips = picture.components.iter().flat_map(|line| &line.regions);
        assert!(chips.clone().count() > 0 && chips.into_iter().all(|chip| chip.figures.is_none()));
    }
}
