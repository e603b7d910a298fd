//! One component's experience with one replica: read on every request without a lock, written by every answer.

use crate::choose::balance::Form;
use crate::choose::health::{Attempts, Part, Standing};
use crate::run::sync::{AtomicMoment, Ticks, locked};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// One component's experience with one replica.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) form: Form,
    attempts: Mutex<Attempts>,
    /// What `attempts` says, to be read without its lock.
    failing: AtomicBool,
    ejected_until: AtomicMoment,
    /// When it came back from its last ejection, or will.
    returns: AtomicMoment,
    overdue: AtomicU32,
}

impl Link {
    /// So many heads came well.
    pub(crate) fn head_good(&self, first_byte: Duration, times: u32, now: Ticks) {
        self.form.good(first_byte, times, now);
        self.good(Part::Head, now);
    }

    /// A part went well.
    pub(crate) fn good(&self, part: Part, now: Ticks) {
        if !self.failing.load(Ordering::Acquire) {
            return;
        }
        let mut attempts = locked(&self.attempts);
        let was_ejected = attempts.is_ejected(now);
        attempts.good(part, now);
        if was_ejected && !attempts.is_ejected(now) {
            self.returns.set(Some(now));
        }
        self.copy(&attempts);
    }

    /// A part failed so many times. Says for how long the replica is ejected, when it is ejected by this.
    pub(crate) fn bad(&self, part: Part, times: u32, consecutive: u32, now: Ticks) -> Option<Duration> {
        self.form.bad(times);
        let mut attempts = locked(&self.attempts);
        let span = attempts.bad(part, times, consecutive, now);
        self.note_ejection(&attempts, span, now)
    }

    /// The replica answers, but far more slowly than its peers. Says for how long it is ejected.
    pub(crate) fn too_slow(&self, now: Ticks) -> Option<Duration> {
        self.form.forget_mean();
        let mut attempts = locked(&self.attempts);
        let span = attempts.too_slow(now);
        self.note_ejection(&attempts, span, now)
    }

    fn note_ejection(&self, attempts: &Attempts, span: Option<Duration>, now: Ticks) -> Option<Duration> {
        if let Some(span) = span {
            self.returns.set(Some(now.after(span)));
        }
        self.copy(attempts);
        span
    }

    fn copy(&self, attempts: &Attempts) {
        self.ejected_until.set(attempts.ejected_until());
        self.failing.store(attempts.is_failing(), Ordering::Release);
    }

    /// True when the newest attempt failed, or one has been silent for long.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.overdue.load(Ordering::Acquire) > 0 || self.is_failing()
    }

    /// True when the newest attempt failed, or an ejection is not yet lived down.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// One more attempt has been silent for long.
    pub(crate) fn overdue_began(&self) {
        self.overdue.fetch_add(1, Ordering::AcqRel);
    }

    /// One such attempt has ended.
    pub(crate) fn overdue_ended(&self) {
        self.overdue.fetch_sub(1, Ordering::AcqRel);
    }

    /// How the replica stands for the component.
    pub(crate) fn standing(&self, checks: Standing, now: Ticks) -> Standing {
        if self.ejected_until.get().is_some_and(|until| now < until) { checks.max(Standing::Suspect) } else { checks }
    }

    /// When the replica came back from its last ejection.
    pub(crate) fn returned(&self) -> Option<Ticks> {
        self.returns.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn an_ejection_ends_by_time_or_by_success() {
        let (start, link) = (Instant::now(), Link::default());
        let at = |ms| Ticks::at(start, start + Duration::from_millis(ms));
        assert_eq!(link.bad(Part::Head, 1, 1, at(1)), Some(Duration::from_secs(1)));
        assert_eq!((link.standing(Standing::Fit, at(2)), link.is_in_trouble()), (Standing::Suspect, true));
        assert_eq!(link.returned(), Some(at(1_001)));
        link.good(Part::Head, at(500));
        assert_eq!((link.standing(Standing::Fit, at(501)), link.is_in_trouble()), (Standing::Fit, false));
        assert_eq!(link.returned(), Some(at(500)));
        assert!(link.too_slow(at(600)).is_some());
        assert_eq!(link.standing(Standing::Fit, at(1_700)), Standing::Fit);
    }
}
