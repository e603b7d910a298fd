//! Connections to replicas: one serves again only when the exchange before has ended cleanly (invariant H2).

use crate::client::{PATIENCE, read};
use crate::rig::{Rig, settings};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What becomes of the connection on which an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Reused,
    Closed,
}

/// A replica that answers `/first` with given bytes and everything else well, and remembers what its connections saw.
#[derive(Debug, Clone)]
struct Replica {
    address: SocketAddr,
    first: &'static str,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Path and connection of each request, checks left out.
    requests: Vec<(String, usize)>,
    closed: BTreeSet<usize>,
}

impl Replica {
    async fn start(first: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let replica = Self { address: listener.local_addr().expect("bound"), first, seen: Arc::default() };
        let served = replica.clone();
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                let replica = served.clone();
                tokio::spawn(async move {
                    // Closed or reset, it is the edge that ended it.
                    let _ = replica.serve(stream, connection).await;
                    replica.look(|seen| seen.closed.insert(connection));
                });
            }
        });
        replica
    }

    fn look<T>(&self, at: impl FnOnce(&mut Seen) -> T) -> T {
        at(&mut self.seen.lock().expect("no panic while held"))
    }

    async fn serve(&self, mut stream: TcpStream, connection: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::new();
        loop {
            while let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
                buffer.drain(..end + 4);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                if path != "/healthz" {
                    self.look(|seen| seen.requests.push((path.clone(), connection)));
                }
                match path.as_str() {
                    "/first" => stream.write_all(self.first.as_bytes()).await?,
                    // Its body is read to the end of the connection, and never answered.
                    "/upload" => drop(stream.read_to_end(&mut buffer).await?),
                    _ => stream.write_all(GOOD.as_bytes()).await?,
                }
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn rig(&self) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings(&folder, &[self.address]);
        settings.health.every = Duration::from_secs(3_600);
        Rig::start(folder, settings).await
    }

    fn connection_of(&self, path: &str) -> usize {
        let found = self.look(|seen| seen.requests.iter().find(|(p, _)| p == path).map(|(_, connection)| *connection));
        found.unwrap_or_else(|| panic!("{path} did not come"))
    }

    async fn until_closed(&self, connection: usize, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.look(|seen| seen.closed.contains(&connection)) {
            assert!(Instant::now() < deadline, "{what}: the connection is still open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_a_connection_serves_again_after_a_clean_exchange_only() {
    let stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
    let behind: &'static str = Box::leak(format!("{GOOD}{stolen}").into_boxed_str());
    let behind_nothing: &'static str = Box::leak(format!("HTTP/1.1 204 No Content\r\n\r\n{stolen}").into_boxed_str());
    let table: [(Then, &'static str); 20] = [
        (Then::Reused, GOOD),
        (Then::Reused, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (Then::Reused, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n"),
        (Then::Reused, "HTTP/1.1 204 No Content\r\n\r\n"),
        (Then::Reused, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        (Then::Reused, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nok"),
        (Then::Closed, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (Then::Closed, behind),
        (Then::Closed, behind_nothing),
        (Then::Closed, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX0\r\n\r\n"),
        (Then::Closed, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
        (Then::Closed, "HTTP/1.1 500 Broken\r\nContent-Length: 2\nX: y\r\n\r\nok"),
        (Then::Closed, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: y\r\n z\r\n\r\n"),
        (Then::Closed, "220 mail ready\r\n\r\n"),
    ];
    for (then, first) in table {
        let replica = Replica::start(first).await;
        let rig = replica.rig().await;
        rig.get("/first").await;
        let used = replica.connection_of("/first");
        if then == Then::Closed {
            replica.until_closed(used, first).await;
        }
        let second = rig.get("/second").await;
        assert_eq!((second.status, second.body.as_slice()), (200, &b"ok"[..]), "behind {first:?}");
        let again = replica.connection_of("/second") == used;
        assert_eq!(again, then == Then::Reused, "{first:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_half_an_upload_ends_the_connection() {
    let long = "x".repeat(100_000);
    let table = [
        ("the client goes", format!("Content-Length: 200000\r\n\r\n{long}")),
        ("the client goes amid chunks", format!("Transfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\r\n")),
        ("a chunk is broken", format!("Transfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\r\n-1\r\n")),
        ("a line feed is bare", format!("Transfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\n0\r\n\r\n")),
    ];
    for (what, rest) in table {
        let replica = Replica::start(GOOD).await;
        let rig = replica.rig().await;
        let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
        let head = "POST /upload HTTP/1.1\r\nHost: a\r\n";
        stream.write_all(format!("{head}{rest}").as_bytes()).await.expect("the edge reads");
        let deadline = Instant::now() + PATIENCE;
        while replica.look(|seen| seen.requests.is_empty()) {
            assert!(Instant::now() < deadline, "{what}: the upload does not begin");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if what.starts_with("the client goes") {
            drop(stream);
        } else {
            assert_eq!(read(&mut stream).await.status, 400, "{what}");
        }
        let used = replica.connection_of("/upload");
        replica.until_closed(used, what).await;
        assert_eq!(rig.get("/second").await.status, 200, "{what}");
        assert_ne!(replica.connection_of("/second"), used, "{what}");
    }
}
