//! Deadlines of one thread, cheap to set and to move.
//!
//! Nearly every deadline of an exchange is moved or given up long before it comes. A runtime's timers pay for each move
//! with a lock, and for each one that comes before all others with a system call. Here an [`Alarm`] only notes the new
//! time; it is entered in the thread's calendar when a task really waits for it, in ticks of [`TICK`], and one task sleeps
//! until the earliest entry. An alarm that was moved to later rings early, finds so, and is entered anew.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Alarms ring up to so much late.
const TICK: Duration = Duration::from_millis(4);

/// The calendar of one thread. Somebody has to [`Timers::run`] it.
#[derive(Debug)]
pub(crate) struct Timers {
    start: Instant,
    calendar: RefCell<Calendar>,
    /// Told when an entry comes before all others.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Calendar {
    entries: BTreeMap<Entry, Waker>,
    next_id: u64,
}

/// When somebody is to be woken, in ticks since the start, and who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    tick: u64,
    id: u64,
}

/// One deadline at a time, for whoever waits for it.
#[derive(Debug)]
pub(crate) struct Alarm {
    timers: Rc<Timers>,
    at: Option<Instant>,
    entry: Option<Entry>,
}

impl Timers {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { start: Instant::now(), calendar: RefCell::default(), earlier: Notify::new() })
    }

    /// An alarm that does not ring until it is set.
    pub(crate) fn alarm(self: &Rc<Self>) -> Alarm {
        Alarm { timers: self.clone(), at: None, entry: None }
    }

    /// Rings alarms for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        loop {
            let first = self.calendar.borrow().entries.first_key_value().map(|(entry, _)| entry.tick);
            match first.map(|tick| self.moment(tick)) {
                None => self.earlier.notified().await,
                Some(moment) if Instant::now() < moment => tokio::select! {
                    () = tokio::time::sleep_until(moment.into()) => {}
                    () = self.earlier.notified() => {}
                },
                Some(_) => self.ring(),
            }
        }
    }

    fn ring(&self) {
        let now = self.tick_before(Instant::now());
        let mut calendar = self.calendar.borrow_mut();
        let later = calendar.entries.split_off(&Entry { tick: now + 1, id: 0 });
        let due = std::mem::replace(&mut calendar.entries, later);
        // Whoever is woken may set alarms at once.
        drop(calendar);
        due.into_values().for_each(Waker::wake);
    }

    fn moment(&self, tick: u64) -> Instant {
        self.start + TICK.saturating_mul(u32::try_from(tick).unwrap_or(u32::MAX))
    }

    fn tick_before(&self, at: Instant) -> u64 {
        let ticks = at.saturating_duration_since(self.start).as_micros() / TICK.as_micros();
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Enters somebody to be woken at a time or up to a tick later.
    fn enter(&self, at: Instant, waker: Waker) -> Entry {
        let mut calendar = self.calendar.borrow_mut();
        calendar.next_id += 1;
        let entry = Entry { tick: self.tick_before(at) + 1, id: calendar.next_id };
        if calendar.entries.first_key_value().is_none_or(|(first, _)| entry.tick < first.tick) {
            self.earlier.notify_one();
        }
        calendar.entries.insert(entry, waker);
        entry
    }
}

impl Alarm {
    /// Rings at this time and not at the one before.
    pub(crate) fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    /// Rings so much later than now.
    pub(crate) fn set_after(&mut self, after: Duration) {
        self.set(Instant::now() + after);
    }

    /// Returns when the time has come; never when none is set. May be dropped while it waits, and waited for again.
    pub(crate) async fn ring(&mut self) {
        poll_fn(|cx| self.poll_ring(cx)).await;
    }

    /// The same for whoever is polled.
    pub(crate) fn poll_ring(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        if Instant::now() >= at {
            return Poll::Ready(());
        }
        self.enter(at, cx);
        Poll::Pending
    }

    /// Sees to it that the waiting task is woken no later than it has to be.
    fn enter(&mut self, at: Instant, cx: &Context<'_>) {
        let mut calendar = self.timers.calendar.borrow_mut();
        if let Some(entry) = self.entry
            && entry.tick <= self.timers.tick_before(at) + 1
            && let Some(waker) = calendar.entries.get_mut(&entry)
        {
            waker.clone_from(cx.waker());
            return;
        }
        drop(calendar);
        self.leave();
        self.entry = Some(self.timers.enter(at, cx.waker().clone()));
    }

    fn leave(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.timers.calendar.borrow_mut().entries.remove(&entry);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    /// Runs a future beside the calendar's own task.
    async fn beside<T>(timers: &Rc<Timers>, work: impl Future<Output = T>) -> T {
        LocalSet::new()
            .run_until(async {
                tokio::task::spawn_local(timers.clone().run());
                work.await
            })
            .await
    }

    #[tokio::test]
    async fn alarms_ring_in_order_and_not_before_their_time() {
        let timers = Timers::new();
        let start = Instant::now();
        let wait = async |ms: u64| {
            let mut alarm = timers.alarm();
            alarm.set(start + Duration::from_millis(ms));
            alarm.ring().await;
            (ms, start.elapsed())
        };
        let (a, b, c) = beside(&timers, async { tokio::join!(wait(30), wait(1), wait(12)) }).await;
        for (ms, rang) in [a, b, c] {
            assert!(rang >= Duration::from_millis(ms), "{ms}: {rang:?}");
        }
        assert!(b.1 <= c.1 && c.1 <= a.1);
        assert!(timers.calendar.borrow().entries.is_empty());
    }

    #[tokio::test]
    async fn an_alarm_may_be_moved_both_ways() {
        let timers = Timers::new();
        let mut alarm = timers.alarm();
        let start = Instant::now();
        beside(&timers, async {
            alarm.set(start + Duration::from_secs(3600));
            let gave_up = tokio::time::timeout(Duration::from_millis(1), alarm.ring()).await;
            assert!(gave_up.is_err());
            alarm.set(start + Duration::from_millis(20));
            alarm.ring().await;
            assert!(start.elapsed() >= Duration::from_millis(20));
            alarm.set(start + Duration::from_millis(60));
            alarm.ring().await;
            assert!(start.elapsed() >= Duration::from_millis(60));
        })
        .await;
        drop(alarm);
        assert!(timers.calendar.borrow().entries.is_empty());
    }
}
