//! After which silence a second replica is asked: three times what nearly every wait takes.
//!
//! The same estimate serves the first byte of an answer and the gaps in a body, each with a [`Pace`] of its own.
//!
//! "Nearly every" is mean + 2 mean deviations, which tracks the 95th percentile closely enough and needs two
//! numbers; the estimator is the one TCP uses for its timeouts (RFC 6298, Jacobson 1988), with its gains. The delay
//! follows the service, so that a busy hour does not turn into a storm of hedges.

use std::time::Duration;

/// Gain of the mean.
const MEAN_GAIN: f64 = 1.0 / 8.0;
/// Gain of the mean deviation.
const DEVIATION_GAIN: f64 = 1.0 / 4.0;
/// How many times what nearly every wait takes.
const FACTOR: f64 = 3.0;

/// What is known of a component's waits, in seconds.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    known: Option<Estimate>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    mean: f64,
    deviation: f64,
}

impl Pace {
    /// A wait took so long.
    pub(crate) fn observe(&mut self, took: Duration) {
        let sample = took.as_secs_f64();
        self.known = Some(match self.known {
            None => Estimate { mean: sample, deviation: sample / 2.0 },
            Some(Estimate { mean, deviation }) => Estimate {
                deviation: deviation + DEVIATION_GAIN * ((sample - mean).abs() - deviation),
                mean: mean + MEAN_GAIN * (sample - mean),
            },
        });
    }

    /// The silence after which a second replica is asked, between the two bounds; `None` while nothing is known.
    pub(crate) fn unusual_after(&self, min: Duration, max: Duration) -> Option<Duration> {
        let known = self.known?;
        let usual = known.mean + 2.0 * known.deviation;
        let bounds = (min.as_secs_f64(), max.as_secs_f64().max(min.as_secs_f64()));
        Some(Duration::from_secs_f64((FACTOR * usual).clamp(bounds.0, bounds.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_follows_the_service_within_its_bounds() {
        let after = |samples: &[u64]| {
            let mut pace = Pace::default();
            samples.iter().for_each(|ms| pace.observe(Duration::from_millis(*ms)));
            pace.unusual_after(Duration::from_millis(100), Duration::from_secs(2)).map(|after| after.as_millis())
        };
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[2; 50]), Some(100));
        assert_eq!(after(&[100; 200]), Some(300));
        let mixed = after(&[50, 150].repeat(100)).expect("known");
        assert!((300..1_200).contains(&mixed), "{mixed}");
        assert_eq!(after(&[5_000; 50]), Some(2_000));
    }
}
