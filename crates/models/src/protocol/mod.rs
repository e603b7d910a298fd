//! The action protocol: hubs that write one log, edges that take plans, and everything that may go wrong between them.
//!
//! Stands for the hub's driver around the desk (`crates/hub/src/driver`, `crates/core/src/incident/desk.rs`), the end of the
//! log that is compared before each write (`crates/hub/src/log/store.rs`), the plan in a roll-up's answer
//! (`crates/hub/src/intake.rs`, `crates/edge/src/tell/hub.rs`), and how an edge takes a plan, keeps it and takes it up again
//! (`crates/edge/src/change/plan.rs`, `scribe.rs`). The core's own `TrafficPlan::is_after`, `TrafficPlan::check`, and
//! `act::plan` are asked; the fold of the log is compared with `Book` on the same events.
//!
//! The network: a plan that a hub ever published may reach any edge at any time, any number of times or never, and every
//! roll-up that an edge ever sent may reach any hub so. That is more than TCP with a time-out of two seconds allows.
//!
//! Left out: why the hub decides what it decides (any of a few plans may come at any time); an edge's veto on its own
//! evidence (A8), which is a plan that does not arrive; the renewal of sheds; reloads, which keep the epoch.

mod properties;
mod world;

use downbeat_core::act::{self, InForce};
use downbeat_core::model::{Name, Route, Strength, TrafficPlan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

pub use properties::*;
pub use world::{Edge, Hub, Left, Life, Line, Step, Weather, World};

/// What a plan asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Nothing.
    Idle,
    /// The first region gets nothing.
    AwayEu,
    /// The second region gets nothing.
    AwayUs,
    /// A part of the requests is turned away.
    Shed,
    /// Nobody gets anything: no guard lets this pass, so a hub that asks for it is out of its mind.
    AwayAll,
}

impl Content {
    const ALL: [Content; 5] = [Self::Idle, Self::AwayEu, Self::AwayUs, Self::Shed, Self::AwayAll];
}

/// No run comes further.
const EPOCH_MAX: u8 = 16;

/// A plan, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plan {
    /// Its epoch.
    pub epoch: u8,
    /// What it asks for.
    pub content: Content,
}

impl Plan {
    /// Before any other.
    pub const NONE: Plan = Plan { epoch: 0, content: Content::Idle };

    /// The product's plan for this, made once and for all.
    fn product(self) -> &'static Product {
        static ALL: LazyLock<BTreeMap<Plan, Product>> = LazyLock::new(|| {
            let plans = (0..=EPOCH_MAX).flat_map(|epoch| Content::ALL.map(|content| Plan { epoch, content }));
            plans.map(|plan| (plan, Product::of(plan))).collect()
        });
        ALL.get(&self).expect("no run decides so many plans")
    }

    /// The product's plan for this.
    pub fn whole(self) -> &'static TrafficPlan {
        &self.product().plan
    }

    fn make(self) -> TrafficPlan {
        let away =
            |replicas: &[&str]| Route::Away { replicas: replicas.iter().map(|r| name(r)).collect(), component: None };
        let routes = match self.content {
            Content::Idle => vec![],
            Content::AwayEu => vec![away(&["eu-1"])],
            Content::AwayUs => vec![away(&["us-1"])],
            Content::AwayAll => vec![away(&["eu-1", "us-1"])],
            Content::Shed => {
                vec![Route::Admit {
                    components: vec![name("search")],
                    floor: Strength::percent(20),
                    of: None,
                    usual: None,
                    features: vec![],
                }]
            }
        };
        let in_force = routes.iter().map(InForce::fully);
        act::plan(u64::from(self.epoch), in_force, [], Duration::from_secs(60))
    }

    /// What the edge's own check says.
    fn passes(self) -> bool {
        self.product().passes
    }

    /// How many replicas get nothing.
    fn removed(self) -> usize {
        self.product().removed
    }
}

/// A plan as the product has it, and what the product says of it.
struct Product {
    plan: TrafficPlan,
    passes: bool,
    removed: usize,
}

impl Product {
    fn of(plan: Plan) -> Self {
        let plan = plan.make();
        Self { passes: plan.check(&serving()).is_ok(), removed: plan.removed().len(), plan }
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a constant good name")
}

fn serving() -> BTreeMap<Name, BTreeSet<Name>> {
    let replicas: BTreeSet<Name> = ["eu-1", "us-1"].map(name).into();
    [(name("login"), replicas.clone()), (name("search"), replicas)].into()
}

/// How the protocol is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Design {
    /// As the product is: an epoch is a moment that no log before has reached; a hub to which an edge names a higher epoch than
    /// its own puts its plan in force anew; and only an epoch of its own log counts as applied.
    AsBuilt,
    /// A hub shows its plan before it is in the log.
    SendsBeforeWriting,
    /// A hub writes without looking where the log ends.
    WritesBlindly,
    /// A hub whose log somebody else has written to writes nothing more, but goes on with what it knows.
    GoesOnOvertaken,
    /// An epoch is the number after the last one of the log, any higher one counts as applied, and what an edge names is not
    /// looked at.
    CountsEpochs,
    /// An edge takes a plan of its own epoch once more.
    TakesEqualEpochs,
    /// An edge takes whatever comes.
    TakesAnyEpoch,
    /// An edge does not check what it takes.
    ChecksNothing,
    /// A shed goes on after an edge's restart, and nobody counts its time.
    ShedsSurvive,
}

impl Design {
    /// Whether a hub looks at the end of the log before it shows anything.
    const fn looks(self) -> bool {
        !matches!(self, Self::GoesOnOvertaken | Self::WritesBlindly)
    }
}

/// What keeps two hubs off one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fence {
    /// The lock on the file: a successor starts only when its predecessor is dead. As on one machine.
    Lock,
    /// The lock was lost, as on a shared folder: a successor may start while its predecessor is only paused.
    Lost,
}

/// Bounds of a run, and which things go wrong in it.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many edges there are.
    pub edges: usize,
    /// So many plans are decided.
    pub plans: u8,
    /// So many times a hub dies.
    pub hub_deaths: u8,
    /// So many times an edge dies.
    pub edge_deaths: u8,
    /// So many times a hub is paused for any length.
    pub pauses: u8,
    /// So many times the log is replaced by an earlier copy of itself, while no hub runs.
    pub restores: u8,
    /// Whether hubs hear roll-ups.
    pub roll_ups: bool,
    /// Whether an operator holds the automation at some time.
    pub hold: bool,
    /// What plans may ask for.
    pub contents: &'static [Content],
}

/// The protocol in a design, within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// How it is built.
    pub design: Design,
    /// What keeps hubs apart.
    pub fence: Fence,
    /// How far it is looked at.
    pub bounds: Bounds,
    /// What is known not to hold there, and is looked at apart.
    pub without: &'static [&'static str],
}

#[cfg(test)]
mod tests;
