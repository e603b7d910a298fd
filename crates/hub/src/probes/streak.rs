//! Failures in a row: a probe may ask for several before it says that something fails.

use downbeat_core::model::{ProbeOutcome, ProbeResult};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts the failures in a row of one probe.
#[derive(Debug)]
pub(super) struct Streak {
    needed: NonZeroU32,
    failed: AtomicU32,
}

impl Streak {
    pub(super) fn new(needed: NonZeroU32) -> Self {
        Self { needed, failed: AtomicU32::new(0) }
    }

    /// The result, unless it is a failure too few: then all stays as it was before.
    pub(super) fn weigh(&self, result: ProbeResult) -> Option<ProbeResult> {
        match result.outcome {
            ProbeOutcome::Passed { .. } => self.failed.store(0, Ordering::Relaxed),
            ProbeOutcome::Unknown { .. } => {}
            ProbeOutcome::Failed { .. } => {
                let failed = self.failed.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                if failed < self.needed.get() {
                    tracing::debug!(probe = %result.probe, failed, "a failure that does not count yet");
                    return None;
                }
                // Held at what is needed, so that it never wraps around.
                self.failed.store(self.needed.get(), Ordering::Relaxed);
            }
        }
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::{FailureKind, Name, ProbeKind, Slice};

    fn result(outcome: char) -> ProbeResult {
        let name = || Name::new("a").expect("a name");
        let outcome = match outcome {
            '+' => ProbeOutcome::Passed { latency_ms: 1, heard: None },
            '-' => ProbeOutcome::Failed { failure: FailureKind::Reset, detail: "cut".into(), component: None },
            _ => ProbeOutcome::Unknown { detail: "?".into() },
        };
        ProbeResult { probe: name(), kind: ProbeKind::Tcp, vantage: name(), slice: Slice::everywhere(), outcome }
    }

    #[test]
    fn so_many_in_a_row() {
        let table = [(1, "-+-", "-+-"), (2, "-+--+-", ".+.-+."), (3, "-----", "..---"), (2, "-?-", ".?-")];
        for (needed, outcomes, expected) in table {
            let streak = Streak::new(NonZeroU32::new(needed).expect("above zero"));
            let letter = |outcome: char| match streak.weigh(result(outcome)).map(|result| result.outcome) {
                None => '.',
                Some(ProbeOutcome::Passed { .. }) => '+',
                Some(ProbeOutcome::Failed { .. }) => '-',
                Some(ProbeOutcome::Unknown { .. }) => '?',
            };
            assert_eq!(outcomes.chars().map(letter).collect::<String>(), expected, "{outcomes} with {needed}");
        }
    }
}
