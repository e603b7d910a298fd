//! The door for clients: accepts connections and serves one request after the other on each.

use crate::codec::Persistence;
use crate::door::arrival::{Arrival, Gate, Protocol, Terms};
use crate::door::caller::Caller;
use crate::door::client::{Beginning, Client, Incoming, Patience};
use crate::door::http2;
use crate::door::wire::Wire;
use crate::exchange::own::OwnAnswer;
use crate::exchange::{After, exchange, refuse};
use crate::run::shared::Counters;
use crate::run::worker::Roster;
use crate::tell::events;
use bytes::BytesMut;
use std::cell::Cell;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Pause after a connection could not be accepted, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often idle connections to replicas are looked over.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// After a stop, a connection is closed when its client has been silent for so long, or is not done with its handshake.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// A client turned away at the door gets its word within this, or not.
const TURN_AWAY: Duration = Duration::from_secs(1);

/// Serves at all gates until the edge stops, and then for as long as the drain allows.
pub(crate) async fn serve(roster: Rc<Roster>, gates: Vec<Gate>) {
    let mut open = JoinSet::new();
    tokio::task::spawn_local(roster.on_duty().timers.clone().run());
    for gate in gates {
        open.spawn_local(keep(roster.clone(), gate));
    }
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            ended = open.join_next() => if ended.is_none() { break },
            _ = sweep.tick() => roster.on_duty().sweep(),
        }
    }
}

/// Serves at one gate.
async fn keep(roster: Rc<Roster>, gate: Gate) {
    let Gate { listener, terms } = gate;
    let (mut terms, mut generation) = (Rc::new(terms), roster.on_duty().shared.generation);
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let worker = roster.on_duty();
                    if worker.shared.generation != generation {
                        generation = worker.shared.generation;
                        terms = Rc::new(terms.under(&worker.shared.settings));
                    }
                    admit(&roster, &mut clients, stream, peer.ip(), &terms);
                }
                Err(error) => {
                    events::accept_failed(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = clients.join_next() => {}
            () = roster.stopping() => break,
        }
    }
    drop(listener);
    let drained = async { while clients.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(roster.on_duty().shared.settings.drain, drained).await;
}

fn admit(roster: &Rc<Roster>, clients: &mut JoinSet<()>, stream: TcpStream, peer: IpAddr, terms: &Rc<Terms>) {
    let worker = roster.on_duty();
    // Answers go out when they are there; where this fails, they only wait a little.
    let _ = stream.set_nodelay(true);
    if worker.connections.get() >= worker.shared.settings.limits.connections {
        // A handshake only to say no is what there is no room for.
        if terms.is_plain() {
            clients.spawn_local(turn_away(Client::new(Wire::Plain(stream), peer, &worker.timers)));
        }
        return;
    }
    let place = Place::take(worker.connections.clone(), worker.shared.counters.clone());
    let (roster, terms) = (roster.clone(), terms.clone());
    clients.spawn_local(async move {
        welcome(&roster, stream, peer, &terms).await;
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

async fn welcome(roster: &Rc<Roster>, stream: TcpStream, peer: IpAddr, terms: &Terms) {
    // What most connections do not need lies on the heap for as long as it is needed: there are thousands of them.
    let arrived = tokio::select! {
        biased;
        arrived = Box::pin(terms.arrive(stream, peer)) => arrived,
        () = last_moment(roster) => return,
    };
    match arrived {
        Ok(Arrival { wire, peer, protocol: Protocol::Http2 }) => {
            let caller = Caller::new(peer, wire.scheme());
            Box::pin(http2::serve(roster, wire, BytesMut::new(), caller)).await;
        }
        Ok(Arrival { wire, peer, protocol: Protocol::Http1 }) => {
            converse(roster, Client::new(wire, peer, &roster.on_duty().timers)).await
        }
        Ok(Arrival { wire, peer, protocol: Protocol::ByFirstBytes }) => {
            begin(roster, Client::new(wire, peer, &roster.on_duty().timers)).await
        }
        Err(fault) => {
            roster.on_duty().shared.counters.failed_arrivals.fetch_add(1, Ordering::Relaxed);
            events::arrival_failed(peer, &fault);
        }
    }
}

/// Serves a client of which nobody knows yet what it speaks.
async fn begin(roster: &Rc<Roster>, mut client: Client) {
    let beginning = tokio::select! {
        biased;
        beginning = client.beginning(patience(roster)) => beginning,
        () = last_moment(roster) => Beginning::Gone,
    };
    match beginning {
        Beginning::Http1 => converse(roster, client).await,
        Beginning::Http2 => {
            let (wire, start, caller) = client.into_parts();
            Box::pin(http2::serve(roster, wire, start, caller)).await;
        }
        Beginning::Gone => {}
    }
}

fn patience(roster: &Roster) -> Patience {
    let worker = roster.on_duty();
    let limits = &worker.shared.settings.limits;
    Patience { idle: limits.idle, head: limits.head }
}

/// Serves a client of HTTP/1. Until its first request is there it holds no more than its buffers: what an exchange needs
/// lies on the heap and is taken once for each connection, so that many clients with half a head cost little
/// (invariant H3).
async fn converse(roster: &Roster, mut client: Client) {
    // One for all requests: to wait for the stop anew with each would cost a request a queue that it enters and leaves.
    let mut last_moment = pin!(last_moment(roster));
    match await_request(roster, &mut client, last_moment.as_mut()).await {
        Incoming::Gone => {}
        first => Box::pin(exchange_by_turns(roster, client, first, last_moment)).await,
    }
}

/// Answers a first request, and those that follow it.
async fn exchange_by_turns(
    roster: &Roster,
    mut client: Client,
    mut incoming: Incoming,
    mut last_moment: Pin<&mut impl Future<Output = ()>>,
) {
    loop {
        // A new generation may have come while the request was waited for: each request is served by the newest.
        let worker = roster.on_duty();
        let after = match incoming {
            Incoming::Request(head) => exchange(&worker, &mut client, &head).await,
            Incoming::Refused(refusal) => Box::pin(refuse(&worker, &mut client, &refusal)).await,
            Incoming::Gone => return,
        };
        match after {
            After::Keep => {}
            After::Close => return Box::pin(client.close()).await,
            After::Cut => return client.cut(),
        }
        incoming = await_request(roster, &mut client, last_moment.as_mut()).await;
    }
}

/// The next request, unless the last moment comes first.
async fn await_request(
    roster: &Roster,
    client: &mut Client,
    last_moment: Pin<&mut impl Future<Output = ()>>,
) -> Incoming {
    tokio::select! {
        biased;
        incoming = client.next_head(patience(roster)) => incoming,
        () = last_moment => Incoming::Gone,
    }
}

/// Returns a moment after the edge has stopped. A client that was let in gets that moment to shake hands and to make a
/// request: a connection closed just as a request comes costs the client that request.
async fn last_moment(roster: &Roster) {
    roster.stopping().await;
    tokio::time::sleep(LAST_REQUEST).await;
}
