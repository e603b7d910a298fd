//! A crowd of clients that never finish their heads: a byte now and then, on as many connections as there may be.

use crate::process::local;
use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::sleep;

/// The head that never ends begins like a good one.
const BEGINNING: &[u8] = b"GET /1k HTTP/1.1\r\nHost: bench\r\nX-Slow: ";
/// A byte this often.
const DRIBBLE: Duration = Duration::from_secs(5);
/// So many connect at once, and the next after this, so that no backlog runs over.
const BATCH: usize = 50;
const BATCH_EVERY: Duration = Duration::from_millis(10);
/// A connection that was cut is made again after this.
const AGAIN: Duration = Duration::from_millis(500);

/// A crowd on a thread of its own; it leaves when this is dropped.
pub(crate) struct Crowd {
    held: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Starts so many.
    pub(crate) fn start(port: u16, count: usize) -> Result<Self> {
        raise_files()?;
        let (held, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let (counter, end) = (held.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            LocalSet::new().block_on(&runtime, async {
                for number in 0..count {
                    tokio::task::spawn_local(dribble(port, counter.clone()));
                    if number % BATCH == BATCH - 1 {
                        sleep(BATCH_EVERY).await;
                    }
                }
                while !end.load(Ordering::Relaxed) {
                    sleep(BATCH_EVERY).await;
                }
            });
        });
        Ok(Self { held, over, thread: Some(thread) })
    }

    /// How many connections are open at this moment.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // A thread that panicked has left as well.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// One client, for ever: what is cut is made again.
async fn dribble(port: u16, held: Arc<AtomicUsize>) {
    loop {
        if let Ok(stream) = TcpStream::connect(local(port)).await {
            held.fetch_add(1, Ordering::Relaxed);
            // However it ends, it begins again.
            let _ = hold(stream).await;
            held.fetch_sub(1, Ordering::Relaxed);
        }
        sleep(AGAIN).await;
    }
}

/// Holds one connection until the server ends it.
async fn hold(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(BEGINNING).await?;
    let mut answer = [0; 64];
    loop {
        tokio::select! {
            end = stream.read(&mut answer) => return end.map(|_| ()),
            () = sleep(DRIBBLE) => stream.write_all(b"x").await?,
        }
    }
}

/// As many open files as the system lets us have.
pub(crate) fn raise_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("raise the limit of open files")
}
