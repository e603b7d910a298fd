//! Telemetry's own thread: whatever its disk does, nobody waits for it.

use super::gather::{Batch, Gatherer};
use super::store::{Store, TelemetryError};
use downbeat_core::detect::Learnt;
use downbeat_core::model::{Moment, Policy, RollUp};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Seconds that may wait for a slow disk before they are left out.
const WAITING_MAX: usize = 16;
/// Between attempts at a file that could not be opened.
const RETRY: Duration = Duration::from_secs(30);

/// What the thread has to write.
#[derive(Debug)]
enum Work {
    Steps(Vec<Batch>),
    Learnt(Vec<Learnt>),
}

/// Gathers what edges tell, and hands it to the thread once a step is over.
#[derive(Debug)]
pub(crate) struct Telemetry {
    gatherer: Gatherer,
    work: SyncSender<Work>,
    thread: JoinHandle<()>,
    left_out: u64,
}

impl Telemetry {
    /// Begins to keep telemetry in a data directory.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(data: &Path) -> std::io::Result<Self> {
        let (sender, to_do) = sync_channel(WAITING_MAX);
        let data = data.to_path_buf();
        let thread = std::thread::Builder::new().name("hub-telemetry".into()).spawn(move || work(&data, &to_do))?;
        Ok(Self { gatherer: Gatherer::default(), work: sender, thread, left_out: 0 })
    }

    /// Takes a roll-up in.
    pub(crate) fn add(&mut self, now: Moment, roll_up: &RollUp, policy: &Policy) {
        let over = self.gatherer.add(now, roll_up, policy);
        if !over.is_empty() {
            self.hand_over(Work::Steps(over));
        }
    }

    /// Keeps what figures were taught.
    pub(crate) fn teach(&mut self, learnt: Vec<Learnt>) {
        if !learnt.is_empty() {
            self.hand_over(Work::Learnt(learnt));
        }
    }

    fn hand_over(&mut self, work: Work) {
        if self.work.try_send(work).is_err() {
            self.left_out += 1;
            if self.left_out.is_power_of_two() {
                tracing::warn!(steps = self.left_out, "telemetry is left out: its disk is too slow");
            }
        }
    }

    /// Writes what waits, and lets go of the file.
    pub(crate) async fn stop(self) {
        drop(self.work);
        if !matches!(tokio::task::spawn_blocking(move || self.thread.join()).await, Ok(Ok(()))) {
            tracing::error!("the telemetry's thread panicked");
        }
    }
}

/// Writes what comes. A file that fails is opened anew after a while; what comes meanwhile is left out.
fn work(data: &Path, to_do: &Receiver<Work>) {
    let mut store = opened(data);
    let mut tried_at = Instant::now();
    while let Ok(work) = to_do.recv() {
        if store.is_none() && tried_at.elapsed() >= RETRY {
            tried_at = Instant::now();
            store = opened(data);
        }
        if let Some(sound) = &mut store
            && let Err(error) = work.write(sound)
        {
            tell(&error);
            tried_at = Instant::now();
            store = None;
        }
    }
}

impl Work {
    fn write(&self, store: &mut Store) -> Result<(), TelemetryError> {
        match self {
            Self::Steps(batches) => store.write(batches),
            Self::Learnt(points) => store.teach(points),
        }
    }
}

fn opened(data: &Path) -> Option<Store> {
    Store::open(data).inspect_err(tell).ok()
}

fn tell(error: &TelemetryError) {
    let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(%error, why, "telemetry is left out for a while");
}
