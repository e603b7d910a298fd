//! What becomes of a request: let in, sent to a replica, tried again or asked of a second one, answered.

mod answers;
mod attempts;
mod waiting;

use crate::shape::{GRAIN, LOGIN};
use crate::time::Time;
use crate::world::World;
use crate::world::crowd::Who;
use downbeat_core::model::FailureKind;
use downbeat_edge::policy::{Answered, ReplicaId, Seat, Silence, Told, Tries, What};
use std::time::Duration;

/// A request has to be answered within this time.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const BYTES: u64 = 40_000;

/// Names a request; one that is over is found no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    slot: usize,
    nth: u64,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Request {
    nth: u64,
    who: Who,
    component: usize,
    /// The feature that is wanted, where it is one.
    feature: Option<usize>,
    edge: usize,
    times: u32,
    began: Time,
    hedge_after: Duration,
    tries: Tries,
    tried: Vec<ReplicaId>,
    out: Vec<Out>,
    last_failure: Option<FailureKind>,
    told: bool,
}

/// An attempt under way.
#[derive(Debug)]
struct Out {
    nth: u32,
    replica: usize,
    asked: Time,
    boot: u32,
    outcome: Result<(), FailureKind>,
    seat: Seat,
    silence: Option<Silence>,
    heard_out: bool,
}

/// All requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    slots: Vec<Option<Request>>,
    free: Vec<usize>,
    counted: u64,
    /// Requests that an edge tried more than once.
    pub(crate) retried: u64,
}

impl Requests {
    fn add(&mut self, request: Request) -> Key {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let key = Key { slot, nth: request.nth };
        if slot == self.slots.len() {
            self.slots.push(Some(request));
        } else {
            self.slots[slot] = Some(request);
        }
        key
    }

    fn get(&mut self, key: Key) -> Option<&mut Request> {
        self.slots.get_mut(key.slot)?.as_mut().filter(|request| request.nth == key.nth)
    }

    /// A request that was answered and that nothing is under way for any more is forgotten.
    fn sweep(&mut self, key: Key) {
        if self.get(key).is_some_and(|request| request.told && request.out.is_empty()) {
            self.slots[key.slot] = None;
            self.free.push(key.slot);
        }
    }

    fn of_edge(&self, edge: usize) -> Vec<Key> {
        let here = |(slot, request): (usize, &Option<Request>)| {
            request.as_ref().filter(|r| r.edge == edge).map(|r| Key { slot, nth: r.nth })
        };
        self.slots.iter().enumerate().filter_map(here).collect()
    }
}

/// Whether a request may be sent to two replicas.
fn is_repeatable(component: usize) -> bool {
    // A log-in is a POST.
    component != LOGIN
}

impl World {
    /// A client asks for something, at the first edge that is there from its own one on.
    pub(crate) fn ask(&mut self, who: Who, component: usize) {
        let edges = self.edges.len();
        let home = self.crowd.home(who, edges);
        let Some(edge) = (0..edges).map(|n| (home + n) % edges).find(|n| self.edges[*n].is_up()) else {
            self.marks.reach("request: no edge is there");
            return self.hears(who, component, GRAIN, Err(FailureKind::Refused));
        };
        let (now, id) = (self.instant(), self.ids.components[component]);
        let network = self.crowd.network(who, &self.ids);
        let policy = &mut self.edges[edge].policy;
        // Requests of a bundle come apart in time, so at the door they count as one.
        let feature = self.crowd.feature(&self.shape, who, component);
        let number = feature.and_then(|n| policy.feature(id, &self.shape.features[component][n].name));
        let admitted = policy.admit(What { component: id, feature: number }, network, 1, now);
        if admitted.granted == 0 {
            let (told, mark) = if admitted.limited > 0 {
                (Told::limited(), "request: limited")
            } else if admitted.withheld > 0 {
                (Told::withheld(503), "request: its feature is out")
            } else {
                (Told::shed(), "request: shed at the door")
            };
            let took = Duration::ZERO;
            policy.answered(Answered { component: id, network, told, took, retried: false, times: GRAIN }, now);
            self.marks.reach(mark);
            return self.hears(who, component, GRAIN, told.failure.map_or(Ok(()), Err));
        }
        let (hedge_after, tries, times) = (policy.hedge_after(id), policy.tries(), GRAIN);
        policy.requested(id, times, now);
        self.requests.counted += 1;
        let (nth, began) = (self.requests.counted, self.now);
        let (tried, out) = (Vec::new(), Vec::new());
        let request = Request {
            nth,
            who,
            component,
            feature,
            edge,
            times,
            began,
            hedge_after,
            tries,
            tried,
            out,
            last_failure: None,
            told: false,
        };
        let key = self.requests.add(request);
        self.attempt(key, Because::First);
    }
}

/// Why a replica is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    First,
    Retry,
    /// The attempt before was never sent, and counts for nothing.
    Elsewhere,
    Hedge,
}
