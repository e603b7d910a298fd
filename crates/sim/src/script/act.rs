//! What a step does to the world: what live drills can do as well, and troubles that only a simulated world has.

use crate::span;
use downbeat_core::model::Name;
use serde::Deserialize;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Something that is done to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A replica's process dies.
    Kill(Name),
    /// A replica stands still.
    Stop(Name),
    /// It goes on.
    Continue(Name),
    /// Another version takes a replica's place, and the hub is told.
    Deploy {
        /// Which replica.
        replica: Name,
        /// The new version.
        version: Name,
        /// The one before.
        from: Name,
        /// What is wrong with it, in Encore's words.
        defects: Vec<String>,
    },
    /// Another configuration takes hold in a region, and the hub is told.
    Configure {
        /// Where.
        region: Name,
        /// Its name.
        to: Name,
        /// The one before.
        from: Name,
        /// What is wrong with it, in Encore's words.
        defects: Vec<String>,
    },
    /// Nothing gets through to a region.
    Blackhole(Name),
    /// A region is so much farther away.
    Thin(Name, Duration),
    /// A region's name resolves differently.
    Names(Name, NameAnswer),
    /// So many more requests a second for one component.
    Surge(Name, f64),
    /// So many wrong passwords a second from one network.
    Attack(Network, f64),
    /// The hub dies, and stays away.
    KillHub,
    /// It comes back.
    StartHub,
    /// Something is mended from outside.
    Heal(Healing),
    /// What only a simulated world has.
    Trouble(Trouble),
}

/// A network of clients, by one of its addresses.
pub type Network = Ipv4Addr;

/// What a name resolves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameAnswer {
    /// The truth.
    Right,
    /// A stranger.
    Wrong,
    /// Nothing.
    None,
}

/// What can be mended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Healing {
    /// All lines.
    Network,
    /// All names.
    Names,
    /// The surge ends.
    Surge,
    /// The attack ends.
    Attack,
    /// Replicas run, and run the good release and configuration.
    Replicas,
    /// All of these, and the hub is there.
    Everything,
}

/// A trouble of famous outages that processes on one machine do not have.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Trouble {
    /// A version is brought out on every replica at once.
    DeployAll {
        /// The new version.
        version: Name,
        /// The one before.
        from: Name,
        /// What is wrong with it.
        #[serde(default)]
        defects: Vec<String>,
        /// Whether the hub is told.
        #[serde(default)]
        hub: Hearing,
    },
    /// A configuration, or data that acts like one, takes hold everywhere at once.
    ConfigureAll {
        /// Its name.
        to: Name,
        /// The one before.
        from: Name,
        /// What is wrong with it.
        #[serde(default)]
        defects: Vec<String>,
        /// Whether the hub is told.
        #[serde(default)]
        hub: Hearing,
    },
    /// A file is made anew and sent everywhere again and again, good or bad by which node makes it.
    Publish {
        /// The configuration that made it so.
        to: Name,
        /// The one before.
        from: Name,
        /// From one file to the next.
        #[serde(deserialize_with = "span::deserialize")]
        every: Duration,
        /// The share of bad files, from 0 to 1.
        bad: f64,
        /// What is wrong with a bad one.
        defects: Vec<String>,
    },
    /// A process dies that is asked more than so often in a second: its memory grows with its connections.
    Memory {
        /// Requests a second that it survives.
        per_second: f64,
    },
    /// Somebody starts dead processes again, without looking.
    Supervise {
        /// So long after their death.
        #[serde(deserialize_with = "span::deserialize")]
        after: Duration,
        /// When more than so many start within that time, none of them comes up; nobody counts by default.
        at_once: Option<usize>,
    },
    /// What a component needs everywhere is gone.
    Dependency {
        /// Which one.
        component: Name,
    },
    /// What a component needs everywhere answers later.
    Distance {
        /// Which one.
        component: Name,
        /// By so much.
        #[serde(deserialize_with = "span::deserialize")]
        delay: Duration,
    },
    /// Machines that hold a lease and have to renew it.
    Leases {
        /// With which component.
        component: Name,
        /// How many.
        holders: u32,
        /// Each so often; one that failed asks again after a tenth of it.
        #[serde(deserialize_with = "span::deserialize")]
        every: Duration,
    },
    /// A replica's health checks fail and pass in turn, whatever it does for users.
    Flap {
        /// Which one.
        replica: Name,
        /// For so long each.
        #[serde(deserialize_with = "span::deserialize")]
        every: Duration,
    },
    /// The hub does not see.
    Blind {
        /// With which of its eyes.
        eyes: Sight,
    },
    /// A channel carries messages only while a component answers.
    ShareFate {
        /// `pager` or `status-page`.
        channel: Name,
        /// Which component.
        component: Name,
    },
    /// People report what nothing measures.
    Reports {
        /// Of which component.
        component: Name,
        /// From so many networks.
        networks: u32,
        /// So many reports a second.
        per_second: f64,
    },
    /// An edge dies, and is never seen again.
    LoseEdge {
        /// `edge-1`, `edge-2`, …
        edge: Name,
    },
    /// The hub's disk takes nothing more.
    Disk,
    /// A trouble ends.
    Mend {
        /// Which one.
        what: Mending,
    },
}

impl Trouble {
    /// What the types cannot say: a trouble that goes on by itself needs time between one turn and the next.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let shortest = Duration::from_millis(100);
        match self {
            Self::Publish { every, .. } | Self::Leases { every, .. } | Self::Flap { every, .. }
                if *every < shortest =>
            {
                Err(format!("`every` is {shortest:?} or more"))
            }
            Self::Publish { bad, .. } if !(0.0..=1.0).contains(bad) => Err(format!("a share is 0 to 1, not {bad}")),
            Self::Leases { holders, .. } if !(1..=10_000).contains(holders) => {
                Err(format!("1 to 10000 can hold leases, not {holders}"))
            }
            Self::Reports { networks, .. } if !(1..=10_000).contains(networks) => {
                Err(format!("reports come from 1 to 10000 networks, not {networks}"))
            }
            Self::Reports { per_second, .. } | Self::Memory { per_second } if !(0.1..=5_000.0).contains(per_second) => {
                Err(format!("a rate is 0.1 to 5000 a second, not {per_second}"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the hub hears of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// Whoever changes something tells it.
    #[default]
    Told,
    /// Nobody tells.
    Untold,
}

/// The hub's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// What edges tell it.
    Edges,
    /// Its own probes: all of them fail, as when its uplink is gone.
    Probes,
    /// Both.
    Both,
}

/// Troubles that end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mending {
    /// All that [`Trouble::Dependency`] and [`Trouble::Distance`] brought.
    Dependencies,
    /// Files are good again.
    Publish,
    /// Leases are held by nobody.
    Leases,
    /// Checks are right again.
    Flaps,
    /// The hub sees.
    Sight,
    /// Nobody reports.
    Reports,
    /// The disk takes what it gets.
    Disk,
    /// Configurations that took hold everywhere are taken back.
    Configuration,
}
