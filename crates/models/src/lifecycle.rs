//! The incident's life: every way through the transition table.
//!
//! Stands for `incident::next` of the core (`crates/core/src/incident/state.rs`), which is asked itself. Left out: when an
//! event is decided; any event may come at any time here, which is more than the engine does.

use downbeat_core::incident::{Actor, Event, State, next};
use downbeat_core::model::{IncidentId, Name, SourceClass, TrafficPlan};
use stateright::{Model, Property};

const ID: IncidentId = IncidentId(1);

/// What may happen to an incident, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// It is real.
    Confirm,
    /// It was nothing.
    Dismiss,
    /// Users are served again.
    Mitigate,
    /// All traffic is back.
    Restore,
    /// It came back.
    Relapse,
    /// It is over.
    Resolve,
    /// Its review is written.
    Review,
    /// It was part of another one.
    Merge,
    /// A person opens it again, as confirmed.
    Reopen,
    /// A person opens it again, as suspected.
    SuspectAgain,
}

impl Move {
    const ALL: [Move; 10] = [
        Self::Confirm,
        Self::Dismiss,
        Self::Mitigate,
        Self::Restore,
        Self::Relapse,
        Self::Resolve,
        Self::Review,
        Self::Merge,
        Self::Reopen,
        Self::SuspectAgain,
    ];

    /// True when only a person does it.
    fn is_a_persons(self) -> bool {
        matches!(self, Self::Reopen | Self::SuspectAgain)
    }

    fn event(self) -> Event {
        match self {
            Self::Confirm => {
                let (bits, why) = (Default::default(), String::new());
                Event::Confirmed { incident: ID, first: SourceClass::Edge, bits, why }
            }
            Self::Dismiss => Event::Dismissed { incident: ID, why: String::new() },
            Self::Mitigate => Event::Mitigated { incident: ID },
            Self::Restore => Event::Restored { incident: ID },
            Self::Relapse => Event::Relapsed { incident: ID, why: String::new(), plan: TrafficPlan::default() },
            Self::Resolve => Event::Resolved { incident: ID, by: Actor::Automation },
            Self::Review => Event::Reviewed { incident: ID, path: String::new() },
            Self::Merge => Event::Merged { incident: ID, into: IncidentId(2), by: Actor::Automation },
            Self::Reopen => reopened(State::Confirmed),
            Self::SuspectAgain => reopened(State::Suspected),
        }
    }
}

fn reopened(to: State) -> Event {
    let who = Name::new("anna").expect("a good name");
    Event::Reopened { incident: ID, who, why: String::new(), to }
}

/// The table that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The product's.
    AsBuilt,
    /// A relapse reopens what is over.
    ReopensResolved,
    /// What became part of another is opened again beside it.
    ReopensMerged,
    /// Nobody can end what is on its way back.
    NoWayOutOfRestoring,
}

impl Table {
    fn next(self, from: State, step: Move) -> Option<State> {
        match (self, from, step) {
            (Self::ReopensResolved, State::Resolved, Move::Relapse) => Some(State::Confirmed),
            (Self::ReopensMerged, State::Merged, Move::Reopen) => Some(State::Confirmed),
            (Self::NoWayOutOfRestoring, State::Restoring, Move::Resolve | Move::Relapse | Move::Merge) => None,
            _ => next(from, &step.event()),
        }
    }
}

/// Where an incident stands, and how it came there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stand {
    state: State,
    came: Option<(State, Move)>,
}

/// All lives of an incident under a table.
#[derive(Debug, Clone, Copy)]
pub struct Lives(pub Table);

impl Lives {
    /// True when some moves lead from here to one of the ends.
    fn can_end(&self, from: State) -> bool {
        let mut known = vec![from];
        let mut at = 0;
        while let Some(state) = known.get(at).copied() {
            for to in Move::ALL.into_iter().filter_map(|step| self.0.next(state, step)) {
                if !known.contains(&to) {
                    known.push(to);
                }
            }
            at += 1;
        }
        known.into_iter().any(is_end)
    }
}

fn is_end(state: State) -> bool {
    matches!(state, State::Reviewed | State::Dismissed | State::Merged)
}

/// No dead end but the ends, for what goes on without a person.
pub const ENDS: &str = "from everywhere but the ends there is a way on without a person, and a way to an end";
/// Relapse only from where users are served.
pub const RELAPSE: &str = "only what is mitigated or on its way back relapses";
/// What is over stays over, unless a person says otherwise.
pub const CLOSED: &str = "what is over is opened again by a person only";
/// What became part of another has no life of its own any more.
pub const PART: &str = "what became part of another stays part of it";

impl Model for Lives {
    type State = Stand;
    type Action = Move;

    fn init_states(&self) -> Vec<Stand> {
        vec![Stand { state: State::Suspected, came: None }]
    }

    fn actions(&self, at: &Stand, moves: &mut Vec<Move>) {
        moves.extend(Move::ALL.into_iter().filter(|step| self.0.next(at.state, *step).is_some()));
    }

    fn next_state(&self, at: &Stand, step: Move) -> Option<Stand> {
        let state = self.0.next(at.state, step)?;
        Some(Stand { state, came: Some((at.state, step)) })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ENDS, |lives: &Lives, at: &Stand| {
                let by_itself = Move::ALL.into_iter().filter(|step| !step.is_a_persons());
                let goes_on = by_itself.into_iter().any(|step| lives.0.next(at.state, step).is_some());
                goes_on != is_end(at.state) && lives.can_end(at.state)
            }),
            Property::always(RELAPSE, |_, at: &Stand| match at.came {
                Some((from, Move::Relapse)) => matches!(from, State::Mitigated | State::Restoring),
                _ => true,
            }),
            Property::always(CLOSED, |_, at: &Stand| {
                at.came.is_none_or(|(from, step)| from.is_open() || !at.state.is_open() || step.is_a_persons())
            }),
            Property::always(PART, |_, at: &Stand| at.came.is_none_or(|(from, _)| from != State::Merged)),
            Property::sometimes("confirmed", |_, at: &Stand| at.state == State::Confirmed),
            Property::sometimes("mitigated", |_, at: &Stand| at.state == State::Mitigated),
            Property::sometimes("restoring", |_, at: &Stand| at.state == State::Restoring),
            Property::sometimes("resolved", |_, at: &Stand| at.state == State::Resolved),
            Property::sometimes("reviewed", |_, at: &Stand| at.state == State::Reviewed),
            Property::sometimes("dismissed", |_, at: &Stand| at.state == State::Dismissed),
            Property::sometimes("merged", |_, at: &Stand| at.state == State::Merged),
            Property::sometimes("reopened", |_, at: &Stand| matches!(at.came, Some((_, Move::Reopen)))),
            Property::sometimes("relapsed", |_, at: &Stand| matches!(at.came, Some((_, Move::Relapse)))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{prove, refute};

    #[test]
    fn every_life_ends_well() {
        prove("lifecycle", Lives(Table::AsBuilt));
    }

    #[test]
    fn wrong_tables_are_found() {
        refute("lifecycle, reopened", Lives(Table::ReopensResolved), CLOSED);
        refute("lifecycle, relapse", Lives(Table::ReopensResolved), RELAPSE);
        refute("lifecycle, merged", Lives(Table::ReopensMerged), PART);
        refute("lifecycle, no way out", Lives(Table::NoWayOutOfRestoring), ENDS);
    }
}
