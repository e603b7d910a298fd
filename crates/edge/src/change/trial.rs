//! The trial of a new configuration: is the edge worse off with it than it was before?
//!
//! What clients got in the minute before it came into force is compared with what they get under it, for as long as the
//! trial lasts (60 s). It is a breach when at least [`FAILED_MIN`] requests failed under it, and more than twice the share
//! that failed before and [`SHARE_MARGIN`] on top:
//!
//! ```text
//! failed >= 20   and   failed / total  >  2 * failed_before / total_before + 1 %
//! ```
//!
//! The doubling lets a service in trouble change its configuration all the same; the margin and the minimum keep a handful
//! of failures from being a verdict. Where too few requests came before there is nothing to compare with, and missing data
//! is no evidence: such a trial is passed by being survived. Failures are those of the service: what was refused because of
//! the client (denied, over its limit, no such route) does not count.
//!
//! A sequential test as for findings would decide on fewer requests, but an operator has to be able to work this one out
//! in the head at three in the morning.

use crate::run::reload::Loaded;
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Fewer failures are no verdict.
const FAILED_MIN: u64 = 20;
/// Fewer requests before are nothing to compare with.
const BEFORE_MIN: u64 = 20;
/// The share that may fail on top of twice the share before.
const SHARE_MARGIN: f64 = 0.01;
/// How far back the comparison goes.
const MINUTE: Duration = Duration::from_secs(60);

/// What clients got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Answers {
    pub(crate) total: u64,
    pub(crate) failed: u64,
}

impl Answers {
    pub(crate) fn add(&mut self, more: Self) {
        self.total = self.total.saturating_add(more.total);
        self.failed = self.failed.saturating_add(more.failed);
    }

    fn share(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.failed as f64 / self.total as f64 }
    }
}

/// How a trial stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// It goes on.
    Open,
    /// It was long enough.
    Passed,
    /// The edge is worse off.
    Breach(Breach),
}

/// In how far the edge is worse off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Breach {
    before: Answers,
    under: Answers,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, under } = self;
        let (now, then) = (under.share() * 100.0, before.share() * 100.0);
        write!(f, "{} of {} requests failed ({now:.1} %), {then:.1} % in the minute before", under.failed, under.total)
    }
}

/// A generation on trial.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) generation: u64,
    since: Instant,
    /// What it is measured by, and what to go back to; none for the first generation of a process.
    before: Option<(Answers, Loaded)>,
    under: Answers,
}

impl Trial {
    /// The trial of a process's first generation.
    pub(crate) fn of_start(generation: u64, now: Instant) -> Self {
        Self { generation, since: now, before: None, under: Answers::default() }
    }

    /// How it stands, when trials last so long.
    pub(crate) fn verdict(&self, now: Instant, lasts: Duration) -> Verdict {
        match self.before.as_ref().and_then(|(before, _)| breach(*before, self.under)) {
            Some(breach) => Verdict::Breach(breach),
            None if now.saturating_duration_since(self.since) >= lasts => Verdict::Passed,
            None => Verdict::Open,
        }
    }

    /// What to go back to.
    pub(crate) fn refuge(self) -> Option<Loaded> {
        self.before.map(|(_, loaded)| loaded)
    }
}

fn breach(before: Answers, under: Answers) -> Option<Breach> {
    let comparable = before.total >= BEFORE_MIN && under.failed >= FAILED_MIN;
    (comparable && under.share() > 2.0 * before.share() + SHARE_MARGIN).then_some(Breach { before, under })
}

/// Counts for the trial that there is, and for the next one.
#[derive(Debug)]
pub(crate) struct Watch {
    seconds: VecDeque<(Instant, Answers)>,
    pub(crate) trial: Option<Trial>,
}

impl Watch {
    /// A watch that begins with a trial, or with none.
    pub(crate) fn with(trial: Option<Trial>) -> Self {
        Self { seconds: VecDeque::new(), trial }
    }

    /// Takes in what clients got since this was last told, by generation.
    pub(crate) fn note(&mut self, now: Instant, answers: &[(u64, Answers)]) {
        let mut sum = Answers::default();
        for (generation, answers) in answers {
            sum.add(*answers);
            if let Some(trial) = self.trial.as_mut().filter(|trial| trial.generation == *generation) {
                trial.under.add(*answers);
            }
        }
        while self.seconds.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= MINUTE) {
            self.seconds.pop_front();
        }
        self.seconds.push_back((now, sum));
    }

    /// A new generation comes into force instead of `old`. One that was on trial itself is no measure and no refuge, if
    /// there is a better one.
    pub(crate) fn begin(&mut self, generation: u64, old: Loaded, now: Instant) {
        let mut minute = Answers::default();
        self.seconds.iter().for_each(|(_, answers)| minute.add(*answers));
        let inherited = self.trial.take().and_then(|trial| trial.before);
        let before = Some(inherited.unwrap_or((minute, old)));
        self.trial = Some(Trial { generation, since: now, before, under: Answers::default() });
    }

    /// The same text came into force once more, under another number: its trial goes on.
    pub(crate) fn renumber(&mut self, generation: u64) {
        if let Some(trial) = &mut self.trial {
            trial.generation = generation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::settings::EdgeSettings;
    use downbeat_core::model::Name;

    const LASTS: Duration = Duration::from_secs(60);

    fn loaded(text: &str) -> Loaded {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let settings = EdgeSettings::new(Name::new("edge").expect("a name"), listen, "data".into());
        Loaded { settings, text: text.into() }
    }

    fn answers((total, failed): (u64, u64)) -> Answers {
        Answers { total, failed }
    }

    #[test]
    fn a_breach_is_a_share_of_failures_that_has_more_than_doubled() {
        // (requests, failed) before and under it, and whether that is a breach.
        let table = [
            ("nothing happens", (0, 0), (0, 0), false),
            ("all is well", (60_000, 0), (60_000, 0), false),
            ("all fail", (60_000, 0), (1_000, 1_000), true),
            ("a handful fails", (60_000, 0), (19, 19), false),
            ("twenty fail of twenty", (20, 0), (20, 20), true),
            ("nobody came before", (19, 0), (1_000, 1_000), false),
            ("one in a hundred fails", (60_000, 0), (10_000, 100), false),
            ("a little more does", (60_000, 0), (10_000, 101), true),
            ("as bad as before", (1_000, 300), (1_000, 300), false),
            ("twice as bad as before", (1_000, 300), (1_000, 600), false),
            ("more than twice as bad", (1_000, 300), (1_000, 620), true),
            ("it could not get worse", (1_000, 500), (1_000, 1_000), false),
            ("it got better", (1_000, 1_000), (1_000, 20), false),
        ];
        for (what, before, under, expected) in table {
            assert_eq!(breach(answers(before), answers(under)).is_some(), expected, "{what}");
        }
    }

    #[test]
    fn a_trial_ends_with_its_time_or_with_a_breach() {
        let (start, mut watch) = (Instant::now(), Watch::with(None));
        let at = |seconds| start + Duration::from_secs(seconds);
        (0..100).for_each(|second| watch.note(at(second), &[(1, answers((10, 0)))]));
        watch.begin(2, loaded("old"), at(100));
        // What ends on the old generation is none of the new one's doing.
        watch.note(at(101), &[(1, answers((50, 50))), (2, answers((100, 19)))]);
        let verdict = |watch: &Watch, second| watch.trial.as_ref().expect("on trial").verdict(at(second), LASTS);
        assert_eq!(verdict(&watch, 159), Verdict::Open);
        assert_eq!(verdict(&watch, 160), Verdict::Passed);
        watch.note(at(102), &[(2, answers((1, 1)))]);
        let Verdict::Breach(breach) = verdict(&watch, 102) else { panic!("twenty failed") };
        assert_eq!((breach.before, breach.under), (answers((600, 0)), answers((101, 20))));
        assert_eq!(breach.to_string(), "20 of 101 requests failed (19.8 %), 0.0 % in the minute before");
    }

    #[test]
    fn a_second_change_is_measured_by_what_was_good() {
        let (now, mut watch) = (Instant::now(), Watch::with(None));
        watch.note(now, &[(1, answers((100, 0)))]);
        watch.begin(2, loaded("good"), now);
        watch.note(now, &[(2, answers((100, 100)))]);
        watch.begin(3, loaded("bad"), now);
        watch.renumber(4);
        watch.note(now, &[(2, answers((9, 0))), (3, answers((9, 0))), (4, answers((100, 50)))]);
        let trial = watch.trial.expect("on trial");
        assert!(matches!(trial.verdict(now, LASTS), Verdict::Breach(_)), "not excused by the bad one");
        assert_eq!(trial.refuge().map(|loaded| loaded.text).as_deref(), Some("good"));
    }

    #[test]
    fn a_start_is_passed_by_living() {
        let now = Instant::now();
        let mut watch = Watch::with(Some(Trial::of_start(1, now)));
        watch.note(now, &[(1, answers((100, 100)))]);
        let trial = watch.trial.clone().expect("on trial");
        assert_eq!((trial.verdict(now, LASTS), trial.verdict(now + LASTS, LASTS)), (Verdict::Open, Verdict::Passed));
        watch.begin(2, loaded("first"), now);
        let refuge = watch.trial.and_then(Trial::refuge).map(|loaded| loaded.text);
        assert_eq!(refuge.as_deref(), Some("first"), "better than nothing");
    }
}
