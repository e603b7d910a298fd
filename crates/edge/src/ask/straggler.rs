//! Attempts that another one has overtaken: they are listened to for a moment longer, so that their end counts.
//!
//! Else a replica that fails, but takes longer to say so than a hedge takes to be answered elsewhere, would never be
//! seen to fail. What comes is counted and not used. Who has been silent for [`HANG`] since it was asked is late, and not
//! before: on a busy machine each process pauses for tens of milliseconds now and then. So listening lasts no longer
//! than that, and a thread listens to [`LISTENED_MAX`] at a time; of further ones nothing is said.
//!
//! An attempt is a future that borrows from its request, so it cannot outlive it. When the race drops it within
//! [`Stragglers::catch`], it leaves behind what has to: its connection and its seat ([`Held`]).

use crate::ask::attempt::await_head;
use crate::ask::line::{Connection, Line};
use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::health::Part;
use crate::choose::tries::failure_of_attempt;
use crate::codec::{HeadScanner, RequestHead};
use crate::run::seat::{Overdue, Seat};
use crate::run::worker::Worker;
use downbeat_core::model::FailureKind;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// Who has been silent for so long, while another replica answered promptly, is late.
pub(crate) const HANG: Duration = Duration::from_millis(100);
/// A replica that hangs is ejected after a handful, so this is enough to find any out.
const LISTENED_MAX: usize = 64;

/// The stragglers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Stragglers {
    /// What is dropped while an attempt is caught.
    catching: Cell<bool>,
    caught: RefCell<Option<Caught>>,
    listened: Cell<usize>,
}

/// What an attempt has in its hands while it waits for its answer.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    stragglers: &'a Stragglers,
    seat: Option<Seat>,
    connection: Option<Connection>,
}

/// What a dropped attempt has left behind.
#[derive(Debug, Default)]
struct Caught {
    _seat: Option<Seat>,
    connection: Option<Connection>,
}

/// An attempt that was overtaken.
#[derive(Debug)]
pub(crate) struct Straggler {
    pub(crate) component: ComponentId,
    pub(crate) replica: ReplicaId,
    /// When it was asked.
    pub(crate) since: Instant,
    /// What it was asked.
    pub(crate) head: RequestHead,
    /// The replica counts as silent for as long as this is there.
    pub(crate) _overdue: Option<Overdue>,
}

impl Stragglers {
    /// What an attempt has to begin with.
    pub(crate) fn hold(&self, seat: Seat) -> Held<'_> {
        Held { stragglers: self, seat: Some(seat), connection: None }
    }

    /// Ends an attempt and keeps what it leaves behind.
    fn catch(&self, end: impl FnOnce()) -> Caught {
        self.catching.set(true);
        end();
        self.catching.set(false);
        self.caught.take().unwrap_or_default()
    }
}

impl Held<'_> {
    /// Takes a connection into its hands.
    pub(crate) fn take(&mut self, connection: Connection) -> &mut Connection {
        self.connection.insert(connection)
    }

    /// Lets go of a connection that is of no use.
    pub(crate) fn close(&mut self) {
        self.connection = None;
    }

    /// Gives all back, once the head has come.
    pub(crate) fn release(mut self) -> (Seat, Connection) {
        let seat = self.seat.take().expect("a seat is there until it is given back");
        (seat, self.connection.take().expect("the head came over a connection"))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.stragglers.catching.get() {
            let caught = Caught { _seat: self.seat.take(), connection: self.connection.take() };
            self.stragglers.caught.replace(Some(caught));
        }
    }
}

impl Straggler {
    /// Ends the attempt itself with `end`, and listens to what is left of it.
    pub(crate) fn listen(self, worker: &Rc<Worker>, end: impl FnOnce()) {
        let stragglers = &worker.stragglers;
        if stragglers.listened.get() >= LISTENED_MAX {
            return end();
        }
        let caught = stragglers.catch(end);
        stragglers.listened.set(stragglers.listened.get() + 1);
        let worker = worker.clone();
        tokio::task::spawn_local(async move {
            self.hear_out(&worker, caught).await;
            worker.stragglers.listened.set(worker.stragglers.listened.get() - 1);
        });
    }

    async fn hear_out(self, worker: &Worker, mut caught: Caught) {
        let (component, replica) = (self.component, self.replica);
        let line = Line { shared: worker.shared.clone(), component: Some(component), replica };
        let head = async {
            // One that is still being made says nothing.
            let Some(connection) = &mut caught.connection else { return pending().await };
            await_head(connection, &mut HeadScanner::default(), &self.head, &line).await
        };
        let heard = timeout_at((self.since + HANG).into(), head).await;
        let now = Instant::now();
        match heard {
            Ok(Ok(head)) => {
                let (took, failure) = (now.saturating_duration_since(self.since), failure_of_attempt(head.status));
                worker.shared.straggled(worker.one(), component, replica, took, failure, now);
            }
            Ok(Err(kind)) => worker.attempt_failed(component, replica, Part::Head, kind, now),
            Err(_) => worker.attempt_failed(component, replica, Part::Head, FailureKind::Late, now),
        }
    }
}
