//! The life of an incident: one table, small enough for a screen.
//!
//! ```text
//! suspected ──> confirmed ──> mitigated ──> restoring ──> resolved ──> reviewed
//!     └──> dismissed  ▲           │             │
//!                     └─ relapse ─┴─────────────┘
//! any open ──merge──> merged        resolved, reviewed, dismissed ──reopen──> confirmed or suspected
//! ```

use super::event::Event;
use serde::{Deserialize, Serialize};

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Something is abnormal; it may be nothing.
    Suspected,
    /// It is real.
    Confirmed,
    /// Users are served again by a remedy in force.
    Mitigated,
    /// Traffic is on its way back.
    Restoring,
    /// It is over.
    Resolved,
    /// Its review is written.
    Reviewed,
    /// It was nothing.
    Dismissed,
    /// It was part of another one.
    Merged,
}

impl State {
    /// The word in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::Confirmed => "confirmed",
            Self::Mitigated => "mitigated",
            Self::Restoring => "restoring",
            Self::Resolved => "resolved",
            Self::Reviewed => "reviewed",
            Self::Dismissed => "dismissed",
            Self::Merged => "merged",
        }
    }

    /// True while somebody or something still has to act.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Suspected | Self::Confirmed | Self::Mitigated | Self::Restoring)
    }
}

/// Where an incident stands after an event; `None` when the event cannot happen there.
///
/// Events that do not move an incident leave it where it is. A manual `Resolved` may come from any open state.
pub fn next(state: State, event: &Event) -> Option<State> {
    use State::{Confirmed, Dismissed, Merged, Mitigated, Resolved, Restoring, Reviewed, Suspected};
    match (state, event) {
        (Suspected, Event::Confirmed { .. }) => Some(Confirmed),
        (Suspected, Event::Dismissed { .. }) => Some(Dismissed),
        (Confirmed, Event::Mitigated { .. }) => Some(Mitigated),
        (Mitigated | Restoring, Event::RampStepped { .. } | Event::FeatureStepped { .. } | Event::Restored { .. }) => {
            Some(Restoring)
        }
        // What is well gets its traffic back while others are still ill.
        (Confirmed, Event::RampStepped { .. }) => Some(Confirmed),
        (Mitigated | Restoring, Event::Relapsed { .. }) => Some(Confirmed),
        (open, Event::Resolved { .. }) if open.is_open() => Some(Resolved),
        (Resolved, Event::Reviewed { .. }) => Some(Reviewed),
        (open, Event::Merged { .. }) if open.is_open() => Some(Merged),
        (Resolved | Reviewed, Event::Reopened { to: to @ (Suspected | Confirmed), .. }) => Some(*to),
        (Dismissed, Event::Reopened { to: Suspected, .. }) => Some(Suspected),
        (_, event) if is_move(event) => None,
        (stays, _) => Some(stays),
    }
}

fn is_move(event: &Event) -> bool {
    matches!(
        event,
        Event::Confirmed { .. }
            | Event::Dismissed { .. }
            | Event::Mitigated { .. }
            | Event::RampStepped { .. }
            | Event::FeatureStepped { .. }
            | Event::Restored { .. }
            | Event::Relapsed { .. }
            | Event::Resolved { .. }
            | Event::Reviewed { .. }
            | Event::Reopened { .. }
            | Event::Merged { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Actor;
    use crate::model::{IncidentId, Name, SourceClass, TrafficPlan};

    const ID: IncidentId = IncidentId(1);

    fn reopen(to: State) -> Event {
        Event::Reopened { incident: ID, who: Name::new("anna").expect("a good name"), why: String::new(), to }
    }

    fn moves() -> [(&'static str, Event); 10] {
        [
            (
                "confirm",
                Event::Confirmed {
                    incident: ID,
                    first: SourceClass::Edge,
                    bits: Default::default(),
                    why: String::new(),
                },
            ),
            ("dismiss", Event::Dismissed { incident: ID, why: String::new() }),
            ("mitigate", Event::Mitigated { incident: ID }),
            ("restore", Event::Restored { incident: ID }),
            ("relapse", Event::Relapsed { incident: ID, why: String::new(), plan: TrafficPlan::default() }),
            ("resolve", Event::Resolved { incident: ID, by: Actor::Automation }),
            ("review", Event::Reviewed { incident: ID, path: String::new() }),
            ("merge", Event::Merged { incident: ID, into: IncidentId(2), by: Actor::Automation }),
            ("reopen", reopen(State::Confirmed)),
            ("suspect again", reopen(State::Suspected)),
        ]
    }

    /// The whole table, as docs/lifecycle.md draws it: what is not named here cannot happen.
    #[test]
    fn the_table_is_what_is_drawn() {
        let allowed = |state: State| -> Vec<(&str, State)> {
            moves().iter().filter_map(|(name, event)| next(state, event).map(|to| (*name, to))).collect()
        };
        use State::{Confirmed, Dismissed, Merged, Mitigated, Resolved, Restoring, Reviewed, Suspected};
        let ends = [("resolve", Resolved), ("merge", Merged)];
        let again = [("reopen", Confirmed), ("suspect again", Suspected)];
        assert_eq!(allowed(Suspected), [&[("confirm", Confirmed), ("dismiss", Dismissed)][..], &ends].concat());
        assert_eq!(allowed(Confirmed), [&[("mitigate", Mitigated)][..], &ends].concat());
        let back = [&[("restore", Restoring), ("relapse", Confirmed)][..], &ends].concat();
        assert_eq!(allowed(Mitigated), back);
        assert_eq!(allowed(Restoring), back);
        assert_eq!(allowed(Resolved), [&[("review", Reviewed)][..], &again].concat());
        assert_eq!(allowed(Reviewed), again);
        assert_eq!(allowed(Dismissed), [("suspect again", Suspected)]);
        assert_eq!(allowed(Merged), []);
    }
}
