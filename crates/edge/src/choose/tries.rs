//! How often one request is tried, and after what.
//!
//! Only attempts that may have been sent count against the extra ones, so with one extra attempt a request reaches two
//! replicas at most (invariant H4). An attempt that was never sent is replaced for nothing: nobody was burdened by it.

use downbeat_core::model::FailureKind;
use std::time::Duration;

/// A replica that alone is silent for so many times the usual delay is hedged whatever the budget says.
const FORCED_AFTER: u32 = 2;

/// The attempts of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    started: u32,
    unsent: u32,
    extra: u32,
}

impl Tries {
    /// None so far; `extra` attempts beyond the first may be sent.
    pub const fn new(extra: u32) -> Self {
        Self { started: 0, unsent: 0, extra }
    }

    /// One more has begun.
    pub const fn begin(&mut self) {
        self.started += 1;
    }

    /// One ended before the replica can have seen any of it.
    pub const fn was_unsent(&mut self) {
        self.unsent += 1;
    }

    /// Whether one more may be made.
    pub const fn may_go_on(&self) -> bool {
        self.started - self.unsent <= self.extra
    }

    /// How many have begun.
    pub const fn started(&self) -> u32 {
        self.started
    }
}

/// Whether a request may reach a second replica after it was sent to a first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// It may: asked twice, it does what it does once.
    Allowed,
    /// It may not.
    Forbidden,
}

/// Whether an extra attempt may go beyond the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It may not.
    Usual,
    /// It may, where one replica alone is the trouble.
    High,
}

impl Urgency {
    /// How urgent a hedge is for an attempt that has been silent for `silent`, where one is usual after `hedge_after`.
    pub(crate) fn of(silent: Duration, hedge_after: Duration) -> Self {
        if silent >= FORCED_AFTER * hedge_after { Self::High } else { Self::Usual }
    }
}

/// What an attempt's status says of its replica.
pub(crate) const fn failure_of_attempt(status: u16) -> Option<FailureKind> {
    if status >= 500 { Some(FailureKind::Status) } else { None }
}

/// Failures of a server that another one need not have: such an answer is only better than none.
pub const fn is_passing(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_sent_is_replaced_for_nothing() {
        let mut tries = Tries::new(1);
        tries.begin();
        assert!(tries.may_go_on());
        tries.begin();
        assert!(!tries.may_go_on(), "two were sent");
        tries.was_unsent();
        assert!(tries.may_go_on(), "one of them was not");
        assert_eq!(tries.started(), 2);
    }

    #[test]
    fn statuses_and_silences() {
        let table = [(200, None, false), (404, None, false), (500, Some(FailureKind::Status), true)];
        for (status, failure, passing) in table {
            assert_eq!((failure_of_attempt(status), is_passing(status)), (failure, passing), "{status}");
        }
        assert!(failure_of_attempt(501).is_some() && !is_passing(501), "another one would say the same");
        let urgency = |ms| Urgency::of(Duration::from_millis(ms), Duration::from_millis(20));
        assert_eq!((urgency(39), urgency(40)), (Urgency::Usual, Urgency::High));
    }
}
