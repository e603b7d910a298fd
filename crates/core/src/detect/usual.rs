//! What is usual at this hour of the week, of counts that people can forge.
//!
//! A week has 168 hours, each with a mean of its own that moves a third of the way to what was counted. It moves once a week,
//! so it can be bounded by the week: whatever is reported, an hour's threshold grows by a quarter at most until the next week
//! (invariant G4: slow poisoning), and it never begins below what the policy says is usual. Whole hours in which something was
//! open teach nothing; that is the caller's to see to.

use crate::model::Moment;
use serde::{Deserialize, Serialize};

/// Shares of active sessions are learnt as counts of so many.
pub const SHARE_OF: f64 = 100_000.0;
/// Hours of a week.
const HOURS: usize = 168;
const HOUR_MS: u64 = 3_600_000;
/// How far the mean moves to what was counted.
const LEARN: f64 = 0.3;
/// Most that it grows within a week.
const GROWTH_MAX: f64 = 1.25;

/// Counts a minute that are usual, by hour of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Usual(Vec<f64>);

impl Default for Usual {
    fn default() -> Self {
        Self(vec![0.0; HOURS])
    }
}

impl Usual {
    /// Counts a minute that are usual then.
    pub fn at(&self, when: Moment) -> f64 {
        self.0[hour_of_week(when)]
    }

    /// Takes in what was counted in the hour that holds `when`; `floor` counts a minute are usual in any case.
    pub fn learn(&mut self, when: Moment, per_minute: f64, floor: f64) {
        let old = self.at(when);
        let most = old.max(floor) * GROWTH_MAX;
        self.0[hour_of_week(when)] = (old + LEARN * (per_minute.max(0.0) - old)).min(most);
    }
}

/// Which hour of the week, from 0; the epoch was a Thursday, which is as good a beginning as any.
fn hour_of_week(when: Moment) -> usize {
    usize::try_from(when.as_millis() / HOUR_MS % HOURS as u64).expect("a week has 168 hours")
}

impl From<Usual> for Vec<f64> {
    fn from(usual: Usual) -> Self {
        usual.0
    }
}

impl TryFrom<Vec<f64>> for Usual {
    type Error = &'static str;

    fn try_from(hours: Vec<f64>) -> Result<Self, Self::Error> {
        let good = hours.len() == HOURS && hours.iter().all(|mean| mean.is_finite() && *mean >= 0.0);
        if good { Ok(Self(hours)) } else { Err("a week has 168 hours, each with a mean from zero up") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const FLOOR: f64 = 0.2;

    fn week(n: u64, hour: u64) -> Moment {
        Moment::from_millis((n * HOURS as u64 + hour) * HOUR_MS)
    }

    #[test]
    fn each_hour_of_the_week_has_its_own() {
        let mut usual = Usual::default();
        for n in 0..40 {
            usual.learn(week(n, 20), 6.0, FLOOR);
            usual.learn(week(n, 21), 0.0, FLOOR);
        }
        assert!((5.0..=6.0).contains(&usual.at(week(50, 20))), "{}", usual.at(week(50, 20)));
        assert_eq!(usual.at(week(50, 21)), 0.0);
        assert_eq!(usual.at(week(50, 20) + Duration::from_secs(3_599)), usual.at(week(50, 20)));
    }

    /// Whatever forgers report, for as long as they like.
    #[test]
    fn g4_a_threshold_grows_by_a_quarter_a_week_at_most() {
        let mut usual = Usual::default();
        for n in 0..100 {
            let threshold = |usual: &Usual| usual.at(week(n, 3)).max(FLOOR);
            let before = threshold(&usual);
            usual.learn(week(n, 3), 1e9, FLOOR);
            assert!(threshold(&usual) <= before * 1.25 + 1e-9);
        }
        usual.learn(week(100, 3), f64::NAN, FLOOR);
        assert!(usual.at(week(100, 3)).is_finite());
    }

    #[test]
    fn a_week_is_read_back_or_refused() {
        let text = serde_json::to_string(&Usual::default()).expect("written");
        assert_eq!(serde_json::from_str::<Usual>(&text).expect("read"), Usual::default());
        assert!(serde_json::from_str::<Usual>("[1.0]").is_err());
    }
}
