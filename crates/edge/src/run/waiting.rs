//! Waiting for a seat: the room shared by all threads, and a task's stay in it.

use crate::admit::room::{Room, Ticket};
use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::dice::Dice;
use crate::run::pick::{Pick, Wish};
use crate::run::shared::Shared;
use crate::run::sync::locked;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The room, and how many are in it, to be read without its lock.
#[derive(Debug)]
pub(crate) struct WaitingRoom {
    room: Mutex<Room<oneshot::Sender<()>>>,
    waiting: AtomicUsize,
}

/// Somebody who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    called: oneshot::Receiver<()>,
}

/// How it stands with somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// No seat so far.
    Still,
    /// There is a seat.
    Called,
    /// It had to go for a dearer one.
    Displaced,
}

/// A task's stay; it ends when this is dropped.
struct Stay<'a> {
    shared: &'a Shared,
    waiter: Waiter,
}

impl Waiter {
    /// How it stands. A call is heard once.
    pub(crate) fn look(&mut self) -> Waiting {
        match self.called.try_recv() {
            Ok(()) => Waiting::Called,
            Err(oneshot::error::TryRecvError::Empty) => Waiting::Still,
            Err(oneshot::error::TryRecvError::Closed) => Waiting::Displaced,
        }
    }
}

impl WaitingRoom {
    pub(crate) fn new(capacity: usize, patience: Duration) -> Self {
        Self { room: Mutex::new(Room::new(capacity, patience)), waiting: AtomicUsize::new(0) }
    }

    /// Changes the room and keeps count.
    fn with<T>(&self, change: impl FnOnce(&mut Room<oneshot::Sender<()>>) -> T) -> T {
        let mut room = locked(&self.room);
        let result = change(&mut room);
        self.waiting.store(room.len(), Ordering::Release);
        result
    }
}

impl Shared {
    /// Chooses a replica for a first attempt, and waits for a seat when all are taken.
    pub(crate) async fn pick_patiently(self: &Arc<Self>, wish: &Wish<'_>, dice: &Dice, deadline: Instant) -> Pick {
        let mut now = Instant::now();
        let (mut pick, mut until) = (self.pick(wish, dice, now), deadline);
        while matches!(pick, Pick::Full) {
            let Some(waiter) = self.enter(wish.component, now) else { break };
            until = until.min(waiter.ticket.deadline);
            let mut stay = Stay { shared: self, waiter };
            // A seat may have become free before this one stood in line.
            pick = self.pick(wish, dice, now);
            if !matches!(pick, Pick::Full) {
                break;
            }
            let called = tokio::time::timeout_at(until.into(), &mut stay.waiter.called).await;
            now = Instant::now();
            match called {
                Ok(Ok(())) => pick = self.pick(wish, dice, now),
                // It had to go for a dearer one, or it takes too long.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        if matches!(pick, Pick::Full) {
            self.shed(wish.component, now);
        }
        pick
    }

    /// Somebody comes into the room; `None` when there is no place in it.
    pub(crate) fn enter(&self, component: ComponentId, now: Instant) -> Option<Waiter> {
        let (bell, called) = oneshot::channel();
        let class = self.site.component(component).class;
        let ticket = self.waiting_room.with(|room| room.enter(component, class, bell, now));
        if ticket.is_none() {
            self.counters.waiting_room_full.fetch_add(1, Ordering::Relaxed);
        }
        ticket.map(|ticket| Waiter { ticket, called })
    }

    /// Somebody leaves the room. A call that it no longer needs is passed on.
    pub(crate) fn leave(&self, waiter: &mut Waiter, now: Instant) {
        let left = self.waiting_room.with(|room| room.leave(waiter.ticket));
        // Called at the very moment of leaving: the seat is for somebody else then.
        if !left && waiter.called.try_recv().is_ok() {
            let open = |component: ComponentId| {
                let mut replicas = self.site.component(component).replicas.iter();
                replicas.any(|replica| self.has_seat(component, *replica))
            };
            self.call(open, now);
        }
    }

    /// Calls whoever is next for a seat of this replica.
    pub(crate) fn seat_freed(&self, replica: ReplicaId, now: Instant) {
        let may = |component: ComponentId| {
            self.site.component(component).replicas.contains(&replica) && self.has_seat(component, replica)
        };
        self.call(may, now);
    }

    fn call(&self, may: impl Fn(ComponentId) -> bool, now: Instant) {
        let bell = self.waiting_room.with(|room| room.next(may, now));
        if let Some(bell) = bell {
            // Whoever left at this instant passes the call on: see `leave`.
            let _ = bell.send(());
        }
    }

    /// Requests that wait for a seat.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting_room.waiting.load(Ordering::Acquire)
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.shared.leave(&mut self.waiter, Instant::now());
    }
}
