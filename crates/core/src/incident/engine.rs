//! The engine: signals and commands in, events out, with `now` given each time.
//!
//! The shell's loop: hand in what arrived; call [`Engine::step`] until it returns nothing, each time writing
//! the events to the log and only then applying them; carry out what stands in the book's outbox; wait for
//! the next arrival or for [`Engine::next_deadline`].

use super::board::Board;
use super::book::{Book, Channel, Misfit};
use super::event::{Event, Record};
use crate::model::{Change, IncidentId, Moment, Name, Policy, RemedyId, Signal};

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// I have seen it; stop calling.
    Ack(IncidentId),
    /// Do what was proposed.
    Approve(RemedyId),
    /// Take it back.
    Undo(RemedyId),
    /// Say this in public.
    Post(IncidentId, String),
    /// It is over, whatever the gates say.
    Resolve(IncidentId),
    /// Automation starts nothing new.
    Hold,
    /// Automation may act again.
    Release,
    /// Somebody changed the service.
    Tell(Change),
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// No such incident.
    #[error("there is no incident {0}")]
    NoIncident(IncidentId),
    /// No such remedy.
    #[error("there is no remedy {0}")]
    NoRemedy(RemedyId),
    /// It is over.
    #[error("incident {0} is over")]
    Over(IncidentId),
    /// The remedy is past that point.
    #[error("remedy {0} is {1}")]
    Stage(RemedyId, &'static str),
    /// A guard forbids it, even to an operator.
    #[error("invariant {guard} forbids it: {why}")]
    Guard {
        /// The invariant.
        guard: &'static str,
        /// For people.
        why: String,
    },
    /// The text is empty or too long.
    #[error("a public word has 1 to 5000 characters, this one has {0}")]
    Text(usize),
}

/// Why a signal is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalRefused {
    /// It was there before.
    #[error("roll-up {seq} of edge {edge} was there before")]
    Repeat {
        /// Which edge.
        edge: Name,
        /// Which roll-up.
        seq: u64,
    },
    /// It names something that is not configured.
    #[error("{0} is not configured")]
    Stranger(String),
    /// A figure that cannot be.
    #[error("{0}")]
    Figures(String),
}

/// The engine of the hub.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    book: Book,
}

impl Engine {
    /// An engine with an empty book.
    pub fn new(policy: Policy, channels: Vec<Channel>) -> Self {
        Self { policy, book: Book::new(channels) }
    }

    /// Takes one line of the log in: at the start all of them, later each one when it is written.
    ///
    /// # Errors
    /// [`Misfit`] when the line cannot follow what is there.
    pub fn apply(&mut self, record: &Record) -> Result<(), Misfit> {
        self.book.apply(record)
    }

    /// Takes a signal in. What follows from it comes out of the next [`Engine::step`].
    ///
    /// # Errors
    /// [`SignalRefused`]; nothing is changed then.
    pub fn observe(&mut self, _now: Moment, _signal: &Signal) -> Result<(), SignalRefused> {
        Ok(())
    }

    /// What a command leads to; to be written and applied like the events of a step.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing happens then.
    pub fn command(&self, _now: Moment, _who: &Name, _command: Command) -> Result<Vec<Event>, CommandRefused> {
        Ok(Vec::new())
    }

    /// What follows now. Write it, apply it, ask again, until nothing follows.
    pub fn step(&mut self, _now: Moment) -> Vec<Event> {
        Vec::new()
    }

    /// When something will follow by the passing of time alone, if anything will.
    pub fn next_deadline(&self, _now: Moment) -> Option<Moment> {
        None
    }

    /// The live picture of the service.
    pub fn board(&self, now: Moment) -> Board {
        Board { at: now, ..Board::default() }
    }

    /// Everything that is known and decided.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The figures that decide.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
