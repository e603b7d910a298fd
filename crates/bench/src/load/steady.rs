//! Requests at a steady rate, whether the last ones were answered or not: nothing waits, so nothing is left out.
//!
//! Latency counts from the moment a request was due. Every answer has to be 200 with the right bytes.

use super::http;
use crate::process::local;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::io::{Error, ErrorKind};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep_until, timeout};

/// A request without a whole answer by then is lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What to ask for, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) port: u16,
    pub(crate) path: &'static str,
    pub(crate) body: Vec<u8>,
    /// Requests a second.
    pub(crate) rate: u32,
    /// Not counted.
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
}

/// What the clients saw after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// The first of the errors, in words.
    pub(crate) first_error: Option<String>,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// Starts asking, on a thread of its own.
pub(crate) fn start(plan: Plan) -> JoinHandle<Result<Seen>> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        Ok(LocalSet::new().block_on(&runtime, ask_all(plan)))
    })
}

type Outcome = (Duration, std::io::Result<()>);

async fn ask_all(plan: Plan) -> Seen {
    let client = Rc::new(Client::new(plan));
    let start = Instant::now();
    let counted_from = start + client.plan.warm_up;
    let end = counted_from + client.plan.duration;
    let mut asked = JoinSet::new();
    let mut outcomes = Vec::new();
    for number in 0.. {
        let due = start + Duration::from_secs(1) * number / client.plan.rate;
        if due >= end {
            break;
        }
        sleep_until(due).await;
        let client = client.clone();
        asked.spawn_local(async move {
            let answer = timeout(PATIENCE, client.ask()).await;
            let answer = answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "no whole answer in 10 s")));
            (due >= counted_from, (due.elapsed(), answer))
        });
        while let Some(Ok((counts, outcome))) = asked.try_join_next() {
            outcomes.extend(counts.then_some(outcome));
        }
    }
    while let Some(Ok((counts, outcome))) = asked.join_next().await {
        outcomes.extend(counts.then_some(outcome));
    }
    sum(outcomes)
}

fn sum(outcomes: Vec<Outcome>) -> Seen {
    let mut latencies: Vec<Duration> = outcomes.iter().map(|(latency, _)| *latency).collect();
    latencies.sort();
    let errors: Vec<String> =
        outcomes.iter().filter_map(|(_, answer)| Some(answer.as_ref().err()?.to_string())).collect();
    let at = |per_mille: usize| {
        let place = (latencies.len() * per_mille / 1000).min(latencies.len().saturating_sub(1));
        latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    Seen {
        requests: outcomes.len() as u64,
        errors: errors.len() as u64,
        first_error: errors.into_iter().next(),
        p50_ms: at(500),
        p99_ms: at(990),
        max_ms: at(1000),
    }
}

/// Connections to one port, used again.
pub(super) struct Client {
    idle: RefCell<Vec<TcpStream>>,
    plan: Plan,
}

impl Client {
    /// One without connections yet.
    pub(super) fn new(plan: Plan) -> Self {
        Self { idle: RefCell::default(), plan }
    }

    /// Asks once; an error unless the answer is 200 with the right bytes.
    pub(super) async fn ask(&self) -> std::io::Result<()> {
        // A server may close what has been idle for long; whoever asks there again has no answer to expect.
        let idle = std::iter::from_fn(|| self.idle.borrow_mut().pop()).find(is_open);
        let mut stream = match idle {
            Some(stream) => stream,
            None => connect(self.plan.port).await?,
        };
        let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", self.plan.path);
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(4096);
        let head = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "closed without an answer"));
            }
            if let Some(head) = http::head(&buffer)? {
                break head;
            }
        };
        while buffer.len() < head.bytes + head.length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "closed in the middle of a body"));
            }
        }
        if !head.closes {
            self.idle.borrow_mut().push(stream);
        }
        match head.status {
            200 if buffer[head.bytes..] == self.plan.body => Ok(()),
            200 => Err(Error::new(ErrorKind::InvalidData, "other bytes than those served")),
            status => Err(Error::other(format!("status {status}"))),
        }
    }
}

/// True while the other side has neither closed nor said anything.
fn is_open(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

async fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(local(port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_is_not_used_again() -> Result<()> {
        let listener = tokio::net::TcpListener::bind(local(0)).await.context("listen")?;
        let stream = connect(listener.local_addr().context("read a port")?.port()).await.context("connect")?;
        let (other, _) = listener.accept().await.context("accept")?;
        assert!(is_open(&stream));
        drop(other);
        stream.readable().await.context("wait for the end")?;
        assert!(!is_open(&stream));
        Ok(())
    }

    #[test]
    fn outcomes_are_summed_up() {
        let good = |ms| (Duration::from_millis(ms), Ok(()));
        let bad = (Duration::from_millis(7), Err(Error::other("status 500")));
        let seen = sum(vec![good(3), bad, good(1), good(2)]);
        assert_eq!((seen.requests, seen.errors, seen.max_ms), (4, 1, 7.0));
        assert_eq!((seen.first_error.as_deref(), seen.p50_ms), (Some("status 500"), 3.0));
        assert_eq!(sum(Vec::new()).requests, 0);
    }
}
