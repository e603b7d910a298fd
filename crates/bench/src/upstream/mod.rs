//! A server of known answers on one thread: the same bytes under the same strong ETag from every copy of it.
//!
//! `/1k`, `/64k` and `/10m` are bodies; `?pace=BYTES` sends one at so many bytes a second through a small buffer, so that
//! a fault hits it in the middle. `/mode/…` makes the server fail or tarry. Everything else is answered with `ok`, so
//! that health checks are good whatever the mode: the faults that are hard to see.

pub(crate) mod content;
mod range;
mod request;

use anyhow::{Context, Result};
use content::Content;
use range::Span;
use request::{Request, read};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How late a slow server is.
const SLOW: Duration = Duration::from_secs(1);
/// A paced body is sent so often.
const PACE_TICK: Duration = Duration::from_millis(2);
/// What the kernel may hold of a paced body: little, so that a fault leaves little behind that still arrives.
const PACED_BUFFER: usize = 16 * 1024;
/// The largest body that is sent together with its head.
const ONE_WRITE: usize = 128 * 1024;
/// The field in which a server says which one it is.
pub(crate) const NAME_FIELD: &str = "x-upstream";

/// Which server to be.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen on 127.0.0.1
    #[arg(long)]
    port: u16,
}

/// How the server behaves; health checks are always answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    Failing,
    Slow,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Well, Self::Failing, Self::Slow];

    /// The path that switches to it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Well => "/mode/well",
            Self::Failing => "/mode/failing",
            Self::Slow => "/mode/slow",
        }
    }
}

struct Server {
    port: u16,
    mode: Cell<Mode>,
    contents: [Content; 3],
}

/// Serves until the process is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let server = Rc::new(Server { port: options.port, mode: Cell::new(Mode::Well), contents: content::all() });
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
        let Some(content) = self.contents.iter().find(|content| content.path == request.path) else {
            return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n").await;
        };
        match self.mode.get() {
            Mode::Failing => {
                return stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await;
            }
            Mode::Slow => sleep(SLOW).await,
            Mode::Well => {}
        }
        self.deliver(stream, request, content).await
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

/// Sends a body at so many bytes a second.
async fn send_paced(stream: &mut TcpStream, body: &[u8], pace: u64) -> std::io::Result<()> {
    socket2::SockRef::from(&*stream).set_send_buffer_size(PACED_BUFFER)?;
    let each = usize::try_from(pace * PACE_TICK.as_millis() as u64 / 1000).unwrap_or(usize::MAX).max(1);
    let mut ticks = interval(PACE_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for part in body.chunks(each) {
        ticks.tick().await;
        stream.write_all(part).await?;
    }
    Ok(())
}
