//! A script: one outage that is written down instead of drawn, in the demo's world, with Downbeat and without.

mod act;
mod played;

pub use act::{Act, Healing, Hearing, Mending, NameAnswer, Network, Sight, Trouble};
pub use played::{Played, Requests};

use crate::plan::{Automation, Plan};
use crate::shape::{ARMED_FOR, GRAIN, Pace, Place, Shape, name};
use crate::time::Time;
use crate::world::World;
use downbeat_core::model::{Mode, Name};
use serde::Deserialize;
use std::time::Duration;

/// Everything is well for so long before a story's own warm-up, as in a world of processes that has to start.
const CALM: Duration = Duration::from_secs(8);
/// Nothing may be open for so long before a story is over: a second incident would show by then.
const SETTLE: Duration = Duration::from_secs(3);
/// How often it is looked at whether a story is over.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The demo's regions, with so many replicas each.
const REGIONS: ([&str; 3], usize) = (["eu", "us", "ap"], 2);
/// The demo's components, the dearest first, with the share of its crowd that wants each, in 24ths.
const COMPONENTS: [(&str, f64); 5] =
    [("playback", 3.0), ("login", 1.0), ("playlists", 8.0), ("catalogue", 8.0), ("search", 4.0)];
/// Requests a second that a replica of the demo has proven to carry.
const PROVEN_PER_SECOND: f64 = 100.0;

/// One outage that is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Decides all that is left to chance.
    pub seed: u64,
    /// How many listen.
    pub listeners: usize,
    /// What is otherwise than in the demo.
    pub setting: Setting,
    /// How long everything is well before the fault.
    pub warm_up: Duration,
    /// How long it takes at most after the fault; without steps, how long it lasts.
    pub after: Duration,
    /// What is done to the world, in order.
    pub steps: Vec<Step>,
}

/// What a story may have otherwise than the demo.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// Edges; as many as regions stand in a region each.
    pub edges: usize,
    /// How often a client asks again.
    pub client_retries: u32,
    /// Requests a second of the usual crowd.
    pub per_second: f64,
}

impl Setting {
    /// What the types cannot say.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=3).contains(&self.edges) {
            return Err(format!("there can be 1 to 3 edges, not {}", self.edges));
        }
        if self.client_retries > 20 {
            return Err(format!("a client asks again 20 times at most, not {}", self.client_retries));
        }
        if !(1.0..=5_000.0).contains(&self.per_second) {
            return Err(format!("a rate is 1 to 5000 a second, not {}", self.per_second));
        }
        Ok(())
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self { edges: 1, client_retries: 0, per_second: 120.0 }
    }
}

/// One thing that is done: not before its time, its condition, and then its pause.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Not before so long after the fault.
    pub time: Duration,
    /// Not before this holds.
    pub once: Option<Once>,
    /// And then so much later.
    pub pause: Duration,
    /// What is done.
    pub act: Act,
}

/// What a step can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// An open incident is confirmed.
    Confirmed,
    /// An open incident is mitigated.
    Mitigated,
    /// Every replica answers.
    AllUp,
}

/// Why a script cannot be performed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The world has no such thing.
    #[error("the simulated world has no {kind} {name:?}")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// Under which name.
        name: String,
    },
    /// No such defect.
    #[error("the simulated world does not know the defect {0:?}")]
    Defect(String),
}

/// Percent of each component's requests that are promised, as in the demo.
const PROMISED: f64 = 80.0;

impl Script {
    fn shape(&self) -> Shape {
        let (regions, each) = REGIONS;
        let replica =
            |n: usize| Place { name: name(&format!("{}-{}", regions[n / each], n % each + 1)), region: n / each };
        let all: f64 = COMPONENTS.iter().map(|(_, share)| share).sum();
        let edges = self.setting.edges;
        Shape {
            armed_for: ARMED_FOR,
            regions: regions.map(name).into(),
            replicas: (0..regions.len() * each).map(replica).collect(),
            edges: crate::shape::edges(edges, regions.len()),
            components: COMPONENTS.map(|(component, _)| name(component)).into(),
            wants: COMPONENTS.map(|(_, share)| share / all).into(),
            demand: self.setting.per_second / f64::from(GRAIN),
            capacity: PROVEN_PER_SECOND / f64::from(GRAIN),
            listeners: self.listeners,
            client_retries: self.setting.client_retries,
            mode: Mode::Auto,
            pace: Pace::Demo,
            promised: Some(PROMISED),
            features: COMPONENTS.map(|_| Vec::new()).into(),
        }
    }

    fn plan(&self, automation: Automation) -> Plan {
        Plan { seed: self.seed, shape: self.shape(), faults: Vec::new(), ordeal: None, automation }
    }

    /// When the first step is due.
    fn begins(&self) -> Time {
        Time::ZERO + CALM + self.warm_up
    }

    /// Performs it with Downbeat, until everything is over or its time is.
    ///
    /// # Errors
    /// When a step names what the world does not have.
    pub fn perform(&self) -> Result<Played, ScriptError> {
        let mut world = World::new(&self.plan(Automation::On));
        world.set_stage(self.steps.clone(), self.begins());
        let end = self.begins() + self.after;
        let mut over: Option<Time> = None;
        while world.now < end && over.is_none_or(|since| world.now.since(since) < SETTLE) {
            let next = world.now + LOOK_EVERY;
            world.run_until(next.min(end));
            over = if !self.steps.is_empty() && world.is_over() { over.or(Some(world.now)) } else { None };
        }
        Played::of(world)
    }

    /// Performs it while Downbeat only watches, for so long after the fault.
    ///
    /// # Errors
    /// When a step names what the world does not have.
    pub fn perform_without(&self, duration: Duration) -> Result<Played, ScriptError> {
        let mut world = World::new(&self.plan(Automation::Off));
        world.set_stage(self.steps.clone(), self.begins());
        world.run_until(self.begins() + duration);
        Played::of(world)
    }
}

/// The region, replica or component of this name, for messages of what is unknown.
pub(crate) fn unknown(kind: &'static str, name: &Name) -> ScriptError {
    ScriptError::Unknown { kind, name: name.to_string() }
}
