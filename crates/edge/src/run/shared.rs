//! What all threads of an edge know together: small, and held for a few instructions at a time.
//!
//! One of these is one generation: all of it hangs on one configuration. What outlives a configuration stands behind an
//! `Arc` of its own, which the next generation takes over (`run::generation`).

use crate::admit::traffic::Traffic;
use crate::ask::fault::FaultTable;
use crate::change::settings::EdgeSettings;
use crate::change::site::{ComponentId, Host, ReplicaId, ReplicaSite, Site};
use crate::choose::balance::{Candidate, Form, choose};
use crate::choose::budget::{Budget, Trouble};
use crate::choose::dice::Dice;
use crate::choose::health::{Attempts, Checks, Part, Standing, admitted};
use crate::choose::pace::Pace;
use crate::run::sync::{locked, read, write};
use crate::tell::access::AccessLog;
use crate::tell::events;
use crate::tell::tally::Tallies;
use downbeat_core::model::{FailureKind, Name, Strength, Tally};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

/// Share of a replica's seats that only the dearest components may use the rest of.
const SEATS_FOR_ALL: f64 = 0.8;

/// What all threads know.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The number of its configuration.
    pub(crate) generation: u64,
    pub(crate) settings: EdgeSettings,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) site: Site,
    pub(crate) traffic: RwLock<Arc<Traffic>>,
    pub(crate) faults: Arc<FaultTable>,
    pub(crate) counters: Arc<Counters>,
    /// One for each thread.
    pub(crate) tallies: Vec<Mutex<Tallies>>,
    /// By host name.
    pub(crate) lookups: Arc<Mutex<BTreeMap<Name, Lookups>>>,
    pub(super) replicas: Vec<Arc<ReplicaState>>,
    pub(super) components: Vec<ComponentState>,
}

/// Look-ups of one host name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lookups {
    /// Those that ended since the last roll-up.
    pub(crate) tally: Tally,
    /// True while the last good addresses are held against the name's word.
    pub(crate) held: bool,
}

/// Counts that belong to no component.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests refused as malformed, too large, too slow, or leading nowhere.
    pub(crate) refusals: AtomicU64,
    /// Connections of clients: those that there are, and all that were accepted.
    pub(crate) connections: AtomicU64,
    pub(crate) accepted: AtomicU64,
    /// Replicas ejected for a component.
    pub(crate) ejections: AtomicU64,
    /// Lines of the access log that were not written.
    pub(crate) lines_lost: AtomicU64,
    /// Files that could not be written.
    pub(crate) write_failures: AtomicU64,
    /// Roll-ups that the hub did not take.
    pub(crate) rollups_lost: AtomicU64,
}

/// What is known of a replica, whatever asks it.
#[derive(Debug)]
pub(super) struct ReplicaState {
    in_flight: AtomicU32,
    addresses: RwLock<Arc<[SocketAddr]>>,
    checks: Mutex<Checks>,
    checks_tally: Mutex<Tally>,
    /// The status of the last good check; 0 before the first.
    good_status: AtomicU16,
    version: RwLock<Option<Name>>,
}

/// What is known of a component.
#[derive(Debug)]
pub(super) struct ComponentState {
    pub(super) budget: Arc<Mutex<Budget>>,
    /// True once a part of a body was served.
    pub(super) serves_parts: Arc<AtomicBool>,
    /// Of first bytes.
    pub(super) pace: Arc<Mutex<Pace>>,
    /// Of the longest wait within each body.
    pub(super) gaps: Arc<Mutex<Pace>>,
    /// One for each replica of the site.
    pub(super) links: Vec<Arc<Link>>,
}

/// One component's experience with one replica.
#[derive(Debug, Default)]
pub(super) struct Link {
    experience: Mutex<Experience>,
    overdue: AtomicU32,
}

#[derive(Debug, Default)]
struct Experience {
    form: Form,
    attempts: Attempts,
}

/// A place in a replica's queue, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    replica: ReplicaId,
}

/// An attempt that has been silent for long, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Overdue {
    shared: Arc<Shared>,
    component: ComponentId,
    replica: ReplicaId,
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

impl Shared {
    /// The plan in force.
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        read(&self.traffic).clone()
    }

    /// How a replica stands for a component.
    pub(crate) fn standing(&self, component: ComponentId, replica: ReplicaId, now: Instant) -> Standing {
        let checks = self.checked_standing(replica);
        locked(&self.link(component, replica).experience).attempts.standing(checks, now)
    }

    /// How a replica stands by its checks alone.
    pub(crate) fn checked_standing(&self, replica: ReplicaId) -> Standing {
        locked(&self.replicas[replica.0].checks).standing()
    }

    /// True while this edge sends a replica nothing: for none of the components that it serves.
    pub(crate) fn is_ejected(&self, replica: ReplicaId, now: Instant) -> bool {
        let mut serves = self.site.component_ids().filter(|c| self.site.component(*c).replicas.contains(&replica));
        let shut = |c: ComponentId| {
            let all = self.site.component(c).replicas.iter().map(|r| self.standing(c, *r, now));
            self.standing(c, replica, now) > admitted(all)
        };
        serves.all(shut)
    }

    /// Chooses a replica that was not tried yet.
    pub(crate) fn pick(self: &Arc<Self>, component: ComponentId, tried: &[ReplicaId], dice: &Dice) -> Pick {
        let (now, traffic) = (Instant::now(), self.traffic());
        let site = self.site.component(component);
        let open = |r: &ReplicaId| traffic.share(component, *r) != Strength::NONE;
        let standings: Vec<(ReplicaId, Standing)> =
            site.replicas.iter().copied().filter(open).map(|r| (r, self.standing(component, r, now))).collect();
        let worst = admitted(standings.iter().map(|(_, s)| *s));
        // A second try goes to the best there is: panic is about first tries.
        let first_tier = if tried.is_empty() { worst } else { Standing::Fit };
        let mut outcome = Pick::Nobody;
        for tier in [first_tier, worst, Standing::Dead] {
            let tier = standings.iter().filter(|(r, s)| *s <= tier && !tried.contains(r)).map(|(r, _)| *r);
            let candidates = tier.map(|r| self.candidate(component, r, &traffic)).collect();
            match self.seat_one(component, candidates, dice) {
                Pick::Nobody => {}
                Pick::Full => outcome = Pick::Full,
                found => return found,
            }
        }
        outcome
    }

    fn candidate(&self, component: ComponentId, replica: ReplicaId, traffic: &Traffic) -> Candidate<ReplicaId> {
        Candidate {
            id: replica,
            weight: f64::from(self.site.replica(replica).settings.weight.max(1)),
            share: traffic.share(component, replica).as_ratio(),
            in_flight: self.in_flight(replica),
            form: locked(&self.link(component, replica).experience).form.clone(),
        }
    }

    fn seat_one(
        self: &Arc<Self>,
        component: ComponentId,
        mut candidates: Vec<Candidate<ReplicaId>>,
        dice: &Dice,
    ) -> Pick {
        let had_any = !candidates.is_empty();
        while let Some(replica) = choose(&candidates, || dice.roll()) {
            match self.take_seat(component, replica) {
                Some(seat) => return Pick::Replica(replica, seat),
                None => candidates.retain(|c| c.id != replica),
            }
        }
        if had_any { Pick::Full } else { Pick::Nobody }
    }

    fn take_seat(self: &Arc<Self>, component: ComponentId, replica: ReplicaId) -> Option<Seat> {
        let all = self.site.replica(replica).settings.max_in_flight;
        let allowed = if self.site.component(component).dearest {
            all
        } else {
            // Rounded down, so that at least one seat is kept for the dearest.
            (f64::from(all) * SEATS_FOR_ALL) as u32
        };
        let grown = |n: u32| (n < allowed).then_some(n + 1);
        let taken = self.replicas[replica.0].in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok();
        taken.then(|| Seat { shared: self.clone(), replica })
    }

    /// Requests in flight to a replica.
    pub(crate) fn in_flight(&self, replica: ReplicaId) -> u32 {
        self.replicas[replica.0].in_flight.load(Ordering::Acquire)
    }

    /// First-byte time of a replica for a component in microseconds, as balanced by.
    pub(crate) fn first_byte_us(&self, component: ComponentId, replica: ReplicaId) -> f64 {
        locked(&self.link(component, replica).experience).form.first_byte_us()
    }

    /// Takes in that a head came well after `first_byte`.
    pub(crate) fn head_good(&self, component: ComponentId, replica: ReplicaId, first_byte: Duration, now: Instant) {
        locked(&self.components[component.0].pace).observe(first_byte);
        let mut experience = locked(&self.link(component, replica).experience);
        experience.form.good(first_byte, now);
        experience.attempts.good(Part::Head);
    }

    /// Takes in that a body came whole.
    pub(crate) fn body_good(&self, component: ComponentId, replica: ReplicaId) {
        locked(&self.link(component, replica).experience).attempts.good(Part::Body);
    }

    /// Takes in that an attempt failed.
    pub(crate) fn failed(&self, component: ComponentId, replica: ReplicaId, part: Part, kind: FailureKind) {
        let consecutive = self.settings.health.consecutive;
        let mut experience = locked(&self.link(component, replica).experience);
        experience.form.bad();
        if let Some(span) = experience.attempts.bad(part, consecutive, Instant::now()) {
            let names = (&self.site.component(component).settings.name, &self.site.replica(replica).settings.name);
            self.counters.ejections.fetch_add(1, Ordering::Relaxed);
            events::replica_ejected(names.0, names.1, kind, span);
        }
    }

    /// Whose trouble it is when this replica fails or is silent.
    pub(crate) fn trouble(&self, component: ComponentId, replica: ReplicaId) -> Trouble {
        let others = self.site.component(component).replicas.iter().filter(|r| **r != replica);
        let mut well = others.map(|r| {
            let link = self.link(component, *r);
            link.overdue.load(Ordering::Acquire) == 0 && !locked(&link.experience).attempts.is_failing()
        });
        if well.all(|w| w) { Trouble::Lone } else { Trouble::Common }
    }

    /// The budget for extra attempts of a component.
    pub(crate) fn budget(&self, component: ComponentId) -> std::sync::MutexGuard<'_, Budget> {
        locked(&self.components[component.0].budget)
    }

    /// The silence after which a second replica is asked.
    pub(crate) fn hedge_after(&self, component: ComponentId) -> Duration {
        let bounds = &self.settings.hedge;
        let pace = locked(&self.components[component.0].pace);
        pace.unusual_after(bounds.after_min, bounds.after_max).unwrap_or(bounds.after_min)
    }

    /// The silence in a body after which the rest is asked of somebody else.
    pub(crate) fn stall_after(&self, component: ComponentId) -> Duration {
        let bounds = &self.settings.resume;
        let pace = locked(&self.components[component.0].gaps);
        pace.unusual_after(bounds.stall_after_min, bounds.stall_after).unwrap_or(bounds.stall_after)
    }

    /// True when parts of bodies are served.
    pub(crate) fn serves_parts(&self, component: ComponentId) -> bool {
        self.components[component.0].serves_parts.load(Ordering::Relaxed)
    }

    /// Takes in that a part of a body was served.
    pub(crate) fn served_part(&self, component: ComponentId) {
        self.components[component.0].serves_parts.store(true, Ordering::Relaxed);
    }

    /// Takes in the longest wait within a body that came to its end.
    pub(crate) fn longest_gap(&self, component: ComponentId, waited: Duration) {
        locked(&self.components[component.0].gaps).observe(waited);
    }

    /// Notes that an attempt has been silent for long.
    pub(crate) fn overdue(self: &Arc<Self>, component: ComponentId, replica: ReplicaId) -> Overdue {
        self.link(component, replica).overdue.fetch_add(1, Ordering::AcqRel);
        Overdue { shared: self.clone(), component, replica }
    }

    /// Takes in the outcome of one check: the status of a good one, or how it failed.
    pub(crate) fn check_ended(&self, replica: ReplicaId, outcome: Result<u16, FailureKind>) {
        let (health, state) = (&self.settings.health, &self.replicas[replica.0]);
        if let Ok(status) = outcome {
            state.good_status.store(status, Ordering::Relaxed);
        }
        let failure = outcome.err();
        locked(&state.checks_tally).count(failure);
        let changed = locked(&state.checks).ended(failure, health.fall, health.rise);
        if let Some(standing) = changed {
            events::standing_changed(&self.site.replica(replica).settings.name, standing, failure);
        }
    }

    /// The checks that ended since this was last asked.
    pub(crate) fn take_checks(&self, replica: ReplicaId) -> Tally {
        std::mem::take(&mut locked(&self.replicas[replica.0].checks_tally))
    }

    /// The status with which a replica answers checks when it is well.
    pub(crate) fn good_status(&self, replica: ReplicaId) -> Option<u16> {
        Some(self.replicas[replica.0].good_status.load(Ordering::Relaxed)).filter(|status| *status > 0)
    }

    /// Where a replica is reached now.
    pub(crate) fn addresses(&self, replica: ReplicaId) -> Arc<[SocketAddr]> {
        read(&self.replicas[replica.0].addresses).clone()
    }

    /// Changes where a replica is reached.
    pub(crate) fn adopt(&self, replica: ReplicaId, addresses: Arc<[SocketAddr]>) {
        self.replicas[replica.0].adopt(addresses);
    }

    /// The version of a replica: as it says, else as configured.
    pub(crate) fn version(&self, replica: ReplicaId) -> Option<Name> {
        let told = read(&self.replicas[replica.0].version).clone();
        told.or_else(|| self.site.replica(replica).settings.version.clone())
    }

    /// Takes in what a replica says of its version.
    pub(crate) fn told_version(&self, replica: ReplicaId, said: &[u8]) {
        let state = &self.replicas[replica.0];
        if read(&state.version).as_ref().is_some_and(|known| known.as_str().as_bytes() == said) {
            return;
        }
        let Some(name) = std::str::from_utf8(said).ok().and_then(|text| Name::new(text).ok()) else { return };
        events::version_seen(&self.site.replica(replica).settings.name, &name);
        *write(&state.version) = Some(name);
    }

    fn link(&self, component: ComponentId, replica: ReplicaId) -> &Link {
        &self.components[component.0].links[replica.0]
    }
}

impl ReplicaState {
    /// A replica of which nothing is known yet.
    pub(super) fn of(site: &ReplicaSite) -> Self {
        let addresses: Arc<[SocketAddr]> = match site.host {
            Host::Address(ip) => [SocketAddr::new(ip, site.port)].into(),
            Host::Named(_) => [].into(),
        };
        Self {
            in_flight: AtomicU32::new(0),
            addresses: RwLock::new(addresses),
            checks: Mutex::default(),
            checks_tally: Mutex::default(),
            good_status: AtomicU16::new(0),
            version: RwLock::default(),
        }
    }
}

impl ReplicaState {
    /// Changes where it is reached.
    pub(super) fn adopt(&self, addresses: Arc<[SocketAddr]>) {
        *write(&self.addresses) = addresses;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.replicas[self.replica.0].in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Overdue {
    fn drop(&mut self) {
        self.shared.link(self.component, self.replica).overdue.fetch_sub(1, Ordering::AcqRel);
    }
}
