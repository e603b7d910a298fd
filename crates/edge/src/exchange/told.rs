//! What a client was told in the end, and what that says of the service.

use downbeat_core::model::FailureKind;

/// Counted for a request that got no answer.
const NO_STATUS: u16 = 0;

/// How a request ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The status of the answer; 0 where there was none.
    pub status: u16,
    /// As what it counts, when not as a good answer.
    pub failure: Option<FailureKind>,
}

impl Told {
    /// An answer was handed on, with this status.
    pub const fn answer(status: u16) -> Self {
        let failure = match status {
            500..=599 => Some(FailureKind::Status),
            401 | 403 => Some(FailureKind::Denied),
            _ => None,
        };
        Self { status, failure }
    }

    /// No replica gave an answer; the edge tells by itself.
    pub const fn unanswered(kind: FailureKind) -> Self {
        let status = match kind {
            FailureKind::Late => 504,
            FailureKind::Shed | FailureKind::Refused | FailureKind::Unreachable | FailureKind::Unresolved => 503,
            FailureKind::Limited => 429,
            _ => 502,
        };
        Self { status, failure: Some(kind) }
    }

    /// Turned away for want of room.
    pub const fn shed() -> Self {
        Self::unanswered(FailureKind::Shed)
    }

    /// Turned away because its network is over its limit.
    pub const fn limited() -> Self {
        Self::unanswered(FailureKind::Limited)
    }

    /// Turned away because its feature is kept out, with the status that the feature has for that.
    pub const fn withheld(status: u16) -> Self {
        Self { status, failure: Some(FailureKind::Withheld) }
    }

    /// Cut without an answer.
    pub const fn nothing(kind: FailureKind) -> Self {
        Self { status: NO_STATUS, failure: Some(kind) }
    }

    /// True when the edge itself did not let the request in.
    pub(crate) const fn is_turned_away(self) -> bool {
        matches!(self.failure, Some(FailureKind::Shed | FailureKind::Limited | FailureKind::Withheld))
    }

    /// True when it speaks against the service. What was not let in, or not allowed, says nothing of it.
    pub(crate) const fn is_failure_of_service(self) -> bool {
        self.failure.is_some() && !self.is_turned_away() && !matches!(self.failure, Some(FailureKind::Denied))
    }
}
