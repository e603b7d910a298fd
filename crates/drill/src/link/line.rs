//! How a line can be: as it should, dead silent, late, or thin.

use std::time::Duration;
use tokio::sync::watch;

/// How the line through a door is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// As it should be.
    #[default]
    Healthy,
    /// Nothing gets through and nobody is told: no new connections, no bytes on open ones, no ends of them.
    Blackholed,
    /// Everything is handed on so much later.
    Delayed(Duration),
    /// Each connection and direction carries at most so many bytes a second.
    Limited(u64),
}

/// One connection's view of its line.
#[derive(Debug, Clone)]
pub(super) struct Line(watch::Receiver<Condition>);

impl Line {
    pub(super) fn new(condition: watch::Receiver<Condition>) -> Self {
        Self(condition)
    }

    /// Waits while the line is dead.
    pub(super) async fn open(&mut self) {
        // The sender lives in the door; with the door gone the connection goes as well.
        let _ = self.0.wait_for(|condition| *condition != Condition::Blackholed).await;
    }

    /// Waits for the condition to change.
    pub(super) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for as long as a live line needs to hand on so many bytes.
    pub(super) async fn carry(&mut self, bytes: usize) {
        let condition = *self.0.borrow();
        let span = match condition {
            Condition::Healthy | Condition::Blackholed => Duration::ZERO,
            Condition::Delayed(by) => by,
            Condition::Limited(per_second) => Duration::from_secs_f64(bytes as f64 / per_second.max(1) as f64),
        };
        if !span.is_zero() {
            tokio::time::sleep(span).await;
        }
        self.open().await;
    }
}
