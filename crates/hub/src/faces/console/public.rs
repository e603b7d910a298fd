//! The public's side of an incident: what waits to be said, and how long the public has waited for it.

use crate::faces::stamp::{Stamp, span};
use crate::faces::tone::Tone;
use crate::view::Snapshot;
use downbeat_core::incident::{Draft, WordClock};
use downbeat_core::model::{IncidentId, Moment};

/// A public word that is not said yet.
#[derive(Debug)]
pub(super) struct DraftCard {
    pub(super) stage: &'static str,
    pub(super) title: String,
    pub(super) body: String,
    /// When it goes out by itself; never while it is held back.
    pub(super) goes_at: Option<Stamp>,
    /// How long until then.
    pub(super) goes_in: String,
    /// Who changed it or holds it back.
    pub(super) by: Option<String>,
}

/// How long the public has waited, and until when it should.
#[derive(Debug)]
pub(super) struct ClockLine {
    pub(super) tone: Tone,
    /// "No public word for 4 min,", "Next update".
    pub(super) what: String,
    pub(super) due: Stamp,
    /// "due in 3 min 20 s", "overdue for 12 s".
    pub(super) left: String,
}

impl DraftCard {
    pub(super) fn of(snapshot: &Snapshot, incident: IncidentId) -> Option<Self> {
        let Draft { stage, title, body, goes_at, by, .. } = snapshot.board.drafts.get(&incident)?.clone();
        Some(Self {
            stage: stage.title(),
            title,
            body,
            goes_at: goes_at.map(Stamp),
            goes_in: goes_at.map_or_else(String::new, |at| span(at.since(snapshot.now))),
            by: by.as_ref().map(ToString::to_string),
        })
    }
}

impl ClockLine {
    /// Nothing of an incident of which the public need not hear.
    pub(super) fn of(snapshot: &Snapshot, incident: IncidentId) -> Option<Self> {
        let clock = snapshot.board.word_clocks.get(&incident)?;
        let what = match clock.said {
            0 => format!("No public word for {},", span(snapshot.now.since(clock.since))),
            _ => "Next update".into(),
        };
        let (tone, left) = state(clock, snapshot.settings.policy.tell.remind_before, snapshot.now);
        Some(Self { tone, what, due: Stamp(clock.due), left })
    }
}

fn state(clock: &WordClock, remind_before: std::time::Duration, now: Moment) -> (Tone, String) {
    if now >= clock.due {
        return (Tone::Bad, format!("overdue for {}", span(now.since(clock.due))));
    }
    let left = clock.due.since(now);
    // That nothing was said yet is never good.
    let tone = if left <= remind_before || clock.said == 0 { Tone::Warn } else { Tone::Good };
    (tone, format!("due in {}", span(left)))
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;
    use downbeat_core::incident::State;
    use std::time::Duration;

    fn line(after: Duration) -> Option<(Tone, String, String)> {
        let mut snapshot = story::in_state(State::Confirmed);
        snapshot.now = snapshot.board.word_clocks[&story::INCIDENT].since + after;
        ClockLine::of(&snapshot, story::INCIDENT).map(|line| (line.tone, line.what, line.left))
    }

    #[test]
    fn the_clock_warns_before_and_says_when_it_is_over() {
        let minutes = |n: u64| line(Duration::from_secs(n * 60)).expect("it is open");
        assert_eq!(minutes(10), (Tone::Good, "Next update".into(), "due in 20 min".into()));
        assert_eq!(minutes(26), (Tone::Warn, "Next update".into(), "due in 4 min".into()));
        assert_eq!(minutes(31), (Tone::Bad, "Next update".into(), "overdue for 1 min".into()));
        let over = story::in_state(State::Resolved);
        assert!(ClockLine::of(&over, story::INCIDENT).is_none());
    }

    #[test]
    fn a_draft_says_when_it_goes() {
        let held = story::held_back();
        let draft = DraftCard::of(&held, story::INCIDENT).expect("one waits");
        assert_eq!((draft.stage, draft.goes_at, draft.by.as_deref()), ("Investigating", None, Some("mira")));
        let line = ClockLine::of(&held, story::INCIDENT).expect("it is open");
        assert!(line.what.starts_with("No public word for "), "{}", line.what);
        let mut waiting = held.clone();
        let board = std::sync::Arc::make_mut(&mut waiting.board);
        board.drafts.get_mut(&story::INCIDENT).expect("one").goes_at = Some(held.now + Duration::from_secs(90));
        let draft = DraftCard::of(&waiting, story::INCIDENT).expect("one waits");
        assert_eq!(draft.goes_in, "1 min 30 s");
    }
}
