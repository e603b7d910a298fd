//! Seeded dice: the same seed gives the same numbers (SplitMix64, Steele, Lea and Flood 2014).

use std::time::Duration;

/// A stream of numbers that depends on its seed alone.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for one purpose, so that what one part of the world throws changes nothing for the others.
    #[must_use]
    pub fn stream(seed: u64, purpose: u64) -> Self {
        let mut dice = Self(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.roll();
        dice
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `end` - 1; 0 when there is no choice.
    pub fn below(&mut self, end: usize) -> usize {
        // The remainder is below `end`, which was a usize.
        if end < 2 { 0 } else { (self.roll() % end as u64) as usize }
    }

    /// A number within a range, both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.roll() % (most - least + 1)
    }

    /// A number from 0 to just below 1.
    pub fn share(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in so many cases, from 0 to 1.
    pub fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// One of several, or `None` when there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// A time until the next of events that come by themselves, on average after `mean`.
    pub fn wait(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.share()).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let rolls = |mut dice: Dice| [dice.roll(), dice.roll()];
        assert_eq!(rolls(Dice::stream(7, 1)), rolls(Dice::stream(7, 1)));
        assert_ne!(rolls(Dice::stream(7, 1)), rolls(Dice::stream(7, 2)));
        let mut dice = Dice::new(3);
        assert!((0..1_000).all(|_| dice.share() < 1.0 && (5..=9).contains(&dice.between(5, 9))));
        let mean = (0..10_000).map(|_| dice.wait(Duration::from_secs(1)).as_secs_f64()).sum::<f64>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }
}
