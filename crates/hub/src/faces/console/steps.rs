//! The life of an incident as steps: which were taken and how long after the onset, where it stands, what is to come.

use crate::faces::stamp::span;
use downbeat_core::incident::{Event, Incident, State};
use downbeat_core::model::Moment;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The state's word.
    pub(super) title: &'static str,
    /// Where it lies.
    pub(super) place: Place,
    /// When it was taken first: `1.6 s after the onset`.
    pub(super) after: Option<String>,
}

/// Where a step lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind.
    Done,
    /// Here.
    Here,
    /// Ahead, or left out.
    Ahead,
}

impl Place {
    /// In class names.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Here => "here",
            Self::Ahead => "ahead",
        }
    }

    /// For who cannot see the line.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Here => "now",
            Self::Ahead => "not yet",
        }
    }
}

const LIFE: [State; 6] =
    [State::Suspected, State::Confirmed, State::Mitigated, State::Restoring, State::Resolved, State::Reviewed];

/// All steps in order. A dismissed incident has two, and so has one that was part of another; one that was found in force
/// begins with that.
pub(super) fn steps(incident: &Incident) -> Vec<Step> {
    let was_found = incident.timeline.front().is_some_and(|first| matches!(first.event, Event::PlanFound { .. }));
    let life: &[State] = match incident.state {
        State::Dismissed => &[State::Suspected, State::Dismissed],
        State::Merged => &[State::Suspected, State::Merged],
        _ if was_found && incident.confirmed_at.is_none() => &LIFE[2..],
        _ => &LIFE,
    };
    let here = life.iter().position(|state| *state == incident.state);
    let place = |i: usize| match here {
        Some(here) if i < here => Place::Done,
        Some(here) if i == here => Place::Here,
        _ => Place::Ahead,
    };
    let step = |(i, state): (usize, &State)| Step {
        title: state.word(),
        place: place(i),
        after: taken_at(incident, *state).map(|at| format!("+{}", span(at.since(incident.since)))),
    };
    life.iter().enumerate().map(step).collect()
}

fn taken_at(incident: &Incident, state: State) -> Option<Moment> {
    match state {
        State::Suspected => Some(incident.suspected_at),
        State::Confirmed => incident.confirmed_at,
        State::Mitigated => {
            incident.mitigated_at.or_else(|| first(incident, |event| matches!(event, Event::PlanFound { .. })))
        }
        State::Restoring => {
            first(incident, |event| matches!(event, Event::RampStepped { .. } | Event::Restored { .. }))
        }
        State::Resolved | State::Merged => incident.resolved_at,
        State::Reviewed => first(incident, |event| matches!(event, Event::Reviewed { .. })),
        State::Dismissed => first(incident, |event| matches!(event, Event::Dismissed { .. })),
    }
}

fn first(incident: &Incident, wanted: impl Fn(&Event) -> bool) -> Option<Moment> {
    incident.timeline.iter().find(|record| wanted(&record.event)).map(|record| record.at)
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;

    fn told(state: State) -> Vec<(&'static str, Place, Option<String>)> {
        let snapshot = story::in_state(state);
        steps(&snapshot.book.incidents[&story::INCIDENT]).into_iter().map(|s| (s.title, s.place, s.after)).collect()
    }

    #[test]
    fn steps_say_when_they_were_taken() {
        let after = |text: &str| Some(text.to_owned());
        let expected = [
            ("suspected", Place::Done, after("+0.9 s")),
            ("confirmed", Place::Done, after("+1.6 s")),
            ("mitigated", Place::Done, after("+7.1 s")),
            ("restoring", Place::Here, after("+20 s")),
            ("resolved", Place::Ahead, None),
            ("reviewed", Place::Ahead, None),
        ];
        assert_eq!(told(State::Restoring), expected);
    }

    #[test]
    fn a_dismissed_incident_has_two_steps() {
        let titles: Vec<&str> = told(State::Dismissed).into_iter().map(|(title, ..)| title).collect();
        assert_eq!(titles, ["suspected", "dismissed"]);
    }
}
