//! Writes to the data folder on a thread of its own, so that a disk that hangs holds up nothing else (invariant C4).

use crate::change::archive::{Archive, Written};
use crate::change::store::{Addresses, Store, StoreError};
use crate::run::shared::Counters;
use crate::tell::events;
use downbeat_core::model::{Name, TrafficPlan};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Writes that may wait; further ones are dropped and counted, the newest state comes again with the next change.
const WAITING_MAX: usize = 16;
/// A trial begins on disk before it begins; a disk that takes longer than this for it is not waited for.
const TRIAL_WRITTEN: Duration = Duration::from_millis(500);

/// Where writes are handed in. The thread ends when the last of these has gone and all is written.
#[derive(Debug, Clone)]
pub(crate) struct Scribe {
    jobs: SyncSender<Job>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
enum Job {
    Plan(Arc<TrafficPlan>),
    Addresses(Name, Vec<IpAddr>),
    Begin(Written, oneshot::Sender<()>),
    Keep(Written),
    Quarantine(Written),
    Withdraw(u64),
}

impl Scribe {
    /// Starts the thread; `known` are the addresses stored so far. The receiver hears of the thread's end.
    pub(crate) fn start(
        counters: &Arc<Counters>,
        store: Store,
        archive: Archive,
        known: Addresses,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let (over, end) = oneshot::channel();
        let writer = counters.clone();
        thread::Builder::new().name("edge-scribe".into()).spawn(move || {
            write_all(&writer, Desk { store, archive, known }, &waiting);
            // Nobody listens when the handle was dropped instead of stopped.
            let _ = over.send(());
        })?;
        Ok((Self { jobs, counters: counters.clone() }, end))
    }

    /// Keeps a plan.
    pub(crate) fn plan(&self, plan: Arc<TrafficPlan>) {
        self.hand_in(Job::Plan(plan));
    }

    /// Keeps the last good addresses of a host.
    pub(crate) fn addresses(&self, host: Name, addresses: Vec<IpAddr>) {
        self.hand_in(Job::Addresses(host, addresses));
    }

    /// Notes that the trial of a configuration begins; returns when that is on disk, or is not going to be soon.
    pub(crate) async fn begin(&self, written: Written) {
        let (done, written_down) = oneshot::channel();
        self.hand_in(Job::Begin(written, done));
        // What was not handed in is counted already, and its sender gone.
        if tokio::time::timeout(TRIAL_WRITTEN, written_down).await.is_err() {
            events::disk_behind();
        }
    }

    /// Keeps a configuration that has passed.
    pub(crate) fn keep(&self, written: Written) {
        self.hand_in(Job::Keep(written));
    }

    /// Remembers a configuration that must not be taken again.
    pub(crate) fn quarantine(&self, written: Written) {
        self.hand_in(Job::Quarantine(written));
    }

    /// Notes that a trial has ended without a verdict.
    pub(crate) fn withdraw(&self, generation: u64) {
        self.hand_in(Job::Withdraw(generation));
    }

    fn hand_in(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            self.counters.write_failures.fetch_add(1, Ordering::Relaxed);
            events::disk_behind();
        }
    }
}

/// What is written to, and what stands there.
struct Desk {
    store: Store,
    archive: Archive,
    known: Addresses,
}

fn write_all(counters: &Counters, mut desk: Desk, jobs: &Receiver<Job>) {
    for job in jobs {
        if let Err(error) = desk.write(job) {
            counters.write_failures.fetch_add(1, Ordering::Relaxed);
            events::file_not_written(&error);
        }
    }
}

impl Desk {
    fn write(&mut self, job: Job) -> Result<(), StoreError> {
        match job {
            Job::Plan(plan) => self.store.keep_plan(&plan),
            Job::Begin(written, done) => {
                let outcome = self.archive.begin(&written);
                // Whoever waited may have had enough.
                let _ = done.send(());
                outcome
            }
            Job::Keep(written) => self.archive.keep(&written),
            Job::Quarantine(written) => self.archive.quarantine(&written),
            Job::Withdraw(generation) => self.archive.withdraw(generation),
            Job::Addresses(host, addresses) => {
                self.known.insert(host, addresses);
                self.store.keep_addresses(&self.known)
            }
        }
    }
}
