//! A story: one outage, told for people and acted out for machines, in one Markdown file.
//!
//! The prose says what happened in the real world and what has to happen here; one fenced block
//! ```` ```toml drill ```` says what breaks when, and what is expected.

mod expect;
mod read;
mod shelf;
mod words;

pub use expect::{CauseExpected, Expect};
pub use read::StoryError;
pub use shelf::{FindError, all, find};

pub use downbeat_sim::script::{Healing, Setting, Trouble};

use crate::crowd::{Component, Network};
use crate::names;
use crate::place::{Region, ReplicaId};
use downbeat_core::model::Name;
use serde::Deserialize;
use std::time::Duration;

/// One outage.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Its name on the command line.
    pub name: Name,
    /// Its name for people.
    pub title: String,
    /// The Markdown around the block.
    pub prose: String,
    /// How long everything has to be well before the fault.
    pub warm_up: Duration,
    /// How long after the fault everything may take at most; for a quiet story, how long it lasts.
    pub after: Duration,
    /// What breaks and what is mended, in order.
    pub steps: Vec<Step>,
    /// The worlds in which it can be lived through.
    pub worlds: Worlds,
    /// What the simulated world has otherwise than the demo.
    pub setting: Setting,
    /// What has to come of it.
    pub expect: Expect,
    /// What has to come of it in the simulated world.
    pub expect_simulated: Expect,
}

/// The worlds in which a story can be lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worlds {
    /// With real processes, and in virtual time.
    #[default]
    Both,
    /// In virtual time only: its trouble is more than processes on one machine can have.
    Simulated,
}

impl Story {
    /// True when nothing breaks, so that the story lasts its full time.
    pub fn is_quiet(&self) -> bool {
        self.steps.is_empty()
    }

    /// True when real processes can live through it.
    pub fn is_live(&self) -> bool {
        self.worlds == Worlds::Both
    }
}

/// One thing that is done to the world. It waits for the step before it, for its time, for its condition, and
/// then for its pause.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Not before so long after the fault.
    pub time: Duration,
    /// Not before this holds.
    pub once: Option<Condition>,
    /// And then so much later.
    pub pause: Duration,
    /// What is done.
    pub deed: Deed,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Either world can do it.
    Action(Action),
    /// Only the simulated one can.
    Trouble(Trouble),
}

/// What a step can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// An open incident is confirmed.
    Confirmed,
    /// An open incident is mitigated.
    Mitigated,
    /// Every replica has a process that answers.
    AllUp,
}

/// Something that is done to the world.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// `kill -9` of a replica.
    Kill {
        /// Which one.
        replica: ReplicaId,
    },
    /// A replica stands still, as in a debugger (SIGSTOP).
    Stop {
        /// Which one.
        replica: ReplicaId,
    },
    /// It goes on (SIGCONT).
    Continue {
        /// Which one.
        replica: ReplicaId,
    },
    /// Another version takes a replica's place, and the hub is told.
    Deploy {
        /// Which one.
        replica: ReplicaId,
        /// The new version.
        version: Name,
        /// The one before.
        from: Name,
        /// What is wrong with it, in Encore's words.
        #[serde(default)]
        defects: Vec<String>,
    },
    /// Another configuration takes hold in a region, and the hub is told.
    Configure {
        /// Where.
        region: Region,
        /// Its name.
        to: Name,
        /// The one before.
        from: Name,
        /// What is wrong with it, in Encore's words.
        #[serde(default)]
        defects: Vec<String>,
    },
    /// Nothing gets through to a region any more, and nobody is told.
    Blackhole {
        /// Which one.
        region: Region,
    },
    /// A region answers late or slowly.
    Thin {
        /// Which one.
        region: Region,
        /// Everything is handed on so much later.
        #[serde(default, deserialize_with = "some_span")]
        delay: Option<Duration>,
        /// Or each connection carries so many bytes a second.
        #[serde(default)]
        bytes_per_second: Option<u64>,
    },
    /// A region's name resolves differently.
    Names {
        /// Whose.
        region: Region,
        /// To what.
        answer: names::Answer,
    },
    /// Many more requests for one component.
    Surge {
        /// Which one.
        component: Component,
        /// So many more a second.
        rate: f64,
    },
    /// Wrong passwords from one network.
    Attack {
        /// Where from.
        #[serde(deserialize_with = "network")]
        network: Network,
        /// So many a second.
        rate: f64,
    },
    /// `kill -9` of the hub; it stays away.
    KillHub,
    /// The hub comes back.
    StartHub,
    /// Something is mended from outside.
    Heal {
        /// What.
        what: Healing,
    },
}

fn network<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Network, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

fn some_span<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    downbeat_sim::span::deserialize(from).map(Some)
}
