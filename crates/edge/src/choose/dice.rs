//! Chance for balancing and jitter: xorshift64*, seeded by the system. Good enough for fairness, no secret.
//!
//! Source: Vigna, *An experimental exploration of Marsaglia's xorshift generators, scrambled* (2016).

use std::cell::Cell;

/// One thread's dice.
#[derive(Debug)]
pub(crate) struct Dice(Cell<u64>);

impl Dice {
    /// Seeded by the system; by a constant where the system has no randomness to give.
    pub(crate) fn new() -> Self {
        Self::seeded(seed())
    }

    /// The same numbers each time.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Cell::new(seed | 1))
    }

    /// A number from 0 to below 1.
    pub(crate) fn roll(&self) -> f64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        // 53 bits are what a double holds exactly.
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A number drawn by the system.
pub(crate) fn seed() -> u64 {
    getrandom::u64().unwrap_or(0x9E37_79B9_7F4A_7C15)
}
