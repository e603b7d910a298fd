//! One thread that serves clients: its share of what all know, its own pool, dice and counts.

use crate::ask::line::Connection;
use crate::ask::pipe::Pipes;
use crate::ask::pool::Pool;
use crate::ask::straggler::Stragglers;
use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::dice::Dice;
use crate::choose::health::Part;
use crate::run::experience::Lot;
use crate::run::shared::Shared;
use crate::run::timer::Timers;
use downbeat_core::model::{FailureKind, Name};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Whether the edge serves or winds down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// No more clients; those there are served to the end.
    Stopping,
    /// No more clients at all.
    Over,
}

/// One thread that serves clients, as far as one generation goes. What the thread has for itself is the same in all.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) dice: Rc<Dice>,
    pub(crate) connections: Rc<Cell<usize>>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) pipes: Rc<Pipes>,
    pub(crate) stragglers: Rc<Stragglers>,
    stage: watch::Receiver<Stage>,
    pool: Rc<RefCell<Pool>>,
    index: usize,
}

/// Who serves the next request of a thread: the worker of the newest generation.
#[derive(Debug)]
pub(crate) struct Roster {
    stage: watch::Receiver<Stage>,
    current: RefCell<watch::Receiver<Arc<Shared>>>,
    worker: RefCell<Rc<Worker>>,
}

impl Roster {
    pub(crate) fn new(mut current: watch::Receiver<Arc<Shared>>, index: usize, stage: watch::Receiver<Stage>) -> Self {
        let shared = current.borrow_and_update().clone();
        let worker = Worker::new(shared, index, stage.clone());
        Self { stage, current: RefCell::new(current), worker: RefCell::new(Rc::new(worker)) }
    }

    /// Returns when the edge stops.
    pub(crate) async fn stopping(&self) {
        // A sender that has gone has stopped as well.
        let _ = self.stage.clone().wait_for(|stage| *stage >= Stage::Stopping).await;
    }

    /// The worker of the newest generation. Costs a look at one number when there is no newer one.
    pub(crate) fn on_duty(&self) -> Rc<Worker> {
        // The sender goes only when the edge stops, and then the last generation stays.
        if self.current.borrow().has_changed().unwrap_or(false) {
            let shared = self.current.borrow_mut().borrow_and_update().clone();
            let next = self.worker.borrow().relieved_by(shared);
            self.worker.replace(Rc::new(next));
        }
        self.worker.borrow().clone()
    }
}

impl Worker {
    fn new(shared: Arc<Shared>, index: usize, stage: watch::Receiver<Stage>) -> Self {
        let (dice, timers) = (Rc::new(Dice::new()), Timers::new());
        let (connections, pipes, stragglers, pool) = Default::default();
        Self { shared, dice, connections, timers, pipes, stragglers, stage, pool, index }
    }

    /// The same thread in the next generation.
    fn relieved_by(&self, shared: Arc<Shared>) -> Self {
        Self {
            shared,
            dice: self.dice.clone(),
            connections: self.connections.clone(),
            timers: self.timers.clone(),
            pipes: self.pipes.clone(),
            stragglers: self.stragglers.clone(),
            stage: self.stage.clone(),
            pool: self.pool.clone(),
            index: self.index,
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stage.borrow() >= Stage::Stopping
    }

    pub(crate) fn component_name(&self, component: ComponentId) -> &Name {
        &self.shared.site.component(component).settings.name
    }

    pub(crate) fn replica_name(&self, replica: ReplicaId) -> &Name {
        &self.shared.site.replica(replica).settings.name
    }

    /// An idle connection to a replica, if there is one.
    pub(crate) fn reuse(&self, replica: ReplicaId) -> Option<Connection> {
        let (addresses, now) = (self.shared.addresses(replica), Instant::now());
        let mut pool = self.pool.borrow_mut();
        addresses.iter().find_map(|address| pool.take(*address, now))
    }

    /// Keeps a connection whose exchange has ended cleanly.
    pub(crate) fn keep(&self, connection: Connection) {
        self.pool.borrow_mut().put(connection, Instant::now());
    }

    /// Closes connections that were idle for too long.
    pub(crate) fn sweep(&self) {
        self.pool.borrow_mut().sweep(Instant::now());
    }

    /// One request of this thread.
    pub(crate) const fn one(&self) -> Lot {
        Lot { thread: self.index, times: 1 }
    }

    /// An attempt's head came after `first_byte`; `failure` when it told of one.
    pub(crate) fn head_came(
        &self,
        component: ComponentId,
        replica: ReplicaId,
        first_byte: Duration,
        failure: Option<FailureKind>,
        now: Instant,
    ) {
        self.shared.head_came(self.one(), component, replica, first_byte, failure, now);
    }

    /// An attempt failed: before its head came, or in its body.
    pub(crate) fn attempt_failed(
        &self,
        component: ComponentId,
        replica: ReplicaId,
        part: Part,
        kind: FailureKind,
        now: Instant,
    ) {
        self.shared.attempt_failed(self.one(), component, replica, part, kind, now);
    }
}
