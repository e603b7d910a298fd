//! The way from this edge to one replica: connections, and the faults that a drill puts on them.

use crate::ask::fault::Effects;
use crate::change::site::{ComponentId, ReplicaId};
use crate::door::outbox::{Behind, Outbox};
use crate::run::shared::Shared;
use bytes::BytesMut;
use downbeat_core::model::{Dimension, FailureKind, Slice};
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A replica that paused for a moment drops what its queue has no room for, and the kernel repeats a lost SYN after a
/// second only. Ours goes out again after this (RFC 8305 waits 250 ms for the next address).
const KNOCK_AGAIN: Duration = Duration::from_millis(200);
/// How often a blackhole is looked at for its end.
const BLACKHOLE_TICK: Duration = Duration::from_millis(10);
/// Room made for the first read of a connection.
const READ_BYTES: usize = 16 * 1024;
/// Room for a head, where what follows it goes past us.
const HEAD_BYTES: usize = 4 * 1024;
/// Most bytes of one read.
const READ_BYTES_MAX: usize = 128 * 1024;
/// What is slowed comes in portions of a twentieth of a second.
const PORTIONS_A_SECOND: u64 = 20;

/// The way to a replica, for a component or for a check.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) shared: Arc<Shared>,
    pub(crate) component: Option<ComponentId>,
    pub(crate) replica: ReplicaId,
}

impl Line {
    /// What the faults in force do to this way.
    pub(crate) fn effects(&self) -> Effects {
        if !self.shared.faults.is_loaded() {
            return Effects::default();
        }
        self.shared.faults.effects(&self.place(), Instant::now())
    }

    fn place(&self) -> Slice {
        let site = &self.shared.site.replica(self.replica).settings;
        let mut place = Slice::of(Dimension::Replica, site.name.clone()).with(Dimension::Region, site.region.clone());
        if let Some(version) = self.shared.version(self.replica) {
            place = place.with(Dimension::Version, version);
        }
        match self.component {
            Some(c) => place.with(Dimension::Component, self.shared.site.component(c).settings.name.clone()),
            None => place,
        }
    }

    /// True when no fault touches anything, so that bytes may pass unseen.
    pub(crate) fn is_clear(&self) -> bool {
        !self.shared.faults.is_loaded()
    }

    /// Most bytes to be read at once: less when a fault slows the way down.
    pub(crate) fn portion(&self) -> usize {
        let portion = self.effects().bytes_per_second.map(|rate| (rate / PORTIONS_A_SECOND).max(1));
        portion.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX).min(READ_BYTES_MAX)
    }

    /// Waits while a blackhole swallows everything.
    pub(crate) async fn open(&self) {
        while self.effects().blackhole {
            tokio::time::sleep(BLACKHOLE_TICK).await;
        }
    }

    /// Waits for as long as a delay holds up first bytes.
    pub(crate) async fn lag(&self) {
        let delay = self.effects().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Makes a connection within `limit`.
    ///
    /// # Errors
    /// `Refused`, `Unreachable`, or `Unresolved` when no address is known.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<Connection, FailureKind> {
        let addresses = self.shared.addresses(self.replica);
        let mut failure = FailureKind::Unresolved;
        for address in addresses.iter() {
            match self.connect_to(*address, limit).await {
                Ok(connection) => return Ok(connection),
                Err(kind) => failure = kind,
            }
        }
        Err(failure)
    }

    /// Makes a connection to one address within `limit`.
    pub(crate) async fn connect_to(&self, address: SocketAddr, limit: Duration) -> Result<Connection, FailureKind> {
        let made = tokio::time::timeout(limit, async {
            self.open().await;
            knock(address).await
        });
        match made.await {
            Ok(Ok(stream)) => Ok(Connection::new(stream, address)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(FailureKind::Refused),
            Ok(Err(_)) | Err(_) => Err(FailureKind::Unreachable),
        }
    }
}

/// Connects, and knocks a second time when there is no answer. Whichever is heard first counts.
async fn knock(address: SocketAddr) -> io::Result<TcpStream> {
    let mut first = pin!(TcpStream::connect(address));
    tokio::select! {
        biased;
        made = &mut first => return made,
        () = tokio::time::sleep(KNOCK_AGAIN) => {}
    }
    tokio::select! {
        biased;
        made = first => made,
        made = TcpStream::connect(address) => made,
    }
}

/// A connection to a replica, or to the hub.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) address: SocketAddr,
    /// What was read and not yet understood.
    pub(crate) buffer: BytesMut,
    /// Room to be made for the next read: it follows what comes, so that an answer comes in as few reads as may be.
    room: usize,
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// So many bytes more in the buffer.
    Bytes(usize),
    /// The other side will send no more.
    End,
    /// The connection is broken.
    Broken,
}

impl Input {
    /// True when nothing more will come.
    pub(crate) const fn is_last(self) -> bool {
        matches!(self, Self::End | Self::Broken)
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, address: SocketAddr) -> Self {
        // Without the first, small writes wait for acknowledgements; without the second, an idle peer that has vanished is
        // found late. Where they fail, it is just so.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_keepalive(true);
        Self { stream, address, buffer: BytesMut::new(), room: READ_BYTES }
    }

    /// Reads at most `limit` bytes behind those in the buffer. May be dropped while it waits; nothing is lost.
    pub(crate) async fn read(&mut self, limit: usize) -> Input {
        let limit = limit.min(self.room);
        self.buffer.reserve(limit);
        let mut into = bytes::BufMut::limit(&mut self.buffer, limit);
        match self.stream.read_buf(&mut into).await {
            Ok(0) => Input::End,
            Ok(n) => {
                self.fit(n);
                Input::Bytes(n)
            }
            Err(_) => Input::Broken,
        }
    }

    fn fit(&mut self, read: usize) {
        if read == self.room {
            self.room = (2 * read).min(READ_BYTES_MAX);
        } else if read < self.room / 8 {
            self.room = (self.room / 2).max(READ_BYTES);
        }
    }

    /// Gives its memory to whoever reads next: an idle connection needs none.
    pub(crate) fn rest(&mut self) {
        self.buffer = BytesMut::new();
    }

    /// Takes in that a body went past us: so will the next, probably, and what is read of it with its head is copied.
    pub(crate) fn passed(&mut self) {
        self.room = HEAD_BYTES;
    }

    /// The socket, for bytes that need not be understood; none are in the buffer then.
    pub(crate) fn bare(&self) -> Option<&TcpStream> {
        self.buffer.is_empty().then_some(&self.stream)
    }

    /// The socket itself, for a tunnel.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends some of an outbox, waiting for at most `patience`. May be dropped while it waits.
    pub(crate) async fn send(&self, outbox: &mut Outbox, patience: Duration) -> io::Result<()> {
        outbox.send(&self.stream, patience, Behind::Nothing).await
    }

    /// Writes all of it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// True when the connection lies idle as it should: open, and nothing said on it.
    pub(crate) fn is_fresh(&mut self) -> bool {
        let mut probe = [0; 1];
        let quiet = matches!(self.stream.try_read(&mut probe), Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        quiet && self.buffer.is_empty()
    }
}
