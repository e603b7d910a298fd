//! What the status page claims of each component: a pure function of the incidents and of what is measured.
//!
//! Two rules hold for every claim (invariant J1). Nothing is claimed to be broken unless an open incident that
//! touches it was confirmed: suspicion and noise stay off the page. And once one was confirmed, nothing it
//! touches is claimed to work as usual until it is resolved, even when a remedy hides it from every client.
//! Between the two, the measurement says how bad it is. Without a fresh measurement the last claim stays, as
//! far as the rules allow, and the page says that it is not measured. Announced work is claimed while it lasts, unless something
//! worse is confirmed: a person's word hides no measurement.

use super::tone::Tone;
use downbeat_core::incident::{Board, Book, Condition, Incident};
use downbeat_core::model::{Component, Measure, Moment, Name, Policy};
use std::collections::BTreeMap;

/// What is claimed of a component; the words of Statuspage's API. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    /// It works.
    Operational,
    /// It is worked on, as was announced.
    UnderMaintenance,
    /// It works, but not as usual or not by the usual ways.
    DegradedPerformance,
    /// It does not work for some.
    PartialOutage,
    /// It does not work.
    MajorOutage,
}

impl Claim {
    /// The word in Statuspage's API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::UnderMaintenance => "under_maintenance",
            Self::DegradedPerformance => "degraded_performance",
            Self::PartialOutage => "partial_outage",
            Self::MajorOutage => "major_outage",
        }
    }

    /// For people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Operational => "Operational",
            Self::UnderMaintenance => "Under maintenance",
            Self::DegradedPerformance => "Degraded performance",
            Self::PartialOutage => "Partial outage",
            Self::MajorOutage => "Major outage",
        }
    }

    /// How it is shown.
    pub(crate) const fn tone(self) -> Tone {
        match self {
            Self::Operational => Tone::Good,
            Self::UnderMaintenance => Tone::Maintenance,
            Self::DegradedPerformance | Self::PartialOutage => Tone::Warn,
            Self::MajorOutage => Tone::Bad,
        }
    }
}

/// What is claimed of each component.
pub(crate) type Claims = BTreeMap<Name, Claim>;

/// The claims that follow from a picture; `before` are those that it follows upon.
pub(crate) fn claims(book: &Book, board: &Board, policy: &Policy, before: &Claims) -> Claims {
    let topology = &policy.topology;
    let claim = |component: &Component| {
        let troubled = real(book).any(|incident| incident.touches(component, topology));
        match troubled {
            true => measured_claim(component, board, policy, before.get(&component.name).copied()),
            false if book.is_under_maintenance(&component.name) => Claim::UnderMaintenance,
            false => Claim::Operational,
        }
    };
    topology.components.iter().map(|(name, component)| (name.clone(), claim(component))).collect()
}

/// How bad it is, given that it is bad.
fn measured_claim(component: &Component, board: &Board, policy: &Policy, before: Option<Claim>) -> Claim {
    let name = &component.name;
    match measured(board, policy, name) {
        Condition::Unknown => before.unwrap_or(Claim::DegradedPerformance).max(Claim::DegradedPerformance),
        Condition::Healthy => Claim::DegradedPerformance,
        Condition::Degraded if somewhere_down(board, name) => Claim::PartialOutage,
        Condition::Degraded => Claim::DegradedPerformance,
        Condition::Down => Claim::MajorOutage,
    }
}

fn somewhere_down(board: &Board, component: &Name) -> bool {
    board.cells.iter().any(|((c, _), cell)| c == component && cell.condition == Condition::Down)
}

/// How a component is measured to be for clients; unknown once no edge was heard for too long.
pub(crate) fn measured(board: &Board, policy: &Policy, component: &Name) -> Condition {
    if !is_fresh(board, policy, board.at) {
        return Condition::Unknown;
    }
    board.components.get(component).copied().unwrap_or_default()
}

/// True while the picture rests on something an edge said not too long before `now`.
pub(crate) fn is_fresh(board: &Board, policy: &Policy, now: Moment) -> bool {
    board.heard_at.is_some_and(|at| now.since(at) <= policy.confirm.silence_after)
}

/// Open incidents that were confirmed: the only ones that the public hears of.
pub(crate) fn real(book: &Book) -> impl Iterator<Item = &Incident> {
    book.open().filter(|incident| incident.confirmed_at.is_some())
}

/// The state of the whole page; the words of Statuspage's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Indicator {
    /// All is well.
    None,
    /// Something is worked on, as was announced.
    Maintenance,
    /// Something is degraded.
    Minor,
    /// Something does not work.
    Major,
    /// Nothing works.
    Critical,
}

impl Indicator {
    /// The page's state, given what is claimed of its components.
    pub(crate) fn of(claims: &Claims) -> Self {
        let worst = claims.values().copied().max().unwrap_or(Claim::Operational);
        let all_down = claims.values().all(|c| *c == Claim::MajorOutage);
        match worst {
            Claim::Operational => Self::None,
            Claim::UnderMaintenance => Self::Maintenance,
            Claim::DegradedPerformance => Self::Minor,
            Claim::MajorOutage if all_down => Self::Critical,
            Claim::PartialOutage | Claim::MajorOutage => Self::Major,
        }
    }

    /// The word in Statuspage's API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Maintenance => "maintenance",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }

    /// The sentence that Statuspage says.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::None => "All Systems Operational",
            Self::Maintenance => "Service Under Maintenance",
            Self::Minor => "Partially Degraded Service",
            Self::Major => "Partial System Outage",
            Self::Critical => "Major Service Outage",
        }
    }

    /// How it is shown.
    pub(crate) const fn tone(self) -> Tone {
        match self {
            Self::None => Tone::Good,
            Self::Maintenance => Tone::Maintenance,
            Self::Minor | Self::Major => Tone::Warn,
            Self::Critical => Tone::Bad,
        }
    }
}

/// How much of the service's work clients lost in an incident, at its worst.
pub(crate) fn impact(incident: &Incident) -> Indicator {
    let lost = incident.findings.iter().filter(|f| f.measure == Measure::Requests).map(|f| f.observed);
    match lost.fold(0.0, f64::max) {
        share if share >= 0.5 => Indicator::Critical,
        share if share >= 0.05 => Indicator::Major,
        _ => Indicator::Minor,
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::{self, name};
    use super::*;
    use crate::view::Snapshot;
    use downbeat_core::incident::{Event, Record, State};
    use downbeat_core::model::{Appointment, MaintenanceId};
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::time::Duration;

    const CONDITIONS: [Condition; 4] = [Condition::Unknown, Condition::Healthy, Condition::Degraded, Condition::Down];

    /// A board on which playback is so for clients, and so in one region.
    fn board(overall: Condition, eu: Condition) -> Board {
        let mut board = (*story::healthy().board).clone();
        board.components.insert(name("playback"), overall);
        board.cells.entry((name("playback"), name("eu"))).or_default().condition = eu;
        board
    }

    fn playback(state: Option<State>, board: &Board, before: Option<Claim>) -> Claim {
        let snapshot = state.map_or_else(story::healthy, story::in_state);
        let before = before.map(|claim| (name("playback"), claim)).into_iter().collect();
        claims(&snapshot.book, board, &snapshot.settings.policy, &before)[&name("playback")]
    }

    /// Somebody announces an hour of work on a component, and begins.
    fn begin_work(snapshot: &mut Snapshot, component: &str) {
        let (start, maintenance) = (snapshot.now, MaintenanceId(1));
        let end = start + Duration::from_secs(3_600);
        let appointment = Appointment { title: "Work".into(), components: [name(component)].into(), start, end };
        let scheduled =
            Event::MaintenanceScheduled { maintenance, appointment, body: "We work.".into(), who: name("mira") };
        let book = Arc::make_mut(&mut snapshot.book);
        for event in [scheduled, Event::MaintenanceBegan { maintenance, body: "We begin.".into() }] {
            let record = Record { seq: book.last_seq + 1, at: start, event };
            book.apply(&record).expect("the story obeys the transition table");
        }
    }

    #[test]
    fn what_is_claimed_when() {
        use Claim::{DegradedPerformance, MajorOutage, Operational, PartialOutage};
        use Condition::{Degraded, Down, Healthy, Unknown};
        let table = [
            // state of the incident, for clients, in eu, claimed before, claim
            (None, Healthy, Healthy, None, Operational),
            (None, Down, Down, None, Operational),
            (Some(State::Suspected), Down, Down, None, Operational),
            (Some(State::Confirmed), Healthy, Down, None, DegradedPerformance),
            (Some(State::Confirmed), Degraded, Degraded, None, DegradedPerformance),
            (Some(State::Confirmed), Degraded, Down, None, PartialOutage),
            (Some(State::Confirmed), Down, Down, None, MajorOutage),
            (Some(State::Confirmed), Unknown, Unknown, Some(MajorOutage), MajorOutage),
            (Some(State::Confirmed), Unknown, Unknown, None, DegradedPerformance),
            (Some(State::Mitigated), Healthy, Healthy, Some(MajorOutage), DegradedPerformance),
            (Some(State::Restoring), Unknown, Unknown, Some(Operational), DegradedPerformance),
            (Some(State::Resolved), Unknown, Unknown, Some(MajorOutage), Operational),
            (Some(State::Dismissed), Down, Down, None, Operational),
        ];
        for (state, overall, eu, before, expected) in table {
            let board = board(overall, eu);
            assert_eq!(playback(state, &board, before), expected, "{state:?} {overall:?} {eu:?} {before:?}");
        }
    }

    #[test]
    fn an_edge_not_heard_makes_everything_unknown() {
        let mut board = board(Condition::Down, Condition::Down);
        board.heard_at = None;
        assert_eq!(measured(&board, &story::settings().policy, &name("playback")), Condition::Unknown);
        assert_eq!(playback(Some(State::Confirmed), &board, None), Claim::DegradedPerformance);
    }

    #[test]
    fn announced_work_is_claimed_and_hides_nothing_that_is_confirmed() {
        let snapshot = story::maintained();
        let (policy, none) = (&snapshot.settings.policy, Claims::new());
        let of = |book: &Book| claims(book, &snapshot.board, policy, &none)[&name("playlists")];
        assert_eq!(of(&snapshot.book), Claim::UnderMaintenance);
        let mut worse = (*snapshot.book).clone();
        let mut incident = story::in_state(State::Confirmed).book.incidents[&story::INCIDENT].clone();
        incident.slice = "component=playlists".parse().expect("a slice");
        worse.incidents.insert(incident.id, incident);
        assert_eq!(of(&worse), Claim::PartialOutage);
    }

    #[test]
    fn only_what_an_incident_touches_is_claimed() {
        let snapshot = story::in_state(State::Confirmed);
        let claims = claims(&snapshot.book, &snapshot.board, &snapshot.settings.policy, &Claims::new());
        assert_ne!(claims[&name("playback")], Claim::Operational);
        assert_eq!(claims[&name("login")], Claim::Operational);
    }

    proptest! {
        #[test]
        fn never_red_without_confirmation_never_green_after_it(
            state in proptest::sample::select(story::STATES.to_vec()),
            overall in proptest::sample::select(CONDITIONS.to_vec()),
            eu in proptest::sample::select(CONDITIONS.to_vec()),
            heard: bool,
            worked_on: bool,
        ) {
            let mut board = board(overall, eu);
            if !heard {
                board.heard_at = None;
            }
            let mut snapshot = story::in_state(state);
            if worked_on {
                begin_work(&mut snapshot, "playback");
            }
            let claim = claims(&snapshot.book, &board, &snapshot.settings.policy, &Claims::new())[&name("playback")];
            let real = matches!(state, State::Confirmed | State::Mitigated | State::Restoring);
            let calm = if worked_on { Claim::UnderMaintenance } else { Claim::Operational };
            let is_true = if real { claim > Claim::UnderMaintenance } else { claim == calm };
            prop_assert!(is_true, "{:?}", claim);
        }
    }
}
