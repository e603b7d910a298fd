//! What is promised of a component: a share of its requests that is served well, and a share that is served in time.

use super::{Name, Sketch};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Share of a component's requests that have to be served well over 30 days (a service level objective).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    good: f64,
}

impl Objective {
    /// From percent, such as 99.9; `None` for what is not from 50 on and below 100. Of less than half nobody speaks as promised, and
    /// all of them are more than anybody can promise.
    pub fn percent(percent: f64) -> Option<Self> {
        (50.0..100.0).contains(&percent).then_some(Self { good: percent / 100.0 })
    }

    /// In percent.
    pub fn as_percent(self) -> f64 {
        self.good * 100.0
    }

    /// Share of the requests that need not be good.
    pub fn allowed(self) -> f64 {
        1.0 - self.good
    }
}

/// Share of a component's answers whose head has to reach the client in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyObjective {
    below: Duration,
    share: Objective,
}

impl LatencyObjective {
    /// The least and the longest that can be promised: below a millisecond a proxy measures itself, beyond a minute nobody waits.
    pub const BELOW: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);

    /// A promise that so many answers begin within so long; `None` outside of [`Self::BELOW`].
    pub fn new(below: Duration, share: Objective) -> Option<Self> {
        Self::BELOW.contains(&below).then_some(Self { below, share })
    }

    /// From the request's head to the head of its answer, as the client waits for it.
    pub fn below(self) -> Duration {
        self.below
    }

    /// How many have to be in time.
    pub fn share(self) -> Objective {
        self.share
    }

    /// From where on an answer counts as late. Edges tell times in buckets, so this is the end of the bucket that holds
    /// [`Self::below`], at most 1/16 above it: nothing that was in time is counted, and what is counted is exact.
    pub fn late_from(self) -> Duration {
        Duration::from_micros(Sketch::ceiling(self.below_us()))
    }

    /// How many of these answers were late.
    pub fn late(self, first_byte: &Sketch) -> u64 {
        first_byte.above(self.below_us())
    }

    fn below_us(self) -> u64 {
        u64::try_from(self.below.as_micros()).unwrap_or(u64::MAX)
    }
}

/// What is counted against a promise (a service level indicator).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// Requests served well.
    Success,
    /// Answers in time.
    Latency,
}

impl Indicator {
    /// The word in the API, in `/metrics` and in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Latency => "latency",
        }
    }
}

/// Which error budget: a component has one for each thing that is promised of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BudgetId {
    /// Of which component.
    pub component: Name,
    /// What is counted.
    pub indicator: Indicator,
}

impl fmt::Display for BudgetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.indicator.word(), self.component)
    }
}

/// One thing that is promised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Promise {
    /// So many requests are served well.
    Success(Objective),
    /// So many answers are in time.
    Latency(LatencyObjective),
}

impl Promise {
    /// What is counted.
    pub const fn indicator(self) -> Indicator {
        match self {
            Self::Success(_) => Indicator::Success,
            Self::Latency(_) => Indicator::Latency,
        }
    }

    /// The share that is promised.
    pub fn share(self) -> Objective {
        match self {
            Self::Success(share) => share,
            Self::Latency(latency) => latency.share(),
        }
    }
}

/// All that is promised of a component.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Objectives {
    /// Requests served well.
    pub success: Option<Objective>,
    /// Answers in time.
    pub latency: Option<LatencyObjective>,
}

impl Objectives {
    /// One by one.
    pub fn promises(self) -> impl Iterator<Item = Promise> {
        self.success.map(Promise::Success).into_iter().chain(self.latency.map(Promise::Latency))
    }

    /// True when nothing is promised.
    pub fn is_empty(self) -> bool {
        self.promises().next().is_none()
    }
}

impl From<Objective> for Objectives {
    fn from(success: Objective) -> Self {
        Self { success: Some(success), latency: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_counted_from_the_end_of_a_bucket() {
        let share = Objective::percent(99.0).expect("a good objective");
        let promise = |ms| LatencyObjective::new(Duration::from_millis(ms), share);
        assert_eq!((promise(0), promise(60_001)), (None, None));
        let promise = promise(300).expect("a good promise");
        assert_eq!(promise.late_from(), Duration::from_micros(311_296));
        let mut sketch = Sketch::default();
        sketch.count_times(299_999, 90);
        sketch.count_times(311_295, 5);
        sketch.count_times(311_296, 4);
        sketch.count(60_000_000);
        assert_eq!(promise.late(&sketch), 5, "of the 5 between 300 ms and the bucket's end nothing is said");
    }

    #[test]
    fn the_end_of_the_bucket_is_within_a_sixteenth() {
        let share = Objective::percent(99.0).expect("a good objective");
        for ms in 1..=60_000 {
            let promise = LatencyObjective::new(Duration::from_millis(ms), share).expect("a good promise");
            let (below, late) = (promise.below().as_secs_f64(), promise.late_from().as_secs_f64());
            assert!(below < late && late <= below * 17.0 / 16.0, "{below} {late}");
        }
    }
}
