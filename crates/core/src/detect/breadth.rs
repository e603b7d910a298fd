//! Breadth: how many networks reports come from, and so how much they may weigh (invariant G1).
//!
//! A stranger costs nothing, a network a little, an autonomous system much. So one network carries a twentieth of what reports
//! can weigh at most, and one autonomous system a fifth, whatever their number of reports. Without a table of autonomous systems
//! each network stands for one of its own. What is kept is bounded: beyond it nothing could weigh more.

use crate::model::{Moment, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most of the weight that one network carries.
const NETWORK_SHARE: f64 = 0.05;
/// Most networks of one autonomous system that count: a fifth of the weight.
const NETWORKS_PER_SYSTEM: usize = 4;
/// Networks remembered; these alone carry more than all of the weight.
const NETWORKS_MAX: usize = 64;
/// Reports of so many autonomous systems may tip the scales beside what is measured; those of fewer, a handful of forgers has.
const SYSTEMS_MIN: usize = 5;

/// Who reported one thing lately.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Breadth {
    /// By network: its autonomous system, and when it reported last.
    heard: BTreeMap<Name, (Option<Name>, Moment)>,
}

impl Breadth {
    /// A network reported; what is older than `memory` is forgotten.
    pub fn add(&mut self, now: Moment, network: &Name, system: Option<&Name>, memory: Duration) {
        self.heard.retain(|_, (_, at)| now.since(*at) <= memory);
        if !self.heard.contains_key(network) {
            let same = self.heard.values().filter(|(of, _)| of.is_some() && of.as_ref() == system).count();
            if same >= NETWORKS_PER_SYSTEM || self.heard.len() >= NETWORKS_MAX {
                return;
            }
        }
        self.heard.insert(network.clone(), (system.cloned(), now));
    }

    /// Share of the weight that these networks carry, 0 to 1.
    pub fn share(&self, now: Moment, memory: Duration) -> f64 {
        (self.fresh(now, memory).count() as f64 * NETWORK_SHARE).min(1.0)
    }

    /// True when they come from enough autonomous systems to be more than a suspicion's worth.
    pub fn is_broad(&self, now: Moment, memory: Duration) -> bool {
        let systems: BTreeSet<&Name> =
            self.fresh(now, memory).map(|(network, system)| system.unwrap_or(network)).collect();
        systems.len() >= SYSTEMS_MIN
    }

    fn fresh(&self, now: Moment, memory: Duration) -> impl Iterator<Item = (&Name, Option<&Name>)> {
        let fresh = self.heard.iter().filter(move |(_, (_, at))| now.since(*at) <= memory);
        fresh.map(|(network, (system, _))| (network, system.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(180);
    const NOW: Moment = Moment::from_millis(1_000_000);

    fn after(reporters: impl Iterator<Item = (String, Option<String>)>) -> Breadth {
        let mut breadth = Breadth::default();
        let name = |text: &String| Name::new(text).expect("a good name");
        for (network, system) in reporters {
            breadth.add(NOW, &name(&network), system.as_ref().map(name).as_ref(), MEMORY);
        }
        breadth
    }

    #[test]
    fn g1_a_network_carries_a_twentieth_and_a_system_a_fifth() {
        let one = |n: u32, nets: u32, systems: Option<u32>| {
            let (share, broad) = {
                let of = |i: u32| systems.map(|s| format!("AS{}", i % nets % s));
                let breadth = after((0..n).map(|i| (format!("10.0.{}.0/24", i % nets), of(i))));
                (breadth.share(NOW, MEMORY), breadth.is_broad(NOW, MEMORY))
            };
            ((share * 100.0).round() as u32, broad)
        };
        assert_eq!(one(1_000, 1, None), (5, false));
        assert_eq!(one(10_000, 4, None), (20, false), "four networks, however many reports");
        assert_eq!(one(10_000, 200, Some(1)), (20, false), "one system, however many networks");
        assert_eq!(one(10_000, 200, Some(4)), (80, false), "four systems tip no scales");
        assert_eq!(one(10_000, 200, Some(5)), (100, true));
        assert_eq!(one(12, 12, None), (60, true));
    }

    #[test]
    fn what_is_old_carries_nothing_and_memory_is_bounded() {
        let mut breadth = after((0..10_000).map(|i| (format!("10.{}.{}.0/24", i / 256, i % 256), None)));
        assert_eq!(breadth.heard.len(), NETWORKS_MAX);
        let later = NOW + MEMORY + Duration::from_millis(1);
        assert_eq!(breadth.share(later, MEMORY), 0.0);
        breadth.add(later, &Name::new("192.0.2.0/24").expect("good"), None, MEMORY);
        assert_eq!(breadth.heard.len(), 1);
    }
}
