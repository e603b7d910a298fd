//! The places of the drills' service: three regions with two replicas each, on loopback addresses of their own.

use downbeat_core::model::{Dimension, Name, Slice};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Where everything answers that is no replica: edge, hub, names.
pub const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Where somebody else's web server stands, to which a wrong name leads.
pub const PARKED: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 9);

/// A region of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Europe.
    Eu,
    /// North America.
    Us,
    /// Asia and the Pacific.
    Ap,
}

impl Region {
    /// All of them.
    pub const ALL: [Region; 3] = [Self::Eu, Self::Us, Self::Ap];

    /// The word in names: `eu`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::Us => "us",
            Self::Ap => "ap",
        }
    }

    /// Where its doors listen.
    pub const fn address(self) -> Ipv4Addr {
        match self {
            Self::Eu => Ipv4Addr::new(127, 0, 1, 1),
            Self::Us => Ipv4Addr::new(127, 0, 2, 1),
            Self::Ap => Ipv4Addr::new(127, 0, 3, 1),
        }
    }

    /// The host name that leads there.
    pub fn host(self) -> String {
        format!("{self}.encore.internal")
    }

    /// The region as a slice.
    pub fn slice(self) -> Slice {
        Slice::of(Dimension::Region, name(self.word()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One of the six replicas, written `eu-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplicaId {
    region: Region,
    number: u8,
}

/// Why a text names no replica.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no replica {0:?}; there are eu-1, eu-2, us-1, us-2, ap-1 and ap-2")]
pub struct ReplicaIdError(String);

impl ReplicaId {
    /// All of them, in the order of their ports.
    pub const ALL: [ReplicaId; 6] = [
        Self { region: Region::Eu, number: 1 },
        Self { region: Region::Eu, number: 2 },
        Self { region: Region::Us, number: 1 },
        Self { region: Region::Us, number: 2 },
        Self { region: Region::Ap, number: 1 },
        Self { region: Region::Ap, number: 2 },
    ];

    /// Where it runs.
    pub const fn region(self) -> Region {
        self.region
    }

    /// Its place among all, from 0.
    pub const fn index(self) -> u16 {
        self.region as u16 * 2 + self.number as u16 - 1
    }

    /// Its name in configuration and signals.
    pub fn name(self) -> Name {
        name(&self.to_string())
    }

    /// The replica as a slice: `region=eu,replica=eu-1`.
    pub fn slice(self) -> Slice {
        self.region.slice().with(Dimension::Replica, self.name())
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.region, self.number)
    }
}

impl FromStr for ReplicaId {
    type Err = ReplicaIdError;

    fn from_str(text: &str) -> Result<Self, ReplicaIdError> {
        Self::ALL.into_iter().find(|id| id.to_string() == text).ok_or_else(|| ReplicaIdError(text.to_owned()))
    }
}

impl TryFrom<String> for ReplicaId {
    type Error = ReplicaIdError;

    fn try_from(text: String) -> Result<Self, ReplicaIdError> {
        text.parse()
    }
}

impl From<ReplicaId> for String {
    fn from(id: ReplicaId) -> String {
        id.to_string()
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("the drills' own names consist of letters, digits and dashes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_agree() {
        for (index, id) in ReplicaId::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(id.index()), index);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(ReplicaId::ALL[3].slice().to_string(), "region=us,replica=us-2");
        assert!("eu-3".parse::<ReplicaId>().is_err());
    }
}
