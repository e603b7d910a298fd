//! Seeded bugs: wrong turns built into the decisions, to see whether the simulation finds them.
//!
//! They are there only with the feature `mutations`, which nothing that is shipped has: without it [`is_on`] is a constant
//! no, and [`bend`] gives back what it got. One at a time is on, in one thread.

use super::Policy;

/// A wrong turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// The guard of this name is not asked.
    Forgets(&'static str),
    /// One of the policy's figures is another.
    Bends(Figure),
    /// A plan goes out under the epoch of the one before.
    SameEpoch,
    /// An effect goes out again at every turn until its outcome is in the log.
    EffectAgain,
    /// What was decided is applied although it could not be written.
    AppliesUnwritten,
    /// What happened outside is dropped when it cannot be written.
    DropsOutcome,
    /// A start of the hub ends the operator's hold.
    RestartReleases,
    /// Removals are not written down in the book.
    ForgetsRemovals,
    /// Actions are not written down in the book.
    ForgetsActions,
    /// A remedy whose effect is not seen stays.
    NeverReverts,
    /// What a person starts while users are served is not judged.
    NeverJudgesLate,
    /// What waits for a person starts by itself.
    AskIsAuto,
    /// What nobody has tried for too long still acts by itself.
    ForgetsArming,
    /// Two groups are on their way back at once.
    TwoOnTheWay,
    /// The way back begins although its targets fail.
    LiftsUnhealed,
    /// The way back goes on although its last step failed.
    StepsThroughFailure,
    /// The way back begins as soon after a relapse as the first time.
    NeverDoubles,
    /// What had come back already stays over a relapse.
    RelapseKeepsShare,
    /// Features come back beginning with the last one.
    FeaturesLastFirst,
    /// A remedy is over when its component is back, whatever of its features is out.
    ForgetsFeatures,
    /// What is taken back stays in the plan.
    RevertKeepsPlan,
    /// An incident ends while something of it is still diverted.
    EndsEarly,
    /// A diversion is never lifted.
    NeverLifts,
    /// Nobody is paged.
    NoPage,
    /// Pages are written and never queued.
    ForgetsPages,
    /// A change that is told again counts again.
    CountsRepeats,
    /// Users' reports confirm like measurements.
    BelievesReports,
    /// The public hears of suspicions.
    TellsSuspicions,
    /// A suspicion is never dismissed.
    NeverDismisses,
    /// An edge takes any plan, whatever its epoch.
    EdgeTakesOldPlans,
    /// An edge that starts again knows no plan.
    EdgeForgetsPlan,
    /// An edge does not look at its kill switch.
    EdgeIgnoresHold,
    /// An edge tries again as often as it likes.
    EdgeNoBudget,
}

/// A figure of the policy that is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// A1: twice the proven capacity is enough.
    LoadMax,
    /// A2: everybody may be out.
    RemovedMax,
    /// A11: one action more.
    Budget,
    /// A11: within a tenth of the time.
    BudgetWindow,
    /// A10: one removal more.
    Flaps,
    /// A9: one restart more.
    Restarts,
    /// A12: judged after twenty times the time.
    CheckAfter,
    /// A15: no warm-up.
    WarmUp,
    /// A15: silence is noticed after an hour.
    Silence,
    /// B1: no dwell.
    Dwell,
    /// B1: from a half.
    Ramp,
    /// A4: most replicas may look bad.
    PanicShare,
    /// B1: no wait before the way back.
    RampAfter,
    /// How long a suspicion lives: for ever.
    DismissAfter,
    /// How long after the end quiet is needed: a day.
    QuietFor,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 58] = [
        Self::Forgets("A1"),
        Self::Forgets("A2"),
        Self::Forgets("A4"),
        Self::Forgets("A5"),
        Self::Forgets("A9"),
        Self::Forgets("A10"),
        Self::Forgets("A11"),
        Self::Forgets("A12"),
        Self::Forgets("A13"),
        Self::Forgets("A15"),
        Self::Forgets("A16"),
        Self::Forgets("A18"),
        Self::Bends(Figure::LoadMax),
        Self::Bends(Figure::RemovedMax),
        Self::Bends(Figure::Budget),
        Self::Bends(Figure::BudgetWindow),
        Self::Bends(Figure::Flaps),
        Self::Bends(Figure::Restarts),
        Self::Bends(Figure::CheckAfter),
        Self::Bends(Figure::WarmUp),
        Self::Bends(Figure::Silence),
        Self::Bends(Figure::Dwell),
        Self::Bends(Figure::Ramp),
        Self::Bends(Figure::PanicShare),
        Self::Bends(Figure::RampAfter),
        Self::Bends(Figure::DismissAfter),
        Self::Bends(Figure::QuietFor),
        Self::SameEpoch,
        Self::EffectAgain,
        Self::AppliesUnwritten,
        Self::DropsOutcome,
        Self::RestartReleases,
        Self::ForgetsRemovals,
        Self::ForgetsActions,
        Self::NeverReverts,
        Self::NeverJudgesLate,
        Self::AskIsAuto,
        Self::ForgetsArming,
        Self::TwoOnTheWay,
        Self::LiftsUnhealed,
        Self::StepsThroughFailure,
        Self::NeverDoubles,
        Self::RelapseKeepsShare,
        Self::FeaturesLastFirst,
        Self::ForgetsFeatures,
        Self::RevertKeepsPlan,
        Self::EndsEarly,
        Self::NeverLifts,
        Self::NoPage,
        Self::ForgetsPages,
        Self::CountsRepeats,
        Self::BelievesReports,
        Self::TellsSuspicions,
        Self::NeverDismisses,
        Self::EdgeTakesOldPlans,
        Self::EdgeForgetsPlan,
        Self::EdgeIgnoresHold,
        Self::EdgeNoBudget,
    ];
}

#[cfg(not(feature = "mutations"))]
mod switch {
    use super::{Mutation, Policy};

    /// True while this wrong turn is taken: never.
    pub const fn is_on(_: Mutation) -> bool {
        false
    }

    /// The policy as it is.
    pub const fn bend(policy: Policy) -> Policy {
        policy
    }
}

#[cfg(feature = "mutations")]
mod switch {
    use super::super::Strength;
    use super::{Figure, Mutation, Policy};
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Takes this wrong turn from now on in this thread, or none.
    pub fn turn(mutation: Option<Mutation>) {
        ON.set(mutation);
    }

    /// True while this wrong turn is taken.
    pub fn is_on(mutation: Mutation) -> bool {
        ON.get() == Some(mutation)
    }

    /// The policy with the figure that is bent, if one is.
    pub fn bend(mut policy: Policy) -> Policy {
        let Some(Mutation::Bends(figure)) = ON.get() else { return policy };
        let act = &mut policy.act;
        match figure {
            Figure::LoadMax => act.load_max = 2.0,
            Figure::RemovedMax => (act.removed_max, act.removed_within_window) = (1.0, 1.0),
            Figure::Budget => act.budget += 1,
            Figure::BudgetWindow => act.budget_window /= 10,
            Figure::Flaps => act.flaps = (act.flaps.0 + 1, act.flaps.1 + 1),
            Figure::Restarts => act.restarts_per_hour += 1,
            Figure::CheckAfter => act.check_after *= 20,
            Figure::WarmUp => act.warm_up = Duration::ZERO,
            Figure::Silence => policy.confirm.silence_after = Duration::from_secs(3_600),
            Figure::Dwell => act.ramp_dwell = Duration::ZERO,
            Figure::Ramp => act.ramp = [50, 100].map(Strength::percent).to_vec(),
            Figure::PanicShare => act.panic_share = 1.0,
            Figure::RampAfter => act.ramp_after = Duration::ZERO,
            Figure::DismissAfter => policy.incident.dismiss_after = Duration::from_secs(86_400),
            Figure::QuietFor => policy.incident.quiet_for = Duration::from_secs(86_400),
        }
        policy
    }
}

pub use switch::*;
