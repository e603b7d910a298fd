//! People: operators who command, whoever is on duty when Downbeat asks for a person, and brigades of forged reports.

use crate::dice::Dice;
use crate::fault::{Fault, Verb};
use crate::plan::Automation;
use crate::shape::name;
use crate::time::Time;
use crate::world::{Happening, World};
use downbeat_core::incident::{Command, RemedyStage, State, Switch};
use downbeat_core::model::{FeatureId, IncidentId, Mode, Moment, Name, RemedyId, RemedyKind};
use std::time::Duration;

/// Whoever is on duty answers a page after so long.
const ON_DUTY: Duration = Duration::from_secs(12);
/// An incident that nothing goes on with for so long is ended by a person.
const PATIENCE: Duration = Duration::from_secs(45);

/// Everybody who is no user.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) dice: Dice,
    /// Since when all faults are over: then somebody looks after what Downbeat leaves to people.
    pub(crate) on_duty: Option<Moment>,
    /// How often a person had to end an incident.
    pub(crate) ended: u32,
}

impl People {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::stream(seed, 6), on_duty: None, ended: 0 }
    }
}

impl World {
    /// A person does something.
    pub(crate) fn operate(&mut self, verb: Verb) {
        if self.plan.automation == Automation::Off && matches!(verb, Verb::Approve | Verb::Undo | Verb::Resolve) {
            return;
        }
        let Some(command) = self.worded(verb) else { return };
        let mark = match self.command(command) {
            Some(Ok(())) => "obeyed",
            Some(Err(_)) => "refused",
            None => "not heard",
        };
        self.marks.reach(&format!("operator: {verb:?} {mark}"));
    }

    fn worded(&self, verb: Verb) -> Option<Command> {
        let book = self.hub.desk.as_ref()?.engine().book();
        let incident = book.open().last().map_or(IncidentId(9_999), |incident| incident.id);
        let staged = |wanted: fn(RemedyStage) -> bool| {
            let cases = book.open().flat_map(|incident| &incident.remedies);
            cases.filter(|case| wanted(case.stage)).map(|case| case.remedy.id).next_back()
        };
        let nobody = RemedyId { incident, count: 99 };
        let closed = || book.incidents.values().rev().find(|i| !i.state.is_open() && i.merged_into.is_none());
        Some(match verb {
            Verb::Ack => Command::Ack(incident),
            Verb::Post => Command::Post(incident, "We are looking into it.".into()),
            Verb::Resolve => Command::Resolve(incident),
            Verb::Hold => Command::Hold,
            Verb::TakeOver => Command::TakeOver(incident),
            Verb::Reopen => Command::Reopen(closed().map_or(incident, |i| i.id), "users still complain".into()),
            Verb::Merge => Command::Merge(incident, book.open().rev().nth(1).map_or(incident, |before| before.id)),
            Verb::Split => Command::Split(incident, self.part_of(incident)),
            Verb::Approve => Command::Approve(staged(|s| s == RemedyStage::Proposed).unwrap_or(nobody)),
            Verb::Undo => Command::Undo(
                staged(|s| matches!(s, RemedyStage::Started | RemedyStage::Kept | RemedyStage::Lifting))
                    .unwrap_or(nobody),
            ),
        })
    }

    /// Whoever ran a drill tells of it.
    pub(crate) fn pass_drill(&mut self, component: usize) {
        let component = self.shape.components[component].clone();
        let command = Command::PassDrill(name("rehearsal"), [(component.clone(), RemedyKind::ALL.into())].into());
        if self.command(command) == Some(Ok(())) {
            self.judge.drill_passed(self.hub.clock(self.now), component);
        }
    }

    /// A person switches a feature off or on.
    pub(crate) fn switch(&mut self, component: usize, feature: usize, to: Switch) {
        let (component, feature) = (&self.shape.components[component], &self.shape.features[component][feature].name);
        let id = FeatureId { component: component.clone(), feature: feature.clone() };
        let _ = self.command(Command::Switch(id, to));
    }

    /// What was taken over is handed back.
    pub(crate) fn hand_back(&mut self) {
        let book = self.hub.desk.as_ref().map(|desk| desk.engine().book());
        let taken = book.and_then(|book| book.open().find(|incident| incident.taken_by.is_some()));
        if let Some(id) = taken.map(|incident| incident.id) {
            let _ = self.command(Command::HandBack(id));
        }
    }

    /// A component that something was found on in this incident.
    fn part_of(&self, incident: IncidentId) -> Name {
        let book = self.hub.desk.as_ref().map(|desk| desk.engine().book());
        let found = book.and_then(|book| book.incidents.get(&incident)).and_then(|i| i.components().last().cloned());
        found.unwrap_or_else(|| self.shape.components[0].clone())
    }

    /// Once a second: what waits for a person?
    pub(crate) fn people_look(&mut self) {
        if self.plan.automation == Automation::Off {
            return;
        }
        let Some(desk) = &self.hub.desk else { return };
        let now = self.hub.clock(self.now);
        let book = desk.engine().book();
        let waiting = book.open().flat_map(|incident| &incident.remedies).find(|case| {
            case.stage == RemedyStage::Proposed && case.mode == Mode::Ask && now.since(case.since) == ON_DUTY
                || (case.stage == RemedyStage::Proposed
                    && case.mode == Mode::Ask
                    && now.since(case.since) > ON_DUTY
                    && now.since(case.since) < ON_DUTY + Duration::from_secs(1))
        });
        if let Some(case) = waiting {
            let id = case.remedy.id;
            let heard = self.command(Command::Approve(id));
            self.marks.reach(if heard == Some(Ok(())) { "people: approve" } else { "people: may not approve" });
            return;
        }
        let Some(on_duty) = self.people.on_duty else { return };
        if let Some(feature) = book.switched_off.keys().next().cloned() {
            let _ = self.command(Command::Switch(feature, Switch::On));
            return;
        }
        if book.held_by.is_some() {
            let _ = self.command(Command::Release);
            return;
        }
        if book.open().any(|incident| incident.taken_by.is_some()) {
            return self.hand_back();
        }
        // What happened before they came is no reason for haste.
        let stuck = |since: Moment| now.since(since.max(on_duty)) > PATIENCE;
        let left = book
            .open()
            .find(|i| i.state != State::Suspected && stuck(i.timeline.back().map_or(i.state_since, |r| r.at)));
        if let Some(id) = left.map(|incident| incident.id) {
            self.people.ended += 1;
            self.judge.left_to_people(now, id);
            self.marks.reach("people: end an incident that nothing goes on with");
            let _ = self.command(Command::Resolve(id));
        }
    }

    /// Forged reports, some a second.
    pub(crate) fn brigade(&mut self, n: usize) {
        let planned = self.plan.faults[n].clone();
        let Fault::Brigade(networks, component) = planned.fault else { return };
        if self.now >= planned.ends() {
            return;
        }
        let network = name(&format!("172.16.{}.0/24", self.people.dice.below(usize::from(networks))));
        self.report(network, Some(component));
        let after = self.people.dice.wait(Duration::from_millis(300));
        self.queue.plan(self.now + after, Happening::Brigade(n));
    }

    /// All faults are over.
    pub(crate) fn go_on_duty(&mut self) {
        self.people.on_duty = Some(self.hub.clock(self.now));
    }

    /// The time since which an open incident has been waiting for something, for what is said of a world that does not settle.
    pub(crate) fn unsettled(&self) -> String {
        let Some(desk) = &self.hub.desk else { return "the hub is away".into() };
        let book = desk.engine().book();
        let open = book.open().map(|i| format!("incident {} is {}", i.id, i.state.word()));
        let plan = (!book.plan.is_idle()).then(|| format!("the plan is {:?}", book.plan));
        let pending = (!book.pending.is_empty()).then(|| format!("{} effects are pending", book.pending.len()));
        let edges = self.edges.iter().filter(|e| e.is_up() && e.policy.plan().epoch != book.plan.epoch);
        let behind = edges.map(|e| format!("{} has plan {}, not {}", e.name, e.policy.plan().epoch, book.plan.epoch));
        open.chain(plan).chain(pending).chain(behind).collect::<Vec<_>>().join(", ")
    }
}

/// How long a world may take to settle after its last fault.
pub(crate) const SETTLES_WITHIN: Duration = Duration::from_secs(150);

/// What comes so long after the last fault is no consequence of it.
pub(crate) const AFTERMATH: Duration = Duration::from_secs(10);

/// The end of what is planned.
pub(crate) fn last_end(faults: &[crate::fault::Planned]) -> Time {
    faults.iter().map(crate::fault::Planned::ends).max().unwrap_or(Time::from_secs(30))
}
