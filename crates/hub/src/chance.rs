//! The only dice of the hub: jitter. Nothing that is decided depends on them.

/// An even share from 0 to 1; 0.5 where the system gives no randomness, which only costs the jitter.
pub(crate) fn random_share() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}
