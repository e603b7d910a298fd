//! Locks that a panicked holder does not take down with it: what they guard are counts and settings, whole at any time.
//! And numbers that many threads read without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// The guard of a mutex.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reading guard of a lock.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// The writing guard of a lock.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// A number that is read on every request. Of two changes at the same instant one may be lost, which an average bears.
#[derive(Debug)]
pub(crate) struct AtomicNumber(AtomicU64);

impl AtomicNumber {
    pub(crate) fn new(value: f64) -> Self {
        Self(AtomicU64::new(value.to_bits()))
    }

    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

/// An instant that is read on every request: microseconds since some start, or never.
#[derive(Debug, Default)]
pub(crate) struct AtomicMoment(AtomicU64);

/// Microseconds since the edge's start, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(u64);

impl Ticks {
    /// The ticks of an instant.
    pub(crate) fn at(start: Instant, now: Instant) -> Self {
        Self(u64::try_from(now.saturating_duration_since(start).as_micros()).unwrap_or(u64::MAX).max(1))
    }

    /// How long ago an earlier moment was.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// So much later.
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AtomicMoment {
    pub(crate) fn get(&self) -> Option<Ticks> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ticks| *ticks > 0).map(Ticks)
    }

    pub(crate) fn set(&self, at: Option<Ticks>) {
        self.0.store(at.map_or(0, |ticks| ticks.0), Ordering::Relaxed);
    }

    /// Sets it to `to` where it is still `from`: true for one only of those who find it so.
    pub(crate) fn advance(&self, from: Ticks, to: Ticks) -> bool {
        self.0.compare_exchange(from.0, to.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
