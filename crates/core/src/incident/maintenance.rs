//! Announced work: scheduled by a person, begun and ended by the clock, told to the public (decision 21).
//!
//! It changes nothing in what is watched, confirmed or done about it. It holds one thing back: while all components that an
//! incident touches are worked on, nobody is called about it for the first time. Who is called, is so when the work is over and the
//! incident is not.

use super::book::{Book, Incident, Misfit};
use super::command::CommandRefused;
use super::engine::Engine;
use super::event::{Actor, Event, Record};
use crate::model::{Appointment, Audience, Component, Dimension, MaintenanceId, Moment, Name, Slice, Topology};
use crate::tell;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most maintenances kept at hand; the log has them all.
const KEPT_MAX: usize = 1_000;
/// Most that are scheduled or in progress at the same time.
const OPEN_MAX: usize = 100;
/// Most words about one.
const WORDS_MAX: usize = 100;
/// Longest title, in characters.
const TITLE_MAX: usize = 200;
/// Longest word, in characters.
const TEXT_MAX: usize = 5_000;
/// Longest work. What keeps calls back has to end within a day (E5); longer work is several.
const LENGTH_MAX: Duration = Duration::from_secs(24 * 3_600);
/// A start may be so long ago: forms know minutes, and people take some seconds.
const START_GRACE: Duration = Duration::from_secs(90);
/// Nobody knows what is further ahead.
const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Where a maintenance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenancePhase {
    /// It is to come.
    Scheduled,
    /// It goes on.
    InProgress,
    /// It is over.
    Completed,
    /// It was called off before it began.
    Cancelled,
}

impl MaintenancePhase {
    /// The word in the API; but for `cancelled`, those of Statuspage's.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::InProgress => "In progress",
            Self::Completed => "Completed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// True while it is to come or goes on.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::InProgress)
    }
}

/// One public word about a maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWord {
    /// When.
    pub at: Moment,
    /// Where it stood then.
    pub phase: MaintenancePhase,
    /// The words, in Markdown.
    pub body: String,
}

/// A maintenance with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Its name.
    pub id: MaintenanceId,
    /// What is announced, as it was last changed.
    pub appointment: Appointment,
    /// Where it stands.
    pub phase: MaintenancePhase,
    /// When it was scheduled.
    pub scheduled_at: Moment,
    /// Who scheduled it.
    pub scheduled_by: Name,
    /// When it began.
    pub began_at: Option<Moment>,
    /// When it was over or called off.
    pub ended_at: Option<Moment>,
    /// How often a person has changed it: what calendars call its sequence.
    pub changes: u32,
    /// What was said, oldest first.
    pub words: Vec<MaintenanceWord>,
}

impl Maintenance {
    /// When something last happened to it.
    pub fn updated_at(&self) -> Moment {
        self.words.last().map_or(self.scheduled_at, |word| word.at)
    }

    /// True when it touched this component at that moment.
    fn covers(&self, component: &Name, at: Moment) -> bool {
        let began = self.began_at.is_some_and(|began| began <= at);
        began && self.ended_at.is_none_or(|ended| at <= ended) && self.appointment.components.contains(component)
    }

    fn say(&mut self, at: Moment, phase: MaintenancePhase, body: &str) {
        self.phase = phase;
        self.words.push(MaintenanceWord { at, phase, body: body.to_owned() });
    }
}

impl Book {
    /// The name of the next maintenance.
    pub fn next_maintenance(&self) -> MaintenanceId {
        MaintenanceId(self.maintenances.keys().next_back().map_or(1, |id| id.0 + 1))
    }

    /// What is scheduled or in progress, in the order of their starts.
    pub fn open_maintenances(&self) -> Vec<&Maintenance> {
        let mut open: Vec<&Maintenance> = self.maintenances.values().filter(|it| it.phase.is_open()).collect();
        open.sort_by_key(|it| (it.appointment.start, it.id));
        open
    }

    /// True while somebody works on a component, as was announced.
    pub fn is_under_maintenance(&self, component: &Name) -> bool {
        let goes_on = |it: &&Maintenance| it.phase == MaintenancePhase::InProgress;
        self.maintenances.values().filter(goes_on).any(|it| it.appointment.components.contains(component))
    }

    /// Takes in what happened to a maintenance; nothing else changes it.
    pub(super) fn move_maintenance(&mut self, record: &Record) -> Result<(), Misfit> {
        use MaintenancePhase::{Cancelled, Completed, InProgress, Scheduled};
        let (seq, at) = (record.seq, record.at);
        match &record.event {
            Event::MaintenanceScheduled { maintenance, .. } if self.maintenances.contains_key(maintenance) => {
                return Err(Misfit::Maintenance { seq, phase: "scheduled already" });
            }
            Event::MaintenanceScheduled { maintenance, appointment, body, who } => {
                self.enter_maintenance(scheduled(*maintenance, appointment, body, who, at));
            }
            Event::MaintenanceUpdated { maintenance, appointment, body, .. } => {
                let it = self.maintenance_in(seq, *maintenance, &[Scheduled, InProgress])?;
                it.appointment = appointment.clone();
                it.changes += 1;
                it.say(at, it.phase, body);
            }
            Event::MaintenanceBegan { maintenance, body } => {
                let it = self.maintenance_in(seq, *maintenance, &[Scheduled])?;
                it.began_at = Some(at);
                it.say(at, InProgress, body);
            }
            Event::MaintenanceEnded { maintenance, body, .. } => {
                let it = self.maintenance_in(seq, *maintenance, &[InProgress])?;
                it.ended_at = Some(at);
                it.say(at, Completed, body);
            }
            Event::MaintenanceCancelled { maintenance, why, .. } => {
                let it = self.maintenance_in(seq, *maintenance, &[Scheduled])?;
                it.ended_at = Some(at);
                it.changes += 1;
                it.say(at, Cancelled, why);
            }
            _ => {}
        }
        Ok(())
    }

    /// A maintenance that stands where it has to for what happens to it.
    fn maintenance_in(
        &mut self,
        seq: u64,
        id: MaintenanceId,
        phases: &[MaintenancePhase],
    ) -> Result<&mut Maintenance, Misfit> {
        match self.maintenances.get_mut(&id) {
            Some(it) if phases.contains(&it.phase) => Ok(it),
            Some(it) => Err(Misfit::Maintenance { seq, phase: it.phase.word() }),
            None => Err(Misfit::Maintenance { seq, phase: "not scheduled" }),
        }
    }

    fn enter_maintenance(&mut self, maintenance: Maintenance) {
        self.maintenances.insert(maintenance.id, maintenance);
        if self.maintenances.len() > KEPT_MAX {
            let oldest = self.maintenances.values().find(|it| !it.phase.is_open()).map(|it| it.id);
            oldest.and_then(|id| self.maintenances.remove(&id));
        }
    }
}

fn scheduled(id: MaintenanceId, appointment: &Appointment, body: &str, who: &Name, at: Moment) -> Maintenance {
    Maintenance {
        id,
        appointment: appointment.clone(),
        phase: MaintenancePhase::Scheduled,
        scheduled_at: at,
        scheduled_by: who.clone(),
        began_at: None,
        ended_at: None,
        changes: 0,
        words: vec![MaintenanceWord { at, phase: MaintenancePhase::Scheduled, body: body.to_owned() }],
    }
}

impl Incident {
    /// True when a component lies within it: named by it or by its findings, or served from there when no component is named.
    pub fn touches(&self, component: &Component, topology: &Topology) -> bool {
        let slices = std::iter::once(&self.slice).chain(self.findings.iter().map(|f| &f.slice));
        let mut named = slices.filter_map(|slice| slice.get(Dimension::Component)).peekable();
        if named.peek().is_some() {
            return named.any(|name| *name == component.name);
        }
        serves_from(&self.slice, component, topology)
    }

    fn is_anybody_called(&self) -> bool {
        self.notices.iter().any(|case| case.notice.audience == Audience::OnCall)
    }
}

fn serves_from(slice: &Slice, component: &Component, topology: &Topology) -> bool {
    let replicas = topology.replicas_of(slice);
    component.replicas.is_empty() || component.replicas.iter().any(|r| replicas.contains(r))
}

impl Engine {
    /// Begins and ends by the clock what was announced.
    pub(super) fn keep_appointments(&self, now: Moment) -> Vec<Event> {
        let due = |it: &Maintenance| match it.phase {
            MaintenancePhase::Scheduled if it.appointment.start <= now => {
                Some(Event::MaintenanceBegan { maintenance: it.id, body: tell::MAINTENANCE_BEGAN.into() })
            }
            MaintenancePhase::InProgress if it.appointment.end <= now => {
                let body = tell::MAINTENANCE_ENDED.into();
                Some(Event::MaintenanceEnded { maintenance: it.id, by: Actor::Automation, body })
            }
            _ => None,
        };
        self.book.maintenances.values().find_map(due).into_iter().collect()
    }

    /// True when nobody has been called about an incident, and all that it touches was worked on at that moment.
    pub(super) fn is_kept_quiet(&self, incident: &Incident, at: Moment) -> bool {
        if self.book.maintenances.is_empty() || incident.is_anybody_called() {
            return false;
        }
        let topology = &self.policy.topology;
        let worked_on = |name: &Name| self.book.maintenances.values().any(|it| it.covers(name, at));
        let mut touched = topology.components.values().filter(|it| incident.touches(it, topology)).peekable();
        touched.peek().is_some() && touched.all(|component| worked_on(&component.name))
    }

    pub(super) fn schedule(
        &self,
        now: Moment,
        who: &Name,
        appointment: Appointment,
        text: &str,
    ) -> Result<Vec<Event>, CommandRefused> {
        check_start(now, &appointment)?;
        let appointment = self.checked_appointment(now, appointment)?;
        let body = checked_text(text)?.to_owned();
        let open = self.book.open_maintenances();
        if open.iter().any(|it| it.appointment == appointment) {
            return Ok(vec![]);
        }
        if open.len() >= OPEN_MAX {
            return Err(CommandRefused::Full(OPEN_MAX));
        }
        let maintenance = self.book.next_maintenance();
        Ok(vec![Event::MaintenanceScheduled { maintenance, appointment, body, who: who.clone() }])
    }

    pub(super) fn change_appointment(
        &self,
        now: Moment,
        who: &Name,
        id: MaintenanceId,
        appointment: Appointment,
        text: &str,
    ) -> Result<Vec<Event>, CommandRefused> {
        let known = self.open_maintenance(id)?;
        let stays = appointment.start == known.appointment.start;
        match known.phase {
            MaintenancePhase::InProgress if !stays => {
                return Err(field("start", "the work has begun: when it did stays as it is".into()));
            }
            MaintenancePhase::Scheduled if !stays => check_start(now, &appointment)?,
            _ => {}
        }
        let appointment = self.checked_appointment(now, appointment)?;
        if known.words.len() >= WORDS_MAX {
            return Err(field("text", format!("{WORDS_MAX} words were said about it already")));
        }
        let body = checked_text(text)?.to_owned();
        Ok(vec![Event::MaintenanceUpdated { maintenance: id, appointment, body, who: who.clone() }])
    }

    pub(super) fn cancel(&self, who: &Name, id: MaintenanceId, why: &str) -> Result<Vec<Event>, CommandRefused> {
        let known = self.open_maintenance(id)?;
        if known.phase == MaintenancePhase::InProgress {
            return Err(CommandRefused::Begun(id));
        }
        let why = checked_text(why)?.to_owned();
        Ok(vec![Event::MaintenanceCancelled { maintenance: id, why, who: who.clone() }])
    }

    pub(super) fn finish(&self, who: &Name, id: MaintenanceId) -> Result<Vec<Event>, CommandRefused> {
        let known = self.open_maintenance(id)?;
        if known.phase == MaintenancePhase::Scheduled {
            return Err(CommandRefused::NotBegun(id));
        }
        let (by, body) = (Actor::Operator(who.clone()), tell::MAINTENANCE_ENDED.into());
        Ok(vec![Event::MaintenanceEnded { maintenance: id, by, body }])
    }

    fn open_maintenance(&self, id: MaintenanceId) -> Result<&Maintenance, CommandRefused> {
        let known = self.book.maintenances.get(&id).ok_or(CommandRefused::NoMaintenance(id))?;
        if known.phase.is_open() { Ok(known) } else { Err(CommandRefused::MaintenanceOver(id, known.phase.word())) }
    }

    fn checked_appointment(&self, now: Moment, appointment: Appointment) -> Result<Appointment, CommandRefused> {
        let Appointment { title, components, start, end } = appointment;
        let title = checked_title(&title)?;
        if components.is_empty() {
            return Err(field("components", "name at least one".into()));
        }
        if let Some(stranger) = components.iter().find(|name| !self.policy.topology.components.contains_key(*name)) {
            return Err(field("components", format!("there is no component {stranger} here")));
        }
        if end <= start {
            return Err(field("end", "it has to be after the start".into()));
        }
        if end.since(start) > LENGTH_MAX {
            return Err(field("end", "at most 24 h after the start; longer work is several maintenances".into()));
        }
        if end <= now {
            return Err(field("end", "it is over already".into()));
        }
        Ok(Appointment { title, components, start, end })
    }
}

fn check_start(now: Moment, appointment: &Appointment) -> Result<(), CommandRefused> {
    let late = now.since(appointment.start);
    if late > START_GRACE {
        return Err(field("start", format!("it was {} min ago", late.as_secs() / 60)));
    }
    if appointment.start.since(now) > AHEAD_MAX {
        return Err(field("start", "at most 366 days ahead".into()));
    }
    Ok(())
}

fn checked_title(title: &str) -> Result<String, CommandRefused> {
    let title = title.trim();
    let length = title.chars().count();
    if !(1..=TITLE_MAX).contains(&length) {
        return Err(field("title", format!("a title has 1 to {TITLE_MAX} characters, this one has {length}")));
    }
    if title.chars().any(char::is_control) {
        return Err(field("title", "a title is one line without control characters".into()));
    }
    Ok(title.to_owned())
}

fn checked_text(text: &str) -> Result<&str, CommandRefused> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=TEXT_MAX).contains(&length) {
        return Ok(text);
    }
    Err(field("text", format!("a word has 1 to {TEXT_MAX} characters, this one has {length}")))
}

fn field(field: &'static str, why: String) -> CommandRefused {
    CommandRefused::Field { field, why }
}
