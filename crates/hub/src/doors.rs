//! The doors into a running hub: what pages, the API and the probes may see and ask, and nothing else.
//!
//! Everything behind them belongs to the driver alone, so there is no lock around the engine. Each door is a
//! bounded queue: who finds it full is told so at once and may come again.

use crate::clock::HubClock;
use crate::history::Histories;
use crate::log::LogReader;
use crate::reports::ReportDesk;
use crate::subscribers::Subscribers;
use crate::view::Snapshot;
use downbeat_core::incident::{Command, CommandRefused, EffectId, Event};
use downbeat_core::model::{Name, Signal};
use downbeat_core::signal::SignalRefused;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Arrivals that may wait for the driver: at one roll-up a second and edge, several minutes of a small fleet,
/// and still only a few megabytes of the largest roll-ups.
pub(crate) const ARRIVALS_MAX: usize = 256;

/// How long who asks waits for an answer: longer than a locked database is waited for (5 s).
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// All doors together, for whoever serves pages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The newest picture of everything; changes at most a few times a second unless something happens.
    pub snapshots: watch::Receiver<Snapshot>,
    /// What operators ask for.
    pub commands: CommandDoor,
    /// What edges and probes tell.
    pub signals: SignalDoor,
    /// What users tell.
    pub reports: ReportDesk,
    /// Who is told of public words.
    pub subscribers: Subscribers,
    /// What other pages told before this one.
    pub histories: Histories,
    /// The lines of the log.
    pub log: LogReader,
    /// The hub's time, for telling how old a picture is.
    pub clock: HubClock,
}

/// A driver that has published nothing for so long hangs: it does four times a second, and waits for a locked
/// database for a second at most.
const PICTURE_AGE_MAX: Duration = Duration::from_secs(15);

impl Doors {
    /// What keeps the hub from deciding and remembering, when something does.
    pub(crate) fn ailment(&self) -> Option<String> {
        // The driver holds the sender: without it, the picture is the last one for ever.
        if self.snapshots.has_changed().is_err() {
            return Some("the driver has stopped".into());
        }
        let snapshot = self.snapshots.borrow();
        if self.clock.now().since(snapshot.now) > PICTURE_AGE_MAX {
            return Some("the driver hangs".into());
        }
        snapshot.trouble.clone()
    }
}

/// What reaches the driver.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are signals, and the queue is short")]
pub(crate) enum Arrival {
    /// Somebody observed something.
    Signal(Signal, oneshot::Sender<Result<(), SignalError>>),
    /// An operator wants something.
    Command {
        /// Who.
        who: Name,
        /// What.
        command: Command,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<(), CommandError>>,
    },
    /// An effect was carried out, or could not be.
    Ended(EffectId, Box<Event>),
}

/// Takes operators' commands to the driver.
#[derive(Debug, Clone)]
pub struct CommandDoor(mpsc::Sender<Arrival>);

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It makes no sense now, or a guard forbids it.
    #[error(transparent)]
    Refused(#[from] CommandRefused),
    /// It could not be written to the log, so nothing was done.
    #[error("the hub cannot write its log: {0}")]
    NotWritten(String),
    /// Too much is waiting already.
    #[error("the hub is busy")]
    Busy,
    /// No answer in time. It may have effect later.
    #[error("the hub did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Late,
    /// The hub is going down.
    #[error("the hub is stopping")]
    Stopping,
}

/// Takes signals to the driver.
#[derive(Debug, Clone)]
pub struct SignalDoor(mpsc::Sender<Arrival>);

/// Why a signal had no effect.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// It makes no sense, or was there before.
    #[error(transparent)]
    Refused(#[from] SignalRefused),
    /// Too much is waiting already.
    #[error("the hub is busy")]
    Busy,
    /// No answer in time. It may have effect later.
    #[error("the hub did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Late,
    /// The hub is going down.
    #[error("the hub is stopping")]
    Stopping,
}

impl CommandDoor {
    pub(crate) fn new(arrivals: mpsc::Sender<Arrival>) -> Self {
        Self(arrivals)
    }

    /// Hands a command in and waits until all it leads to is in the log.
    ///
    /// # Errors
    /// [`CommandError`]; but for [`CommandError::Late`], nothing happened then.
    pub async fn send(&self, who: Name, command: Command) -> Result<(), CommandError> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Arrival::Command { who, command, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommandError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandError::Stopping,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(CommandError::Stopping),
            Err(_) => Err(CommandError::Late),
        }
    }
}

impl SignalDoor {
    pub(crate) fn new(arrivals: mpsc::Sender<Arrival>) -> Self {
        Self(arrivals)
    }

    /// Hands a signal in and waits until what follows from it at once has happened.
    ///
    /// # Errors
    /// [`SignalError`]; but for [`SignalError::Late`], nothing changed then.
    pub async fn send(&self, signal: Signal) -> Result<(), SignalError> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Arrival::Signal(signal, reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SignalError::Busy,
            mpsc::error::TrySendError::Closed(_) => SignalError::Stopping,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SignalError::Stopping),
            Err(_) => Err(SignalError::Late),
        }
    }
}
