//! Idle connections of one thread, by address. Only those whose last exchange ended cleanly come here (invariant H2).

use crate::ask::line::Connection;
use crate::choose::keyed::Keyed;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Most idle connections to one address.
const IDLE_MAX: usize = 64;
/// An idle connection older than this is not used again; replicas close theirs about then.
const IDLE_AGE: Duration = Duration::from_secs(30);

/// Idle connections.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: HashMap<SocketAddr, Vec<Idle>, Keyed>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// Takes the connection that was idle for the shortest time, if one is still good.
    pub(crate) fn take(&mut self, address: SocketAddr, now: Instant) -> Option<Connection> {
        let idle = self.idle.get_mut(&address)?;
        while let Some(Idle { mut connection, since }) = idle.pop() {
            if now.saturating_duration_since(since) >= IDLE_AGE {
                idle.clear();
            } else if connection.is_fresh() {
                return Some(connection);
            }
        }
        None
    }

    /// Puts a connection by; the longest idle one goes when there are too many.
    pub(crate) fn put(&mut self, mut connection: Connection, now: Instant) {
        connection.rest();
        let idle = self.idle.entry(connection.address).or_default();
        if idle.len() >= IDLE_MAX {
            idle.remove(0);
        }
        idle.push(Idle { connection, since: now });
    }

    /// Closes what is too old, and forgets addresses without connections.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.idle.retain(|_, idle| {
            idle.retain(|i| now.saturating_duration_since(i.since) < IDLE_AGE);
            !idle.is_empty()
        });
    }
}
