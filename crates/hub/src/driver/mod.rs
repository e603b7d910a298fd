//! The driver: one task owns the engine and the log. It waits for one arrival or one deadline, lets the engine
//! decide, writes what was decided, applies it, and only then has anything carried out or shown.
//!
//! What cannot be written is not applied. What the engine decided is dropped then: it says so again as long as it
//! is so. What somebody outside did is kept and tried again with growing pauses, nothing is decided or done
//! meanwhile, and the snapshot says what is wrong with the hub.

mod publisher;
mod strangers;
#[cfg(test)]
mod tests;
mod trouble;

use crate::clock::HubClock;
use crate::doors::{Arrival, CommandError, SignalError};
use crate::log::{AppendError, LogWriter};
use crate::outbox::Outbox;
use crate::uptime::Uptime;
use downbeat_core::incident::{Command, EffectId, Engine, Event, Record, next};
use downbeat_core::model::{Name, Signal};
pub(crate) use publisher::Publisher;
use std::collections::VecDeque;
use std::time::Duration;
use strangers::StrangerLog;
use tokio::sync::{mpsc, oneshot};
use trouble::Trouble;

/// The longest sleep: deadlines are met within it, and the board goes on showing that nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// Arrivals taken in before what follows from them is worked out.
const TURN_MAX: usize = 64;
/// Times the engine is asked what follows before others get a turn. One arrival leads to a handful.
const STEPS_MAX: usize = 100;

/// What the driver is made of.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) clock: HubClock,
    pub(crate) log: LogWriter,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    pub(crate) outbox: Outbox,
    pub(crate) uptime: Uptime,
    pub(crate) publisher: Publisher,
    desk: Desk,
    strangers: StrangerLog,
}

/// What waits: decisions for the log, and askers for their answer.
#[derive(Default)]
struct Desk {
    /// Happened, but not written yet. Bounded: the start, and one outcome for each effect in flight.
    unwritten: VecDeque<Event>,
    /// Who asked hears of it when all that follows has happened and can be seen.
    answers: Vec<Answer>,
    trouble: Option<Trouble>,
}

/// What somebody who asked is told.
enum Answer {
    Signal(oneshot::Sender<Result<(), SignalError>>, Result<(), SignalError>),
    Command(oneshot::Sender<Result<(), CommandError>>, Result<(), CommandError>),
}

impl Answer {
    fn give(self) {
        // An asker who has gone needs no answer; what they asked for is done all the same.
        match self {
            Self::Signal(reply, result) => drop(reply.send(result)),
            Self::Command(reply, result) => drop(reply.send(result)),
        }
    }
}

impl Driver {
    /// Puts a driver together, whose engine has taken the log in.
    pub(crate) fn new(
        (engine, clock, log): (Engine, HubClock, LogWriter),
        arrivals: mpsc::Receiver<Arrival>,
        (outbox, uptime, publisher): (Outbox, Uptime, Publisher),
    ) -> Self {
        Self {
            engine,
            clock,
            log,
            arrivals,
            outbox,
            uptime,
            publisher,
            desk: Desk::default(),
            strangers: StrangerLog::default(),
        }
    }

    /// Drives until told to stop, then lets go of the log.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.desk.unwritten.push_back(Event::HubStarted { version });
        self.turn().await;
        loop {
            let arrival = tokio::select! {
                biased;
                _ = &mut stop => break,
                arrival = self.arrivals.recv() => arrival,
                () = tokio::time::sleep(TICK) => None,
            };
            self.take_in(arrival).await;
            self.turn().await;
        }
        self.outbox.stop().await;
        self.log.close().await;
    }

    async fn take_in(&mut self, first: Option<Arrival>) {
        let mut arrival = first;
        for _ in 0..TURN_MAX {
            match arrival {
                Some(Arrival::Signal(signal, reply)) => {
                    let result = self.engine.observe(self.clock.now(), &signal).map_err(SignalError::from);
                    if let Signal::RollUp(roll_up) = &signal {
                        self.strangers.note(&self.engine, &roll_up.edge);
                    }
                    self.desk.answers.push(Answer::Signal(reply, result));
                }
                Some(Arrival::Command { who, command, reply }) => {
                    let result = self.obey(&who, command).await;
                    self.desk.answers.push(Answer::Command(reply, result));
                }
                Some(Arrival::Ended(effect, event)) => self.file_outcome(&effect, *event),
                None => return,
            }
            arrival = self.arrivals.try_recv().ok();
        }
    }

    /// Everything that follows now: written, applied, shown, carried out, answered.
    async fn turn(&mut self) {
        if self.may_write() {
            self.follow().await;
        }
        self.count_uptime().await;
        self.publish();
        self.outbox.carry_out(self.engine.book());
        self.desk.answers.drain(..).for_each(Answer::give);
    }

    async fn follow(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.write_down().await.is_err() {
                return;
            }
            let events = self.engine.step(self.clock.now());
            if events.is_empty() || self.write(events).await.is_err() {
                return;
            }
        }
        tracing::warn!(steps = STEPS_MAX, "the engine does not come to rest");
    }

    async fn obey(&mut self, who: &Name, command: Command) -> Result<(), CommandError> {
        let not_written = |error: AppendError| CommandError::NotWritten(error.to_string());
        self.write_down().await.map_err(not_written)?;
        let events = self.engine.command(self.clock.now(), who, command)?;
        self.write(events).await.map_err(not_written)
    }

    /// Keeps an outcome for the log, unless the book no longer waits for it.
    fn file_outcome(&mut self, effect: &EffectId, event: Event) {
        let book = self.engine.book();
        let incident = event.incident().and_then(|id| book.incidents.get(&id));
        let fits = incident.is_some_and(|incident| next(incident.state, &event).is_some());
        if fits && book.pending.contains_key(effect) {
            self.desk.unwritten.push_back(event);
        } else {
            tracing::warn!(?effect, "an outcome came that nobody waits for");
        }
        self.outbox.forget(effect);
    }

    /// Writes what happened before, in order.
    async fn write_down(&mut self) -> Result<(), AppendError> {
        while let Some(event) = self.desk.unwritten.front() {
            match self.write(vec![event.clone()]).await {
                Err(error) if !error.is_final() => return Err(error),
                // What can never be written down was reported as trouble, and would block all else.
                Ok(()) | Err(_) => drop(self.desk.unwritten.pop_front()),
            }
        }
        Ok(())
    }

    async fn write(&mut self, events: Vec<Event>) -> Result<(), AppendError> {
        if events.is_empty() {
            return Ok(());
        }
        let result = self.log.append(self.clock.now(), events).await;
        self.note(&result);
        for record in result? {
            self.apply(&record);
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record) {
        self.engine.apply(record).expect("what the engine decided follows from its own book");
        tracing::info!(seq = record.seq, "{}", record.event.headline());
    }

    fn may_write(&self) -> bool {
        let now = self.clock.now();
        self.desk.trouble.as_ref().is_none_or(|trouble| trouble.is_over_by(now))
    }

    fn note<T>(&mut self, result: &Result<T, AppendError>) {
        let now = self.clock.now();
        self.desk.trouble = match result {
            Ok(_) => None,
            Err(error) => Some(Trouble::after(self.desk.trouble.take(), error, now)),
        };
    }

    async fn count_uptime(&mut self) {
        let now = self.clock.now();
        if self.uptime.is_due(now) {
            let changed = self.uptime.count(now, &self.engine.board(now));
            let result = self.log.save_days(changed, Uptime::oldest(now)).await;
            self.note(&result);
        }
    }

    fn publish(&mut self) {
        let trouble = self.desk.trouble.as_ref().map(Trouble::to_string);
        self.publisher.publish(self.clock.now(), &self.engine, &self.uptime, trouble);
    }
}
