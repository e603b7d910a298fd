//! Expected and not there: silence is a state of its own, UNKNOWN, and never DOWN.
//!
//! Picture a friend who calls each morning at about eight. At nine one wonders, and how soon one wonders depends on how
//! punctual he usually is. The time between arrivals is learnt with its scatter; the state is unknown once the silence is longer
//! than any that punctuality explains. Cost: 32 bytes, nothing while nobody asks. Rejected: a fixed timeout (each source has
//! a rhythm of its own), counting silence as zeros (then a monitor that hiccups is an outage).

use crate::model::Moment;
use std::time::Duration;

/// Silence is usual for so many times the usual distance between arrivals,
const PATIENCE: f64 = 2.5;
/// and so many times its usual scatter.
const SCATTERS: f64 = 6.0;
/// What the rhythm forgets with each arrival.
const FORGETTING: f64 = 0.05;

/// Whether anything is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Data comes as it usually does.
    Heard,
    /// Nothing is heard since this moment, which is longer than usual.
    Unknown(Moment),
}

/// The rhythm of one source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrivals {
    last: Moment,
    /// Seconds between arrivals, and how far off that usually is.
    apart: f64,
    scatter: f64,
}

impl Arrivals {
    /// A source that was just heard and is expected each `step`.
    pub fn new(now: Moment, step: Duration) -> Self {
        Self { last: now, apart: step.as_secs_f64(), scatter: 0.0 }
    }

    /// Something came. A silence that was unusual teaches nothing.
    pub fn heard(&mut self, now: Moment) {
        let apart = now.since(self.last).as_secs_f64();
        if self.presence(now) == Presence::Heard && now > self.last {
            self.scatter += FORGETTING * ((apart - self.apart).abs() - self.scatter);
            self.apart += FORGETTING * (apart - self.apart);
        }
        self.last = self.last.max(now);
    }

    /// Is the silence until `now` usual?
    pub fn presence(&self, now: Moment) -> Presence {
        let silent = now.since(self.last).as_secs_f64();
        if silent > PATIENCE * self.apart + SCATTERS * self.scatter {
            return Presence::Unknown(self.last);
        }
        Presence::Heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Moment {
        Moment::from_millis(n * 1_000)
    }

    fn source(times: impl IntoIterator<Item = u64>) -> Arrivals {
        let mut arrivals = Arrivals::new(second(0), Duration::from_secs(10));
        times.into_iter().for_each(|n| arrivals.heard(second(n)));
        arrivals
    }

    #[test]
    fn a_punctual_source_is_missed_soon() {
        let arrivals = source((1..100).map(|n| n * 10));
        assert_eq!(arrivals.presence(second(1_012)), Presence::Heard);
        assert_eq!(arrivals.presence(second(1_016)), Presence::Unknown(second(990)));
    }

    #[test]
    fn an_unpunctual_source_is_given_time() {
        let arrivals = source((1..100).map(|n| n * 10 + (n % 2) * 8));
        assert_eq!(arrivals.presence(second(1_030)), Presence::Heard);
        assert!(matches!(arrivals.presence(second(1_200)), Presence::Unknown(_)));
    }

    #[test]
    fn a_long_silence_teaches_no_patience() {
        let mut arrivals = source((1..100).map(|n| n * 10));
        arrivals.heard(second(50_000));
        assert!(matches!(arrivals.presence(second(50_030)), Presence::Unknown(_)));
    }
}
