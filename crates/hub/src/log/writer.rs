//! The log's own thread: syncing blocks, and the driver must not.

use super::fault::AppendError;
use super::store::EventLog;
use crate::view::Day;
use downbeat_core::incident::{Event, Record};
use downbeat_core::model::{Moment, Name};
use tokio::sync::{mpsc, oneshot};

/// What the thread is asked to do.
enum Job {
    Append(Moment, Vec<Event>, oneshot::Sender<Result<Vec<Record>, AppendError>>),
    Check(oneshot::Sender<Result<(), AppendError>>),
    SaveDays(Vec<(Name, Day)>, i64, oneshot::Sender<Result<(), AppendError>>),
}

/// Hands work to the log's thread and waits for it. Dropping it closes the log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    jobs: mpsc::Sender<Job>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl LogWriter {
    /// Moves the log to its thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(log: EventLog) -> std::io::Result<Self> {
        // One job at a time: the driver waits for each.
        let (jobs, queue) = mpsc::channel(1);
        let thread = std::thread::Builder::new().name("hub-log".into()).spawn(move || work(log, queue))?;
        Ok(Self { jobs, thread: Some(thread) })
    }

    /// See [`EventLog::append`].
    pub(crate) async fn append(&self, at: Moment, events: Vec<Event>) -> Result<Vec<Record>, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Append(at, events, reply)).await.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// See [`EventLog::check`].
    pub(crate) async fn check(&self) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Check(reply)).await.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// See [`EventLog::save_days`].
    pub(crate) async fn save_days(&self, days: Vec<(Name, Day)>, oldest: i64) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::SaveDays(days, oldest, reply)).await.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// Closes the log and waits until the file is let go of.
    pub(crate) async fn close(mut self) {
        drop(self.jobs);
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the log's thread panicked");
            }
        }
    }
}

// A reply that nobody waits for any more is dropped: the work is done all the same.
fn work(mut log: EventLog, mut queue: mpsc::Receiver<Job>) {
    if let Err(error) = log.make_room() {
        tracing::warn!(%error, "no room is made for the log: it grows with each record, which is slower");
    }
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Append(at, events, reply) => drop(reply.send(log.append(at, &events))),
            Job::Check(reply) => drop(reply.send(log.check())),
            Job::SaveDays(days, oldest, reply) => drop(reply.send(log.save_days(&days, oldest))),
        }
    }
}
