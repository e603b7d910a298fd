//! Accounts and playlists, in one SQLite file that all replicas on a machine share.
//!
//! Queries run on a bounded pool of connections behind a [`Gate`], so a replica has a real capacity
//! (connections / time a query takes) and says so when it is exceeded. An optional latency is waited for while
//! the connection is held: it stands for a database at the other end of a network.

pub(crate) mod accounts;
mod demo;
mod once;
pub(crate) mod playlists;
pub(crate) mod search;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    catalogue::Catalogue,
    gate::{Gate, Overloaded},
    password::{PasswordError, Passwords},
};

pub(crate) use once::{IdempotencyKey, Request};

/// How long a query waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many queries wait already.
    #[error("query the database")]
    Overloaded(#[from] Overloaded),
    /// The file could not be opened.
    #[error("open {path}", path = path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// A query failed.
    #[error("query the database")]
    Query(#[from] rusqlite::Error),
    /// A stored answer could not be read back.
    #[error("read a stored answer")]
    Answer(#[from] serde_json::Error),
    /// Demo passwords could not be hashed.
    #[error("make demo accounts")]
    Password(#[from] PasswordError),
    /// A query panicked or the runtime is going down.
    #[error("the query did not finish")]
    Unfinished,
}

/// Creates tables, copies the catalogue for searching, and adds demo accounts that are missing; answers how many.
pub(crate) fn set_up(data: &Path, catalogue: &Catalogue, passwords: &Passwords) -> Result<usize, StoreError> {
    let mut connection = open(data)?;
    connection.execute_batch(include_str!("schema.sql"))?;
    search::rewrite(&mut connection, catalogue)?;
    demo::add_accounts(&mut connection, catalogue, passwords)
}

/// Opens one connection.
fn open(data: &Path) -> Result<Connection, StoreError> {
    let path = data.join("encore.db");
    let opened = || {
        let connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    opened().map_err(|source| StoreError::Open { path: path.clone(), source })
}

/// The pool.
#[derive(Debug)]
pub(crate) struct Database {
    gate: Gate,
    latency: Duration,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// Kept apart, so that "is the database usable?" does not queue behind a crowd of queries.
    probe: Arc<Mutex<Connection>>,
    probing: Gate,
}

impl Database {
    pub(crate) fn open(data: &Path, connections: usize, latency: Duration) -> Result<Self, StoreError> {
        let idle = (0..connections).map(|_| open(data)).collect::<Result<Vec<_>, _>>()?;
        let probe = Arc::new(Mutex::new(open(data)?));
        let idle = Arc::new(Mutex::new(idle));
        Ok(Self { gate: Gate::new(connections), latency, idle, probe, probing: Gate::new(1) })
    }

    /// Runs a query on a free connection.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.gate.enter().await?;
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let idle = Arc::clone(&self.idle);
        let work = move || {
            // The place is freed after the connection is back, even if nobody waits for the answer any more.
            let _place = place;
            let mut borrowed = Borrowed::take(idle);
            query(borrowed.connection())
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Unfinished)?
    }

    /// Whether the file can be read right now.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let place = self.probing.enter().await?;
        let probe = Arc::clone(&self.probe);
        let look = move || {
            let _place = place;
            let connection = probe.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(connection.query_row("SELECT COUNT(*) FROM (SELECT 1 FROM users LIMIT 1)", [], |_| Ok(()))?)
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| StoreError::Unfinished)?
    }

    /// How many queries wait for a connection.
    pub(crate) fn waiting(&self) -> usize {
        self.gate.waiting()
    }
}

/// A connection out of the pool; goes back when dropped, also when a query panics.
struct Borrowed {
    connection: Option<Connection>,
    home: Arc<Mutex<Vec<Connection>>>,
}

impl Borrowed {
    fn take(home: Arc<Mutex<Vec<Connection>>>) -> Self {
        let connection = home.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { connection, home }
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("the gate lets in no more queries than there are connections")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

/// A transaction that will write: takes the write lock at its start, so that it cannot fail half-way.
fn writing(connection: &mut Connection) -> Result<rusqlite::Transaction<'_>, rusqlite::Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}
