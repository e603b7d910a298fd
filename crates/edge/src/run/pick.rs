//! Choosing a replica for a request and taking a seat there: on the way of every request, so nothing is allocated and
//! no lock is taken but the plan's, for reading.
//!
//! Order of the decisions: who is fit (standing), who has a share (canary), which region, which of two (or whose key).
//!
//! **Reserves.** A plan that gives a replica no share means: not while others can serve. When none of those with a share is
//! fit and answered its newest attempt, when all were tried, all of their seats are taken, or the component's clients suffer, the replicas that the plan keeps out and that nothing speaks against here are asked
//! (invariant A9): a second outage during the first one's remedy must not find the way out locked, hub or no hub.
//!
//! **Regions.** Replicas of the edge's own region come first until their seats are used up. The share that goes abroad is
//!
//! ```text
//! clamp((u − 0.8) / 0.2, 0, 1)      u = Σ in flight / Σ limit, over the fit replicas at home
//! ```
//!
//! and is spread there by weight × free share of the limit. It is the rule of Envoy's zone-aware routing (local as
//! long as local capacity suffices, the rest by residual capacity), with measured limits in the place of host counts,
//! and a slope in the place of a step, so that the last seats at home are not fought for. A second attempt prefers a
//! region that was not asked yet: a dead region must not swallow both.

use crate::admit::concurrency::allowed;
use crate::admit::traffic::Traffic;
use crate::change::settings::{Balance, HashKey, Identity};
use crate::change::site::{ComponentId, RegionId, ReplicaId};
use crate::choose::balance::{Candidate, choose, warmth};
use crate::choose::canary::{Part, steer};
use crate::choose::dice::Dice;
use crate::choose::hash::{hash, mix};
use crate::choose::health::{Census, Standing};
use crate::choose::sticky::{Place, place};
use crate::choose::tries::Repetition;
use crate::codec::RequestHead;
use crate::run::seat::Seat;
use crate::run::shared::Shared;
use crate::run::sync::{Ticks, read};
use downbeat_core::model::Strength;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Replicas of one component that are compared without allocating.
const INLINE: usize = 24;
/// From this share of its seats on a region sends some of its requests elsewhere.
const OVERFLOW_FROM: f64 = 0.8;

/// Who asks, as hashes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Keys {
    client: u64,
    /// Where the component is balanced by a key.
    key: Option<u64>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) component: ComponentId,
    /// Not these.
    pub(crate) tried: &'a [ReplicaId],
    pub(crate) keys: Keys,
    pub(crate) repetition: Repetition,
    /// How many seats are taken there, as long as one is free. Live requests take one.
    pub(crate) places: u32,
}

/// A replica that may be chosen, as it is now.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: ReplicaId,
    standing: Standing,
    region: RegionId,
    weight: f64,
    share: f64,
    warmth: f64,
    in_flight: u32,
    /// 0 once it has proven to be full.
    seats: u32,
}

impl Entry {
    /// Nothing speaks against it, its newest attempt included.
    fn is_well(&self, shared: &Shared, component: ComponentId) -> bool {
        self.standing == Standing::Fit && !shared.link(component, self.id).is_failing()
    }

    fn has_seat(&self) -> bool {
        self.in_flight < self.seats
    }

    fn is_whole(&self) -> bool {
        self.share >= 1.0
    }

    fn free_share(&self) -> f64 {
        1.0 - f64::from(self.in_flight) / f64::from(self.seats.max(1))
    }
}

/// Where a replica is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Home(RegionId),
    Abroad(RegionId),
    /// Where nobody was asked yet.
    Elsewhere,
    Anywhere,
}

/// All that is compared for one request.
struct Field<'a> {
    shared: &'a Shared,
    wish: &'a Wish<'a>,
    traffic: &'a Traffic,
    dice: &'a Dice,
    now: Ticks,
    entries: SmallVec<[Entry; INLINE]>,
    /// Whether the plan keeps some out that were not called yet.
    reserves: Reserves,
    census: Census,
}

/// Replicas that the plan keeps out of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserves {
    None,
    Waiting,
    Called,
}

/// Whom to ask.
#[derive(Debug)]
pub(crate) enum Pick {
    Replica(ReplicaId, Seat),
    /// Everybody has as many requests in flight as allowed.
    Full,
    /// There is nobody left to ask.
    Nobody,
}

/// The same, with the seats taken and nobody yet to give them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    Replica(ReplicaId),
    Full,
    Nobody,
}

/// What a range has to offer.
enum Offer {
    Entry(ReplicaId),
    Full,
    Nobody,
}

impl Keys {
    /// Somebody who is known by this hash, and by whom the component is balanced if it is balanced by a key.
    pub(crate) fn of_client(shared: &Shared, component: ComponentId, client: u64) -> Self {
        let client = mix(client);
        let keyed = shared.site.component(component).settings.balance != Balance::LeastLoaded;
        Self { client, key: keyed.then_some(client) }
    }

    /// Who asks with this head.
    pub(crate) fn of(shared: &Shared, component: ComponentId, head: &RequestHead, peer: IpAddr) -> Self {
        let client = client(&shared.settings.identity, head, peer);
        let key = match &shared.site.component(component).settings.balance {
            Balance::LeastLoaded => None,
            Balance::Hash(HashKey::Client) => Some(client),
            Balance::Hash(HashKey::Path) => Some(hash(head.path())),
            Balance::Hash(HashKey::Header(name)) => Some(head.fields.get(name).map_or(client, hash)),
        };
        Self { client, key }
    }
}

fn client(identity: &Identity, head: &RequestHead, peer: IpAddr) -> u64 {
    let told = match identity {
        Identity::Address => None,
        Identity::Authorization => head.fields.get("authorization").map(hash),
        Identity::Cookie(name) => head.cookie(name).map(hash),
    };
    told.unwrap_or_else(|| match peer.to_canonical() {
        IpAddr::V4(ip) => mix(u64::from(ip.to_bits())),
        // The network's half: what a household or a data centre keeps, while its hosts change the other.
        IpAddr::V6(ip) => mix((ip.to_bits() >> 64) as u64),
    })
}

impl Shared {
    /// Chooses a replica that was not tried yet, for a request that keeps its seat until it is dropped.
    pub(crate) fn pick(self: &Arc<Self>, wish: &Wish<'_>, dice: &Dice, now: Instant) -> Pick {
        match self.choose(wish, dice, now) {
            Chosen::Replica(replica) => Pick::Replica(replica, Seat::new(self.clone(), replica)),
            Chosen::Full => Pick::Full,
            Chosen::Nobody => Pick::Nobody,
        }
    }

    /// Chooses a replica that was not tried yet, and takes its seats.
    pub(crate) fn choose(&self, wish: &Wish<'_>, dice: &Dice, now: Instant) -> Chosen {
        let traffic = read(&self.traffic);
        let mut field = Field::of(self, wish, &traffic, dice, now);
        if let Some(replica) = field.tapped().filter(|replica| self.take_seats(wish, *replica)) {
            return Chosen::Replica(replica);
        }
        let worst = field.census.admitted();
        // A second try goes to the best there is: panic is about first tries.
        let first_tier = if wish.tried.is_empty() { worst } else { Standing::Fit };
        for tier in [first_tier, worst, Standing::Dead] {
            loop {
                match field.offer(tier) {
                    Offer::Nobody if tier == Standing::Dead && field.call_reserves() => {}
                    Offer::Nobody => break,
                    Offer::Full if field.call_reserves() => {}
                    Offer::Full => return Chosen::Full,
                    Offer::Entry(replica) if self.take_seats(wish, replica) => return Chosen::Replica(replica),
                    Offer::Entry(replica) => field.mark_full(replica),
                }
            }
        }
        Chosen::Nobody
    }

    /// False when others have taken the last seat meanwhile.
    fn take_seats(&self, wish: &Wish<'_>, replica: ReplicaId) -> bool {
        let seats = self.seats(wish.component, replica);
        let grown = |n: u32| (n < seats).then_some(n.saturating_add(wish.places));
        let in_flight = &self.replicas[replica.0].in_flight;
        in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }

    /// Gives so many seats back. Whoever waits for one has to be told: [`Shared::seat_freed`].
    pub(crate) fn give_back(&self, replica: ReplicaId, places: u32) {
        self.replicas[replica.0].in_flight.fetch_sub(places, Ordering::AcqRel);
    }

    /// Whether a component may take one more seat of a replica.
    pub(crate) fn has_seat(&self, component: ComponentId, replica: ReplicaId) -> bool {
        self.in_flight(replica) < self.seats(component, replica)
    }

    /// The seats of a replica that a component may take.
    fn seats(&self, component: ComponentId, replica: ReplicaId) -> u32 {
        allowed(self.limit(replica), self.site.component(component).class, self.site.classes)
    }
}

impl<'a> Field<'a> {
    fn of(shared: &'a Shared, wish: &'a Wish<'a>, traffic: &'a Traffic, dice: &'a Dice, at: Instant) -> Self {
        let now = shared.ticks(at);
        let (mut entries, mut census, mut reserves) = (SmallVec::new(), Census::default(), Reserves::None);
        let mut any_well = false;
        for id in &shared.site.component(wish.component).replicas {
            let share = traffic.share(wish.component, *id);
            if share < Strength::FULL {
                reserves = Reserves::Waiting;
            }
            if share == Strength::NONE {
                continue;
            }
            let entry = Entry::of(shared, wish.component, *id, share, now);
            census.count(entry.standing);
            any_well |= entry.is_well(shared, wish.component);
            if !wish.tried.contains(id) {
                entries.push(entry);
            }
        }
        let mut field = Self { shared, wish, traffic, dice, now, entries, reserves, census };
        if reserves == Reserves::Waiting && (!any_well || shared.suffers(wish.component, at)) {
            field.call_reserves();
        }
        field
    }

    /// Lets those that the plan keeps out, in whole or in part, and that nothing speaks against be chosen like all others. False
    /// when there are none to call.
    fn call_reserves(&mut self) -> bool {
        if self.reserves != Reserves::Waiting {
            return false;
        }
        self.reserves = Reserves::Called;
        let mut any = false;
        for id in &self.shared.site.component(self.wish.component).replicas {
            let share = self.traffic.share(self.wish.component, *id);
            if share == Strength::FULL || self.wish.tried.contains(id) {
                continue;
            }
            let entry = Entry::of(self.shared, self.wish.component, *id, Strength::FULL, self.now);
            // What it failed at before it was kept out says nothing of how it is now.
            if entry.standing != Standing::Fit {
                continue;
            }
            any = true;
            if share == Strength::NONE {
                self.census.count(entry.standing);
            }
            self.entries.retain(|known| known.id != *id);
            self.entries.push(entry);
        }
        any
    }

    /// A replica that is looked at more closely and wants this request for that.
    fn tapped(&self) -> Option<ReplicaId> {
        let (wish, taps) = (self.wish, &self.shared.scrutiny.taps);
        // What stands for many requests would all go there.
        let is_one = wish.places == 1 && wish.tried.is_empty();
        let suits = is_one && wish.repetition == Repetition::Allowed && wish.keys.key.is_none();
        if !suits || !taps.any(self.now) || self.shared.is_shedding(wish.component, self.now) {
            return None;
        }
        let may_serve = |e: &&Entry| e.standing == Standing::Fit && e.is_whole() && e.has_seat();
        let mut open = self.entries.iter().filter(may_serve);
        let has_others = open.clone().nth(1).is_some();
        open.find(|e| has_others && taps.take(e.id.0, self.now)).map(|e| e.id)
    }

    fn mark_full(&mut self, replica: ReplicaId) {
        self.entries.iter_mut().filter(|e| e.id == replica).for_each(|e| e.seats = 0);
    }

    fn tier(&self, tier: Standing) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().filter(move |e| e.standing <= tier)
    }

    /// The best of those that stand no worse than `tier`.
    fn offer(&self, tier: Standing) -> Offer {
        let (mut any, mut any_part, mut any_free) = (false, false, false);
        for entry in self.tier(tier) {
            any = true;
            any_part |= !entry.is_whole();
            any_free |= entry.has_seat();
        }
        match (any, any_free) {
            (false, _) => return Offer::Nobody,
            (true, false) => return Offer::Full,
            (true, true) => {}
        }
        if any_part && let Some(id) = self.steered(tier) {
            return Offer::Entry(id);
        }
        let found = self.ranges(tier).into_iter().find_map(|range| self.choose_in(tier, range));
        found.or_else(|| self.last_resort(tier)).map_or(Offer::Full, Offer::Entry)
    }

    /// The replica of a part share to which the plan sends this client's first try.
    fn steered(&self, tier: Standing) -> Option<ReplicaId> {
        if !self.wish.tried.is_empty() {
            return None;
        }
        let free = self.tier(tier).filter(|e| e.has_seat());
        let total: f64 = free.clone().map(|e| e.weight * e.share).sum();
        let rest: f64 = free.clone().filter(|e| e.is_whole()).map(|e| e.weight).sum();
        let parts = free.filter(|e| !e.is_whole()).map(|e| Part {
            id: e.id,
            p: e.weight * e.share / total,
            salt: self.shared.site.replica(e.id).salt,
            credit: self.traffic.credit(self.wish.component, e.id),
        });
        steer(self.wish.keys.client, parts, rest / total)
    }

    /// Which regions are looked at, one after the other.
    fn ranges(&self, tier: Standing) -> [Range; 2] {
        if !self.wish.tried.is_empty() {
            return [Range::Elsewhere, Range::Anywhere];
        }
        let Some(home) = self.shared.site.home else { return [Range::Anywhere, Range::Anywhere] };
        let at_home = || self.tier(tier).filter(|e| e.region == home && e.is_whole());
        let taken: f64 = at_home().map(|e| f64::from(e.in_flight)).sum();
        let seats: f64 = at_home().map(|e| f64::from(e.seats)).sum();
        let abroad = (taken / seats.max(1.0) - OVERFLOW_FROM) / (1.0 - OVERFLOW_FROM);
        let leaves = abroad > 0.0 && self.dice.roll() < abroad;
        [if leaves { Range::Abroad(home) } else { Range::Home(home) }, Range::Anywhere]
    }

    fn is_in(&self, entry: &Entry, range: Range) -> bool {
        let region = |r: &ReplicaId| self.shared.site.replica(*r).region;
        match range {
            Range::Home(home) => entry.region == home,
            Range::Abroad(home) => entry.region != home,
            Range::Elsewhere => self.wish.tried.iter().all(|r| region(r) != entry.region),
            Range::Anywhere => true,
        }
    }

    fn choose_in(&self, tier: Standing, range: Range) -> Option<ReplicaId> {
        let open = self.tier(tier).filter(|e| e.has_seat() && e.is_whole() && self.is_in(e, range));
        if let Some(key) = self.wish.keys.key {
            let spots = open.map(|e| Place {
                id: e.id,
                weight: e.weight,
                salt: self.shared.site.replica(e.id).salt,
                in_flight: e.in_flight,
            });
            return place(key, spots);
        }
        let by_room = matches!(range, Range::Abroad(_));
        let candidates = open.map(|e| Candidate {
            id: e.id,
            pull: e.weight * if by_room { e.free_share() } else { 1.0 },
            warmth: e.warmth,
        });
        choose(candidates, |id| self.cost(id), || self.dice.roll())
    }

    /// Replicas of part shares, when no other is left.
    fn last_resort(&self, tier: Standing) -> Option<ReplicaId> {
        let open = self.tier(tier).filter(|e| e.has_seat());
        let candidates = open.map(|e| Candidate { id: e.id, pull: e.weight * e.share, warmth: 1.0 });
        choose(candidates, |id| self.cost(id), || self.dice.roll())
    }

    fn cost(&self, id: ReplicaId) -> f64 {
        let entry = self.entries.iter().find(|e| e.id == id);
        let (in_flight, weight) = entry.map_or((0, 1.0), |e| (e.in_flight, e.weight));
        self.shared.link(self.wish.component, id).form.cost(in_flight, weight, self.now)
    }
}

impl Entry {
    fn of(shared: &Shared, component: ComponentId, id: ReplicaId, share: Strength, now: Ticks) -> Self {
        let (site, link) = (shared.site.replica(id), shared.link(component, id));
        let returned = link.returned().max(shared.replicas[id.0].returned.get());
        Self {
            id,
            standing: link.standing(shared.checked_standing(id), now),
            region: site.region,
            weight: f64::from(site.settings.weight.max(1)),
            share: share.as_ratio(),
            warmth: returned.map_or(1.0, |at| warmth(now.since(at), shared.settings.health.slow_start)),
            in_flight: shared.in_flight(id),
            seats: shared.seats(component, id),
        }
    }
}
