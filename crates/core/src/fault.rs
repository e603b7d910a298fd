//! Faults made on purpose: what a drill asks an edge to do to its own traffic.
//!
//! A fault always expires by itself, so that a drill that dies leaves nothing behind.

use crate::model::{Name, Slice};
use serde::{Deserialize, Serialize};

/// Longest life of a fault, in milliseconds: ten minutes.
pub const TTL_MS_MAX: u64 = 600_000;

/// One fault on the path between an edge and some replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name; the same name again replaces it.
    pub name: Name,
    /// Whom it hits: replicas, regions, components, versions; everybody when empty.
    pub slice: Slice,
    /// What it does.
    pub effect: FaultEffect,
    /// It ends so many milliseconds after its receipt, at most [`TTL_MS_MAX`].
    pub ttl_ms: u64,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultEffect {
    /// Every first byte comes later.
    Delay {
        /// By so many milliseconds.
        ms: u64,
    },
    /// A share of the attempts is answered by this status instead of being sent.
    Error {
        /// 500 to 599.
        status: u16,
        /// From 0 to 1.
        share: f64,
    },
    /// Nothing arrives and nothing comes back, on new and on open connections.
    Blackhole,
    /// Bodies come slowly.
    Bandwidth {
        /// Bytes a second and connection.
        bytes_per_second: u64,
    },
}

/// Why a fault is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultRefusal {
    /// It would live too long, or not at all.
    #[error("a fault lives 1 to {TTL_MS_MAX} ms, not {0}")]
    Ttl(u64),
    /// The share is none.
    #[error("a share is from 0 to 1, not {0}")]
    Share(f64),
    /// The status is no server's failure.
    #[error("a failing status is 500 to 599, not {0}")]
    Status(u16),
    /// A stalled body is what `blackhole` is for.
    #[error("a bandwidth of 0 bytes a second is a blackhole; say that instead")]
    Bandwidth,
}

impl Fault {
    /// Checks the figures.
    ///
    /// # Errors
    /// The first [`FaultRefusal`].
    pub fn check(&self) -> Result<(), FaultRefusal> {
        if !(1..=TTL_MS_MAX).contains(&self.ttl_ms) {
            return Err(FaultRefusal::Ttl(self.ttl_ms));
        }
        match self.effect {
            FaultEffect::Error { share, .. } if !(0.0..=1.0).contains(&share) => Err(FaultRefusal::Share(share)),
            FaultEffect::Error { status, .. } if !(500..=599).contains(&status) => Err(FaultRefusal::Status(status)),
            FaultEffect::Bandwidth { bytes_per_second: 0 } => Err(FaultRefusal::Bandwidth),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_make_no_sense_are_refused() {
        let check = |effect, ttl_ms| {
            let name = Name::new("drill").expect("a good name");
            Fault { name, slice: Slice::everywhere(), effect, ttl_ms }.check()
        };
        assert_eq!(check(FaultEffect::Blackhole, 5_000), Ok(()));
        assert_eq!(check(FaultEffect::Blackhole, 0), Err(FaultRefusal::Ttl(0)));
        assert_eq!(check(FaultEffect::Error { status: 404, share: 0.5 }, 9), Err(FaultRefusal::Status(404)));
        assert!(check(FaultEffect::Error { status: 503, share: f64::NAN }, 9).is_err());
        assert_eq!(check(FaultEffect::Bandwidth { bytes_per_second: 0 }, 9), Err(FaultRefusal::Bandwidth));
    }
}
