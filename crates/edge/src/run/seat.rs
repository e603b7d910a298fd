//! What is given back when it is dropped: a place in a replica's queue, and the word that somebody is silent.
//!
//! Whoever lives by sockets cannot say when an exchange ends: its future is dropped at any moment. So this is where the
//! clock is read for it.

use crate::change::site::{ComponentId, ReplicaId};
use crate::run::shared::Shared;
use std::sync::Arc;
use std::time::Instant;

/// A place in a replica's queue.
#[derive(Debug)]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    replica: ReplicaId,
}

/// An attempt that has been silent for long, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Overdue {
    shared: Arc<Shared>,
    component: ComponentId,
    replica: ReplicaId,
}

impl Seat {
    /// For a place that was counted already.
    pub(super) fn new(shared: Arc<Shared>, replica: ReplicaId) -> Self {
        Self { shared, replica }
    }
}

impl Shared {
    /// Notes that an attempt has been silent for long.
    pub(crate) fn overdue(self: &Arc<Self>, component: ComponentId, replica: ReplicaId) -> Overdue {
        self.link(component, replica).overdue_began();
        Overdue { shared: self.clone(), component, replica }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.give_back(self.replica, 1);
        if self.shared.waiting() > 0 {
            self.shared.seat_freed(self.replica, Instant::now());
        }
    }
}

impl Drop for Overdue {
    fn drop(&mut self) {
        self.shared.link(self.component, self.replica).overdue_ended();
    }
}
