//! From the remedies in force to the one traffic plan.

use crate::model::{Limit, Name, Pin, Route, Shed, Strength, TrafficPlan, Weight};
use std::collections::BTreeMap;
use std::time::Duration;

/// A route in force, and the share of the usual traffic that its targets get now.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce<'a> {
    /// What is asked.
    pub route: &'a Route,
    /// 0 at full effect; rises on the way back.
    pub share: Strength,
}

/// Strings the routes in force together. Where two speak of the same thing, the stricter one holds.
pub fn plan<'a>(epoch: u64, in_force: impl IntoIterator<Item = InForce<'a>>, shed_ttl: Duration) -> TrafficPlan {
    let mut weights: BTreeMap<(Name, Option<Name>), Strength> = BTreeMap::new();
    let mut limits: BTreeMap<(Name, Option<Name>), u32> = BTreeMap::new();
    let mut sheds: BTreeMap<Name, (Strength, Option<u32>)> = BTreeMap::new();
    let mut pins: Vec<Name> = Vec::new();
    for InForce { route, share } in in_force {
        match route {
            Route::Away { replicas, component } => {
                for replica in replicas {
                    stricter(&mut weights, (replica.clone(), component.clone()), share);
                }
            }
            Route::Admit { components, floor, of } => {
                for component in components {
                    stricter(&mut sheds, component.clone(), (between(*floor, share), *of));
                }
            }
            Route::Cap { network, component, per_second } => {
                stricter(&mut limits, (network.clone(), component.clone()), *per_second);
            }
            Route::Hold { hosts } => pins.extend(hosts.iter().cloned()),
        }
    }
    pins.sort();
    pins.dedup();
    let ttl_ms = u64::try_from(shed_ttl.as_millis()).unwrap_or(u64::MAX);
    TrafficPlan {
        epoch,
        weights: weights
            .into_iter()
            .map(|((replica, component), share)| Weight { replica, component, share })
            .collect(),
        limits: limits
            .into_iter()
            .map(|((network, component), per_second)| Limit { network, component, per_second })
            .collect(),
        sheds: sheds.into_iter().map(|(component, (admitted, of))| Shed { component, admitted, ttl_ms, of }).collect(),
        pins: pins.into_iter().map(|host| Pin { host }).collect(),
    }
}

fn stricter<K: Ord, V: Ord>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    match map.entry(key) {
        std::collections::btree_map::Entry::Occupied(mut there) => {
            if value < *there.get() {
                there.insert(value);
            }
        }
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(value);
        }
    }
}

/// What a shed admits on its way back: from its floor at share 0 to all at share 1.
fn between(floor: Strength, share: Strength) -> Strength {
    Strength::ratio(floor.as_ratio() + (1.0 - floor.as_ratio()) * share.as_ratio())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    #[test]
    fn the_stricter_of_two_holds_and_a_shed_opens_from_its_floor() {
        let away =
            |replicas: &[&str]| Route::Away { replicas: replicas.iter().map(|r| name(r)).collect(), component: None };
        let (region, replica) = (away(&["eu-1", "eu-2"]), away(&["eu-1"]));
        let admit = Route::Admit { components: vec![name("search")], floor: Strength::percent(20), of: Some(500) };
        let in_force = [
            InForce { route: &region, share: Strength::percent(25) },
            InForce { route: &replica, share: Strength::NONE },
            InForce { route: &admit, share: Strength::percent(50) },
        ];
        let plan = plan(4, in_force, Duration::from_secs(60));
        let shares: Vec<(String, u32)> =
            plan.weights.iter().map(|w| (w.replica.to_string(), u32::from(w.share))).collect();
        assert_eq!(shares, [("eu-1".to_string(), 0), ("eu-2".to_string(), 2_500)]);
        assert_eq!(plan.sheds[0].admitted, Strength::percent(60));
        assert_eq!((plan.epoch, plan.sheds[0].ttl_ms), (4, 60_000));
    }
}
