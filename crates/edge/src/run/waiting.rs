//! Waiting for a seat: the room shared by all threads, and a task's stay in it.

use crate::admit::room::{Room, Ticket};
use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::dice::Dice;
use crate::run::pick::Wish;
use crate::run::shared::{Pick, Shared};
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

/// A task's stay. A call that it no longer needs is passed on.
struct Stay<'a> {
    shared: &'a Shared,
    ticket: Ticket,
    called: oneshot::Receiver<()>,
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
        let (mut pick, mut until) = (self.pick(wish, dice), deadline);
        while matches!(pick, Pick::Full) {
            let Some(mut stay) = self.stay(wish.component) else { break };
            until = until.min(stay.ticket.deadline);
            // A seat may have become free before this one stood in line.
            pick = self.pick(wish, dice);
            if !matches!(pick, Pick::Full) {
                break;
            }
            match tokio::time::timeout_at(until.into(), &mut stay.called).await {
                Ok(Ok(())) => pick = self.pick(wish, dice),
                // It had to go for a dearer one, or it takes too long.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        if matches!(pick, Pick::Full) {
            self.shed(wish.component);
        }
        pick
    }

    fn stay(&self, component: ComponentId) -> Option<Stay<'_>> {
        let (bell, called) = oneshot::channel();
        let class = self.site.component(component).class;
        let ticket = self.waiting_room.with(|room| room.enter(component, class, bell, Instant::now()));
        if ticket.is_none() {
            self.counters.waiting_room_full.fetch_add(1, Ordering::Relaxed);
        }
        ticket.map(|ticket| Stay { shared: self, ticket, called })
    }

    /// Calls whoever is next for a seat of this replica.
    pub(crate) fn seat_freed(&self, replica: ReplicaId) {
        if self.waiting_room.waiting.load(Ordering::Acquire) > 0 {
            self.call(|component| {
                self.site.component(component).replicas.contains(&replica) && self.has_seat(component, replica)
            });
        }
    }

    fn call(&self, may: impl Fn(ComponentId) -> bool) {
        let bell = self.waiting_room.with(|room| room.next(may, Instant::now()));
        if let Some(bell) = bell {
            // Whoever left at this instant passes the call on: see `Stay`.
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
        let left = self.shared.waiting_room.with(|room| room.leave(self.ticket));
        // Called at the very moment of leaving: the seat is for somebody else then.
        if !left && self.called.try_recv().is_ok() {
            let open = |component: ComponentId| {
                let mut replicas = self.shared.site.component(component).replicas.iter();
                replicas.any(|replica| self.shared.has_seat(component, *replica))
            };
            self.shared.call(open);
        }
    }
}
