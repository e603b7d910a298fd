//! The access log: one JSON object a line, for all requests or a share of them.
//!
//! Lines are written by a thread of their own, out of a queue of [`WAITING_MAX`] lines. A disk that is slow or full
//! costs lines, which are counted, and never a request (invariant C4). Each generation opens the file anew, and a reload that
//! is refused does so too: after the file was moved away (as by logrotate) SIGHUP goes on in a new one in any case.

use crate::change::settings::{AccessLogSettings, ClientWord, LogTarget, QueryWord};
use crate::change::site::{ReplicaId, Site};
use crate::codec::{RequestHead, Version};
use crate::door::caller::Caller;
use crate::run::shared::Counters;
use crate::tell::events;
use downbeat_core::model::{FailureKind, Name};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait for the disk.
const WAITING_MAX: usize = 4_096;
/// Replicas named in one line: who is held may ask for long.
const ASKED_MAX: usize = 16;
/// Bytes after which a batch of lines is written.
const BATCH_BYTES: usize = 64 * 1024;

/// Why the log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("open the access log {target:?}: {source}")]
pub struct AccessLogError {
    target: LogTarget,
    source: io::Error,
}

/// Where lines are handed in. The thread ends when the last generation that uses it has gone.
#[derive(Debug)]
pub(crate) struct AccessLog {
    settings: AccessLogSettings,
    lines: SyncSender<Vec<u8>>,
    wish: Arc<Wish>,
    counters: Arc<Counters>,
}

/// Whether the file is to be opened anew before the next line.
#[derive(Debug, Default)]
struct Wish(AtomicBool);

/// What becomes known of a request on its way; written down only for requests that will have a line.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    wanted: bool,
    status: Cell<u16>,
    bytes: Cell<u64>,
    first_byte: Cell<Option<Duration>>,
    failure: Cell<Option<FailureKind>>,
    resumed: Cell<u32>,
    attempts: Cell<u32>,
    asked: RefCell<Vec<ReplicaId>>,
}

/// One request, for its line.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) caller: Caller,
    pub(crate) component: Option<&'a Name>,
    pub(crate) took: Duration,
    pub(crate) notes: &'a Notes,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    method: String,
    host: String,
    path: String,
    protocol: &'static str,
    status: u16,
    bytes: u64,
    first_byte_ms: Option<f64>,
    duration_ms: f64,
    component: Option<&'a Name>,
    replicas: Vec<&'a Name>,
    attempts: u32,
    resumed: u32,
    failure: Option<FailureKind>,
}

impl Notes {
    /// For a request that gets a line, or for one that does not.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// A replica is asked.
    pub(crate) fn asked(&self, replica: ReplicaId) {
        if !self.wanted {
            return;
        }
        self.attempts.set(self.attempts.get() + 1);
        let mut asked = self.asked.borrow_mut();
        if asked.len() < ASKED_MAX {
            asked.push(replica);
        }
    }

    /// The head of the answer goes out.
    pub(crate) fn answered(&self, status: u16, first_byte: Duration, failure: Option<FailureKind>) {
        self.status.set(status);
        self.first_byte.set(Some(first_byte));
        self.failure.set(failure);
    }

    /// The body broke off.
    pub(crate) fn broken(&self, kind: FailureKind) {
        self.failure.set(Some(kind));
    }

    /// So many bytes of the body go out.
    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
    }

    /// The body goes on from another replica.
    pub(crate) fn resumed(&self) {
        self.resumed.set(self.resumed.get() + 1);
    }
}

impl AccessLog {
    /// Opens the log and starts the thread.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread started.
    pub(crate) fn start(settings: AccessLogSettings, counters: &Arc<Counters>) -> Result<Self, AccessLogError> {
        let fault = |source| AccessLogError { target: settings.target.clone(), source };
        let mut sink = open(&settings.target).map_err(fault)?;
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let (lost, wish, target) = (counters.clone(), Arc::<Wish>::default(), settings.target.clone());
        let reopen = wish.clone();
        let write = move || {
            write_all(&waiting, &lost, |batch| {
                if reopen.0.swap(false, Ordering::AcqRel) {
                    match open(&target) {
                        Ok(fresh) => sink = fresh,
                        Err(error) => events::access_log_not_reopened(&error),
                    }
                }
                sink.write_all(batch).and_then(|()| sink.flush())
            });
        };
        thread::Builder::new().name("edge-access".into()).spawn(write).map_err(fault)?;
        Ok(Self { lines, wish, counters: counters.clone(), settings })
    }

    /// Opens the file anew before the next line, for it may have been moved away.
    pub(crate) fn reopen(&self) {
        self.wish.0.store(true, Ordering::Release);
    }

    /// Whether a request gets a line; `roll` is a number from 0 to below 1.
    pub(crate) fn takes(&self, roll: f64) -> bool {
        roll < self.settings.sample
    }

    /// Hands a line in.
    pub(crate) fn write(&self, entry: &Entry<'_>, site: &Site) {
        let handed_in = serde_json::to_vec(&self.line(entry, site)).ok().map(|mut line| {
            line.push(b'\n');
            self.lines.try_send(line).is_ok()
        });
        if handed_in != Some(true) {
            self.counters.lines_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn line<'a>(&self, entry: &Entry<'a>, site: &'a Site) -> Line<'a> {
        let (head, notes) = (entry.head, entry.notes);
        let target = match self.settings.queries {
            QueryWord::Left => head.path(),
            QueryWord::Written => &head.target,
        };
        let asked = notes.asked.borrow();
        Line {
            time: jiff::Timestamp::now().to_string(),
            client: client(self.settings.clients, entry.caller),
            method: String::from_utf8_lossy(head.method.as_bytes()).into_owned(),
            host: String::from_utf8_lossy(&head.host).into_owned(),
            path: String::from_utf8_lossy(target).into_owned(),
            protocol: protocol(head.version),
            status: notes.status.get(),
            bytes: notes.bytes.get(),
            first_byte_ms: notes.first_byte.get().map(milliseconds),
            duration_ms: milliseconds(entry.took),
            component: entry.component,
            replicas: asked.iter().map(|id| &site.replica(*id).settings.name).collect(),
            attempts: notes.attempts.get(),
            resumed: notes.resumed.get(),
            failure: notes.failure.get(),
        }
    }
}

fn open(target: &LogTarget) -> io::Result<Box<dyn Write + Send>> {
    Ok(match target {
        LogTarget::Stdout => Box::new(io::stdout()),
        LogTarget::File(path) => Box::new(File::options().create(true).append(true).open(path)?),
    })
}

fn client(word: ClientWord, caller: Caller) -> Option<String> {
    match word {
        ClientWord::Nothing => None,
        ClientWord::Network => Some(caller.network.name().to_string()),
        ClientWord::Address => Some(caller.address.to_canonical().to_string()),
    }
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::Http2 => "HTTP/2",
    }
}

/// To the microsecond.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// Writes until nobody can hand in any more, what waits in one go. What the disk does not take is lost and counted.
fn write_all(lines: &Receiver<Vec<u8>>, counters: &Counters, mut write: impl FnMut(&[u8]) -> io::Result<()>) {
    let (mut batch, mut torn) = (Vec::with_capacity(BATCH_BYTES), false);
    while let Ok(first) = lines.recv() {
        let mut count = 1;
        if torn {
            // Whatever is left of the line before ends here.
            batch.push(b'\n');
        }
        batch.extend_from_slice(&first);
        while batch.len() < BATCH_BYTES
            && let Ok(line) = lines.try_recv()
        {
            count += 1;
            batch.extend_from_slice(&line);
        }
        torn = write(&batch).is_err();
        if torn {
            counters.lines_lost.fetch_add(count, Ordering::Relaxed);
        }
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A disk that takes nothing until it is told to.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_hangs_or_is_full_costs_lines_and_nothing_else() {
        let counters = Arc::new(Counters::default());
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let (tell, told) = channel();
        let (lost, mut stuck) = (counters.clone(), Stuck(told));
        let writer = thread::spawn(move || write_all(&waiting, &lost, |batch| Stuck::write_all(&mut stuck, batch)));
        let settings = AccessLogSettings::to(LogTarget::Stdout);
        let log = AccessLog { settings, lines, wish: Arc::default(), counters: counters.clone() };
        let handed_in = (0..).take_while(|_| log.lines.try_send(b"{}\n".to_vec()).is_ok()).count();
        assert!(handed_in >= WAITING_MAX, "{handed_in}");
        drop(tell);
        drop(log);
        writer.join().expect("the writer ends with its senders");
        assert_eq!(counters.lines_lost.load(Ordering::Relaxed), handed_in as u64);
    }
}
