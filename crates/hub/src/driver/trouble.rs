//! The hub's own trouble with its log, and when it tries again.

use crate::log::AppendError;
use downbeat_core::model::Moment;
use std::fmt;
use std::time::Duration;

/// First pause after a failed write.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause: a disk that was freed is noticed within ten seconds.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What is wrong, since when, and when the next attempt is due.
#[derive(Debug)]
pub(super) struct Trouble {
    why: String,
    pause: Duration,
    retry_at: Moment,
}

impl Trouble {
    /// Another failure: the pauses grow.
    pub(super) fn after(before: Option<Trouble>, error: &AppendError, now: Moment) -> Self {
        let why = with_causes(error);
        if before.as_ref().is_none_or(|known| known.why != why) {
            tracing::error!(why, "the log cannot be written; nothing is decided until it can");
        }
        let pause = before.map_or(PAUSE_MIN, |known| (known.pause * 2).min(PAUSE_MAX));
        Self { why, pause, retry_at: now + pause }
    }

    /// True when it is time to try again.
    pub(super) fn is_over_by(&self, now: Moment) -> bool {
        now >= self.retry_at
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_seconds() {
        let error = AppendError::Full { path: "hub.db".into() };
        let start = Moment::from_millis(1_000);
        let mut trouble = Trouble::after(None, &error, start);
        assert!(!trouble.is_over_by(start) && trouble.is_over_by(start + PAUSE_MIN));
        for _ in 0..20 {
            trouble = Trouble::after(Some(trouble), &error, start);
        }
        assert!(trouble.is_over_by(start + PAUSE_MAX));
        assert_eq!(trouble.to_string(), "the disk of hub.db is full");
    }
}
