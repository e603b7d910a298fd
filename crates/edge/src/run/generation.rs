//! Generations: each configuration has a number and a [`Shared`] of its own; the next takes over what is still true.
//!
//! A replica is the same one when its name and its address are; its seats, addresses, checks and version are shared by
//! both generations from then on, and so is each component's experience with it. What is counted by a component's
//! number (learnt limits, stored answers, the waiting room) is taken over as long as the numbers mean the same. Exchanges
//! in flight end on the generation on which they began, and count there.

use crate::admit::gate::Gate;
use crate::admit::traffic::{Crowds, Traffic};
use crate::cache::Cache;
use crate::change::plan::fitted;
use crate::change::settings::{ComponentSettings, EdgeSettings};
use crate::change::site::{ComponentId, ReplicaId, Site};
use crate::run::shared::{ComponentPast, ComponentState, Counters, LimitState, ReplicaState, Scrutiny, Shared};
use crate::run::sync::locked;
use crate::run::waiting::WaitingRoom;
use crate::tell::access::{AccessLog, AccessLogError};
use crate::tell::tally::Tallies;
use downbeat_core::model::TrafficPlan;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

/// Whether two generations number their components alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Kept,
    Changed,
}

impl Shared {
    /// The first generation of a process.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub(crate) fn new(
        generation: u64,
        settings: EdgeSettings,
        site: Site,
        threads: usize,
        now: Instant,
    ) -> Result<Self, AccessLogError> {
        let counters = Arc::default();
        let links = || site.replica_ids().map(|_| Arc::default()).collect();
        let component = |id| ComponentState {
            past: Arc::new(ComponentPast::new(now)),
            gate: gate(&site.component(id).settings, now),
            links: links(),
        };
        Ok(Self {
            generation,
            access_log: access_log(&settings, &counters)?,
            traffic: RwLock::new(Arc::new(Traffic::of(TrafficPlan::default(), &site, now, Crowds::UNKNOWN))),
            faults: Arc::default(),
            hold: Arc::default(),
            counters,
            cache: cache(&settings, &site),
            tallies: tallies(threads, &site),
            lookups: Arc::default(),
            replicas: site.replicas.iter().map(|replica| Arc::new(ReplicaState::of(replica))).collect(),
            scrutiny: Scrutiny::new(site.replicas.len()),
            limits: site.replicas.iter().map(|r| Arc::new(LimitState::of(r, &settings, now))).collect(),
            waiting_room: waiting_room(&settings),
            components: site.component_ids().map(component).collect(),
            settings,
            site,
            start: now,
        })
    }

    /// The generation after this one.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub(crate) fn next(&self, settings: EdgeSettings, site: Site, now: Instant) -> Result<Self, AccessLogError> {
        let access_log = access_log(&settings, &self.counters)?;
        let same: Vec<Option<ReplicaId>> = site.replica_ids().map(|id| self.same_replica(&site, id)).collect();
        let in_force = self.traffic();
        let plan = fitted(&in_force.plan, &site);
        let replica = |id: ReplicaId| match same[id.0] {
            Some(old) => self.replicas[old.0].clone(),
            None => self.stranger(&site, id),
        };
        let shed_began_at = |id| self.same_component(&site, id).and_then(|old| in_force.shed_began_at(old, now));
        let traffic = Traffic::of(plan, &site, in_force.since, Crowds { before: &shed_began_at, now: &|_| 0.0 });
        if let Some(at) = in_force.features.confirmed() {
            traffic.features.confirm(at);
        }
        let hosts = site.hosts();
        locked(&self.lookups).retain(|host, _| hosts.contains_key(host));
        Ok(Self {
            generation: self.generation + 1,
            access_log,
            traffic: RwLock::new(Arc::new(traffic)),
            faults: self.faults.clone(),
            hold: self.hold.clone(),
            counters: self.counters.clone(),
            cache: self.next_cache(&settings, &site),
            tallies: tallies(self.tallies.len(), &site),
            lookups: self.lookups.clone(),
            replicas: site.replica_ids().map(replica).collect(),
            scrutiny: Scrutiny::new(site.replicas.len()),
            limits: site.replica_ids().map(|id| self.next_limit(&settings, &site, id, same[id.0], now)).collect(),
            waiting_room: self.next_waiting_room(&settings, &site),
            components: site.component_ids().map(|id| self.next_component(&site, id, &same, now)).collect(),
            settings,
            site,
            start: self.start,
        })
    }

    /// The replica of this generation that a replica of the next one is.
    fn same_replica(&self, next: &Site, id: ReplicaId) -> Option<ReplicaId> {
        let new = next.replica(id);
        self.site.replica_ids().find(|old| {
            let old = self.site.replica(*old);
            old.settings.name == new.settings.name && (&old.host, old.port) == (&new.host, new.port)
        })
    }

    /// A replica that was not there before; where its host name was, its addresses are known.
    fn stranger(&self, next: &Site, id: ReplicaId) -> Arc<ReplicaState> {
        let new = next.replica(id);
        let state = ReplicaState::of(new);
        let neighbour = self.site.replica_ids().find(|old| self.site.replica(*old).host == new.host);
        if let Some(neighbour) = neighbour {
            let addresses = self.addresses(neighbour);
            state.adopt(addresses.iter().map(|known| SocketAddr::new(known.ip(), new.port)).collect());
        }
        Arc::new(state)
    }

    /// The component of this generation that has the name of one of the next.
    fn same_component(&self, next: &Site, id: ComponentId) -> Option<ComponentId> {
        let name = &next.component(id).settings.name;
        self.site.component_ids().find(|old| self.site.component(*old).settings.name == *name)
    }

    fn next_component(&self, next: &Site, id: ComponentId, same: &[Option<ReplicaId>], now: Instant) -> ComponentState {
        let new = &next.component(id).settings;
        let old = self.same_component(next, id);
        let Some((old, state)) = old.map(|old| (&self.site.component(old).settings, &self.components[old.0])) else {
            let links = same.iter().map(|_| Arc::default()).collect();
            return ComponentState { past: Arc::new(ComponentPast::new(now)), gate: gate(new, now), links };
        };
        let rates = |settings: &ComponentSettings| (settings.per_second, settings.network_per_second);
        let link = |replica: &Option<ReplicaId>| replica.map(|r| state.links[r.0].clone()).unwrap_or_default();
        ComponentState {
            past: state.past.clone(),
            gate: if rates(old) == rates(new) { state.gate.clone() } else { gate(new, now) },
            links: same.iter().map(link).collect(),
        }
    }

    /// What was learnt of a replica's limit, unless its bounds are others.
    fn next_limit(
        &self,
        settings: &EdgeSettings,
        next: &Site,
        id: ReplicaId,
        same: Option<ReplicaId>,
        now: Instant,
    ) -> Arc<LimitState> {
        let new = next.replica(id);
        let bounds_stay = |old: &ReplicaId| {
            let floor = |settings: &EdgeSettings| settings.limits.in_flight_floor;
            let ceiling = self.site.replica(*old).settings.max_in_flight;
            (floor(&self.settings), ceiling) == (floor(settings), new.settings.max_in_flight)
        };
        match same.filter(|old| self.numbers(next) == Numbers::Kept && bounds_stay(old)) {
            Some(old) => self.limits[old.0].clone(),
            None => Arc::new(LimitState::of(new, settings, now)),
        }
    }

    /// The stored answers, unless they were stored by other rules.
    fn next_cache(&self, settings: &EdgeSettings, next: &Site) -> Arc<Cache> {
        let rules = |site: &Site| site.components.iter().map(|c| c.settings.cache.clone()).collect::<Vec<_>>();
        let stays = self.numbers(next) == Numbers::Kept
            && self.settings.cache_bytes == settings.cache_bytes
            && rules(&self.site) == rules(next);
        if stays { self.cache.clone() } else { cache(settings, next) }
    }

    /// The room, with whoever waits in it, unless it is another one.
    fn next_waiting_room(&self, settings: &EdgeSettings, next: &Site) -> Arc<WaitingRoom> {
        let measures = |settings: &EdgeSettings| (settings.limits.waiting, settings.limits.waiting_within);
        let stays = self.numbers(next) == Numbers::Kept && measures(&self.settings) == measures(settings);
        if stays { self.waiting_room.clone() } else { waiting_room(settings) }
    }

    fn numbers(&self, next: &Site) -> Numbers {
        let names = |site: &Site| site.components.iter().map(|c| c.settings.name.clone()).collect::<Vec<_>>();
        if names(&self.site) == names(next) { Numbers::Kept } else { Numbers::Changed }
    }
}

fn gate(settings: &ComponentSettings, now: Instant) -> Arc<Mutex<Gate>> {
    Arc::new(Mutex::new(Gate::new(settings, now)))
}

fn cache(settings: &EdgeSettings, site: &Site) -> Arc<Cache> {
    let bytes = usize::try_from(settings.cache_bytes).unwrap_or(usize::MAX);
    Arc::new(Cache::new(bytes, site.components.len()))
}

fn waiting_room(settings: &EdgeSettings) -> Arc<WaitingRoom> {
    Arc::new(WaitingRoom::new(settings.limits.waiting, settings.limits.waiting_within))
}

fn access_log(settings: &EdgeSettings, counters: &Arc<Counters>) -> Result<Option<AccessLog>, AccessLogError> {
    settings.access_log.clone().map(|settings| AccessLog::start(settings, counters)).transpose()
}

fn tallies(threads: usize, site: &Site) -> Vec<Mutex<Tallies>> {
    (0..threads).map(|_| Mutex::new(Tallies::of(site))).collect()
}
