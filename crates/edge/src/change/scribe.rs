//! Writes to the data folder on a thread of its own, so that a disk that hangs holds up nothing else (invariant C4).

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
use tokio::sync::oneshot;

/// Writes that may wait; further ones are dropped and counted, the newest state comes again with the next change.
const WAITING_MAX: usize = 16;

/// Where writes are handed in. The thread ends when the last of these has gone and all is written.
#[derive(Debug, Clone)]
pub(crate) struct Scribe {
    jobs: SyncSender<Job>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
enum Job {
    Plan(TrafficPlan),
    Addresses(Name, Vec<IpAddr>),
    Configuration(u64, String),
}

impl Scribe {
    /// Starts the thread; `known` are the addresses stored so far. The receiver hears of the thread's end.
    pub(crate) fn start(
        counters: &Arc<Counters>,
        store: Store,
        known: Addresses,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let (over, end) = oneshot::channel();
        let writer = counters.clone();
        thread::Builder::new().name("edge-scribe".into()).spawn(move || {
            write_all(&writer, &store, known, &waiting);
            // Nobody listens when the handle was dropped instead of stopped.
            let _ = over.send(());
        })?;
        Ok((Self { jobs, counters: counters.clone() }, end))
    }

    /// Keeps a plan.
    pub(crate) fn plan(&self, plan: TrafficPlan) {
        self.hand_in(Job::Plan(plan));
    }

    /// Keeps the last good addresses of a host.
    pub(crate) fn addresses(&self, host: Name, addresses: Vec<IpAddr>) {
        self.hand_in(Job::Addresses(host, addresses));
    }

    /// Keeps a configuration that has come into force.
    pub(crate) fn configuration(&self, generation: u64, text: String) {
        self.hand_in(Job::Configuration(generation, text));
    }

    fn hand_in(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            self.counters.write_failures.fetch_add(1, Ordering::Relaxed);
            events::disk_behind();
        }
    }
}

fn write_all(counters: &Counters, store: &Store, mut known: Addresses, jobs: &Receiver<Job>) {
    for job in jobs {
        if let Err(error) = write(store, &mut known, job) {
            counters.write_failures.fetch_add(1, Ordering::Relaxed);
            events::file_not_written(&error);
        }
    }
}

fn write(store: &Store, known: &mut Addresses, job: Job) -> Result<(), StoreError> {
    match job {
        Job::Plan(plan) => store.keep_plan(&plan),
        Job::Configuration(generation, text) => store.keep_configuration(generation, &text),
        Job::Addresses(host, addresses) => {
            known.insert(host, addresses);
            store.keep_addresses(known)
        }
    }
}
