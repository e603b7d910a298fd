//! A remedy: one action with the cause it answers, what it should bring about, and its way back.

use super::{CauseKind, FeatureId, IncidentId, Name, Slice, Topology};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// A share in hundredths of a percent, 0 to 10,000, so that plans compare exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Strength(u32);

impl Strength {
    /// All of it.
    pub const FULL: Strength = Strength(10_000);
    /// Nothing.
    pub const NONE: Strength = Strength(0);

    /// So many percent, at most 100.
    pub const fn percent(percent: u32) -> Self {
        if percent > 100 { Self::FULL } else { Self(percent * 100) }
    }

    /// A ratio from 0 to 1; what is outside is clamped, what is no number is nothing.
    pub fn ratio(ratio: f64) -> Self {
        // The cast is exact: the value is within 0 and 10,000, and NaN becomes 0.
        Self((ratio.clamp(0.0, 1.0) * 10_000.0).round() as u32)
    }

    /// From 0 to 1.
    pub fn as_ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl TryFrom<u32> for Strength {
    type Error = String;

    fn try_from(parts: u32) -> Result<Self, String> {
        if parts <= 10_000 { Ok(Self(parts)) } else { Err(format!("a share is 0 to 10000, not {parts}")) }
    }
}

impl From<Strength> for u32 {
    fn from(share: Strength) -> u32 {
        share.0
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 100.0)
    }
}

/// Names a remedy for its whole life, over restarts: the incident and its count within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RemedyId {
    /// The incident it belongs to.
    pub incident: IncidentId,
    /// 1, 2, 3, … within the incident.
    pub count: u32,
}

impl fmt::Display for RemedyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incident, self.count)
    }
}

impl std::str::FromStr for RemedyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form INCIDENT.COUNT, for example 3.1");
        let (incident, count) = text.split_once('.').ok_or_else(wrong)?;
        let incident = IncidentId(incident.parse().map_err(|_| wrong())?);
        Ok(Self { incident, count: count.parse().map_err(|_| wrong())? })
    }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyKind {
    /// Send the traffic of a region or replica elsewhere.
    Divert,
    /// Take a version or a configuration back; its traffic goes elsewhere meanwhile.
    RollBack,
    /// Restart a replica; its traffic goes elsewhere meanwhile.
    Restart,
    /// Admit only a share of what matters least.
    Shed,
    /// Cap what one client network may ask.
    Limit,
    /// Hold the last good addresses of a name.
    Pin,
}

impl RemedyKind {
    /// All of them.
    pub const ALL: [RemedyKind; 6] = [Self::Divert, Self::RollBack, Self::Restart, Self::Shed, Self::Limit, Self::Pin];

    /// The word in configuration, API and scorecards.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Divert => "divert",
            Self::RollBack => "roll_back",
            Self::Restart => "restart",
            Self::Shed => "shed",
            Self::Limit => "limit",
            Self::Pin => "pin",
        }
    }

    /// True when it takes replicas out of the traffic, so that the guards on capacity apply.
    pub const fn removes_capacity(self) -> bool {
        matches!(self, Self::Divert | Self::RollBack | Self::Restart)
    }
}

impl fmt::Display for RemedyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The change of traffic that a remedy asks for: exact targets, nothing left to choose for who carries it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "route", rename_all = "snake_case")]
pub enum Route {
    /// These replicas get nothing, or a share while they come back.
    Away {
        /// Which replicas.
        replicas: Vec<Name>,
        /// Only for this component; for all when absent.
        component: Option<Name>,
    },
    /// Only a share of these components is admitted.
    Admit {
        /// Which components.
        components: Vec<Name>,
        /// The share at full effect.
        floor: Strength,
        /// Requests a second of each at each edge that it is a share of: those that came when this was proposed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
        /// Requests a second of all of them together that were usual before, where that was known: by this the end of the crowd
        /// is told, also by a hub that has started since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usual: Option<u32>,
        /// Features that are kept out besides, the first to return first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        features: Vec<FeatureId>,
    },
    /// This network is capped.
    Cap {
        /// Which network.
        network: Name,
        /// Only for this component; for all when absent.
        component: Option<Name>,
        /// Requests a second that still pass.
        per_second: u32,
    },
    /// These names keep their last good addresses.
    Hold {
        /// Which host names.
        hosts: Vec<Name>,
    },
}

impl Route {
    /// The features that it keeps out, the first to return first.
    pub fn features(&self) -> &[FeatureId] {
        match self {
            Self::Admit { features, .. } => features,
            Self::Away { .. } | Self::Cap { .. } | Self::Hold { .. } => &[],
        }
    }

    /// True for a remedy that works on its targets where they stand: the traffic stays as it is.
    pub fn diverts_nobody(&self) -> bool {
        matches!(self, Self::Away { replicas, .. } if replicas.is_empty())
    }

    /// The components whose traffic it changes.
    pub fn components(&self, topology: &Topology) -> BTreeSet<Name> {
        let served_by = |is_target: &dyn Fn(&Name) -> bool| {
            let served = topology.components.values().filter(|c| c.replicas.iter().any(is_target));
            served.map(|c| c.name.clone()).collect()
        };
        let is_at = |replica: &Name, hosts: &[Name]| {
            topology.replicas.get(replica).and_then(|r| r.host.as_ref()).is_some_and(|host| hosts.contains(host))
        };
        match self {
            Self::Away { component: Some(only), .. } | Self::Cap { component: Some(only), .. } => [only.clone()].into(),
            Self::Away { replicas, component: None } if replicas.is_empty() => {
                topology.components.keys().cloned().collect()
            }
            Self::Away { replicas, component: None } => served_by(&|replica| replicas.contains(replica)),
            Self::Admit { components, .. } => components.iter().cloned().collect(),
            Self::Cap { component: None, .. } => topology.components.keys().cloned().collect(),
            Self::Hold { hosts } => served_by(&|replica| is_at(replica, hosts)),
        }
    }

    /// True when two routes ask something of the same targets.
    pub fn overlaps(&self, other: &Route) -> bool {
        match (self, other) {
            (Self::Away { replicas: a, component: ca }, Self::Away { replicas: b, component: cb }) => {
                a.iter().any(|r| b.contains(r)) && (ca.is_none() || cb.is_none() || ca == cb)
            }
            (Self::Admit { components: a, .. }, Self::Admit { components: b, .. }) => a.iter().any(|c| b.contains(c)),
            (Self::Cap { network: a, .. }, Self::Cap { network: b, .. }) => a == b,
            (Self::Hold { hosts: a }, Self::Hold { hosts: b }) => a.iter().any(|h| b.contains(h)),
            _ => false,
        }
    }
}

/// What somebody outside has to do: the configured actuator carries it out, once per remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actuation", rename_all = "snake_case")]
pub enum Actuation {
    /// Restart this replica.
    Restart {
        /// Which replica.
        replica: Name,
    },
    /// Take this change back.
    RollBack {
        /// What the change touched.
        slice: Slice,
        /// The version or configuration that goes.
        from: Name,
        /// The one that comes back.
        to: Name,
    },
}

/// One action, complete: who carries it out has nothing left to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remedy {
    /// Its name.
    pub id: RemedyId,
    /// What is done.
    pub kind: RemedyKind,
    /// The kind of cause it answers.
    pub answers: CauseKind,
    /// Where that cause sits.
    pub slice: Slice,
    /// The change of traffic.
    pub route: Route,
    /// What somebody outside has to do as well.
    pub actuation: Option<Actuation>,
    /// For people: what should be seen after it.
    pub predicted: String,
    /// For people: how it is taken back.
    pub undo: String,
    /// How long after its start its effect is judged.
    pub check_after: Duration,
}
