//! The crowd's connections: kept alive, each from an address of its own, a few tens in use at most times.

use super::Network;
use crate::http::{Answer, Ask, CallError, Caller};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Callers that take turns when nobody has to wait.
const CALLERS: usize = 48;

/// Calls at once; one more is turned away.
const IN_FLIGHT_MAX: usize = 512;

/// Every caller is still waiting for an answer.
#[derive(Debug)]
pub(super) struct AllBusy;

/// Callers who wait for something to do, oldest first, and how many there are in all.
#[derive(Debug)]
struct Callers {
    idle: VecDeque<Caller>,
    all: usize,
}

/// Callers of one kind.
#[derive(Debug)]
pub(super) struct Pool {
    callers: Arc<Mutex<Callers>>,
    edge: SocketAddr,
    address: Addresses,
    patience: Duration,
}

/// Where callers come from.
#[derive(Debug, Clone, Copy)]
enum Addresses {
    Everywhere,
    One(Network),
}

/// The n-th of the crowd's homes: 127.30.0.0 to 127.60.255.255, each in a network of its own.
pub(super) fn home(number: usize) -> Ipv4Addr {
    // The remainders are below 256.
    Ipv4Addr::new(127, 30 + (number % 31) as u8, (number / 31 % 256) as u8, 7)
}

impl Pool {
    pub(super) fn of_many_networks(edge: SocketAddr, patience: Duration) -> Self {
        Self::new(edge, Addresses::Everywhere, patience)
    }

    pub(super) fn of_one_network(edge: SocketAddr, network: Network, patience: Duration) -> Self {
        Self::new(edge, Addresses::One(network), patience)
    }

    fn new(edge: SocketAddr, address: Addresses, patience: Duration) -> Self {
        let callers = Arc::new(Mutex::new(Callers { idle: VecDeque::new(), all: 0 }));
        Self { callers, edge, address, patience }
    }

    /// Has the caller who waited longest send this, and hands the answer on.
    pub(super) fn send(
        &self,
        ask: Ask,
        then: impl FnOnce(Result<Answer, CallError>) + Send + 'static,
    ) -> Result<(), AllBusy> {
        let mut caller = self.next().ok_or(AllBusy)?;
        let callers = Arc::clone(&self.callers);
        tokio::spawn(async move {
            then(caller.ask(&ask).await);
            let mut callers = callers.lock().unwrap_or_else(PoisonError::into_inner);
            if callers.all > CALLERS && callers.idle.len() >= CALLERS {
                callers.all -= 1;
            } else {
                callers.idle.push_back(caller);
            }
        });
        Ok(())
    }

    fn next(&self) -> Option<Caller> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.all >= CALLERS && !callers.idle.is_empty() {
            return callers.idle.pop_front();
        }
        if callers.all >= IN_FLIGHT_MAX {
            return None;
        }
        callers.all += 1;
        let from = match self.address {
            Addresses::Everywhere => home(callers.all),
            Addresses::One(network) => network.host(callers.all),
        };
        Some(Caller::new(self.edge, self.patience).from(from))
    }
}
