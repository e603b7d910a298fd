//! What is counted: plain numbers in fixed places, so that counting one more is an addition.

use downbeat_core::model::{FailureKind, Name, Sketch, Tally};
use std::collections::BTreeMap;
use std::time::Duration;

/// How fast an answer came, against its component's threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promptness {
    Prompt,
    Slow,
}

impl Promptness {
    pub(crate) fn of(took: Duration, threshold: Duration) -> Self {
        if took > threshold { Self::Slow } else { Self::Prompt }
    }
}

/// Outcomes: a [`Tally`] in an array.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) total: u64,
    slow: u64,
    /// At the place of each kind's number.
    failures: [u64; FailureKind::ALL.len()],
}

/// Attempts at one replica for one component.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct AttemptCount {
    pub(crate) outcomes: Outcomes,
    pub(crate) first_byte: Sketch,
    pub(crate) first_byte_us: u64,
    pub(crate) first_byte_us_max: u64,
    pub(crate) bytes: u64,
    pub(crate) hedged: u64,
}

/// Answers to the clients of one network for one component.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ClientCount {
    pub(crate) outcomes: Outcomes,
    pub(crate) retried: u64,
    pub(crate) resumed: u64,
    pub(crate) bytes: u64,
}

/// Answers of one component, all networks together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ComponentCount {
    /// From a request's head to the head of its answer.
    pub(crate) first_byte: Sketch,
    pub(crate) first_byte_us: u64,
    /// By the first digit of the status.
    pub(crate) classes: [u64; CLASSES],
    /// Requests that were turned away because their feature is kept out, by feature.
    pub(crate) withheld: BTreeMap<Name, u64>,
}

/// First digits of a status; 0 stands for what is no status.
pub(crate) const CLASSES: usize = 6;

fn microseconds(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

fn raise(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

impl Outcomes {
    /// Counts so many that went alike; slow ones are counted apart unless they failed.
    pub(crate) fn count(&mut self, failure: Option<FailureKind>, promptness: Promptness, times: u32) {
        let times = u64::from(times);
        raise(&mut self.total, times);
        match (failure, promptness) {
            (Some(kind), _) => raise(&mut self.failures[kind as usize], times),
            (None, Promptness::Slow) => raise(&mut self.slow, times),
            (None, Promptness::Prompt) => {}
        }
    }

    /// Counts so many that failed.
    pub(crate) fn failed(&mut self, kind: FailureKind, times: u32) {
        self.count(Some(kind), Promptness::Prompt, times);
    }

    /// How many failed.
    pub(crate) fn all_failures(&self) -> u64 {
        self.failures.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// How many failed, and not because of the client or of a plan.
    pub(crate) fn failures_of_service(&self) -> u64 {
        let others =
            [FailureKind::Denied, FailureKind::Limited, FailureKind::Withheld].map(|kind| self.failures[kind as usize]);
        self.all_failures().saturating_sub(others.iter().sum())
    }

    /// As the hub is told.
    pub(crate) fn tally(&self) -> Tally {
        let failures = FailureKind::ALL.into_iter().zip(self.failures).filter(|(_, n)| *n > 0);
        Tally { total: self.total, slow: self.slow, failures: failures.collect() }
    }

    fn add(&mut self, other: &Self) {
        raise(&mut self.total, other.total);
        raise(&mut self.slow, other.slow);
        self.failures.iter_mut().zip(other.failures).for_each(|(mine, theirs)| raise(mine, theirs));
    }
}

impl AttemptCount {
    /// So many first bytes came.
    pub(crate) fn first_byte(&mut self, took: Duration, times: u32) {
        let us = microseconds(took);
        self.first_byte.count_times(us, times.into());
        raise(&mut self.first_byte_us, us.saturating_mul(times.into()));
        self.first_byte_us_max = self.first_byte_us_max.max(us);
    }

    /// True when there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.total == 0 && self.bytes == 0 && self.hedged == 0
    }

    /// Adds other attempts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.outcomes.add(&other.outcomes);
        self.first_byte.add(&other.first_byte);
        raise(&mut self.first_byte_us, other.first_byte_us);
        self.first_byte_us_max = self.first_byte_us_max.max(other.first_byte_us_max);
        raise(&mut self.bytes, other.bytes);
        raise(&mut self.hedged, other.hedged);
    }

    /// Forgets everything and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.first_byte.clear();
        *self = Self { first_byte: std::mem::take(&mut self.first_byte), ..Self::default() };
    }
}

impl ClientCount {
    /// True when there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.total == 0 && self.retried == 0 && self.resumed == 0 && self.bytes == 0
    }

    /// Adds other answers.
    pub(crate) fn add(&mut self, other: &Self) {
        self.outcomes.add(&other.outcomes);
        raise(&mut self.retried, other.retried);
        raise(&mut self.resumed, other.resumed);
        raise(&mut self.bytes, other.bytes);
    }
}

impl ComponentCount {
    /// The heads of so many answers went out, so long after the heads of their requests came.
    pub(crate) fn first_byte(&mut self, took: Duration, times: u32) {
        let us = microseconds(took);
        self.first_byte.count_times(us, times.into());
        raise(&mut self.first_byte_us, us.saturating_mul(times.into()));
    }

    /// So many answers with this status went out.
    pub(crate) fn status(&mut self, status: u16, times: u32) {
        let class = Some(usize::from(status / 100)).filter(|class| *class < CLASSES).unwrap_or(0);
        raise(&mut self.classes[class], times.into());
    }

    /// So many requests for a feature were turned away because it is kept out.
    pub(crate) fn withheld(&mut self, feature: &Name, times: u32) {
        raise(self.withheld.entry(feature.clone()).or_default(), times.into());
    }

    /// True when there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.classes == [0; CLASSES] && self.first_byte.is_empty() && self.withheld.is_empty()
    }

    /// Adds other answers.
    pub(crate) fn add(&mut self, other: &Self) {
        self.first_byte.add(&other.first_byte);
        raise(&mut self.first_byte_us, other.first_byte_us);
        self.classes.iter_mut().zip(other.classes).for_each(|(mine, theirs)| raise(mine, theirs));
        for (feature, times) in &other.withheld {
            raise(self.withheld.entry(feature.clone()).or_default(), *times);
        }
    }

    /// Forgets everything and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.first_byte.clear();
        *self = Self { first_byte: std::mem::take(&mut self.first_byte), ..Self::default() };
    }
}
