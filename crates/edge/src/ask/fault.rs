//! Faults made on purpose, on the path between this edge and its replicas. Only where drills are allowed.

use crate::run::sync::locked;
use downbeat_core::fault::{Fault, FaultEffect, FaultRefusal};
use downbeat_core::model::Slice;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Most faults at a time.
pub(crate) const FAULTS_MAX: usize = 64;

/// The faults in force. Asking costs one atomic load while there are none.
#[derive(Debug, Default)]
pub(crate) struct FaultTable {
    any: AtomicBool,
    active: Mutex<Vec<Active>>,
}

#[derive(Debug, Clone)]
struct Active {
    fault: Fault,
    until: Instant,
}

/// What the faults in force do to one attempt.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Effects {
    /// The first byte comes later by this.
    pub(crate) delay: Duration,
    /// Status and share of attempts answered with it.
    pub(crate) error: Option<(u16, f64)>,
    /// Nothing goes through.
    pub(crate) blackhole: bool,
    /// Bytes a second and connection.
    pub(crate) bytes_per_second: Option<u64>,
}

/// Why faults are not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum FaultsRefused {
    #[error("fault {name}: {source}")]
    One { name: String, source: FaultRefusal },
    #[error("at most {FAULTS_MAX} faults at a time")]
    TooMany,
}

impl FaultTable {
    /// Takes faults, all or none; one of the same name is replaced.
    pub(crate) fn put(&self, faults: Vec<Fault>, now: Instant) -> Result<(), FaultsRefused> {
        for fault in &faults {
            fault.check().map_err(|source| FaultsRefused::One { name: fault.name.to_string(), source })?;
        }
        let mut active = locked(&self.active);
        let mut next: Vec<Active> = active.iter().filter(|a| now < a.until).cloned().collect();
        for fault in faults {
            next.retain(|a| a.fault.name != fault.name);
            next.push(Active { until: now + Duration::from_millis(fault.ttl_ms), fault });
        }
        if next.len() > FAULTS_MAX {
            return Err(FaultsRefused::TooMany);
        }
        self.any.store(!next.is_empty(), Ordering::Release);
        *active = next;
        Ok(())
    }

    /// Ends all faults.
    pub(crate) fn clear(&self) {
        locked(&self.active).clear();
        self.any.store(false, Ordering::Release);
    }

    /// True while there may be any; the place need not be worked out otherwise.
    pub(crate) fn is_loaded(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The faults in force.
    pub(crate) fn list(&self, now: Instant) -> Vec<Fault> {
        locked(&self.active).iter().filter(|a| now < a.until).map(|a| a.fault.clone()).collect()
    }

    /// What they do at a place, all together.
    pub(crate) fn effects(&self, place: &Slice, now: Instant) -> Effects {
        let mut effects = Effects::default();
        for active in locked(&self.active).iter().filter(|a| now < a.until && a.fault.slice.covers(place)) {
            match active.fault.effect {
                FaultEffect::Delay { ms } => effects.delay += Duration::from_millis(ms),
                FaultEffect::Error { status, share } => effects.error = Some((status, share)),
                FaultEffect::Blackhole => effects.blackhole = true,
                FaultEffect::Bandwidth { bytes_per_second } => {
                    let slowest = effects.bytes_per_second.unwrap_or(u64::MAX).min(bytes_per_second);
                    effects.bytes_per_second = Some(slowest);
                }
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Name;

    fn fault(name: &str, slice: &str, effect: FaultEffect, ttl_ms: u64) -> Fault {
        let (name, slice) = (Name::new(name).expect("a name"), slice.parse().expect("a slice"));
        Fault { name, slice, effect, ttl_ms }
    }

    #[test]
    fn faults_hit_their_slice_until_they_expire() {
        let (table, now) = (FaultTable::default(), Instant::now());
        let delay = fault("a", "region=eu", FaultEffect::Delay { ms: 20 }, 1_000);
        let hole = fault("b", "replica=eu-1", FaultEffect::Blackhole, 2_000);
        table.put(vec![delay, hole], now).expect("good faults");
        let at = |place: &str, ms| {
            let place: Slice = place.parse().expect("a slice");
            let effects = table.effects(&place, now + Duration::from_millis(ms));
            (effects.delay.as_millis(), effects.blackhole)
        };
        assert_eq!(at("component=playback,region=eu,replica=eu-1", 0), (20, true));
        assert_eq!(at("region=eu,replica=eu-2", 0), (20, false));
        assert_eq!(at("region=us,replica=us-1", 0), (0, false));
        assert_eq!(at("region=eu,replica=eu-1", 1_500), (0, true));
        assert_eq!(at("region=eu,replica=eu-1", 2_500), (0, false));
    }

    #[test]
    fn bad_faults_change_nothing() {
        let (table, now) = (FaultTable::default(), Instant::now());
        let endless = fault("a", "everywhere", FaultEffect::Blackhole, u64::MAX);
        let fine = fault("b", "everywhere", FaultEffect::Blackhole, 1);
        assert!(table.put(vec![fine.clone(), endless], now).is_err());
        assert!(!table.is_loaded());
        let many =
            (0..=FAULTS_MAX).map(|i| Fault { name: Name::new(&format!("f{i}")).expect("a name"), ..fine.clone() });
        assert_eq!(table.put(many.collect(), now), Err(FaultsRefused::TooMany));
    }
}
