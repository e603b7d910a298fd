//! Several places look at the same thing: how many of them have to see it fail before that counts.
//!
//! One vantage point that cannot reach a target says as much about the way there as about the target. So a failure counts
//! once most of the vantage points that look at it see it fail: one of one, two of two, two of three. Who has not spoken
//! for a while, or could not look, has no vote (A15). What passes always counts.

use crate::model::{Moment, Name, ProbeOutcome, ProbeResult, Slice};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A word holds for three runs, and for so long at least.
const WORD_HOLDS_MIN: Duration = Duration::from_secs(10);
/// Vantage points of one probe: more of them say nothing more.
const VANTAGES_MAX: usize = 16;
/// Vantage points that are watched themselves.
const EYES_MAX: usize = 64;

/// What a result comes to, among those of the other vantage points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It is evidence.
    Counts,
    /// Too few of those who look see it, so far.
    Alone,
    /// It says nothing about the target.
    Blind,
}

/// How a probe's target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeState {
    /// All is as it should be, or too few of those who look see anything else.
    Passed,
    /// It is not.
    Failed,
    /// Nobody could look.
    Unknown,
}

/// How a probe's target stands, as of the last word.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeLine {
    /// What the words come to.
    pub state: ProbeState,
    /// For people: what was seen.
    pub said: String,
    /// When it was last seen to fail, unless it passed since.
    failed_at: Option<Moment>,
}

/// What each vantage point said last, by probe.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panel {
    seats: BTreeMap<Name, Seat>,
    /// By vantage point and probe: when it last spoke, and after how long; nothing about what it said.
    turns: BTreeMap<Name, BTreeMap<Name, Turn>>,
}

/// When a vantage point last spoke of a probe.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Turn {
    at: Moment,
    /// How long after the time before; none at the first time.
    gap: Option<Duration>,
}

/// How a vantage point itself is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eye {
    /// It looks.
    Looks,
    /// It says that it cannot look, and why.
    Blind(String),
    /// It has missed three of its turns at each of its probes, since this moment.
    Silent(Moment),
}

#[derive(Debug, Clone, PartialEq)]
struct Seat {
    /// By vantage point.
    words: BTreeMap<Name, Word>,
    line: ProbeLine,
    /// What it looks at.
    slice: Slice,
}

#[derive(Debug, Clone, PartialEq)]
struct Word {
    outcome: ProbeOutcome,
    at: Moment,
    /// How long it holds.
    holds: Duration,
}

impl ProbeLine {
    /// A line as a picture shows it.
    pub fn new(state: ProbeState, said: impl Into<String>) -> Self {
        Self { state, said: said.into(), failed_at: None }
    }
}

impl Panel {
    /// Notes a result, and says what it comes to.
    pub fn hear(&mut self, now: Moment, result: &ProbeResult) -> Hearing {
        self.take_turn(now, result);
        let seat = self.seats.entry(result.probe.clone()).or_default();
        seat.words.retain(|_, word| word.holds_at(now));
        seat.slice.clone_from(&result.slice);
        if seat.words.len() >= VANTAGES_MAX && !seat.words.contains_key(&result.vantage) {
            return Hearing::Blind;
        }
        let gap = seat.words.get(&result.vantage).map_or(Duration::ZERO, |word| now.since(word.at));
        let holds = (gap * 3).max(WORD_HOLDS_MIN);
        seat.words.insert(result.vantage.clone(), Word { outcome: result.outcome.clone(), at: now, holds });
        let state = seat.state();
        seat.note(now, state, result);
        match (&result.outcome, state) {
            (ProbeOutcome::Unknown { .. }, _) => Hearing::Blind,
            (ProbeOutcome::Failed { .. }, ProbeState::Passed) => Hearing::Alone,
            _ => Hearing::Counts,
        }
    }

    fn take_turn(&mut self, now: Moment, result: &ProbeResult) {
        if self.turns.len() >= EYES_MAX && !self.turns.contains_key(&result.vantage) {
            return;
        }
        let turns = self.turns.entry(result.vantage.clone()).or_default();
        let gap = turns.get(&result.probe).map(|turn| now.since(turn.at));
        turns.insert(result.probe.clone(), Turn { at: now, gap });
    }

    /// How the vantage points themselves are; of one that spoke only once of a probe, nobody knows when it would again.
    pub fn eyes(&self, now: Moment) -> BTreeMap<Name, Eye> {
        let mut blind = self.blind(now);
        let eye = |(vantage, turns): (&Name, &BTreeMap<Name, Turn>)| {
            let is_missed =
                |turn: &Turn| turn.gap.is_some_and(|gap| now.since(turn.at) > (gap * 3).max(WORD_HOLDS_MIN));
            let last = turns.values().map(|turn| turn.at).max().unwrap_or(now);
            let eye = match blind.remove(vantage) {
                Some(why) => Eye::Blind(why),
                None if turns.values().all(is_missed) => Eye::Silent(last),
                None => Eye::Looks,
            };
            (vantage.clone(), eye)
        };
        self.turns.iter().map(eye).collect()
    }

    /// How the probes stand.
    pub fn lines(&self) -> impl Iterator<Item = (&Name, &ProbeLine)> {
        self.seats.iter().map(|(probe, seat)| (probe, &seat.line))
    }

    /// True when something was seen to fail so lately, and was not seen to pass since.
    pub fn failed_within(&self, now: Moment, span: Duration) -> bool {
        self.seats.values().filter_map(|seat| seat.line.failed_at).any(|at| now.since(at) < span)
    }

    /// The vantage points that see a probe of this place fail, when that is what most of those who look see.
    pub fn witnesses(&self, now: Moment, place: &Slice) -> BTreeSet<&Name> {
        let failed =
            self.seats.values().filter(|seat| seat.line.state == ProbeState::Failed && seat.slice.meets(place));
        let words = failed.flat_map(|seat| &seat.words).filter(|(_, word)| word.holds_at(now));
        words.filter(|(_, word)| matches!(word.outcome, ProbeOutcome::Failed { .. })).map(|(name, _)| name).collect()
    }

    /// The vantage points that can look at nothing: all they said lately is that they could not. With the reason.
    pub fn blind(&self, now: Moment) -> BTreeMap<Name, String> {
        let mut sights: BTreeMap<&Name, Option<&String>> = BTreeMap::new();
        for (vantage, word) in self.seats.values().flat_map(|seat| &seat.words).filter(|(_, word)| word.holds_at(now)) {
            let why = match &word.outcome {
                ProbeOutcome::Unknown { detail } => Some(detail),
                ProbeOutcome::Passed { .. } | ProbeOutcome::Failed { .. } => None,
            };
            sights.entry(vantage).and_modify(|known| *known = known.and(why)).or_insert(why);
        }
        sights.into_iter().filter_map(|(vantage, why)| Some((vantage.clone(), why?.clone()))).collect()
    }
}

impl Default for Seat {
    fn default() -> Self {
        let line = ProbeLine::new(ProbeState::Unknown, "");
        Self { words: BTreeMap::new(), line, slice: Slice::everywhere() }
    }
}

impl Word {
    fn holds_at(&self, now: Moment) -> bool {
        now.since(self.at) <= self.holds
    }
}

impl Seat {
    /// Failed when most of those who could look see it fail.
    fn state(&self) -> ProbeState {
        match self.votes() {
            (_, 0) => ProbeState::Unknown,
            (failing, of) if 2 * failing > of => ProbeState::Failed,
            _ => ProbeState::Passed,
        }
    }

    /// How many see it fail, and how many could look.
    fn votes(&self) -> (usize, usize) {
        let count = |(failing, of): (usize, usize), word: &Word| match word.outcome {
            ProbeOutcome::Passed { .. } => (failing, of + 1),
            ProbeOutcome::Failed { .. } => (failing + 1, of + 1),
            ProbeOutcome::Unknown { .. } => (failing, of),
        };
        self.words.values().fold((0, 0), count)
    }

    fn note(&mut self, now: Moment, state: ProbeState, result: &ProbeResult) {
        let said = match (state, &result.outcome) {
            (ProbeState::Unknown, ProbeOutcome::Unknown { detail }) => detail.clone(),
            (ProbeState::Failed, ProbeOutcome::Failed { detail, .. }) => detail.clone(),
            (ProbeState::Passed, ProbeOutcome::Failed { detail, .. }) => {
                let (failing, of) = self.votes();
                format!("seen by {failing} of {of}, {} among them: {detail}", result.vantage)
            }
            (ProbeState::Passed, ProbeOutcome::Passed { heard: Some(heard), .. }) => format!("passed: {heard}"),
            (ProbeState::Passed, ProbeOutcome::Passed { latency_ms, .. }) => format!("passed in {latency_ms} ms"),
            // A word of the minority, or of somebody who could not look: what is known stands.
            _ if self.line.state == state => self.line.said.clone(),
            _ => format!("seen so by most of {} vantage points", self.words.len()),
        };
        let failed_at = match state {
            ProbeState::Failed => Some(now),
            ProbeState::Passed => None,
            ProbeState::Unknown => self.line.failed_at,
        };
        self.line = ProbeLine { state, said, failed_at };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FailureKind, ProbeKind, Slice};

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn at(second: u64) -> Moment {
        Moment::from_millis(second * 1_000)
    }

    fn result(vantage: &str, outcome: char) -> ProbeResult {
        let outcome = match outcome {
            '+' => ProbeOutcome::Passed { latency_ms: 1, heard: None },
            '-' => ProbeOutcome::Failed { failure: FailureKind::Reset, detail: "cut".into(), component: None },
            _ => ProbeOutcome::Unknown { detail: "no way out".into() },
        };
        let (probe, vantage) = (name("shop"), name(vantage));
        ProbeResult { probe, kind: ProbeKind::Http, vantage, slice: Slice::everywhere(), outcome }
    }

    /// Each word is a second, a vantage point and what it says; then what the last one comes to, and what is shown.
    fn check(words: &[(u64, &str, char)], expected: Hearing, said: &str) -> Panel {
        let mut panel = Panel::default();
        let heard = words.iter().map(|(second, vantage, outcome)| panel.hear(at(*second), &result(vantage, *outcome)));
        assert_eq!(heard.last(), Some(expected), "{words:?}");
        assert_eq!(panel.seats[&name("shop")].line.said, said, "{words:?}");
        panel
    }

    #[test]
    fn most_of_those_who_look_have_to_see_it() {
        use Hearing::{Alone, Counts};
        check(&[(1, "hub", '-')], Counts, "cut");
        check(&[(1, "hub", '+'), (1, "oslo", '-')], Alone, "seen by 1 of 2, oslo among them: cut");
        check(&[(1, "hub", '-'), (1, "oslo", '-')], Counts, "cut");
        check(&[(1, "hub", '+'), (1, "oslo", '-'), (1, "rome", '-')], Counts, "cut");
        check(&[(1, "hub", '+'), (1, "oslo", '+'), (1, "rome", '-')], Alone, "seen by 1 of 3, rome among them: cut");
        check(&[(1, "hub", '-'), (1, "oslo", '-'), (2, "rome", '+')], Counts, "cut");
        check(&[(1, "hub", '-'), (2, "hub", '+')], Counts, "passed in 1 ms");
    }

    /// A15.
    #[test]
    fn who_is_blind_or_silent_has_no_vote() {
        use Hearing::{Alone, Blind, Counts};
        check(&[(1, "hub", '+'), (1, "oslo", '?'), (2, "rome", '-')], Alone, "seen by 1 of 2, rome among them: cut");
        check(&[(1, "hub", '?'), (2, "oslo", '-')], Counts, "cut");
        check(&[(1, "hub", '-'), (2, "hub", '?')], Blind, "no way out");
        check(&[(1, "hub", '-'), (2, "oslo", '?')], Blind, "cut");
        check(&[(1, "hub", '+'), (12, "oslo", '-')], Counts, "cut");
        let slow = [(1, "hub", '+'), (11, "hub", '+'), (40, "oslo", '-')];
        check(&slow, Alone, "seen by 1 of 2, oslo among them: cut");
    }

    #[test]
    fn what_failed_lately_is_not_over_until_it_passes() {
        let half_a_minute = Duration::from_secs(30);
        for (words, failed) in [
            (vec![(1, "hub", '-')], true),
            (vec![(1, "hub", '-'), (2, "hub", '?')], true),
            (vec![(1, "hub", '-'), (2, "hub", '+')], false),
            (vec![(1, "hub", '-'), (1, "oslo", '-'), (2, "rome", '+')], true),
            (vec![(1, "hub", '+'), (2, "oslo", '-')], false),
        ] {
            let mut panel = Panel::default();
            words.iter().for_each(|(second, vantage, outcome)| {
                panel.hear(at(*second), &result(vantage, *outcome));
            });
            assert_eq!(panel.failed_within(at(3), half_a_minute), failed, "{words:?}");
            assert!(!panel.failed_within(at(40), half_a_minute));
        }
    }

    #[test]
    fn witnesses_are_those_who_see_it_fail_when_most_do() {
        let seen = |words: &[(u64, &str, char)], place: &str| {
            let mut panel = Panel::default();
            words.iter().for_each(|(second, vantage, outcome)| {
                panel.hear(
                    at(*second),
                    &ProbeResult { slice: "replica=eu-1".parse().expect("good"), ..result(vantage, *outcome) },
                );
            });
            panel.witnesses(at(3), &place.parse().expect("a good slice")).len()
        };
        assert_eq!(seen(&[(1, "hub", '-'), (1, "oslo", '-'), (1, "rome", '+')], "replica=eu-1"), 2);
        assert_eq!(seen(&[(1, "hub", '-'), (1, "oslo", '+')], "replica=eu-1"), 0, "they do not agree");
        assert_eq!(seen(&[(1, "hub", '-'), (1, "oslo", '?')], "replica=eu-1"), 1, "who is blind sees nothing");
        assert_eq!(seen(&[(1, "hub", '-'), (1, "oslo", '-')], "replica=us-1"), 0, "it is elsewhere");
    }

    #[test]
    fn a_vantage_point_that_sees_nothing_at_all_is_named() {
        let panel = check(&[(1, "hub", '+'), (2, "oslo", '?')], Hearing::Blind, "passed in 1 ms");
        assert_eq!(panel.blind(at(3)), [(name("oslo"), "no way out".to_owned())].into());
        let mut panel = panel;
        panel.hear(at(3), &ProbeResult { probe: name("port"), ..result("oslo", '-') });
        assert!(panel.blind(at(3)).is_empty());
    }

    #[test]
    fn a_vantage_point_that_misses_its_turns_is_not_heard() {
        let mut panel = Panel::default();
        let mut hear = |second, vantage, outcome| panel.hear(at(second), &result(vantage, outcome));
        hear(1, "oslo", '+');
        hear(2, "oslo", '-');
        hear(5, "rome", '?');
        hear(10, "rome", '?');
        hear(10, "lima", '+');
        let eye = |panel: &Panel, second, vantage: &str| panel.eyes(at(second))[&name(vantage)].clone();
        assert_eq!(eye(&panel, 12, "oslo"), Eye::Looks, "what it sees is another matter");
        assert_eq!(eye(&panel, 13, "oslo"), Eye::Silent(at(2)));
        assert_eq!(eye(&panel, 20, "rome"), Eye::Blind("no way out".into()));
        assert_eq!(eye(&panel, 60, "rome"), Eye::Silent(at(10)), "what it said holds no longer");
        assert_eq!(eye(&panel, 9_000, "lima"), Eye::Looks, "it may look once a day");
        panel.hear(at(61), &result("rome", '+'));
        assert_eq!(eye(&panel, 61, "rome"), Eye::Looks);
    }

    #[test]
    fn strangers_fill_no_memory() {
        let mut panel = Panel::default();
        for n in 0..100 {
            panel.hear(at(1), &result(&format!("v{n}"), '+'));
        }
        assert_eq!(panel.seats[&name("shop")].words.len(), VANTAGES_MAX);
    }
}
