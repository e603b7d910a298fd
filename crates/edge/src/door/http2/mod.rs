//! A client that speaks HTTP/2: its connection, on which each request is a stream with an exchange of its own.
//!
//! `machine` knows the protocol and no wire, `session` drives it and those who serve the streams, `stream` is what an
//! exchange sees. What a client does too much of is counted by `admit::calm`: it is told ENHANCE_YOUR_CALM and sent away.

mod answers;
mod closed;
mod control;
mod farewell;
#[cfg(test)]
mod faults;
mod heads;
pub(crate) mod machine;
mod outgoing;
#[cfg(test)]
mod properties;
mod ready;
pub(crate) mod session;
mod slot;
pub(crate) mod stream;

use crate::codec::{Refusal, RequestHead};
use crate::door::caller::Caller;
use crate::door::wire::Wire;
use crate::exchange::{After, exchange, refuse};
use crate::run::worker::Roster;
use crate::tell::events;
use bytes::BytesMut;
use machine::Fault;
use session::{Host, Session, Terms};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use stream::Stream;

/// Serves one client until it goes. `start` is what was read already.
pub(crate) async fn serve(roster: &Rc<Roster>, wire: Wire, start: BytesMut, caller: Caller) {
    let host = Edge { roster: roster.clone(), address: caller.address };
    let timers = roster.on_duty().timers.clone();
    Session::new(wire, host, caller, timers).run(start).await;
}

/// The edge, as one client meets it.
#[derive(Debug, Clone)]
struct Edge {
    roster: Rc<Roster>,
    address: IpAddr,
}

impl Host for Edge {
    async fn answer(&self, stream: &mut Stream, head: Result<RequestHead, Refusal>) -> After {
        // Each request is served by the newest generation.
        let worker = self.roster.on_duty();
        match head {
            Ok(head) => exchange(&worker, stream, &head).await,
            Err(refusal) => Box::pin(refuse(&worker, stream, &refusal)).await,
        }
    }

    fn terms(&self) -> Terms {
        let worker = self.roster.on_duty();
        let limits = &worker.shared.settings.limits;
        Terms { head: limits.head, idle: limits.idle, stall: limits.client_stall }
    }

    async fn stopping(&self) {
        self.roster.stopping().await;
    }

    fn sent_away(&self, fault: Fault) {
        if let Fault::Excess(excess) = fault {
            self.roster.on_duty().shared.counters.calmed.fetch_add(1, Ordering::Relaxed);
            events::connection_calmed(self.address, excess);
        }
    }
}
