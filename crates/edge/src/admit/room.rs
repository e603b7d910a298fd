//! The waiting room: requests that find all seats taken wait a moment for one instead of being turned away at once.
//!
//! The dearest class goes first. Within a class the oldest goes first as long as the room is calm; once it has not been
//! empty for [`CALM`], the newest goes first and waits are short, because then the oldest are those whose clients
//! are about to give up (adaptive LIFO and controlled delay: Maurer, *Fail at Scale*, 2015; CoDel: Nichols and Jacobson
//! 2012). The room is bounded (invariant B7): a newcomer to a full room takes the place of the oldest of a less dear
//! class, or is turned away where there is none.

use crate::change::site::ComponentId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A room that was not empty for so long is overloaded.
const CALM: Duration = Duration::from_millis(100);
/// In an overloaded room one waits for this part of the usual time.
const HASTE: u32 = 5;

/// Those who wait, in the order of their coming. `Bell` is how each is called.
#[derive(Debug)]
pub(crate) struct Room<Bell> {
    capacity: usize,
    patience: Duration,
    waiting: VecDeque<Waiter<Bell>>,
    tickets: u64,
    busy_since: Option<Instant>,
}

#[derive(Debug)]
struct Waiter<Bell> {
    ticket: u64,
    component: ComponentId,
    class: u32,
    bell: Bell,
}

/// A place in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    number: u64,
    /// Until when it is waited.
    pub(crate) deadline: Instant,
}

impl<Bell> Room<Bell> {
    pub(crate) fn new(capacity: usize, patience: Duration) -> Self {
        Self { capacity, patience, waiting: VecDeque::new(), tickets: 0, busy_since: None }
    }

    /// Somebody comes in; `None` when the room is full of those who are as dear. Whoever had to go for it loses its
    /// bell.
    pub(crate) fn enter(&mut self, component: ComponentId, class: u32, bell: Bell, now: Instant) -> Option<Ticket> {
        if self.waiting.len() >= self.capacity {
            let victim = self.waiting.iter().map(|w| w.class).enumerate().rev().max_by_key(|(_, class)| *class);
            let (index, _) = victim.filter(|(_, worst)| *worst > class)?;
            self.waiting.remove(index);
        }
        let busy = now.saturating_duration_since(*self.busy_since.get_or_insert(now)) > CALM;
        let patience = if busy { self.patience / HASTE } else { self.patience };
        self.tickets += 1;
        self.waiting.push_back(Waiter { ticket: self.tickets, component, class, bell });
        Some(Ticket { number: self.tickets, deadline: now + patience })
    }

    /// Who is to be called for a seat that components may take for which `may` says so.
    pub(crate) fn next(&mut self, may: impl Fn(ComponentId) -> bool, now: Instant) -> Option<Bell> {
        let busy = self.busy_since.is_some_and(|since| now.saturating_duration_since(since) > CALM);
        let suited = self.waiting.iter().enumerate().filter(|(_, w)| may(w.component));
        // Of equals the first is the least here, and the last one when looked at from behind.
        let best = if busy { suited.rev().min_by_key(|(_, w)| w.class) } else { suited.min_by_key(|(_, w)| w.class) };
        let (index, _) = best?;
        let waiter = self.waiting.remove(index);
        self.note_emptiness();
        waiter.map(|w| w.bell)
    }

    /// Somebody goes. False when it was called already.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|w| w.ticket != ticket.number);
        self.note_emptiness();
        self.waiting.len() < before
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn note_emptiness(&mut self) {
        if self.waiting.is_empty() {
            self.busy_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: fn(ComponentId) -> bool = |_| true;

    fn room(classes: &[u32], now: Instant) -> Room<usize> {
        let mut room = Room::new(4, Duration::from_millis(500));
        for (bell, class) in classes.iter().enumerate() {
            room.enter(ComponentId(bell), *class, bell, now);
        }
        room
    }

    #[test]
    fn the_dearest_first_and_then_by_age() {
        let now = Instant::now();
        let table = [(0, [1, 3, 0, 2]), (50, [1, 3, 0, 2]), (150, [3, 1, 2, 0])];
        for (later, order) in table {
            let (mut room, at) = (room(&[1, 0, 1, 0], now), now + Duration::from_millis(later));
            let called: Vec<usize> = std::iter::from_fn(|| room.next(ALL, at)).collect();
            assert_eq!(called, order, "after {later} ms");
        }
    }

    #[test]
    fn a_full_room_gives_up_the_oldest_of_the_least_dear() {
        let now = Instant::now();
        let mut room = room(&[1, 2, 2, 0], now);
        assert!(room.enter(ComponentId(9), 2, 9, now).is_none());
        assert!(room.enter(ComponentId(9), 1, 9, now).is_some());
        let left: Vec<usize> = std::iter::from_fn(|| room.next(ALL, now)).collect();
        assert_eq!(left, [3, 0, 9, 2], "the second one had to go");
    }

    #[test]
    fn waits_are_short_once_the_room_has_been_busy() {
        let now = Instant::now();
        let mut room = room(&[0], now);
        let later = now + Duration::from_millis(200);
        let ticket = room.enter(ComponentId(0), 0, 9, later).expect("room");
        assert_eq!(ticket.deadline - later, Duration::from_millis(100));
        assert!(room.leave(ticket) && !room.leave(ticket));
        assert_eq!(room.next(|c| c != ComponentId(0), later), None, "nobody it would suit");
        assert_eq!((room.next(ALL, later), room.len()), (Some(0), 0));
        let calm = room.enter(ComponentId(0), 0, 9, later).expect("room");
        assert_eq!(calm.deadline - later, Duration::from_millis(500), "it was empty in between");
    }
}
