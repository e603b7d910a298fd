//! What lies between the edge and a server, and behind a server: both remember every request that passes.

use super::wire::{Message, take};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Bytes in the order in which they came, each with the number of its connection.
type Log = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// A relay from a port to a server's socket.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    log: Log,
    /// What has no whole request in it yet, by connection.
    open: BTreeMap<usize, Vec<u8>>,
}

/// A request that passed, and on which connection.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) connection: usize,
    pub(crate) message: Message,
}

impl Relay {
    pub(crate) async fn start(server: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let log = Log::default();
        let shared = log.clone();
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((client, _)) = listener.accept().await {
                connection += 1;
                let (log, server) = (shared.clone(), server.clone());
                // A connection that breaks is the business of its two ends.
                tokio::spawn(async move { relay(client, server, log, connection).await.ok() });
            }
        });
        Self { address, log, open: BTreeMap::new() }
    }

    /// The whole requests that passed since the last call, in order.
    pub(crate) fn passed(&mut self) -> Vec<Passed> {
        let mut passed = Vec::new();
        for (connection, bytes) in self.log.lock().expect("no panic while held").drain(..) {
            let buffer = self.open.entry(connection).or_default();
            buffer.extend_from_slice(&bytes);
            while let Some(message) = take(buffer) {
                passed.push(Passed { connection, message });
            }
        }
        self.open.retain(|_, rest| !rest.is_empty());
        passed.retain(|p| p.message.target() != "/healthz");
        passed
    }

    /// Bytes that passed and are no whole request.
    pub(crate) fn rest(&self) -> usize {
        self.open.values().map(Vec::len).sum()
    }
}

async fn relay(client: TcpStream, server: PathBuf, log: Log, connection: usize) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut from_edge, mut to_edge) = client.into_split();
    let (mut from_server, mut to_server) = UnixStream::connect(server).await?.into_split();
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = from_edge.read(&mut buffer).await?;
            if n == 0 {
                return to_server.shutdown().await;
            }
            // Remembered first, so that whoever has an answer finds its request here.
            log.lock().expect("no panic while held").push((connection, buffer[..n].to_vec()));
            to_server.write_all(&buffer[..n]).await?;
        }
    };
    let down = async {
        tokio::io::copy(&mut from_server, &mut to_edge).await?;
        to_edge.shutdown().await
    };
    // Whichever side ends first ends both: a half-closed connection serves nobody here.
    tokio::select! {
        result = up => result,
        result = down => result,
    }
}

/// A server behind the server: answers everything, and remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen: Arc<Mutex<Vec<Message>>> = Arc::default();
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = shared.clone();
                // The server in front may close whenever it likes.
                tokio::spawn(async move { record(stream, &seen).await.ok() });
            }
        });
        Self { address, seen }
    }

    /// The requests since the last call, in order.
    pub(crate) fn seen(&self) -> Vec<Message> {
        let mut seen = std::mem::take(&mut *self.seen.lock().expect("no panic while held"));
        seen.retain(|message| message.target() != "/healthz");
        seen
    }
}

async fn record(mut stream: TcpStream, seen: &Mutex<Vec<Message>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        while let Some(message) = take(&mut buffer) {
            let answer: &[u8] = match message.head.starts_with("HEAD ") {
                true => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
                false => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            };
            seen.lock().expect("no panic while held").push(message);
            stream.write_all(answer).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
