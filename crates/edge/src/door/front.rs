//! The door for clients: accepts connections and serves one request after the other on each.

use crate::codec::Persistence;
use crate::door::client::{Client, Incoming, Patience};
use crate::exchange::own::OwnAnswer;
use crate::exchange::{After, exchange, refuse};
use crate::run::worker::Worker;
use crate::tell::events;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Pause after a connection could not be accepted, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often idle connections to replicas are looked over.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// A client turned away at the door gets its word within this, or not.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// Serves until the edge stops, and then for as long as the drain allows.
pub(crate) async fn serve(worker: Rc<Worker>, listener: TcpListener) {
    let mut clients = JoinSet::new();
    tokio::task::spawn_local(worker.timers.clone().run());
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&worker, &mut clients, stream, peer.ip()),
                Err(error) => {
                    events::accept_failed(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = clients.join_next() => {}
            _ = sweep.tick() => worker.sweep(),
            () = worker.stopping() => break,
        }
    }
    drop(listener);
    let drained = async { while clients.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(worker.shared.settings.drain, drained).await;
}

fn admit(worker: &Rc<Worker>, clients: &mut JoinSet<()>, stream: TcpStream, peer: std::net::IpAddr) {
    let client = Client::new(stream, peer, &worker.timers);
    if worker.connections.get() >= worker.shared.settings.limits.connections {
        clients.spawn_local(turn_away(client));
        return;
    }
    let place = Place::take(worker.clone());
    clients.spawn_local(async move { converse(&place.worker, client).await });
}

/// One of a thread's places for connections, given back when dropped.
struct Place {
    worker: Rc<Worker>,
}

impl Place {
    fn take(worker: Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self { worker }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.connections.set(self.worker.connections.get().saturating_sub(1));
    }
}

async fn turn_away(mut client: Client) {
    let answer = OwnAnswer::error(503, "too many connections", Some(1));
    if answer.send(&mut client, Persistence::Close, TURN_AWAY).await.is_ok() {
        client.close().await;
    }
}

async fn converse(worker: &Rc<Worker>, mut client: Client) {
    let limits = &worker.shared.settings.limits;
    let patience = Patience { idle: limits.idle, head: limits.head };
    loop {
        let incoming = tokio::select! {
            biased;
            incoming = client.next_head(patience) => incoming,
            () = worker.stopping() => Incoming::Gone,
        };
        let after = match incoming {
            Incoming::Request(head) => exchange(worker, &mut client, &head).await,
            Incoming::Refused(refusal) => refuse(worker, &mut client, &refusal).await,
            Incoming::Gone => return,
        };
        match after {
            After::Keep => {}
            After::Close => return client.close().await,
            After::Cut => return client.cut(),
        }
    }
}
