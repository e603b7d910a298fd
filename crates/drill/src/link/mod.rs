//! A door: where the world reaches a replica, whichever process stands behind it.
//!
//! A TCP relay on the replica's own region address. New connections go to the newest process, while the one
//! before keeps those that it has, so that processes can be exchanged without noise. The line through the door
//! can be made to fail as networks fail. Socket buffers are small, because the kernel's usual megabytes would
//! hide an outage for many seconds of music.

mod line;
mod relay;
mod sockets;

pub use line::Condition;
use line::Line;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// More open connections than this are reset. A replica of the drills sees about a hundred.
const CONNECTIONS_MAX: usize = 2_048;

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address}")]
pub struct DoorError {
    /// Where it should have been.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub source: std::io::Error,
}

/// The process behind a door; connections hold its ticket for as long as they lead there.
#[derive(Debug, Clone)]
struct Backend {
    address: SocketAddr,
    ticket: Arc<()>,
    /// Closed when the process is gone.
    alive: watch::Receiver<()>,
}

/// Kept by whoever knows that a process lives. When it is dropped, the connections that lead to the process are
/// reset at once: a machine that dies takes its kernel's buffers along, which are megabytes of music.
#[derive(Debug)]
pub struct Alive {
    _sender: watch::Sender<()>,
}

impl Backend {
    fn is(&self, other: Option<&Backend>) -> bool {
        other.is_some_and(|other| Arc::ptr_eq(&self.ticket, &other.ticket))
    }

    /// Waits for the end of the process.
    async fn gone(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }
}

/// A process that no longer stands behind its door, but may still have connections.
#[derive(Debug)]
pub struct Leaving(Arc<()>);

impl Leaving {
    /// Waits until its last connection has ended, at most so long.
    pub async fn drained(self, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        while Arc::strong_count(&self.0) > 1 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// One door.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    condition: watch::Sender<Condition>,
    behind: watch::Sender<Option<Backend>>,
    porter: JoinHandle<()>,
}

impl Door {
    /// Opens a door with nobody behind it yet: connections are reset.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn open(address: SocketAddr) -> Result<Self, DoorError> {
        let listener = sockets::listen(address).map_err(|source| DoorError { address, source })?;
        let address = listener.local_addr().map_err(|source| DoorError { address, source })?;
        let condition = watch::Sender::new(Condition::Healthy);
        let behind = watch::Sender::new(None);
        let porter = tokio::spawn(receive(listener, condition.subscribe(), behind.subscribe()));
        Ok(Self { address, condition, behind, porter })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How the line through it is.
    pub fn condition(&self) -> Condition {
        *self.condition.borrow()
    }

    /// Makes the line so, for new and for open connections.
    pub fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }

    /// Sends new connections to another process from now on, for as long as it is said to be alive; answers with
    /// the one before, if there was one.
    #[must_use = "a process that nobody keeps alive is gone"]
    pub fn switch(&self, address: SocketAddr) -> (Alive, Option<Leaving>) {
        let (sender, alive) = watch::channel(());
        let newest = Backend { address, ticket: Arc::new(()), alive };
        let before = self.behind.send_replace(Some(newest));
        (Alive { _sender: sender }, before.map(|before| Leaving(before.ticket)))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.porter.abort();
    }
}

async fn receive(
    listener: TcpListener,
    condition: watch::Receiver<Condition>,
    behind: watch::Receiver<Option<Backend>>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut line = Line::new(condition.clone());
    loop {
        line.open().await;
        let arrived = tokio::select! {
            arrived = listener.accept() => arrived,
            () = line.changed() => continue,
        };
        // Out of descriptors, most likely: wait for some to come back instead of spinning.
        let Ok((client, _)) = arrived else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            sockets::reset(&client);
            continue;
        };
        let visit = lead(client, Line::new(condition.clone()), behind.clone());
        tokio::spawn(async move {
            visit.await;
            drop(place);
        });
    }
}

/// Leads one connection to the process that stands behind the door now.
async fn lead(client: TcpStream, line: Line, behind: watch::Receiver<Option<Backend>>) {
    let backend = behind.borrow().clone();
    let Some(backend) = backend else { return sockets::reset(&client) };
    match sockets::connect(backend.address).await {
        Ok(server) => relay::carry(&client, &server, line, backend, behind).await,
        Err(_) => sockets::reset(&client),
    }
}
