//! Whether an extra attempt is made: because one failed (a retry), because one is silent (a hedge), or because a body does
//! not go on (help). All come out of the component's budget (invariant B5), and go beyond it only where one replica alone
//! is the trouble.

use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::budget::Trouble;
use crate::choose::tries::Urgency;
use crate::run::shared::Shared;
use crate::run::sync::{Ticks, locked};
use downbeat_core::model::mutation::{Mutation, is_on};
use std::time::{Duration, Instant};

/// A component that turned a request away this recently is shedding: nothing is tried twice meanwhile (B5).
const SHEDDING: Duration = Duration::from_secs(1);

/// An extra attempt that is wished for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) component: ComponentId,
    /// Who failed, or is silent.
    pub(crate) because_of: ReplicaId,
    pub(crate) urgency: Urgency,
    /// By when the request has to be answered.
    pub(crate) deadline: Instant,
}

/// What is to be done with an attempt that another one has overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overtaken {
    /// It is dropped: it was not silent for long, or the others are as slow.
    Dropped,
    /// Against a prompt answer it is a straggler: it is heard out.
    HeardOut,
}

impl Shared {
    /// So many requests came, for which there may be extra attempts.
    pub(crate) fn requested(&self, component: ComponentId, times: u32, now: Instant) {
        locked(&self.past(component).budget).request(times, now);
    }

    /// How many of some extra attempts are made for requests that wait for their heads.
    pub(crate) fn extra_attempts(&self, wanted: &Wanted, wished: u32, now: Instant) -> u32 {
        if self.is_pointless(wanted.component, wanted.deadline, now) {
            return 0;
        }
        self.spend(wanted.component, wanted.because_of, wanted.urgency, wished, now)
    }

    /// How many of some bodies that do not go on are asked of others, after this wait. What is unusual costs an attempt out
    /// of the budget, so that a service that is slow everywhere is not asked twice as much. Where one replica alone is
    /// silent, all its listeners are helped whatever the budget says; what is a stall by any measure is free.
    pub(crate) fn helped(
        &self,
        component: ComponentId,
        because_of: ReplicaId,
        waited: Duration,
        wished: u32,
        now: Instant,
    ) -> u32 {
        if waited >= self.settings.resume.stall_after {
            return wished;
        }
        self.spend(component, because_of, Urgency::High, wished, now)
    }

    fn spend(&self, component: ComponentId, because_of: ReplicaId, urgency: Urgency, wished: u32, now: Instant) -> u32 {
        if is_on(Mutation::EdgeNoBudget) {
            return wished;
        }
        let trouble = self.trouble(component, because_of);
        let mut budget = locked(&self.past(component).budget);
        let taken = budget.take(trouble, wished, now);
        if trouble == Trouble::Lone && urgency == Urgency::High {
            return taken + budget.force(because_of, wished - taken, now);
        }
        taken
    }

    /// Whose trouble it is when this replica fails or is silent.
    fn trouble(&self, component: ComponentId, replica: ReplicaId) -> Trouble {
        let others = self.site.component(component).replicas.iter().filter(|r| **r != replica);
        let mut in_trouble = others.map(|r| self.link(component, *r).is_in_trouble());
        if in_trouble.any(|t| t) { Trouble::Common } else { Trouble::Lone }
    }

    /// Whether a second attempt would only add to the trouble: there is no time left for half of all answers, or the
    /// component is shedding (invariant B5).
    fn is_pointless(&self, component: ComponentId, deadline: Instant, now: Instant) -> bool {
        let too_late = deadline.saturating_duration_since(now) < self.past(component).pace.median();
        too_late || self.is_shedding(component, self.ticks(now))
    }

    /// True when a request was turned away just now.
    pub(super) fn is_shedding(&self, component: ComponentId, now: Ticks) -> bool {
        self.past(component).shed_at.get().is_some_and(|at| now.since(at) < SHEDDING)
    }

    /// The silence after which a second replica is asked.
    pub(crate) fn hedge_after(&self, component: ComponentId) -> Duration {
        let bounds = &self.settings.hedge;
        self.past(component).pace.hedge_after(bounds.after_min, bounds.after_max)
    }

    /// The silence in a body after which the rest is asked of somebody else.
    pub(crate) fn stall_after(&self, component: ComponentId) -> Duration {
        let bounds = &self.settings.resume;
        locked(&self.past(component).gaps).unusual_after(bounds.stall_after_min, bounds.stall_after)
    }
}
