//! The door for clients: accepts connections and serves one request after the other on each.

use crate::codec::Persistence;
use crate::door::client::{Client, Incoming, Patience};
use crate::exchange::own::OwnAnswer;
use crate::exchange::{After, exchange, refuse};
use crate::run::shared::Counters;
use crate::run::worker::Roster;
use crate::tell::events;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Pause after a connection could not be accepted, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often idle connections to replicas are looked over.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// After a stop, a connection that is idle is closed when its client has been silent for so long.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// A client turned away at the door gets its word within this, or not.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// Serves until the edge stops, and then for as long as the drain allows.
pub(crate) async fn serve(roster: Rc<Roster>, listener: TcpListener) {
    let mut clients = JoinSet::new();
    tokio::task::spawn_local(roster.on_duty().timers.clone().run());
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&roster, &mut clients, stream, peer.ip()),
                Err(error) => {
                    events::accept_failed(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = clients.join_next() => {}
            _ = sweep.tick() => roster.on_duty().sweep(),
            () = roster.stopping() => break,
        }
    }
    drop(listener);
    let drained = async { while clients.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(roster.on_duty().shared.settings.drain, drained).await;
}

fn admit(roster: &Rc<Roster>, clients: &mut JoinSet<()>, stream: TcpStream, peer: std::net::IpAddr) {
    let worker = roster.on_duty();
    let client = Client::new(stream, peer, &worker.timers);
    if worker.connections.get() >= worker.shared.settings.limits.connections {
        clients.spawn_local(turn_away(client));
        return;
    }
    let (place, roster) = (Place::take(worker.connections.clone(), worker.shared.counters.clone()), roster.clone());
    clients.spawn_local(async move {
        converse(&roster, client).await;
        drop(place);
    });
}

/// One of a thread's places for connections, given back when dropped.
struct Place {
    here: Rc<Cell<usize>>,
    counters: Arc<Counters>,
}

impl Place {
    fn take(here: Rc<Cell<usize>>, counters: Arc<Counters>) -> Self {
        here.set(here.get() + 1);
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        counters.connections.fetch_add(1, Ordering::Relaxed);
        Self { here, counters }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.here.set(self.here.get().saturating_sub(1));
        self.counters.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn turn_away(mut client: Client) {
    let answer = OwnAnswer::error(503, "too many connections", Some(1));
    if answer.send(&mut client, Persistence::Close, TURN_AWAY).await.is_ok() {
        client.close().await;
    }
}

async fn converse(roster: &Roster, mut client: Client) {
    loop {
        let incoming = await_request(roster, &mut client).await;
        // A new generation may have come while the request was waited for: each request is served by the newest.
        let worker = roster.on_duty();
        let after = match incoming {
            Incoming::Request(head) => exchange(&worker, &mut client, &head).await,
            Incoming::Refused(refusal) => refuse(&worker, &mut client, &refusal).await,
            Incoming::Gone => return,
        };
        match after {
            After::Keep => {}
            After::Close => return client.close().await,
            After::Cut => return client.cut(),
        }
    }
}

/// The next request. When the edge stops, a client gets a moment to make its next one, which is answered with
/// `Connection: close`: a connection closed just as a request comes costs the client that request.
async fn await_request(roster: &Roster, client: &mut Client) -> Incoming {
    let patience = {
        let worker = roster.on_duty();
        let limits = &worker.shared.settings.limits;
        Patience { idle: limits.idle, head: limits.head }
    };
    tokio::select! {
        biased;
        incoming = client.next_head(patience) => incoming,
        () = async {
            roster.stopping().await;
            tokio::time::sleep(LAST_REQUEST).await;
        } => Incoming::Gone,
    }
}
