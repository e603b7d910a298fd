//! The door for clients: accepts connections and serves one request after the other on each.

use crate::codec::Persistence;
use crate::door::arrival::{Arrival, Gate, Protocol, Terms};
use crate::door::caller::Caller;
use crate::door::client::{Beginning, Client, Incoming, Patience};
use crate::door::http2;
use crate::door::wire::Wire;
use crate::exchange::own::OwnAnswer;
use crate::exchange::{After, exchange, refuse};
use crate::run::worker::Worker;
use crate::tell::events;
use bytes::BytesMut;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Pause after a connection could not be accepted, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often idle connections to replicas are looked over.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// A client turned away at the door gets its word within this, or not.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// Serves at all gates until the edge stops, and then for as long as the drain allows.
pub(crate) async fn serve(worker: Rc<Worker>, gates: Vec<Gate>) {
    let mut open = JoinSet::new();
    tokio::task::spawn_local(worker.timers.clone().run());
    for gate in gates {
        open.spawn_local(keep(worker.clone(), gate));
    }
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            ended = open.join_next() => if ended.is_none() { break },
            _ = sweep.tick() => worker.sweep(),
        }
    }
}

/// Serves at one gate.
async fn keep(worker: Rc<Worker>, gate: Gate) {
    let Gate { listener, terms } = gate;
    let terms = Rc::new(terms);
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&worker, &mut clients, stream, peer.ip(), &terms),
                Err(error) => {
                    events::accept_failed(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = clients.join_next() => {}
            () = worker.stopping() => break,
        }
    }
    drop(listener);
    let drained = async { while clients.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(worker.shared.settings.drain, drained).await;
}

fn admit(worker: &Rc<Worker>, clients: &mut JoinSet<()>, stream: TcpStream, peer: IpAddr, terms: &Rc<Terms>) {
    // Answers go out when they are there; where this fails, they only wait a little.
    let _ = stream.set_nodelay(true);
    if worker.connections.get() >= worker.shared.settings.limits.connections {
        // A handshake only to say no is what there is no room for.
        if terms.is_plain() {
            clients.spawn_local(turn_away(Client::new(Wire::Plain(stream), peer, &worker.timers)));
        }
        return;
    }
    let (place, terms) = (Place::take(worker.clone()), terms.clone());
    clients.spawn_local(async move { welcome(&place.worker, stream, peer, &terms).await });
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

async fn welcome(worker: &Rc<Worker>, stream: TcpStream, peer: IpAddr, terms: &Terms) {
    // What most connections do not need lies on the heap for as long as it is needed: there are thousands of them.
    let arrived = tokio::select! {
        biased;
        arrived = Box::pin(terms.arrive(stream, peer)) => arrived,
        () = worker.stopping() => return,
    };
    match arrived {
        Ok(Arrival { wire, peer, protocol: Protocol::Http2 }) => {
            let caller = Caller::new(peer, wire.scheme());
            Box::pin(http2::serve(worker, wire, BytesMut::new(), caller)).await;
        }
        Ok(Arrival { wire, peer, protocol: Protocol::Http1 }) => {
            converse(worker, Client::new(wire, peer, &worker.timers)).await
        }
        Ok(Arrival { wire, peer, protocol: Protocol::ByFirstBytes }) => {
            begin(worker, Client::new(wire, peer, &worker.timers)).await
        }
        Err(fault) => {
            worker.shared.counters.failed_arrivals.fetch_add(1, Ordering::Relaxed);
            events::arrival_failed(peer, &fault);
        }
    }
}

/// Serves a client of which nobody knows yet what it speaks.
async fn begin(worker: &Rc<Worker>, mut client: Client) {
    let beginning = tokio::select! {
        biased;
        beginning = client.beginning(patience(worker)) => beginning,
        () = worker.stopping() => Beginning::Gone,
    };
    match beginning {
        Beginning::Http1 => converse(worker, client).await,
        Beginning::Http2 => {
            let (wire, start, caller) = client.into_parts();
            Box::pin(http2::serve(worker, wire, start, caller)).await;
        }
        Beginning::Gone => {}
    }
}

fn patience(worker: &Worker) -> Patience {
    let limits = &worker.shared.settings.limits;
    Patience { idle: limits.idle, head: limits.head }
}

async fn converse(worker: &Rc<Worker>, mut client: Client) {
    loop {
        let incoming = tokio::select! {
            biased;
            incoming = client.next_head(patience(worker)) => incoming,
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
