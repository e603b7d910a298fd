//! Everything that is looked at, and the hub that is told: one server of two threads, which notes when each target was asked for.

use anyhow::{Context, Result};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longest head of a request, and body of a report to the hub, that is read at a time.
const READ_BYTES: usize = 64 * 1024;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nready\n";
const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// The targets of a run.
pub(super) struct Targets {
    pub(super) port: u16,
    pub(super) count: usize,
    notes: Arc<Notes>,
}

/// When each target was looked at.
struct Notes(Mutex<Vec<Vec<Instant>>>);

/// What has been seen since it was forgotten.
pub(super) struct Seen {
    pub(super) looks: usize,
    /// Seconds between two looks at the same target.
    pub(super) gaps: Vec<f64>,
}

impl Targets {
    /// Serves until the process ends.
    pub(super) fn start(count: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("start a runtime")?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("listen")?;
        let port = listener.local_addr().context("read a port")?.port();
        let notes = Arc::new(Notes(Mutex::new(vec![Vec::new(); count])));
        let kept = Arc::clone(&notes);
        std::thread::spawn(move || {
            runtime.block_on(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&kept)));
                }
            });
        });
        Ok(Self { port, count, notes })
    }

    /// Where a target is.
    pub(super) fn url(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}/t/{number}", self.port)
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        self.notes.lock().iter_mut().for_each(Vec::clear);
    }

    /// What was seen.
    pub(super) fn seen(&self) -> Seen {
        let notes = self.notes.lock();
        let gaps = notes.iter().flat_map(|looks| looks.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()));
        Seen { looks: notes.iter().map(Vec::len).sum(), gaps: gaps.collect() }
    }
}

impl Notes {
    fn note(&self, number: usize, at: Instant) {
        if let Some(looks) = self.lock().get_mut(number) {
            looks.push(at);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Instant>>> {
        // A moment is pushed, and nothing else happens under it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that says something else than HTTP, or hangs up, is done with.
async fn serve(mut stream: TcpStream, notes: Arc<Notes>) {
    let mut read = Vec::with_capacity(1_024);
    loop {
        let end = loop {
            if let Some(end) = end_of_head(&read) {
                break end;
            }
            if read.len() > READ_BYTES || !stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
                return;
            }
        };
        let came = Instant::now();
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let number = head.strip_prefix("GET /t/").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        if let Some(number) = number {
            notes.note(number, came);
        }
        let body = length(&head);
        while read.len() < end + body {
            if !stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
                return;
            }
        }
        read.drain(..end + body);
        if stream.write_all(if number.is_some() { ANSWER } else { TAKEN }).await.is_err() {
            return;
        }
    }
}

fn end_of_head(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn length(head: &str) -> usize {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn looks_are_noted_target_by_target() -> Result<()> {
        let targets = Targets::start(2)?;
        let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, targets.port))?;
        let mut say = |request: &str, answer: &[u8]| -> Result<()> {
            let mut came = vec![0; answer.len()];
            stream.write_all(request.as_bytes())?;
            stream.read_exact(&mut came)?;
            assert_eq!(came, answer, "{request}");
            Ok(())
        };
        for path in ["/t/0", "/t/1", "/t/0"] {
            say(&format!("GET {path} HTTP/1.1\r\n\r\n"), ANSWER)?;
        }
        // What the hub is told is no look, and neither is a target that there is not.
        say("POST /v1/probes HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", TAKEN)?;
        say("GET /t/7 HTTP/1.1\r\n\r\n", ANSWER)?;
        let seen = targets.seen();
        assert_eq!((seen.looks, seen.gaps.len()), (3, 1));
        targets.forget();
        assert_eq!(targets.seen().looks, 0);
        Ok(())
    }
}
