//! The driver: one task owns the engine and the log. It waits for one arrival or one deadline, lets the engine
//! decide, writes what was decided, applies it, and only then has anything carried out or shown.
//!
//! A hub may have been stopped for any time between two of its steps. So before anything is shown, carried out or answered, it
//! asks whether the log is still its own, and ends when it is not (A7, F3).
//!
//! The order of all that is the core's ([`Desk`]); here it gets a clock, a log, a way out and askers who wait. While the log
//! cannot be written, the snapshot says what is wrong with the hub.

mod publisher;
mod snapshotter;
mod strangers;
#[cfg(test)]
mod tests;
mod trouble;

use crate::clock::HubClock;
use crate::doors::{Arrival, CommandError, SignalError};
use crate::log::{AppendError, LogWriter};
use crate::outbox::Outbox;
use crate::telemetry::Telemetry;
use crate::uptime::Uptime;
use downbeat_core::incident::{Batch, Command, Desk, EffectId, Engine, Event, Filed, Unwritten};
use downbeat_core::model::{Name, Signal};
pub(crate) use publisher::Publisher;
pub(crate) use snapshotter::Snapshotter;
use std::time::Duration;
use strangers::StrangerLog;
use tokio::sync::{mpsc, oneshot};
use trouble::Trouble;

/// The longest sleep: deadlines are met within it, and the board goes on showing that nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// Arrivals taken in before what follows from them is worked out.
const TURN_MAX: usize = 64;
/// Times the desk is asked what follows before others get a turn. One arrival leads to a handful.
const STEPS_MAX: usize = 100;

/// What the driver is made of.
pub(crate) struct Driver {
    pub(crate) desk: Desk,
    pub(crate) clock: HubClock,
    pub(crate) log: LogWriter,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    pub(crate) outbox: Outbox,
    pub(crate) uptime: Uptime,
    pub(crate) publisher: Publisher,
    snapshotter: Snapshotter,
    telemetry: Telemetry,
    /// Who asked hears of it when all that follows has happened and can be seen.
    answers: Vec<Answer>,
    trouble: Option<Trouble>,
    strangers: StrangerLog,
}

/// Whose the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tenure {
    Ours,
    /// Another hub's, or nobody's: whatever is shown or done from here on may contradict it.
    Lost,
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
        (snapshotter, telemetry): (Snapshotter, Telemetry),
    ) -> Self {
        Self {
            desk: Desk::new(engine, env!("CARGO_PKG_VERSION").to_owned()),
            clock,
            log,
            arrivals,
            outbox,
            uptime,
            publisher,
            snapshotter,
            telemetry,
            answers: Vec::new(),
            trouble: None,
            strangers: StrangerLog::default(),
        }
    }

    /// Drives until told to stop or until the log is somebody else's, then lets go of the log. Whoever waits for an answer at
    /// that moment hears that the hub is stopping.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        // Where messages go is part of the log, or its fold would change with the configuration.
        self.desk.configure(self.outbox.channels());
        let mut tenure = self.turn().await;
        while tenure == Tenure::Ours {
            let arrival = tokio::select! {
                biased;
                _ = &mut stop => break,
                arrival = self.arrivals.recv() => arrival,
                () = tokio::time::sleep(TICK) => None,
            };
            self.take_in(arrival).await;
            tenure = self.turn().await;
        }
        drop(self.arrivals);
        self.answers.clear();
        self.outbox.stop().await;
        self.snapshotter.stop().await;
        self.telemetry.stop().await;
        self.log.close().await;
    }

    async fn take_in(&mut self, first: Option<Arrival>) {
        let mut arrival = first;
        for _ in 0..TURN_MAX {
            match arrival {
                Some(Arrival::Signal(signal, reply)) => {
                    let result = self.desk.observe(self.clock.now(), &signal).map_err(SignalError::from);
                    if let Signal::RollUp(roll_up) = &signal {
                        if result.is_ok() {
                            let policy = self.desk.engine().policy();
                            self.telemetry.add(self.clock.now(), roll_up, policy);
                        }
                        self.strangers.note(self.desk.engine(), &roll_up.edge);
                    }
                    // Metrics teach as well, with an edge or without.
                    self.telemetry.teach(self.desk.take_learnt());
                    self.answers.push(Answer::Signal(reply, result));
                }
                Some(Arrival::Command { who, command, reply }) => {
                    let result = self.obey(&who, command).await;
                    self.answers.push(Answer::Command(reply, result));
                }
                Some(Arrival::Ended(effect, event)) => self.file_outcome(&effect, *event),
                None => return,
            }
            arrival = self.arrivals.try_recv().ok();
        }
    }

    /// Everything that follows now: written, applied, shown, carried out, answered.
    async fn turn(&mut self) -> Tenure {
        if self.desk.may_write(self.clock.now()) {
            self.follow().await;
        }
        self.count_uptime().await;
        if let Err(error) = self.log.check().await
            && error.is_loss_of_the_log()
        {
            tracing::error!(%error, "the log is another hub's now: this one ends");
            return Tenure::Lost;
        }
        self.publish();
        self.snapshotter.consider(&self.publisher.book());
        self.outbox.carry_out(&mut self.desk);
        self.answers.drain(..).for_each(Answer::give);
        Tenure::Ours
    }

    async fn follow(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some(batch) = self.desk.next(self.clock.now()) else { return };
            if self.write(batch).await.is_err_and(|error| !error.is_final()) {
                return;
            }
        }
        tracing::warn!(steps = STEPS_MAX, "the engine does not come to rest");
    }

    async fn obey(&mut self, who: &Name, command: Command) -> Result<(), CommandError> {
        let not_written = |error: AppendError| CommandError::NotWritten(error.to_string());
        while let Some(batch) = self.desk.backlog() {
            self.write(batch).await.or_else(|error| if error.is_final() { Ok(()) } else { Err(not_written(error)) })?;
        }
        let batch = self.desk.decide(self.clock.now(), who, command)?;
        self.write(batch).await.map_err(not_written)
    }

    fn file_outcome(&mut self, effect: &EffectId, event: Event) {
        if self.desk.outcome(effect, event) == Filed::Stray {
            tracing::warn!(?effect, "an outcome came that nobody waits for");
        }
    }

    async fn write(&mut self, batch: Batch) -> Result<(), AppendError> {
        if batch.events.is_empty() {
            return Ok(());
        }
        match self.log.append(self.clock.now(), batch.events.clone()).await {
            Ok(records) => {
                self.desk.wrote(&batch, &records);
                self.trouble = None;
                for record in records {
                    tracing::info!(seq = record.seq, "{}", record.event.headline());
                }
                Ok(())
            }
            Err(error) => {
                let why = if error.is_final() { Unwritten::ForEver } else { Unwritten::ForNow };
                self.desk.not_written(self.clock.now(), &batch, why);
                self.trouble = Some(Trouble::after(self.trouble.take(), &error));
                Err(error)
            }
        }
    }

    async fn count_uptime(&mut self) {
        let now = self.clock.now();
        if !self.uptime.is_due(now) {
            return;
        }
        let engine = self.desk.engine();
        let changed = self.uptime.count(now, &engine.board(now), engine.book());
        match self.log.save_days(changed, Uptime::oldest(now)).await {
            Ok(()) => {
                self.desk.resume();
                self.trouble = None;
            }
            Err(error) => {
                self.desk.rest(now);
                self.trouble = Some(Trouble::after(self.trouble.take(), &error));
            }
        }
    }

    fn publish(&mut self) {
        let trouble = self.trouble.as_ref().map(Trouble::to_string);
        self.publisher.publish(self.clock.now(), self.desk.engine(), &self.uptime, trouble);
    }
}
