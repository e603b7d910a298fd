//! After an outage everybody comes back at once. For a while the edge lets in no more than twice what was usual before
//! (invariant B2), evenly; the others wait or are told to come back, each at another second.
//!
//! Evenly, and yet in the clumps in which people come: a tenth of a second's worth may come at once, and [`CLUMP_MIN`] of a small
//! crowd, of which many would else be turned away for having come in pairs.
//!
//! A second is *bad* when at least half of a component's requests failed in it, and *good* otherwise. The usual rate is an
//! EWMA over the good seconds. An outage is [`BAD_MIN`] bad seconds in a row; from the first good second after it the
//! rate is bounded for [`RAMP`].

use crate::admit::limit::Bucket;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many bad seconds in a row are an outage.
const BAD_MIN: u32 = 2;
/// For how long the returning crowd is held back.
const RAMP: Duration = Duration::from_secs(30);
/// How many times the usual rate is let in (invariant B2).
const PEAK: f64 = 2.0;
/// Weight of the newest good second in the usual rate.
const GAIN: f64 = 0.1;
/// A crowd below this needs no holding back, per second.
const RATE_MIN: f64 = 50.0;
/// Clients suffer when so many of a second's requests failed, and such a share of them.
const SUFFERS: (u32, f64) = (3, 0.1);
/// And for so long after such a second: with the reserves called they may suffer no more, because the reserves are called.
const SUFFERS_FOR: Duration = Duration::from_secs(5);
/// So many whole seconds tell how many come at present.
const LATELY: usize = 5;
/// And so many, when it has just become more.
const JUST_NOW: usize = 2;
/// What comes in so long may come at once,
const CLUMP: Duration = Duration::from_millis(100);
/// and so many in any case.
const CLUMP_MIN: f64 = 12.0;

/// What is known of one component's crowd.
#[derive(Debug)]
pub(crate) struct Ramp {
    second: Instant,
    came: u32,
    failed: u32,
    usual: Option<f64>,
    /// Over the last few whole seconds, newest last.
    lately: VecDeque<(f64, Duration)>,
    suffers_until: Option<Instant>,
    bad_in_a_row: u32,
    returning: Option<Returning>,
}

/// A crowd that comes back.
#[derive(Debug)]
struct Returning {
    until: Instant,
    /// None where nobody knows how many are usual.
    room: Option<Bucket>,
}

impl Ramp {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            second: now,
            came: 0,
            failed: 0,
            usual: None,
            lately: VecDeque::with_capacity(LATELY),
            suffers_until: None,
            bad_in_a_row: 0,
            returning: None,
        }
    }

    /// How many of these requests are let in now.
    pub(crate) fn admits(&mut self, came: u32, now: Instant) -> u32 {
        self.turn(now);
        self.came = self.came.saturating_add(came);
        let returning = self.returning.as_mut().filter(|crowd| now < crowd.until);
        // Whoever comes while there is any room is let in.
        returning.and_then(|crowd| crowd.room.as_mut()).map_or(came, |room| room.take_begun(came, now))
    }

    /// So many requests that were let in failed.
    pub(crate) fn failed(&mut self, times: u32, now: Instant) {
        self.turn(now);
        self.failed = self.failed.saturating_add(times);
    }

    /// True when lately so many failed within a second that it is no chance.
    pub(crate) fn suffers(&mut self, now: Instant) -> bool {
        self.turn(now);
        self.suffers_until.is_some_and(|until| now < until)
    }

    /// Requests that come a second, whether let in or not: over the last five seconds, for a single second of a small crowd says
    /// little, or over the last two, when a surge has just begun.
    pub(crate) fn demand(&mut self, now: Instant) -> f64 {
        self.turn(now);
        self.rate_over(LATELY).max(self.rate_over(JUST_NOW))
    }

    /// Over so many whole seconds.
    fn rate_over(&self, seconds: usize) -> f64 {
        let newest = self.lately.iter().rev().take(seconds);
        let (came, lasted) = newest.fold((0.0, Duration::ZERO), |(came, lasted), (rate, span)| {
            (came + rate * span.as_secs_f64(), lasted + *span)
        });
        came / lasted.as_secs_f64().max(1.0)
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.second);
        if passed < Duration::from_secs(1) {
            return;
        }
        let rate = f64::from(self.came) / passed.as_secs_f64();
        let bad = self.came > 0 && 2 * self.failed >= self.came;
        if self.failed >= SUFFERS.0 && f64::from(self.failed) >= SUFFERS.1 * f64::from(self.came) {
            self.suffers_until = Some(now + SUFFERS_FOR);
        }
        (self.second, self.came, self.failed) = (now, 0, 0);
        if self.lately.len() == LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back((rate, passed));
        if bad {
            self.bad_in_a_row += 1;
            return;
        }
        if self.bad_in_a_row >= BAD_MIN {
            // Another outage while they still come back gives nobody more room.
            let crowd = self.returning.take().filter(|crowd| now < crowd.until);
            let room = crowd.map_or_else(|| self.usual.map(|usual| room(usual, now)), |crowd| crowd.room);
            self.returning = Some(Returning { until: now + RAMP, room });
        }
        self.bad_in_a_row = 0;
        if self.returning.as_ref().is_none_or(|crowd| now >= crowd.until) {
            self.usual = Some(self.usual.map_or(rate, |usual| usual + GAIN * (rate - usual)));
        }
    }
}

/// For a crowd that is usually so large, per second.
fn room(usual: f64, now: Instant) -> Bucket {
    let peak = (PEAK * usual).max(RATE_MIN);
    Bucket::holding((CLUMP.as_secs_f64() * peak).max(CLUMP_MIN), peak, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests at a steady rate for so many seconds, of which all fail or none; returns those let in, by second.
    fn run(ramp: &mut Ramp, now: &mut Instant, seconds: usize, rate: u32, fails: bool) -> Vec<u32> {
        let mut admitted = vec![0; seconds];
        for count in &mut admitted {
            for i in 0..rate {
                let at = *now + Duration::from_secs(1) * i / rate;
                if ramp.admits(1, at) == 1 {
                    *count += 1;
                    if fails {
                        ramp.failed(1, at);
                    }
                }
            }
            *now += Duration::from_secs(1);
        }
        admitted
    }

    #[test]
    fn b2_a_returning_crowd_is_let_in_at_twice_the_usual_rate() {
        let mut now = Instant::now();
        let mut ramp = Ramp::new(now);
        run(&mut ramp, &mut now, 60, 200, false);
        run(&mut ramp, &mut now, 20, 1_000, true);
        let back = run(&mut ramp, &mut now, 60, 1_000, false);
        // The first second of them all is the one that shows that the outage is over.
        assert!(back[1..29].iter().all(|n| (350..=440).contains(n)), "{back:?}");
        assert!(back[35..].iter().all(|n| *n == 1_000), "then everybody comes in: {back:?}");
    }

    #[test]
    fn b2_a_usual_crowd_is_let_in_though_it_comes_in_clumps() {
        let mut now = Instant::now();
        let mut ramp = Ramp::new(now);
        run(&mut ramp, &mut now, 60, 30, false);
        run(&mut ramp, &mut now, 20, 300, true);
        run(&mut ramp, &mut now, 2, 30, false);
        let clump = |nth: u32| ramp.admits(10, now + Duration::from_millis(333) * nth);
        assert!((0..60).map(clump).all(|n| n == 10), "ten at once, three times a second");
        assert_eq!(ramp.admits(100, now + Duration::from_secs(20)), 12);
    }

    #[test]
    fn how_many_come_is_told_over_five_seconds_or_two() {
        let mut now = Instant::now();
        let mut ramp = Ramp::new(now);
        assert_eq!(ramp.demand(now), 0.0);
        let mut after = |rates: &[u32]| {
            rates.iter().for_each(|rate| drop(run(&mut ramp, &mut now, 1, *rate, false)));
            ramp.demand(now)
        };
        let calm = after(&[90, 30, 10, 20, 10, 20]);
        assert!((calm - 18.0).abs() < 1.0, "the first second is forgotten: {calm}");
        let surge = after(&[80, 120]);
        assert!((surge - 100.0).abs() < 1.0, "a surge is seen at once: {surge}");
    }

    #[test]
    fn small_crowds_and_short_troubles_are_not_held_back() {
        let mut now = Instant::now();
        let mut ramp = Ramp::new(now);
        run(&mut ramp, &mut now, 10, 5, false);
        run(&mut ramp, &mut now, 10, 20, true);
        assert!(run(&mut ramp, &mut now, 10, 40, false).iter().all(|n| *n == 40));
        let mut ramp = Ramp::new(now);
        run(&mut ramp, &mut now, 10, 200, false);
        run(&mut ramp, &mut now, 1, 200, true);
        assert!(run(&mut ramp, &mut now, 10, 1_000, false).iter().all(|n| *n == 1_000));
    }
}
