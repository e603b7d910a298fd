//! What the service consists of: components, replicas, and who serves what.

use super::{Dimension, Name, Slice};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How dear a component is when not everything can be served: 0 is given up last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

/// Something that users want of the service.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name.
    pub name: Name,
    /// Its name on the status page.
    pub title: String,
    /// How dear it is.
    pub priority: Priority,
    /// Who serves it.
    pub replicas: BTreeSet<Name>,
    /// Its features, the first to return first.
    pub features: Vec<Name>,
}

/// A process that serves components.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// Its name.
    pub name: Name,
    /// Where it runs.
    pub region: Name,
    /// The version it was configured with; what it says of itself goes before.
    pub version: Option<Name>,
    /// Its host name, when it is reached by one.
    pub host: Option<Name>,
    /// Requests a second it has been proven to carry, by its own past or by a drill.
    pub proven_per_second: Option<f64>,
}

/// The service as it is configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    /// Its name.
    pub service: String,
    /// By name.
    pub components: BTreeMap<Name, Component>,
    /// By name.
    pub replicas: BTreeMap<Name, Replica>,
    /// Versions that have proven themselves before (24 h or 10^6 requests within their objective).
    pub proven_versions: BTreeSet<Name>,
}

impl Topology {
    /// Who serves each component: what a traffic plan is checked against.
    pub fn serving(&self) -> BTreeMap<Name, BTreeSet<Name>> {
        self.components.iter().map(|(name, c)| (name.clone(), c.replicas.clone())).collect()
    }

    /// The regions there are.
    pub fn regions(&self) -> BTreeSet<Name> {
        self.replicas.values().map(|r| r.region.clone()).collect()
    }

    /// The replicas of a region.
    pub fn in_region<'a>(&'a self, region: &'a Name) -> impl Iterator<Item = &'a Replica> {
        self.replicas.values().filter(move |r| r.region == *region)
    }

    /// The whole address of a replica: `region=eu,replica=eu-1`, with the version when it is known.
    pub fn place(&self, replica: &Name) -> Slice {
        let mut slice = Slice::of(Dimension::Replica, replica.clone());
        if let Some(known) = self.replicas.get(replica) {
            slice = slice.with(Dimension::Region, known.region.clone());
            if let Some(version) = &known.version {
                slice = slice.with(Dimension::Version, version.clone());
            }
        }
        slice
    }

    /// The replicas that a slice speaks of; all of them when it names none.
    pub fn replicas_of(&self, slice: &Slice) -> BTreeSet<Name> {
        let wanted = |replica: &Replica| {
            let place = self.place(&replica.name);
            [Dimension::Region, Dimension::Replica, Dimension::Version]
                .into_iter()
                .all(|d| slice.get(d).is_none_or(|name| place.get(d) == Some(name)))
        };
        self.replicas.values().filter(|r| wanted(r)).map(|r| r.name.clone()).collect()
    }
}
