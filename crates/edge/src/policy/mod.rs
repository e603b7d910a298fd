//! The edge's decisions without its sockets, threads and files: for worlds in which time is only told.
//!
//! All that a live edge decides while it serves, it decides by the functions that stand behind this: who is let in, which
//! replica is asked, whether one more attempt is made, who is ejected, which plan is taken, what the hub is told. Here they
//! are asked with `now` at hand, one after the other, and with dice of a seed: the same questions get the same answers,
//! to the last byte of a roll-up.
//!
//! What a live edge does with sockets, the world has to do itself, in this order for one request:
//!
//! 1. [`admit`](EdgePolicy::admit); whoever is not let in is [`answered`](EdgePolicy::answered) with [`Told::shed`],
//!    [`Told::limited`] or [`Told::withheld`].
//! 2. [`requested`](EdgePolicy::requested), then [`choose`](EdgePolicy::choose) with nobody tried. Where all is full it
//!    waits: [`enter`](EdgePolicy::enter), and is turned away ([`shed`](EdgePolicy::shed)) when its time is over.
//! 3. For each attempt: its failure ([`attempt_failed`](EdgePolicy::attempt_failed)) or its head
//!    ([`head_came`](EdgePolicy::head_came)). After a failure, or a head that [`is_passing`], and while
//!    [`Tries::may_go_on`]: [`may_retry`](EdgePolicy::may_retry), and then `choose` again. An attempt that was never sent
//!    is replaced without asking. A head that is passing is handed on when no better one comes.
//! 4. After each further [`hedge_after`](EdgePolicy::hedge_after) of silence of the only attempt under way:
//!    [`silent`](EdgePolicy::silent) the first time, and [`may_hedge`](EdgePolicy::may_hedge). Whoever loses is
//!    [`overtaken`](EdgePolicy::overtaken), and heard out for [`EdgePolicy::HEARD_OUT`] since it was asked where that says so.
//! 5. [`answered`](EdgePolicy::answered) once, with what the client was told; then the body:
//!    [`body_read`](EdgePolicy::body_read), [`body_sent`](EdgePolicy::body_sent), [`body_good`](EdgePolicy::body_good). After
//!    a gap of [`stall_after`](EdgePolicy::stall_after): [`may_help`](EdgePolicy::may_help).
//! 6. The seat is given back ([`give_back`](EdgePolicy::give_back)) when the attempt is over, body and all.
//!
//! Besides: checks every `health.every` of the [`settings`](EdgePolicy::settings), and every [`EdgePolicy::QUICK_CHECKS`] while
//! a replica [is looked at more closely](EdgePolicy::is_looked_at); and a roll-up whenever one [is due](EdgePolicy::roll_up_after),
//! whose answer may be a plan.
//!
//! One request may stand for several that are alike and come at the same instant: those are its `times`. They are let in,
//! tried again and counted one by one as far as that goes; they share one choice of a replica, take so many seats there
//! (the last of them perhaps above the limit), and have one place in the waiting room.

mod requests;

use crate::change::names;
use crate::change::plan::resume;
use crate::change::settings::EdgeSettings;
use crate::change::site::{SettingsFault, Site};
use crate::choose::dice::Dice;
use crate::choose::hash::mix;
use crate::run::shared::Shared;
use crate::run::waiting;
use crate::tell::report::{Clerk, Duty, Share};
use crate::tell::tally::Seen;
use downbeat_core::model::{FailureKind, Name, RollUp, TrafficPlan};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::admit::traffic::{Admitted, What};
pub use crate::change::hold::Beyond;
pub use crate::change::names::LookUp;
pub use crate::change::plan::{PlanOutcome, PlanRefusal};
pub use crate::change::site::{ComponentId, FeatureNumber, ReplicaId};
pub use crate::choose::health::{Part, Standing};
pub use crate::choose::tries::{Repetition, Tries, is_passing};
pub use crate::door::network::Network;
pub use crate::exchange::told::Told;
pub use crate::run::extra::Overtaken;
pub use crate::run::waiting::Waiting;

/// One edge's decisions.
#[derive(Debug)]
pub struct EdgePolicy {
    share: Share,
    dice: Dice,
    clerk: Clerk,
    boot: u64,
}

/// So many attempts at one replica that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// What is wanted.
    pub component: ComponentId,
    /// Who is asked.
    pub replica: ReplicaId,
    /// How many requests it stands for.
    pub times: u32,
}

/// Whom to ask.
#[derive(Debug)]
pub enum Choice {
    /// This one; the seats there are taken.
    Replica(Seat),
    /// Everybody has as many requests in flight as allowed.
    Full,
    /// There is nobody left to ask.
    Nobody,
}

/// Seats at a replica, until they are given back. One that the edge's end has outlived is worth nothing.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "seats are taken until they are given back"]
pub struct Seat {
    replica: ReplicaId,
    places: u32,
    boot: u64,
}

impl Seat {
    /// Where it is.
    pub const fn replica(&self) -> ReplicaId {
        self.replica
    }
}

/// Somebody who is silent, until it is heard or given up.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "it counts as silent until it is heard"]
pub struct Silence {
    component: ComponentId,
    replica: ReplicaId,
    boot: u64,
}

/// Somebody in the waiting room.
#[derive(Debug)]
#[must_use = "it has a place until it leaves"]
pub struct Waiter {
    inner: waiting::Waiter,
    boot: u64,
}

impl Waiter {
    /// Until when it waits.
    pub const fn deadline(&self) -> Instant {
        self.inner.ticket.deadline
    }

    /// How it stands. A call is heard once; whoever hears it chooses, and comes in again where that finds all full.
    pub fn look(&mut self) -> Waiting {
        self.inner.look()
    }
}

/// How long an attempt has been silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent {
    /// Since it was asked.
    pub lasted: Duration,
    /// The silence after which a second replica is asked, as settled when the request began.
    pub hedge_after: Duration,
}

/// What a client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// What was wanted.
    pub component: ComponentId,
    /// Whose client it was.
    pub network: Network,
    /// What it was told.
    pub told: Told,
    /// From the head of its request to the head of its answer.
    pub took: Duration,
    /// True when it needed more than one attempt.
    pub retried: bool,
    /// How many requests it stands for.
    pub times: u32,
}

impl EdgePolicy {
    /// Overtaken attempts are heard out for so long since they were asked; who is silent until then has failed as
    /// [`FailureKind::Late`].
    pub const HEARD_OUT: Duration = crate::ask::straggler::HANG;

    /// From one check to the next of a replica that is looked at more closely.
    pub const QUICK_CHECKS: Duration = crate::choose::look::CHECK_EVERY;

    /// An edge that starts with nothing known. Where it listens, what it writes and how many threads it has does not matter.
    ///
    /// # Errors
    /// When the settings contradict themselves.
    pub fn new(settings: EdgeSettings, seed: u64, now: Instant) -> Result<Self, SettingsFault> {
        let site = Site::of(&settings)?;
        let settings = EdgeSettings { access_log: None, ..settings };
        let shared = Shared::new(1, settings, site, 1, now).expect("there is no access log that could not be opened");
        let (dice, boot) = (Dice::seeded(mix(seed)), mix(!seed));
        Ok(Self { share: Share::of(Arc::new(shared)), dice, clerk: Clerk::new(boot, now), boot })
    }

    /// The process ends, and another one starts in its place: it knows nothing but what lies on disk, which is the plan that
    /// was in force, and whether automation is on hold.
    #[must_use]
    pub fn restart(self, now: Instant) -> Self {
        let shared = self.shared();
        let (settings, plan) = (shared.settings.clone(), self.plan());
        let next = Self::new(settings, self.boot, now).expect("these settings were good before");
        next.shared().hold.set(shared.hold.reason());
        resume(next.shared(), &plan, now);
        next
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.share.shared
    }

    /// What it was started with.
    pub fn settings(&self) -> &EdgeSettings {
        &self.shared().settings
    }

    /// A component by its name.
    pub fn component(&self, name: &Name) -> Option<ComponentId> {
        self.shared().site.component_ids().find(|id| self.shared().site.component(*id).settings.name == *name)
    }

    /// A feature by its component and its name.
    pub fn feature(&self, component: ComponentId, name: &Name) -> Option<FeatureNumber> {
        self.shared().site.component(component).feature_named(name)
    }

    /// A replica by its name.
    pub fn replica(&self, name: &Name) -> Option<ReplicaId> {
        self.shared().site.replica_ids().find(|id| self.shared().site.replica(*id).settings.name == *name)
    }

    /// Who serves a component.
    pub fn serving(&self, component: ComponentId) -> &[ReplicaId] {
        &self.shared().site.component(component).replicas
    }

    /// A check of a replica ended: with a good answer's status, or how it failed.
    pub fn check_ended(&mut self, replica: ReplicaId, outcome: Result<u16, FailureKind>, now: Instant) {
        self.shared().check_ended(replica, outcome, now);
    }

    /// The same of a check of a closer look.
    pub fn quick_check_ended(&mut self, replica: ReplicaId, outcome: Result<u16, FailureKind>, now: Instant) {
        self.shared().quick_check_ended(replica, outcome, now);
    }

    /// A replica told its version.
    pub fn version_told(&mut self, replica: ReplicaId, version: &Name) {
        self.shared().told_version(replica, version.as_str().as_bytes());
    }

    /// A look-up of a replica's host name ended.
    pub fn looked_up(&mut self, host: &Name, word: LookUp) {
        let replicas = self.shared().site.hosts().remove(host).unwrap_or_default();
        names::note(self.shared(), host, &names::known(self.shared(), &replicas), word);
    }

    /// A host name's replicas are reached there from now on; a name that the plan pins is not to be followed.
    pub fn resolved(&mut self, host: &Name, addresses: &[IpAddr], now: Instant) {
        let replicas = self.shared().site.hosts().remove(host).unwrap_or_default();
        names::adopt(self.shared(), &replicas, addresses, now);
    }

    /// Takes the plan that the hub answered with, or does not.
    pub fn take_plan(&mut self, plan: &TrafficPlan, now: Instant) -> PlanOutcome {
        let shared = self.share.shared.clone();
        self.clerk.take(&shared, plan.clone(), now)
    }

    /// The plan in force.
    pub fn plan(&self) -> Arc<TrafficPlan> {
        self.shared().traffic().plan.clone()
    }

    /// An operator holds automation at this edge (A13), by the file that it looks at once a second.
    pub fn hold(&mut self) {
        self.shared().hold.set(Some("".into()));
    }

    /// The operator releases it.
    pub fn release(&mut self) {
        self.shared().hold.set(None);
    }

    /// What the hub is told of the time since this was last asked.
    pub fn roll_up(&mut self, now: Instant) -> RollUp {
        let mut seen = Seen::default();
        self.share.add_to(&mut seen);
        self.clerk.roll_up(seen, &self.share.shared, Duty::Serving, now)
    }

    /// When the hub is told after it was told at `last`.
    pub fn roll_up_after(&self, last: Instant) -> Instant {
        self.shared().roll_up_after(last)
    }

    /// True while a replica is checked in quick succession.
    pub fn is_looked_at(&self, replica: ReplicaId, now: Instant) -> bool {
        self.shared().is_looked_at(replica, now)
    }

    /// How a replica stands for a component.
    pub fn standing(&self, component: ComponentId, replica: ReplicaId, now: Instant) -> Standing {
        self.shared().standing(component, replica, now)
    }

    /// True while this edge by itself sends a replica nothing at all.
    pub fn is_ejected(&self, replica: ReplicaId, now: Instant) -> bool {
        self.shared().is_ejected(replica, now)
    }

    /// Requests in flight to a replica.
    pub fn in_flight(&self, replica: ReplicaId) -> u32 {
        self.shared().in_flight(replica)
    }

    /// Requests that may be in flight to a replica at present.
    pub fn limit(&self, replica: ReplicaId) -> u32 {
        self.shared().limit(replica)
    }
}
