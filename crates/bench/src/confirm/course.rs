//! One fault as one watcher told it: when it called, how often, and when it said that it was over.

use super::receiver::{Message, Said};
use super::subject::Subject;
use std::time::{Duration, Instant};

/// What became of a fault at one watcher.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Course {
    /// From the fault to the first call.
    pub(super) called: Option<Duration>,
    /// Calls in all; one is right.
    pub(super) calls: usize,
    /// From the healing to the last word that it is over; none while the last word is a call.
    pub(super) cleared: Option<Duration>,
}

impl Course {
    /// Reads what a watcher told since the fault began. What was said to be over before the healing was cleared at once.
    pub(super) fn of(subject: Subject, messages: &[Message], begun: Instant, healed: Option<Instant>) -> Self {
        let told: Vec<&Message> = messages.iter().filter(|m| m.subject == subject && m.at >= begun).collect();
        let first_call = told.iter().find(|m| m.said == Said::Call);
        let calls = told.iter().filter(|m| m.said == Said::Call).count();
        // Who has called is cleared by the first word after the last call.
        let last_call = told.iter().rposition(|m| m.said == Said::Call);
        let over = last_call.and_then(|call| told[call..].iter().find(|m| m.said == Said::Over));
        Self {
            called: first_call.map(|call| call.at - begun),
            calls,
            cleared: over.zip(healed).map(|(over, healed)| over.at.saturating_duration_since(healed)),
        }
    }

    /// True when there is nothing to wait for: it never called, or said that it is over.
    pub(super) fn is_over(&self) -> bool {
        self.called.is_none() || self.cleared.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_is_read_from_messages() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let healed = at(20);
        let s = |seconds| Some(Duration::from_secs(seconds));
        let table = [
            ("silent", vec![], Course::default()),
            (
                "as it should be",
                vec![(2, Said::Call), (25, Said::Over)],
                Course { called: s(2), calls: 1, cleared: s(5) },
            ),
            (
                "flaps, and ends later",
                vec![(2, Said::Call), (4, Said::Over), (6, Said::Call), (27, Said::Over), (29, Said::Over)],
                Course { called: s(2), calls: 2, cleared: s(7) },
            ),
            (
                "gave up before the healing",
                vec![(2, Said::Call), (4, Said::Over)],
                Course { called: s(2), calls: 1, cleared: s(0) },
            ),
            ("calls on", vec![(2, Said::Call)], Course { called: s(2), calls: 1, ..Course::default() }),
            ("ends what it never called", vec![(2, Said::Over)], Course::default()),
        ];
        for (name, told, expected) in table {
            let message = |(seconds, said)| Message { at: at(seconds), subject: Subject::Vigil, said, incident: None };
            let mut messages: Vec<Message> = told.into_iter().map(message).collect();
            // What others say, and what was said before, is no part of it.
            messages.push(Message { at: at(3), subject: Subject::Blackbox, said: Said::Call, incident: None });
            assert_eq!(Course::of(Subject::Vigil, &messages, begun, Some(healed)), expected, "{name}");
            assert_eq!(Course::of(Subject::Vigil, &messages, at(60), None), Course::default(), "{name}, later");
        }
    }
}
