//! How long things took, in little room: counts in buckets that grow with the value.
//!
//! The buckets are those of an HDR histogram (Tene, *HdrHistogram*): values below 16 have one each, every octave above
//! has 16 of equal width, so that a bucket is at most 1/16 as wide as its values, and its middle is within 1/32 (3.2 %) of
//! each of them. The place of a bucket is the top bits of the value: no logarithm, no search. Sketches of different
//! threads, edges and seconds are added bucket by bucket and stay exact, as in DDSketch (Masson, Rim and Lee 2019).

use serde::{Deserialize, Serialize};

/// Buckets an octave, and values that have a bucket of their own.
const STEPS: u64 = 16;
/// `log2(STEPS)`.
const STEP_BITS: u32 = STEPS.ilog2();
/// Larger values count as this one: 134 seconds in microseconds, longer than anything is waited for.
const VALUE_MAX: u64 = (1 << 27) - 1;
/// Number of buckets.
const BUCKETS: usize = bucket(VALUE_MAX) + 1;
/// The only scheme of buckets so far.
const SCHEME: u8 = 1;

/// Counts of values (microseconds, 0 to 134 s) in buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Sketch {
    /// One for each bucket; none at all while nothing was counted.
    counts: Vec<u64>,
}

/// A sketch on its way: the buckets that have something in them, in rising order.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wire {
    scheme: u8,
    counts: Vec<(u16, u64)>,
}

/// Why something is no sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SketchError {
    /// A bucket that there is not, or not in its place.
    #[error("bucket {0} of a sketch is unknown, or out of order")]
    Bucket(u16),
}

impl Sketch {
    /// Counts one value. The first one makes room for all; further ones only add 1 in one place.
    pub fn count(&mut self, value: u64) {
        self.count_times(value, 1);
    }

    /// Counts a value that came so many times.
    pub fn count_times(&mut self, value: u64, times: u64) {
        if self.counts.is_empty() {
            self.counts.resize(BUCKETS, 0);
        }
        let slot = &mut self.counts[bucket(value)];
        *slot = slot.saturating_add(times);
    }

    /// Adds another sketch to this one.
    pub fn add(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
            return;
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// What was counted since `earlier`, which was this same sketch.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = self.clone();
        for (mine, before) in difference.counts.iter_mut().zip(&earlier.counts) {
            *mine = mine.saturating_sub(*before);
        }
        difference
    }

    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// True when nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|n| *n == 0)
    }

    /// The value that a share (0 to 1) of the values is not above, within 3.2 %; none when nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        // Counts are far below 2^53, where doubles are exact.
        let rank = (share.clamp(0.0, 1.0) * self.total() as f64).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        let at = self.counts.iter().position(|n| {
            seen = seen.saturating_add(*n);
            seen >= rank
        })?;
        let (from, to) = (lower(at), lower(at + 1));
        Some((from + to - 1) as f64 / 2.0)
    }

    /// How many values were not above each of these bounds; one inside a bucket counts the whole bucket.
    pub fn cumulative(&self, bounds: &[u64]) -> Vec<u64> {
        let up_to =
            |bound: &u64| self.counts.iter().take(bucket(*bound) + 1).fold(0_u64, |sum, n| sum.saturating_add(*n));
        bounds.iter().map(up_to).collect()
    }

    /// How many values were above the bucket of a bound: from [`Self::ceiling`] on. Exact, as the buckets are.
    pub fn above(&self, bound: u64) -> u64 {
        self.counts.iter().skip(bucket(bound) + 1).fold(0_u64, |sum, n| sum.saturating_add(*n))
    }

    /// The lowest value above the bucket of a bound, at most 1/16 above the bound.
    pub const fn ceiling(bound: u64) -> u64 {
        lower(bucket(bound) + 1)
    }
}

/// The bucket of a value.
const fn bucket(value: u64) -> usize {
    let value = if value > VALUE_MAX { VALUE_MAX } else { value };
    if value < STEPS {
        return value as usize;
    }
    let octave = value.ilog2() - STEP_BITS;
    // The top bits from the highest set one on are STEPS to 2 * STEPS - 1.
    (octave as u64 * STEPS + (value >> octave)) as usize
}

/// The lowest value of a bucket.
const fn lower(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let octave = bucket / STEPS - 1;
    (STEPS + bucket % STEPS) << octave
}

impl From<Sketch> for Wire {
    fn from(sketch: Sketch) -> Self {
        // There are fewer buckets than 16 bits count.
        let filled = (0_u16..).zip(sketch.counts).filter(|(_, n)| *n > 0).collect();
        Self { scheme: SCHEME, counts: filled }
    }
}

impl TryFrom<Wire> for Sketch {
    type Error = SketchError;

    /// A scheme of a later version says nothing here, and is no fault: its sketch is read as empty.
    fn try_from(wire: Wire) -> Result<Self, SketchError> {
        let mut sketch = Self::default();
        if wire.scheme != SCHEME || wire.counts.is_empty() {
            return Ok(sketch);
        }
        sketch.counts.resize(BUCKETS, 0);
        let mut next = 0;
        for (at, n) in wire.counts {
            let slot = sketch.counts.get_mut(usize::from(at)).filter(|_| at >= next);
            *slot.ok_or(SketchError::Bucket(at))? = n;
            next = at + 1;
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for at in 0..BUCKETS {
            assert_eq!((bucket(lower(at)), bucket(lower(at + 1) - 1)), (at, at));
        }
        assert_eq!((BUCKETS, bucket(u64::MAX)), (384, 383));
    }

    #[test]
    fn an_unknown_scheme_is_empty_and_a_broken_one_refused() {
        let read = |text: &str| serde_json::from_str::<Sketch>(text).map(|s| s.total()).ok();
        let table = [
            (r#"{"scheme":1,"counts":[[3,2],[383,1]]}"#, Some(3)),
            (r#"{"scheme":1,"counts":[]}"#, Some(0)),
            (r#"{"scheme":2,"counts":[[9000,2]],"more":1}"#, Some(0)),
            (r#"{"scheme":1,"counts":[[384,2]]}"#, None),
            (r#"{"scheme":1,"counts":[[3,2],[3,2]]}"#, None),
            (r#"{"scheme":1,"counts":[[3,-2]]}"#, None),
        ];
        for (text, total) in table {
            assert_eq!(read(text), total, "{text}");
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_near_the_true_ones(mut values in prop::collection::vec(0_u64..=VALUE_MAX, 1..200), share in 0.0_f64..=1.0) {
            let mut sketch = Sketch::default();
            values.iter().for_each(|v| sketch.count(*v));
            values.sort_unstable();
            let rank = (share * values.len() as f64).ceil().max(1.0) as usize;
            let (truth, told) = (values[rank - 1] as f64, sketch.quantile(share).expect("something was counted"));
            prop_assert!((told - truth).abs() <= truth / 31.0, "{told} for {truth}");
        }

        #[test]
        fn sums_and_differences_are_exact(a in prop::collection::vec(0_u64..1_000_000, 0..50), b in prop::collection::vec(0_u64..1_000_000, 0..50)) {
            let of = |values: &[u64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|v| sketch.count(*v));
                sketch
            };
            let mut sum = of(&a);
            sum.add(&of(&b));
            let all = of(&[a.clone(), b.clone()].concat());
            prop_assert_eq!(&sum, &all);
            let rest = all.since(&of(&a));
            prop_assert_eq!(rest.total(), b.len() as u64);
            let there_and_back: Sketch = serde_json::from_value(serde_json::to_value(&all).expect("JSON")).expect("a sketch");
            prop_assert_eq!(there_and_back, all);
        }
    }
}
