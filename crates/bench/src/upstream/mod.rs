//! A server of known answers on one thread: the same bytes under the same strong ETag from every copy of it.
//!
//! `/1k`, `/64k` and `/10m` are bodies; `?pace=BYTES` sends one at so many bytes a second through a small buffer, so that
//! a fault hits it in the middle. `/mode/…` makes the server fail or tarry, `/count` says how many requests for bodies
//! have come, `/metrics` says for Prometheus how they were answered. Everything else is answered with `ok`, so
//! that health checks are good whatever the mode: the faults that are hard to see.

pub(crate) mod content;
mod metrics;
mod range;
mod request;

use anyhow::{Context, Result};
use content::Content;
use metrics::Metrics;
use range::Span;
use request::{Request, read};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How late a slow server is.
const SLOW: Duration = Duration::from_secs(1);
/// How late a server is that only lags.
const LAG: Duration = Duration::from_millis(800);
/// A paced body is sent so often.
const PACE_TICK: Duration = Duration::from_millis(1);
/// What the kernel may hold of a paced body: little, so that a fault leaves little behind that still arrives, but more
/// than one segment of the loopback (64 KB).
const PACED_BUFFER: usize = 128 * 1024;
/// The largest body that is sent together with its head.
const ONE_WRITE: usize = 128 * 1024;
/// The field in which a server says which one it is.
pub(crate) const NAME_FIELD: &str = "x-upstream";
/// Where a server says how many requests for bodies have come, well answered or not.
pub(crate) const COUNT_PATH: &str = "/count";
/// Where Prometheus reads how bodies were answered.
const METRICS_PATH: &str = "/metrics";
/// Where chance begins; servers differ by their ports.
const CHANCE_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which server to be.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// How long an answer with a body takes on average, in milliseconds: half to one and a half times this, by chance
    #[arg(long, default_value_t = 0)]
    work_ms: u32,
}

/// How the server behaves; health checks are always answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    Failing,
    Slow,
    /// 30 % of the answers are failures, by chance.
    FailingOften,
    /// 5 % of them are.
    FailingSeldom,
    /// 800 ms late.
    Lagging,
}

impl Mode {
    const ALL: [Self; 6] =
        [Self::Well, Self::Failing, Self::Slow, Self::FailingOften, Self::FailingSeldom, Self::Lagging];

    /// The path that switches to it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Well => "/mode/well",
            Self::Failing => "/mode/failing",
            Self::Slow => "/mode/slow",
            Self::FailingOften => "/mode/failing-often",
            Self::FailingSeldom => "/mode/failing-seldom",
            Self::Lagging => "/mode/lagging",
        }
    }

    /// Of 100 answers so many are failures.
    fn failures_percent(self) -> u32 {
        match self {
            Self::Failing => 100,
            Self::FailingOften => 30,
            Self::FailingSeldom => 5,
            Self::Well | Self::Slow | Self::Lagging => 0,
        }
    }

    /// How late its answers are.
    fn delay(self) -> Duration {
        match self {
            Self::Slow => SLOW,
            Self::Lagging => LAG,
            Self::Well | Self::Failing | Self::FailingOften | Self::FailingSeldom => Duration::ZERO,
        }
    }
}

struct Server {
    port: u16,
    work: Duration,
    mode: Cell<Mode>,
    asked: Cell<u64>,
    chance: Cell<u64>,
    metrics: Metrics,
    contents: [Content; 3],
}

/// Serves until the process is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let server = Rc::new(Server {
        port: options.port,
        work: Duration::from_millis(u64::from(options.work_ms)),
        mode: Cell::new(Mode::Well),
        asked: Cell::new(0),
        chance: Cell::new(CHANCE_SEED ^ u64::from(options.port)),
        metrics: Metrics::default(),
        contents: content::all(),
    });
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
        loop {
            let (stream, _) = listener.accept().await.context("accept a connection")?;
            let server = server.clone();
            tokio::task::spawn_local(async move {
                // A client that has gone is no news here; whoever measures sees it at the other end.
                let _ = server.serve(stream).await;
            });
        }
    })
}

impl Server {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::with_capacity(4096);
        while let Some(request) = read(&mut stream, &mut buffer).await? {
            self.answer(&mut stream, &request).await?;
        }
        Ok(())
    }

    async fn answer(&self, stream: &mut TcpStream, request: &Request) -> std::io::Result<()> {
        if let Some(mode) = Mode::ALL.into_iter().find(|mode| mode.path() == request.path) {
            self.mode.set(mode);
        }
        if request.path == COUNT_PATH {
            return say(stream, &self.asked.get().to_string()).await;
        }
        if request.path == METRICS_PATH {
            return say(stream, &self.metrics.text()).await;
        }
        let Some(content) = self.contents.iter().find(|content| content.path == request.path) else {
            return say(stream, "ok").await;
        };
        self.asked.set(self.asked.get() + 1);
        let (mode, start) = (self.mode.get(), Instant::now());
        let work = self.work / 2 + self.work * self.dice() / 100;
        // Even a sleep of nothing would give the thread away.
        if let Some(delay) = Some(work + mode.delay()).filter(|delay| !delay.is_zero()) {
            sleep(delay).await;
        }
        if self.dice() < mode.failures_percent() {
            self.metrics.count(500, start.elapsed());
            return stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await;
        }
        self.metrics.count(200, start.elapsed());
        self.deliver(stream, request, content).await
    }

    /// From 0 to 99, by chance (Marsaglia's xorshift64).
    fn dice(&self) -> u32 {
        let mut state = self.chance.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.chance.set(state);
        ((state >> 32) % 100) as u32
    }

    async fn deliver(&self, stream: &mut TcpStream, request: &Request, content: &Content) -> std::io::Result<()> {
        let span = Span::of(request, content);
        let mut bytes = self.head(content, span).into_bytes();
        let body = span.bytes(&content.bytes);
        if request.is_head {
            return stream.write_all(&bytes).await;
        }
        if let Some(pace) = request.pace {
            stream.write_all(&bytes).await?;
            return send_paced(stream, body, pace).await;
        }
        if body.len() <= ONE_WRITE {
            bytes.extend_from_slice(body);
            return stream.write_all(&bytes).await;
        }
        stream.write_all(&bytes).await?;
        stream.write_all(body).await
    }

    fn head(&self, content: &Content, span: Span) -> String {
        let (status, length, range) = span.status(content.bytes.len());
        let Content { media_type, etag, .. } = content;
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\nAccept-Ranges: bytes\r\n\
             ETag: {etag}\r\n{NAME_FIELD}: {}\r\n{range}\r\n",
            self.port
        )
    }
}

/// Answers with a line.
async fn say(stream: &mut TcpStream, words: &str) -> std::io::Result<()> {
    let length = words.len() + 1;
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{words}\n").as_bytes()).await
}

/// Sends a body at so many bytes a second: at every tick what is due by then, so that a late tick delays nothing after
/// it. A body that waits in buffers would hide a fault, so they are small.
async fn send_paced(stream: &mut TcpStream, body: &[u8], pace: u64) -> std::io::Result<()> {
    socket2::SockRef::from(&*stream).set_send_buffer_size(PACED_BUFFER)?;
    let (start, mut sent) = (Instant::now(), 0);
    while sent < body.len() {
        let due = (start.elapsed() + PACE_TICK).as_secs_f64() * pace as f64;
        let until = body.len().min(due as usize);
        stream.write_all(&body[sent..until.max(sent)]).await?;
        sent = until.max(sent);
        sleep_until(Instant::now() + PACE_TICK).await;
    }
    Ok(())
}
