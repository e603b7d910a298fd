//! Collapsed forwarding: of the requests for one address that come while it is being asked for, only the first goes
//! on to a replica (RFC 9111, 4). The others wait until that exchange has ended, well or not, and look again.

use crate::cache::store::Key;
use crate::run::sync::locked;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::watch;

/// The exchanges that others wait for.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Key, watch::Receiver<()>>>);

/// What a request is among those for its address.
#[derive(Debug)]
pub(crate) enum Place {
    First(Flight),
    Behind(Behind),
}

/// An exchange that others wait for; over when this is dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Arc<Flights>,
    key: Key,
    _over: watch::Sender<()>,
}

/// A place behind an exchange.
#[derive(Debug)]
pub(crate) struct Behind(watch::Receiver<()>);

impl Flights {
    /// Joins the requests for an address.
    pub(crate) fn join(self: &Arc<Self>, key: &Key) -> Place {
        let mut flights = locked(&self.0);
        if let Some(flight) = flights.get(key) {
            return Place::Behind(Behind(flight.clone()));
        }
        let (over, flight) = watch::channel(());
        flights.insert(key.clone(), flight);
        Place::First(Flight { flights: self.clone(), key: key.clone(), _over: over })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Before the sender goes, so that nobody who is released comes upon this flight again.
        locked(&self.flights.0).remove(&self.key);
    }
}

impl Behind {
    /// Waits until the exchange is over, but no longer than this.
    pub(crate) async fn wait(mut self, deadline: Instant) {
        // Nothing is ever sent: either the sender goes, or time is up, and both mean to look again.
        let _ = tokio::time::timeout_at(deadline.into(), self.0.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::site::ComponentId;
    use crate::codec::Scheme;
    use std::time::Duration;
    use tokio::task::JoinSet;

    fn key(target: &str) -> Key {
        Key::at(ComponentId(0), Scheme::Http, b"test", target.as_bytes())
    }

    #[tokio::test]
    async fn all_behind_are_released_when_the_first_ends() {
        let flights = Arc::new(Flights::default());
        let Place::First(first) = flights.join(&key("/a")) else { panic!("nobody was there") };
        assert!(matches!(flights.join(&key("/b")), Place::First(_)), "another address");
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut waiting = JoinSet::new();
        for _ in 0..100 {
            let Place::Behind(behind) = flights.join(&key("/a")) else { panic!("one is first already") };
            waiting.spawn(behind.wait(deadline));
        }
        tokio::task::yield_now().await;
        assert!(waiting.try_join_next().is_none(), "all of them wait");
        drop(first);
        assert_eq!(waiting.join_all().await.len(), 100, "long before the deadline");
        assert!(Instant::now() < deadline);
        assert!(matches!(flights.join(&key("/a")), Place::First(_)), "the next is first again");
    }

    #[tokio::test]
    async fn nobody_waits_beyond_the_deadline() {
        let flights = Arc::new(Flights::default());
        let Place::First(_first) = flights.join(&key("/a")) else { panic!("nobody was there") };
        let Place::Behind(behind) = flights.join(&key("/a")) else { panic!("one is first already") };
        let deadline = Instant::now() + Duration::from_millis(20);
        behind.wait(deadline).await;
        assert!(Instant::now() >= deadline, "though the first is still under way");
    }
}
