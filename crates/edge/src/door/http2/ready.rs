//! Who of a connection has something to do: its streams, its wire, its clocks.
//!
//! All of them are driven by one task. Each has a bell of its own, which notes who rang and wakes the task; so the task
//! looks after those alone, and not after a hundred streams of which ninety-nine wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// A set of those who take part, by their number.
pub(super) type Set = u128;

/// Bits of one word.
const WORD: usize = 64;

/// Who has rung since somebody last looked.
#[derive(Debug, Default)]
pub(super) struct Ready {
    rung: [AtomicU64; 2],
    task: Mutex<Option<Waker>>,
}

/// One number's bell.
struct Bell {
    ready: Arc<Ready>,
    number: usize,
}

impl Ready {
    /// The bell of a number below 128.
    pub(super) fn bell(self: &Arc<Self>, number: usize) -> Waker {
        Arc::new(Bell { ready: self.clone(), number }).into()
    }

    /// Has this task woken from now on.
    pub(super) fn wakes(&self, task: &Waker) {
        // Nothing here panics while it holds the lock.
        let mut held = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.as_ref().is_some_and(|held| held.will_wake(task)) {
            *held = Some(task.clone());
        }
    }

    /// Takes those who have rung.
    pub(super) fn take(&self) -> Set {
        let [low, high] = [0, 1].map(|word: usize| Set::from(self.rung[word].swap(0, Ordering::AcqRel)));
        low | high << WORD
    }

    fn ring(&self, number: usize) {
        let before = self.rung[number / WORD].fetch_or(1 << (number % WORD), Ordering::AcqRel);
        // Whoever rang first since the last look has woken the task already.
        if before == 0 {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.as_ref().inspect(|task| task.wake_by_ref());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ready.ring(self.number);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.ring(self.number);
    }
}

/// The numbers in a set, beginning with the first that is not below `from`, and then those before it.
pub(super) fn numbers(set: Set, from: usize) -> impl Iterator<Item = usize> {
    let before = (1 << from) - 1;
    let each = |mut set: Set| {
        std::iter::from_fn(move || {
            let number = set.trailing_zeros() as usize;
            set &= set.checked_sub(1)?;
            Some(number)
        })
    };
    each(set & !before).chain(each(set & before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_task_is_woken_once_for_all_who_ring_before_it_looks() {
        let (ready, task) = (Arc::new(Ready::default()), Arc::new(Task(AtomicUsize::new(0))));
        ready.wakes(&task.clone().into());
        let bells: Vec<Waker> = [0, 5, 63].map(|number| ready.bell(number)).into();
        for round in 1..=3 {
            bells.iter().for_each(Waker::wake_by_ref);
            assert_eq!(task.0.load(Ordering::Relaxed), round);
            assert_eq!(ready.take(), 1 | 1 << 5 | 1 << 63);
            assert_eq!(ready.take(), 0);
        }
        ready.bell(127).wake();
        assert_eq!((task.0.load(Ordering::Relaxed), ready.take()), (4, 1 << 127));
    }

    #[test]
    fn everybody_comes_first_once() {
        let set = 1 | 1 << 3 | 1 << 64 | 1 << 127;
        assert_eq!(numbers(set, 0).collect::<Vec<_>>(), [0, 3, 64, 127]);
        assert_eq!(numbers(set, 4).collect::<Vec<_>>(), [64, 127, 0, 3]);
        assert_eq!(numbers(set, 127).collect::<Vec<_>>(), [127, 0, 3, 64]);
        assert_eq!(numbers(0, 9).count(), 0);
    }
}
