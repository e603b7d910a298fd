//! Arming that has to be tried: what automation may do by itself, and until when (invariant A13).
//!
//! The configuration says what may be let loose; the log says what has been tried. A kind of remedy is armed for a component
//! from the moment on at which the configuration first let that kind act, and from each drill of it that passed there, for as
//! long as [`crate::model::ActPolicy::armed_for`] says. Afterwards it asks.

use super::book::Book;
use super::engine::Engine;
use super::event::Event;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Mode, Moment, Name, Policy, Remedy, RemedyKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What lapses within so long is told of: a drill can be put into the next working week.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// Which kinds of remedies were tried on which components.
pub type Tried = BTreeMap<Name, BTreeSet<RemedyKind>>;

/// When what was armed and tried, as the log tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trials {
    /// By kind: when the configuration first let it act by itself.
    armed: BTreeMap<RemedyKind, Moment>,
    /// By component and kind: when a drill last passed.
    passed: BTreeMap<Name, BTreeMap<RemedyKind, Moment>>,
}

impl Trials {
    /// True while nothing was ever armed or tried.
    pub(super) fn is_empty(&self) -> bool {
        self.armed.is_empty() && self.passed.is_empty()
    }

    pub(super) fn arm(&mut self, at: Moment, kinds: &BTreeSet<RemedyKind>) {
        for kind in kinds {
            self.armed.entry(*kind).or_insert(at);
        }
    }

    pub(super) fn pass(&mut self, at: Moment, tried: &Tried) {
        for (component, kinds) in tried {
            self.passed.entry(component.clone()).or_default().extend(kinds.iter().map(|kind| (*kind, at)));
        }
    }

    /// When it was armed or last tried.
    fn last(&self, component: &Name, kind: RemedyKind) -> Option<Moment> {
        let passed = self.passed.get(component).and_then(|kinds| kinds.get(&kind));
        passed.max(self.armed.get(&kind)).copied()
    }
}

/// Leave for automation to do one kind of thing to one component by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arming {
    /// To which component.
    pub component: Name,
    /// What it may do.
    pub kind: RemedyKind,
    /// From when on it asks instead.
    pub until: Moment,
}

/// How an arming stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmingState {
    /// It holds.
    Armed,
    /// It lapses within a week.
    LapsesSoon,
    /// It has lapsed: automation asks.
    Lapsed,
}

impl ArmingState {
    /// The word in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::LapsesSoon => "lapses_soon",
            Self::Lapsed => "lapsed",
        }
    }
}

impl Arming {
    /// How it stands now.
    pub fn state(&self, now: Moment) -> ArmingState {
        match self.until {
            until if until <= now => ArmingState::Lapsed,
            until if until.since(now) <= SOON => ArmingState::LapsesSoon,
            _ => ArmingState::Armed,
        }
    }
}

impl Book {
    /// All that the configuration lets automation do by itself, with when it lapses; by component, then by kind.
    pub fn armings(&self, policy: &Policy) -> Vec<Arming> {
        let auto = |kind: &RemedyKind| policy.act.mode(*kind) == Mode::Auto;
        let kinds: Vec<RemedyKind> = RemedyKind::ALL.into_iter().filter(auto).collect();
        let of = |component: &Name| {
            let armings = kinds.iter().map(|kind| self.arming(component, *kind, policy));
            armings.collect::<Vec<_>>()
        };
        policy.topology.components.keys().flat_map(of).collect()
    }

    fn arming(&self, component: &Name, kind: RemedyKind, policy: &Policy) -> Arming {
        let last = self.trials.last(component, kind);
        let until = last.map_or(Moment::default(), |at| at + policy.act.armed_for);
        Arming { component: component.clone(), kind, until }
    }
}

impl Engine {
    /// What the configuration lets loose for the first time is written down: it has to be tried from then on.
    pub(super) fn note_arming(&self, _now: Moment) -> Vec<Event> {
        let new =
            |kind: &RemedyKind| self.policy.act.mode(*kind) == Mode::Auto && !self.book.trials.armed.contains_key(kind);
        let kinds: BTreeSet<RemedyKind> = RemedyKind::ALL.into_iter().filter(new).collect();
        if kinds.is_empty() { vec![] } else { vec![Event::Armed { kinds }] }
    }

    /// The arming that a remedy would need and that has lapsed, first of all; none where it asks anyway.
    pub(super) fn lapsed(&self, remedy: &Remedy, now: Moment) -> Option<Arming> {
        if self.policy.act.mode(remedy.kind) != Mode::Auto || is_on(Mutation::ForgetsArming) {
            return None;
        }
        let touched = remedy.route.components(&self.policy.topology);
        let armings = touched.iter().map(|component| self.book.arming(component, remedy.kind, &self.policy));
        armings.filter(|arming| arming.state(now) == ArmingState::Lapsed).min_by_key(|arming| arming.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Record;
    use crate::model::{CauseKind, Component, IncidentId, Priority, RemedyId, Route, Slice};

    const DAY: Duration = Duration::from_secs(86_400);
    const START: Moment = Moment::from_millis(1_795_356_188_250);

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    /// Two components, of which one replica serves both; a divert may act by itself, a shed may not.
    fn policy() -> Policy {
        let mut policy = Policy::default();
        for (component, replicas) in [("login", vec!["eu-1"]), ("search", vec!["eu-1", "eu-2"])] {
            let replicas = replicas.into_iter().map(name).collect();
            let it = Component {
                name: name(component),
                title: component.into(),
                priority: Priority(0),
                replicas,
                features: vec![],
            };
            policy.topology.components.insert(name(component), it);
        }
        policy.act.modes = [(RemedyKind::Divert, Mode::Auto), (RemedyKind::Shed, Mode::Ask)].into();
        policy
    }

    fn engine(events: Vec<(Moment, Event)>) -> Engine {
        let mut engine = Engine::new(policy(), vec![]);
        for (n, (at, event)) in events.into_iter().enumerate() {
            engine.apply(&Record { seq: n as u64 + 1, at, event }).expect("it follows");
        }
        engine
    }

    fn armed() -> Event {
        Event::Armed { kinds: [RemedyKind::Divert].into() }
    }

    fn passed(component: &str) -> Event {
        let tried = [(name(component), [RemedyKind::Divert].into())].into();
        Event::DrillPassed { story: name("region-lost"), tried, by: name("ann") }
    }

    fn away(replica: &str) -> Remedy {
        Remedy {
            id: RemedyId { incident: IncidentId(1), count: 1 },
            kind: RemedyKind::Divert,
            answers: CauseKind::Host,
            slice: Slice::everywhere(),
            route: Route::Away { replicas: vec![name(replica)], component: None },
            actuation: None,
            predicted: String::new(),
            undo: String::new(),
            check_after: DAY,
        }
    }

    #[test]
    fn what_is_let_loose_is_written_down_once() {
        let mut engine = engine(vec![]);
        assert_eq!(engine.step(START), [armed()]);
        engine.apply(&Record { seq: 1, at: START, event: armed() }).expect("it follows");
        assert_eq!(engine.step(START + Duration::from_secs(1)), []);
    }

    #[test]
    fn it_asks_from_the_moment_on_at_which_one_of_its_components_lapses() {
        let engine = engine(vec![(START, armed()), (START + DAY, passed("search"))]);
        let lapsed = |replica: &str, at: Moment| engine.lapsed(&away(replica), at).map(|arming| arming.component);
        let month = START + 30 * DAY;
        assert_eq!(lapsed("eu-1", month.before(Duration::from_millis(1))), None);
        assert_eq!(lapsed("eu-1", month), Some(name("login")));
        assert_eq!(lapsed("eu-2", month), None);
        assert_eq!(lapsed("eu-2", month + DAY), Some(name("search")));
    }

    #[test]
    fn a_kind_that_nobody_ever_armed_is_lapsed_and_one_that_asks_anyway_needs_nothing() {
        let engine = engine(vec![]);
        assert!(engine.lapsed(&away("eu-1"), START).is_some());
        let shed = Remedy { kind: RemedyKind::Shed, ..away("eu-1") };
        assert_eq!(engine.lapsed(&shed, START), None);
    }

    #[test]
    fn a_second_arming_and_an_earlier_drill_renew_nothing() {
        let events = [(START, armed()), (START + DAY, passed("login")), (START + 2 * DAY, armed())];
        let book = engine(events.into()).book().clone();
        let table: Vec<(Name, Moment, ArmingState)> =
            book.armings(&policy()).into_iter().map(|a| (a.component.clone(), a.until, a.state(START))).collect();
        let (login, search) = (START + 31 * DAY, START + 30 * DAY);
        assert_eq!(table, [(name("login"), login, ArmingState::Armed), (name("search"), search, ArmingState::Armed)]);
        let states = [23, 24, 31].map(|days| book.armings(&policy())[0].state(START + days * DAY));
        assert_eq!(states, [ArmingState::Armed, ArmingState::LapsesSoon, ArmingState::Lapsed]);
    }
}
