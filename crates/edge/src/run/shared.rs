//! What all threads of an edge know together: small, and held for a few instructions at a time.
//!
//! One of these is one generation: all of it hangs on one configuration. What outlives a configuration stands behind an
//! `Arc` of its own, which the next generation takes over (`run::generation`).

use crate::admit::concurrency::Limiter;
use crate::admit::gate::Gate;
use crate::admit::traffic::{Admitted, Traffic, What};
use crate::ask::fault::FaultTable;
use crate::cache::Cache;
use crate::change::hold::Hold;
use crate::change::settings::EdgeSettings;
use crate::change::site::{ComponentId, Host, ReplicaId, ReplicaSite, Site};
use crate::choose::budget::Budget;
use crate::choose::gaps::Gaps;
use crate::choose::health::{Checks, Standing, admitted};
use crate::choose::link::Link;
use crate::choose::look::{Looks, News, patience};
use crate::choose::pace::Pace;
use crate::choose::tap::Taps;
use crate::door::network::Network;
use crate::run::sync::{AtomicMoment, AtomicNumber, Ticks, locked, read, write};
use crate::run::waiting::WaitingRoom;
use crate::tell::access::AccessLog;
use crate::tell::events;
use crate::tell::tally::Tallies;
use downbeat_core::model::{FailureKind, Name, Tally};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

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
    /// Whether automation is on hold here.
    pub(crate) hold: Arc<Hold>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) cache: Arc<Cache>,
    /// One for each thread.
    pub(crate) tallies: Vec<Mutex<Tallies>>,
    /// By host name.
    pub(crate) lookups: Arc<Mutex<BTreeMap<Name, Lookups>>>,
    pub(crate) replicas: Vec<Arc<ReplicaState>>,
    pub(crate) scrutiny: Scrutiny,
    /// By replica.
    pub(super) limits: Vec<Arc<LimitState>>,
    pub(crate) waiting_room: Arc<WaitingRoom>,
    pub(super) components: Vec<ComponentState>,
    /// Of the process: moments in atomics are counted from here.
    pub(super) start: Instant,
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
    /// Requests that found even the waiting room full.
    pub(crate) waiting_room_full: AtomicU64,
    /// Configurations that were not taken.
    pub(crate) configurations_refused: AtomicU64,
    /// Configurations that came to grief in their trial, so that the one before came back.
    pub(crate) configurations_returned: AtomicU64,
    /// Files that could not be written.
    pub(crate) write_failures: AtomicU64,
    /// Changes of certificates taken up.
    pub(crate) certificates_adopted: AtomicU64,
    /// Changes of certificates not taken up, because something was wrong with them.
    pub(crate) certificates_refused: AtomicU64,
    /// Connections that ended before their first request: no TLS, or none in time, or no proxy's word.
    pub(crate) failed_arrivals: AtomicU64,
    /// HTTP/2 connections ended because the client did what only attackers do.
    pub(crate) calmed: AtomicU64,
    /// Roll-ups that the hub did not take.
    pub(crate) rollups_lost: AtomicU64,
}

/// Closer looks at replicas, and who carries them out.
#[derive(Debug)]
pub(crate) struct Scrutiny {
    looks: Mutex<Looks>,
    pub(super) taps: Taps,
    /// One begins: whoever tells the hub has to tell it sooner.
    pub(crate) begins: Notify,
    /// By replica: one at this one begins.
    checkers: Vec<Notify>,
}

/// What is known of a replica, whatever it serves.
#[derive(Debug)]
pub(crate) struct ReplicaState {
    pub(crate) in_flight: AtomicU32,
    /// When it last came back to life, or was found elsewhere.
    pub(crate) returned: AtomicMoment,
    addresses: RwLock<Arc<[SocketAddr]>>,
    checks: Mutex<Checks>,
    /// What `checks` says, to be read without its lock.
    standing: AtomicU8,
    checks_tally: Mutex<Tally>,
    /// The status of the last good check; 0 before the first.
    good_status: AtomicU16,
    /// How long good checks take when they take long, in microseconds; 0 before the first.
    check_us: AtomicNumber,
    version: RwLock<Option<Name>>,
}

/// What is known of a component.
#[derive(Debug)]
pub(super) struct ComponentState {
    pub(super) past: Arc<ComponentPast>,
    pub(super) gate: Arc<Mutex<Gate>>,
    /// One for each replica of the site.
    pub(super) links: Vec<Arc<Link>>,
}

/// What is known of a component, whatever its settings.
#[derive(Debug)]
pub(super) struct ComponentPast {
    pub(super) budget: Mutex<Budget>,
    /// True once a part of a body was served.
    serves_parts: AtomicBool,
    /// Of first bytes.
    pub(super) pace: Pace,
    pub(super) gaps: Mutex<Gaps>,
    /// When a request last found all seats taken.
    pub(super) shed_at: AtomicMoment,
}

/// How many requests a replica may have in flight.
#[derive(Debug)]
pub(super) struct LimitState {
    /// At present.
    limit: AtomicU32,
    limiter: Mutex<Limiter>,
}

impl Shared {
    /// An instant as it is kept in atomics.
    pub(crate) fn ticks(&self, now: Instant) -> Ticks {
        Ticks::at(self.start, now)
    }

    /// The plan in force.
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        read(&self.traffic).clone()
    }

    /// Requests a second that come for a component.
    pub(crate) fn demand(&self, component: ComponentId, now: Instant) -> f64 {
        locked(&self.components[component.0].gate).demand(now)
    }

    /// True while a notable share of a component's requests fails.
    pub(crate) fn suffers(&self, component: ComponentId, now: Instant) -> bool {
        locked(&self.components[component.0].gate).suffers(now)
    }

    /// How many of some requests of a network are let in.
    pub(crate) fn admit(&self, what: What, network: Network, came: u32, now: Instant) -> Admitted {
        let at_gate = locked(&self.components[what.component.0].gate).admit(network, came, now);
        if at_gate.granted == 0 {
            return at_gate;
        }
        at_gate.then(read(&self.traffic).admit(what, network, at_gate.granted, now))
    }

    /// How a replica stands for a component.
    pub(crate) fn standing(&self, component: ComponentId, replica: ReplicaId, now: Instant) -> Standing {
        self.link(component, replica).standing(self.checked_standing(replica), self.ticks(now))
    }

    /// How a replica stands by its checks alone.
    pub(crate) fn checked_standing(&self, replica: ReplicaId) -> Standing {
        Standing::of(self.replicas[replica.0].standing.load(Ordering::Acquire))
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

    /// Requests in flight to a replica.
    pub(crate) fn in_flight(&self, replica: ReplicaId) -> u32 {
        self.replicas[replica.0].in_flight.load(Ordering::Acquire)
    }

    /// Requests that may be in flight to a replica at present.
    pub(crate) fn limit(&self, replica: ReplicaId) -> u32 {
        self.limits[replica.0].limit.load(Ordering::Relaxed)
    }

    /// First-byte time of a replica for a component in microseconds, as balanced by.
    pub(crate) fn first_byte_us(&self, component: ComponentId, replica: ReplicaId) -> f64 {
        self.link(component, replica).form.first_byte_us()
    }

    pub(super) fn adapt(&self, replica: ReplicaId, change: impl FnOnce(&mut Limiter)) {
        let state = &self.limits[replica.0];
        let mut limiter = locked(&state.limiter);
        change(&mut limiter);
        state.limit.store(limiter.limit(), Ordering::Relaxed);
    }

    /// True when parts of bodies are served.
    pub(crate) fn serves_parts(&self, component: ComponentId) -> bool {
        self.past(component).serves_parts.load(Ordering::Relaxed)
    }

    /// Takes in that a part of a body was served.
    pub(crate) fn served_part(&self, component: ComponentId) {
        self.past(component).serves_parts.store(true, Ordering::Relaxed);
    }

    /// Takes in the outcome of one check: the status of a good one, or how it failed.
    pub(crate) fn check_ended(&self, replica: ReplicaId, outcome: Result<u16, FailureKind>, now: Instant) {
        self.note_check(replica, outcome, now);
        let (health, state, failure) = (&self.settings.health, &self.replicas[replica.0], outcome.err());
        let changed = locked(&state.checks).ended(failure, health.fall, health.rise);
        if let Some(standing) = changed {
            state.standing.store(standing.as_u8(), Ordering::Release);
            if standing == Standing::Fit {
                state.returned.set(Some(self.ticks(now)));
            }
            events::standing_changed(&self.site.replica(replica).settings.name, standing, failure);
        }
    }

    /// The same of a check of a closer look. It tells how the replica does, and does not take it out or bring it back: checks so
    /// close together have one cause, and a queue of a moment would fail as many in a row as it takes.
    pub(crate) fn quick_check_ended(&self, replica: ReplicaId, outcome: Result<u16, FailureKind>, now: Instant) {
        self.note_check(replica, outcome, now);
    }

    fn note_check(&self, replica: ReplicaId, outcome: Result<u16, FailureKind>, now: Instant) {
        let state = &self.replicas[replica.0];
        if let Ok(status) = outcome {
            state.good_status.store(status, Ordering::Relaxed);
        }
        self.consider_a_look(replica, if outcome.is_ok() { News::Well } else { News::Ails }, now);
        locked(&state.checks_tally).count(outcome.err());
    }

    /// Looks at a replica more closely when this is news enough.
    pub(super) fn consider_a_look(&self, replica: ReplicaId, news: News, now: Instant) {
        if locked(&self.scrutiny.looks).note(replica.0, news, self.ticks(now)) {
            self.scrutiny.taps.open(replica.0, self.ticks(now));
            self.scrutiny.begins.notify_one();
            self.scrutiny.checkers[replica.0].notify_one();
        }
    }

    /// Waits until a closer look at a replica begins.
    pub(crate) async fn look_at(&self, replica: ReplicaId) {
        self.scrutiny.checkers[replica.0].notified().await;
    }

    /// True while a replica is checked in quick succession.
    pub(crate) fn is_looked_at(&self, replica: ReplicaId, now: Instant) -> bool {
        locked(&self.scrutiny.looks).is_checked_quickly(replica.0, self.ticks(now))
    }

    /// When the hub is told after it was told at `last`.
    pub(crate) fn roll_up_after(&self, last: Instant) -> Instant {
        let (last, ticks) = (last, self.ticks(last));
        last + locked(&self.scrutiny.looks).roll_up_after(ticks).since(ticks)
    }

    /// How long a check of a closer look waits.
    pub(crate) fn patience(&self, replica: ReplicaId) -> Duration {
        let usual = Some(self.replicas[replica.0].check_us.get()).filter(|us| *us > 0.0);
        patience(usual.map(|us| Duration::from_secs_f64(us / 1e6)), self.settings.health.timeout)
    }

    /// A good check took so long.
    pub(crate) fn check_took(&self, replica: ReplicaId, took: Duration) {
        const GAIN: f64 = 0.1;
        let (known, us) = (&self.replicas[replica.0].check_us, took.as_secs_f64() * 1e6);
        known.set(us.max(known.get() + GAIN * (us - known.get())));
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
    pub(crate) fn adopt(&self, replica: ReplicaId, addresses: Arc<[SocketAddr]>, now: Instant) {
        let state = &self.replicas[replica.0];
        let before = state.adopt(addresses);
        if !before.is_empty() {
            state.returned.set(Some(self.ticks(now)));
        }
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

    pub(super) fn past(&self, component: ComponentId) -> &ComponentPast {
        &self.components[component.0].past
    }

    /// A component's experience with a replica.
    pub(crate) fn link(&self, component: ComponentId, replica: ReplicaId) -> &Link {
        &self.components[component.0].links[replica.0]
    }
}

impl Scrutiny {
    /// Of so many replicas; nobody was looked at yet.
    pub(super) fn new(replicas: usize) -> Self {
        let checkers = std::iter::repeat_with(Notify::new).take(replicas).collect();
        Self { looks: Mutex::new(Looks::new(replicas)), taps: Taps::new(replicas), begins: Notify::new(), checkers }
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
            returned: AtomicMoment::default(),
            addresses: RwLock::new(addresses),
            checks: Mutex::default(),
            standing: AtomicU8::new(Standing::Fit.as_u8()),
            checks_tally: Mutex::default(),
            good_status: AtomicU16::new(0),
            check_us: AtomicNumber::new(0.0),
            version: RwLock::default(),
        }
    }

    /// Changes where it is reached; returns where it was.
    pub(super) fn adopt(&self, addresses: Arc<[SocketAddr]>) -> Arc<[SocketAddr]> {
        std::mem::replace(&mut *write(&self.addresses), addresses)
    }
}

impl LimitState {
    /// A limit that nothing is known against.
    pub(super) fn of(site: &ReplicaSite, settings: &EdgeSettings, now: Instant) -> Self {
        let (floor, ceiling) = (settings.limits.in_flight_floor, site.settings.max_in_flight);
        let limiter = Limiter::new(floor, ceiling, settings.components.len(), now);
        Self { limit: AtomicU32::new(limiter.limit()), limiter: Mutex::new(limiter) }
    }
}

impl ComponentPast {
    /// A component of which nothing is known yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            budget: Mutex::new(Budget::new(now)),
            serves_parts: AtomicBool::new(false),
            pace: Pace::default(),
            gaps: Mutex::default(),
            shed_at: AtomicMoment::default(),
        }
    }
}
