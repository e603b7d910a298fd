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
//! A replica that has just come back is warming: of the requests that it wins it gets the share
//! [`warmth`], the loser of the draw gets the rest. That is Envoy's slow start (`max(10 %, time / window)` with
//! aggression 1), applied to the outcome instead of the weight, because a cost divided by a tenth of the weight would
//! never win.
//!
//! Replicas of which the plan leaves only a share do not take part: see [`canary`](crate::choose::canary).

use crate::run::sync::{AtomicMoment, AtomicNumber, Ticks};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How fast a peak of the first-byte time is forgotten.
const DECAY: Duration = Duration::from_secs(10);
/// Weight of the newest attempt in the success share.
const SUCCESS_GAIN: f64 = 0.1;
/// The success share is not taken for less, so that every cost stays finite.
const SUCCESS_MIN: f64 = 0.05;
/// First-byte time of a replica that was never asked, in microseconds: it is tried soon.
const UNKNOWN_US: f64 = 500.0;
/// Weight of the newest answer in the mean first-byte time.
const MEAN_GAIN: f64 = 1.0 / 16.0;
/// Least share of its traffic that a warming replica gets: Envoy's `min_weight_percent`.
const WARMTH_MIN: f64 = 0.1;

/// What is known of one replica's speed and success, for one component. Read on every request, hence without a lock.
#[derive(Debug)]
pub(crate) struct Form {
    first_byte_us: AtomicNumber,
    success: AtomicNumber,
    at: AtomicMoment,
    mean_us: AtomicNumber,
    answers: AtomicU32,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            first_byte_us: AtomicNumber::new(UNKNOWN_US),
            success: AtomicNumber::new(1.0),
            at: AtomicMoment::default(),
            mean_us: AtomicNumber::new(0.0),
            answers: AtomicU32::new(0),
        }
    }
}

impl Form {
    /// So many attempts were answered well after `first_byte`.
    pub(crate) fn good(&self, first_byte: Duration, times: u32, now: Ticks) {
        self.mix_peak(first_byte, now);
        self.success.set(approach(self.success.get(), 1.0, SUCCESS_GAIN, times));
        let (sample, mean) = (first_byte.as_secs_f64() * 1e6, self.mean_us.get());
        let known = self.answers.fetch_add(times, Ordering::Relaxed) > 0;
        self.mean_us.set(if known { approach(mean, sample, MEAN_GAIN, times) } else { sample });
    }

    /// So many attempts failed.
    pub(crate) fn bad(&self, times: u32) {
        self.success.set(approach(self.success.get(), 0.0, SUCCESS_GAIN, times));
    }

    /// An attempt was silent for so long that another replica answered first: it is at least as slow as that.
    pub(crate) fn overtaken(&self, silent: Duration, now: Ticks) {
        self.mix_peak(silent, now);
    }

    fn mix_peak(&self, first_byte: Duration, now: Ticks) {
        let sample = first_byte.as_secs_f64() * 1e6;
        let kept = self.at.get().map_or(0.0, |at| (-now.since(at).as_secs_f64() / DECAY.as_secs_f64()).exp());
        let mixed = self.first_byte_us.get() * kept + sample * (1.0 - kept);
        self.first_byte_us.set(mixed.max(sample));
        self.at.set(Some(now));
    }

    /// First-byte time in microseconds.
    pub(crate) fn first_byte_us(&self) -> f64 {
        self.first_byte_us.get()
    }

    /// The share of attempts that went well lately.
    pub(crate) fn success(&self) -> f64 {
        self.success.get()
    }

    /// Mean of the newest first-byte times, once there were `enough` of them.
    pub(crate) fn mean(&self, enough: u32) -> Option<Duration> {
        let known = self.answers.load(Ordering::Relaxed) >= enough;
        known.then(|| Duration::from_secs_f64(self.mean_us.get() / 1e6))
    }

    /// Forgets the mean, so that a replica which was too slow is measured anew.
    pub(crate) fn forget_mean(&self) {
        self.answers.store(0, Ordering::Relaxed);
    }

    /// What a request costs there. A first-byte time of long ago counts for less and less, or a replica that was slow
    /// once would never be asked again: after [`DECAY`] for half, after three times that for a tenth.
    pub(crate) fn cost(&self, in_flight: u32, weight: f64, now: Ticks) -> f64 {
        let success = self.success.get().max(SUCCESS_MIN);
        let age = self.at.get().map_or(0.0, |at| now.since(at).as_secs_f64() / DECAY.as_secs_f64());
        let first_byte = self.first_byte_us() / (1.0 + age * age);
        first_byte * (f64::from(in_flight) + 1.0) / (weight * success * success)
    }
}

/// A moving average after so many samples that are alike.
fn approach(mean: f64, sample: f64, gain: f64, times: u32) -> f64 {
    match times {
        1 => mean + gain * (sample - mean),
        // More samples than an i32 holds leave nothing of the mean either.
        _ => sample + (mean - sample) * (1.0 - gain).powi(i32::try_from(times).unwrap_or(i32::MAX)),
    }
}

/// The share of its traffic that a replica gets which came back so long ago; 1 when the window is over.
pub(crate) fn warmth(since_return: Duration, window: Duration) -> f64 {
    if since_return >= window {
        return 1.0;
    }
    (since_return.as_secs_f64() / window.as_secs_f64()).max(WARMTH_MIN)
}

/// A replica that may be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<Id> {
    pub(crate) id: Id,
    /// How much it draws, above 0.
    pub(crate) pull: f64,
    /// Share of its traffic that it gets while it warms up, above 0 and at most 1.
    pub(crate) warmth: f64,
}

/// Chooses one by the cost that `cost` says; `dice` gives numbers from 0 to below 1.
pub(crate) fn choose<Id: Copy + PartialEq>(
    candidates: impl Iterator<Item = Candidate<Id>> + Clone,
    cost: impl Fn(Id) -> f64,
    mut dice: impl FnMut() -> f64,
) -> Option<Id> {
    let total: f64 = candidates.clone().map(|c| c.pull).sum();
    let first = draw(candidates.clone(), dice() * total)?;
    let others = candidates.filter(|c| c.id != first.id);
    let Some(second) = draw(others, dice() * (total - first.pull)) else { return Some(first.id) };
    let (winner, loser) = if cost(second.id) < cost(first.id) { (second, first) } else { (first, second) };
    let cold = winner.warmth < 1.0 && dice() >= winner.warmth;
    Some(if cold { loser.id } else { winner.id })
}

/// The candidate in whose stretch of the line the mark falls; the last one when rounding leads past the end.
fn draw<Id: Copy>(line: impl Iterator<Item = Candidate<Id>>, mark: f64) -> Option<Candidate<Id>> {
    let (mut left, mut last) = (mark, None);
    for candidate in line {
        left -= candidate.pull;
        last = Some(candidate);
        if left < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::dice::Dice;
    use proptest::prelude::*;
    use std::time::Instant;

    fn ticks(seconds: u64) -> Ticks {
        let start = Instant::now();
        Ticks::at(start, start + Duration::from_secs(seconds))
    }

    fn candidate(id: usize) -> Candidate<usize> {
        Candidate { id, pull: 100.0, warmth: 1.0 }
    }

    fn shares(candidates: &[Candidate<usize>], cost: impl Fn(usize) -> f64) -> Vec<f64> {
        let (dice, mut hits, draws) = (Dice::seeded(7), vec![0_u32; candidates.len()], 100_000);
        for _ in 0..draws {
            hits[choose(candidates.iter().copied(), &cost, || dice.roll()).expect("one of them")] += 1;
        }
        hits.into_iter().map(|n| f64::from(n) / f64::from(draws)).collect()
    }

    #[test]
    fn the_busy_the_slow_and_the_failing_get_less() {
        let (slow, failing) = (Form::default(), Form::default());
        slow.good(Duration::from_millis(5), 1, ticks(1));
        failing.bad(10);
        let usual = Form::default().cost(0, 100.0, ticks(1));
        for handicap in
            [Form::default().cost(9, 100.0, ticks(1)), slow.cost(0, 100.0, ticks(1)), failing.cost(0, 100.0, ticks(1))]
        {
            let all = [candidate(0), candidate(1), candidate(2)];
            assert!(shares(&all, |id| if id == 0 { handicap } else { usual })[0] < 0.01);
        }
    }

    #[test]
    fn a_warming_replica_gets_its_share_by_time() {
        let window = Duration::from_secs(10);
        let table = [(0, 0.1), (500, 0.1), (5_000, 0.5), (9_000, 0.9), (10_000, 1.0), (99_000, 1.0)];
        for (ms, wanted) in table {
            assert!((warmth(Duration::from_millis(ms), window) - wanted).abs() < 1e-9, "{ms} ms");
        }
        for replicas in [2, 3, 6] {
            let mut all: Vec<_> = (0..replicas).map(candidate).collect();
            let whole = shares(&all, |id| id as f64)[0];
            all[0].warmth = 0.1;
            let warming = shares(&all, |id| id as f64)[0];
            assert!((warming - whole * 0.1).abs() < 0.01, "{replicas} replicas: {warming} of {whole}");
        }
    }

    #[test]
    fn a_peak_is_followed_at_once_and_forgotten_slowly() {
        let form = Form::default();
        form.good(Duration::from_millis(50), 1, ticks(1));
        assert!((form.first_byte_us() - 50_000.0).abs() < 1.0);
        form.good(Duration::from_millis(1), 1, ticks(2));
        assert!(form.first_byte_us() > 40_000.0);
        form.good(Duration::from_millis(1), 1, ticks(102));
        assert!(form.first_byte_us() < 2_000.0);
        form.overtaken(Duration::from_millis(30), ticks(103));
        assert!(form.first_byte_us() >= 30_000.0, "silence is slowness");
    }

    proptest! {
        #[test]
        fn somebody_is_always_chosen(pulls in prop::collection::vec(0.0001_f64..=1.0, 1..8), at in 0.0_f64..1.0) {
            let all = pulls.iter().enumerate().map(|(id, pull)| Candidate { pull: *pull, ..candidate(id) });
            prop_assert!(choose(all, |id| id as f64, || at).is_some());
        }
    }
}
