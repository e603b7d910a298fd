//! Generations: each configuration has a number and a [`Shared`] of its own; the next takes over what is still true.
//!
//! A replica is the same one when its name and its address are; its seats, addresses, checks and version are shared by
//! both generations from then on, and so is each component's experience with it. Exchanges in flight end on the
//! generation on which they began, and count there.

use crate::admit::traffic::Traffic;
use crate::change::plan::fitted;
use crate::change::settings::EdgeSettings;
use crate::change::site::{ComponentId, ReplicaId, Site};
use crate::choose::budget::Budget;
use crate::run::shared::{ComponentState, Counters, Link, ReplicaState, Shared};
use crate::run::sync::locked;
use crate::tell::access::{AccessLog, AccessLogError};
use crate::tell::tally::Tallies;
use downbeat_core::model::TrafficPlan;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

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
        let traffic = Traffic::of(TrafficPlan::default(), &site, now);
        let links = || site.replica_ids().map(|_| Arc::default()).collect();
        let counters = Arc::default();
        Ok(Self {
            access_log: access_log(&settings, &counters)?,
            generation,
            traffic: RwLock::new(Arc::new(traffic)),
            faults: Arc::default(),
            counters,
            tallies: tallies(threads, &site),
            replicas: site.replicas.iter().map(|replica| Arc::new(ReplicaState::of(replica))).collect(),
            components: site.component_ids().map(|_| ComponentState::new(links(), now)).collect(),
            lookups: Arc::default(),
            settings,
            site,
        })
    }

    /// The generation after this one.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub(crate) fn next(&self, settings: EdgeSettings, site: Site, now: Instant) -> Result<Self, AccessLogError> {
        let same: Vec<Option<ReplicaId>> = site.replica_ids().map(|id| self.same_replica(&site, id)).collect();
        let in_force = self.traffic();
        let plan = fitted(&in_force.plan, &site);
        let replica = |id: ReplicaId| match same[id.0] {
            Some(old) => self.replicas[old.0].clone(),
            None => self.stranger(&site, id),
        };
        let hosts = site.hosts();
        locked(&self.lookups).retain(|host, _| hosts.contains_key(host));
        Ok(Self {
            access_log: access_log(&settings, &self.counters)?,
            generation: self.generation + 1,
            traffic: RwLock::new(Arc::new(Traffic::of(plan, &site, in_force.since))),
            faults: self.faults.clone(),
            counters: self.counters.clone(),
            tallies: tallies(self.tallies.len(), &site),
            replicas: site.replica_ids().map(replica).collect(),
            components: site.component_ids().map(|id| self.next_component(&site, id, &same, now)).collect(),
            lookups: self.lookups.clone(),
            settings,
            site,
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
            let moved = |mut address: std::net::SocketAddr| {
                address.set_port(new.port);
                address
            };
            state.adopt(self.addresses(neighbour).iter().copied().map(moved).collect());
        }
        Arc::new(state)
    }

    fn next_component(&self, next: &Site, id: ComponentId, same: &[Option<ReplicaId>], now: Instant) -> ComponentState {
        let name = &next.component(id).settings.name;
        let old = self.site.component_ids().find(|old| self.site.component(*old).settings.name == *name);
        let Some(old) = old.map(|old| &self.components[old.0]) else {
            return ComponentState::new(same.iter().map(|_| Arc::default()).collect(), now);
        };
        let link = |replica: &Option<ReplicaId>| replica.map(|r| old.links[r.0].clone()).unwrap_or_default();
        ComponentState {
            budget: old.budget.clone(),
            serves_parts: old.serves_parts.clone(),
            pace: old.pace.clone(),
            gaps: old.gaps.clone(),
            links: same.iter().map(link).collect(),
        }
    }
}

impl ComponentState {
    fn new(links: Vec<Arc<Link>>, now: Instant) -> Self {
        Self {
            budget: Arc::new(Mutex::new(Budget::new(now))),
            serves_parts: Arc::default(),
            pace: Arc::default(),
            gaps: Arc::default(),
            links,
        }
    }
}

fn access_log(settings: &EdgeSettings, counters: &Arc<Counters>) -> Result<Option<AccessLog>, AccessLogError> {
    settings.access_log.clone().map(|settings| AccessLog::start(settings, counters)).transpose()
}

fn tallies(threads: usize, site: &Site) -> Vec<Mutex<Tallies>> {
    (0..threads).map(|_| Mutex::new(Tallies::of(site))).collect()
}
