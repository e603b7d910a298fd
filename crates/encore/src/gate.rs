//! A gate: so many at once inside, so many waiting outside, and only for so long.
//!
//! Everything here that can be asked for faster than it can be given (database connections, password checks) stands
//! behind one. Whoever finds the queue full, or waits too long, is told at once that the replica is overloaded:
//! an honest 503 in two seconds is better than a queue that nobody outlives.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may wait in front of a gate.
const QUEUE: usize = 64;

/// How long one of them waits at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nobody can be let in for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overloaded {
    /// As many wait already as are allowed to.
    #[error("the queue of {QUEUE} is full")]
    QueueFull,
    /// Waited in vain.
    #[error("no place became free in {} s", PATIENCE.as_secs())]
    WaitedTooLong,
}

/// The gate. A permit is a place inside; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Gate {
    inside: Arc<Semaphore>,
    queue: Semaphore,
}

impl Gate {
    /// Lets `places` in at once.
    pub(crate) fn new(places: usize) -> Self {
        Self { inside: Arc::new(Semaphore::new(places)), queue: Semaphore::new(QUEUE) }
    }

    /// Waits for a place, in order of arrival.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        if let Ok(place) = Arc::clone(&self.inside).try_acquire_owned() {
            return Ok(place);
        }
        let _queued = self.queue.try_acquire().map_err(|_| Overloaded::QueueFull)?;
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.inside).acquire_owned()).await;
        let place = place.map_err(|_| Overloaded::WaitedTooLong)?;
        Ok(place.expect("the semaphore of a gate is never closed"))
    }

    /// How many wait right now.
    pub(crate) fn waiting(&self) -> usize {
        QUEUE - self.queue.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lets_in_as_many_as_there_are_places_and_sends_the_rest_away() {
        let gate = Gate::new(1);
        let held = gate.enter().await.expect("the first one is let in");
        let crowd = futures_util::future::join_all((0..QUEUE + 3).map(|_| gate.enter())).await;
        let count = |reason| crowd.iter().filter(|answer| answer.as_ref().err() == Some(&reason)).count();
        assert_eq!((count(Overloaded::QueueFull), count(Overloaded::WaitedTooLong)), (3, QUEUE));
        drop(held);
        assert!(gate.enter().await.is_ok());
        assert_eq!(gate.waiting(), 0);
    }
}
