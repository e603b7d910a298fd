//! Which replica gets a request.
//!
//! Power of two choices: of two replicas drawn by weight, the one with the lower cost. The cost is
//!
//! ```text
//! first byte (µs, peak EWMA) × (in flight + 1) / (weight × success²)
//! ```
//!
//! Peak EWMA follows a rise at once and forgets it over [`DECAY`]: Finagle's `PeakEwma`, as in linkerd. The success
//! share is our addition: without it a replica that fails fast looks quick and draws the traffic (linkerd2 #11669).
//! Two choices suffice against herds: Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing*.
//!
//! Replicas of which the plan leaves only a share do not take part: such a replica is drawn with the exact
//! probability `weight × share / Σ weight × share`, so that a canary at 1 % gets 1 % and not what its
//! idleness would earn it.

use std::time::{Duration, Instant};

/// How fast a peak of the first-byte time is forgotten.
const DECAY: Duration = Duration::from_secs(10);
/// Weight of the newest attempt in the success share.
const SUCCESS_GAIN: f64 = 0.1;
/// The success share is not taken for less, so that every cost stays finite.
const SUCCESS_MIN: f64 = 0.05;
/// First-byte time of a replica that was never asked, in microseconds: it is tried soon.
const UNKNOWN_US: f64 = 500.0;

/// What is known of one replica's speed and success, for one component.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    first_byte_us: f64,
    success: f64,
    at: Option<Instant>,
}

impl Default for Form {
    fn default() -> Self {
        Self { first_byte_us: UNKNOWN_US, success: 1.0, at: None }
    }
}

impl Form {
    /// An attempt was answered well after `first_byte`.
    pub(crate) fn good(&mut self, first_byte: Duration, now: Instant) {
        let sample = first_byte.as_secs_f64() * 1e6;
        let age = self.at.map_or(f64::INFINITY, |at| now.saturating_duration_since(at).as_secs_f64());
        let kept = (-age / DECAY.as_secs_f64()).exp();
        let mixed = self.first_byte_us * kept + sample * (1.0 - kept);
        self.first_byte_us = mixed.max(sample);
        self.at = Some(now);
        self.success += SUCCESS_GAIN * (1.0 - self.success);
    }

    /// An attempt failed.
    pub(crate) fn bad(&mut self) {
        self.success -= SUCCESS_GAIN * self.success;
    }

    /// First-byte time in microseconds.
    pub(crate) fn first_byte_us(&self) -> f64 {
        self.first_byte_us
    }

    fn cost(&self, in_flight: u32, weight: f64) -> f64 {
        let success = self.success.max(SUCCESS_MIN);
        self.first_byte_us * f64::from(in_flight + 1) / (weight * success * success)
    }
}

/// A replica that may be chosen.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<Id> {
    pub(crate) id: Id,
    /// Its usual weight, above 0.
    pub(crate) weight: f64,
    /// Share of it that the plan leaves, above 0 and at most 1.
    pub(crate) share: f64,
    pub(crate) in_flight: u32,
    pub(crate) form: Form,
}

impl<Id> Candidate<Id> {
    fn pull(&self) -> f64 {
        self.weight * self.share
    }

    fn is_full(&self) -> bool {
        self.share >= 1.0
    }
}

/// Chooses one; `dice` gives numbers from 0 to below 1.
pub(crate) fn choose<Id: Copy>(candidates: &[Candidate<Id>], mut dice: impl FnMut() -> f64) -> Option<Id> {
    let total: f64 = candidates.iter().map(Candidate::pull).sum();
    let partial: f64 = candidates.iter().filter(|c| !c.is_full()).map(Candidate::pull).sum();
    let mark = dice() * total;
    if mark < partial || partial >= total {
        return draw(candidates.iter().filter(|c| !c.is_full()), mark).map(|c| c.id);
    }
    let full = total - partial;
    let first = draw(candidates.iter().filter(|c| c.is_full()), dice() * full)?;
    let others = || candidates.iter().filter(|c| c.is_full() && !std::ptr::eq(*c, first));
    let Some(second) = draw(others(), dice() * (full - first.pull())) else { return Some(first.id) };
    Some(cheaper(first, second).id)
}

/// The candidate in whose stretch of the line the mark falls; the last one when rounding leads past the end.
fn draw<'a, Id: 'a>(line: impl Iterator<Item = &'a Candidate<Id>>, mark: f64) -> Option<&'a Candidate<Id>> {
    let (mut left, mut last) = (mark, None);
    for candidate in line {
        left -= candidate.pull();
        last = Some(candidate);
        if left < 0.0 {
            break;
        }
    }
    last
}

fn cheaper<'a, Id>(a: &'a Candidate<Id>, b: &'a Candidate<Id>) -> &'a Candidate<Id> {
    let cost = |c: &Candidate<Id>| c.form.cost(c.in_flight, c.weight);
    if cost(b) < cost(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::dice::Dice;
    use proptest::prelude::*;

    fn candidate(id: usize, share: f64) -> Candidate<usize> {
        Candidate { id, weight: 100.0, share, in_flight: 0, form: Form::default() }
    }

    fn shares(candidates: &[Candidate<usize>]) -> Vec<f64> {
        let (dice, mut hits, draws) = (Dice::seeded(7), vec![0_u32; candidates.len()], 100_000);
        for _ in 0..draws {
            hits[choose(candidates, || dice.roll()).expect("one of them")] += 1;
        }
        hits.into_iter().map(|n| f64::from(n) / f64::from(draws)).collect()
    }

    #[test]
    fn a_part_share_is_exact_however_idle_the_replica() {
        let mut candidates = vec![candidate(0, 1.0), candidate(1, 1.0), candidate(2, 0.01)];
        candidates[0].in_flight = 50;
        candidates[1].in_flight = 50;
        let canary = shares(&candidates)[2];
        assert!((canary - 0.01 / 2.01).abs() < 0.001, "{canary}");
    }

    #[test]
    fn the_busy_the_slow_and_the_failing_get_less() {
        let busy = Candidate { in_flight: 9, ..candidate(0, 1.0) };
        let mut slow = candidate(1, 1.0);
        slow.form.good(Duration::from_millis(5), Instant::now());
        let mut failing = candidate(2, 1.0);
        (0..10).for_each(|_| failing.form.bad());
        for handicapped in [busy, slow, failing] {
            let all = [Candidate { id: 0, ..handicapped }, candidate(1, 1.0), candidate(2, 1.0)];
            assert!(shares(&all)[0] < 0.01, "{all:?}");
        }
    }

    #[test]
    fn a_peak_is_followed_at_once_and_forgotten_slowly() {
        let (mut form, start) = (Form::default(), Instant::now());
        form.good(Duration::from_millis(50), start);
        assert!((form.first_byte_us() - 50_000.0).abs() < 1.0);
        form.good(Duration::from_millis(1), start + Duration::from_secs(1));
        assert!(form.first_byte_us() > 40_000.0);
        form.good(Duration::from_millis(1), start + Duration::from_secs(101));
        assert!(form.first_byte_us() < 2_000.0);
    }

    proptest! {
        #[test]
        fn somebody_is_always_chosen(shares in prop::collection::vec(0.0001_f64..=1.0, 1..8), at in 0.0_f64..1.0) {
            let all: Vec<_> = shares.iter().enumerate().map(|(id, s)| candidate(id, *s)).collect();
            prop_assert!(choose(&all, || at).is_some());
        }
    }
}
