//! A quick hash for tables on the way of every request, keyed so that no client can choose entries that meet in one place.
//!
//! One multiplication to 128 bits a number, folded: the mixing step of wyhash (Wang Yi).

use crate::choose::dice;
use std::hash::{BuildHasher, Hasher};

/// The state of a hash, and the key that it starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyed(u64);

/// An odd number whose bits are well spread: the golden ratio in 64 bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Default for Keyed {
    fn default() -> Self {
        Self(dice::seed())
    }
}

impl BuildHasher for Keyed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Keyed {
    /// One with this key.
    pub(crate) const fn with(key: u64) -> Self {
        Self(key)
    }

    fn mix(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(SPREAD);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for Keyed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(number));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::site::ComponentId;
    use crate::door::network::Network;

    #[test]
    fn neighbouring_networks_do_not_meet_in_one_place() {
        let keyed = Keyed(7);
        let places = |shift: u32| {
            let hashes = (0..4096_u32).map(|i| {
                let [_, a, b, c] = i.to_be_bytes();
                keyed.hash_one((ComponentId(0), Network::V4([a, b, c]))) >> shift & 0xfff
            });
            hashes.collect::<std::collections::BTreeSet<_>>().len()
        };
        // Balls thrown into as many bins leave a share of 1/e of them empty: about 2589 of 4096 are filled.
        for shift in [0, 52] {
            assert!(places(shift) > 2400, "{}", places(shift));
        }
    }
}
