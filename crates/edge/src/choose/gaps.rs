//! After which silence in a body the rest is asked of another replica: three times what nearly every gap takes.
//!
//! "Nearly every" is mean + 2 mean deviations of the longest gap in each body; the estimator is the one TCP uses for its
//! timeouts (RFC 6298, Jacobson 1988), with its gains. One number a body suffices: what is asked is how long a body that
//! came whole was ever silent.

use std::time::Duration;

/// Gain of the mean.
const MEAN_GAIN: f64 = 1.0 / 8.0;
/// Gain of the mean deviation.
const DEVIATION_GAIN: f64 = 1.0 / 4.0;
/// How many times what nearly every gap takes.
const FACTOR: f64 = 3.0;

/// What is known of the longest gaps in a component's bodies, in seconds.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    known: Option<Estimate>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    mean: f64,
    deviation: f64,
}

impl Gaps {
    /// A body came whole; it was silent for no longer than this.
    pub(crate) fn observe(&mut self, longest: Duration) {
        let sample = longest.as_secs_f64();
        self.known = Some(match self.known {
            None => Estimate { mean: sample, deviation: sample / 2.0 },
            Some(Estimate { mean, deviation }) => Estimate {
                deviation: deviation + DEVIATION_GAIN * ((sample - mean).abs() - deviation),
                mean: mean + MEAN_GAIN * (sample - mean),
            },
        });
    }

    /// The silence that is unusual, between the two bounds; the longer one while nothing is known.
    pub(crate) fn unusual_after(&self, min: Duration, max: Duration) -> Duration {
        let Some(known) = self.known else { return max };
        let usual = known.mean + 2.0 * known.deviation;
        Duration::from_secs_f64((FACTOR * usual).clamp(min.as_secs_f64(), max.as_secs_f64().max(min.as_secs_f64())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_follows_the_gaps_within_its_bounds() {
        let after = |samples: &[u64]| {
            let mut gaps = Gaps::default();
            samples.iter().for_each(|ms| gaps.observe(Duration::from_millis(*ms)));
            gaps.unusual_after(Duration::from_millis(100), Duration::from_secs(2)).as_millis()
        };
        assert_eq!(after(&[]), 2_000);
        assert_eq!(after(&[2; 50]), 100);
        assert_eq!(after(&[100; 200]), 300);
        let mixed = after(&[50, 150].repeat(100));
        assert!((300..1_200).contains(&mixed), "{mixed}");
        assert_eq!(after(&[5_000; 50]), 2_000);
    }
}
