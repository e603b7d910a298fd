//! From the remedies in force to the one traffic plan.

use crate::model::{Feature, FeatureId, Limit, Name, Pin, Route, SHED_TTL_MS_MAX, Shed, Strength, TrafficPlan, Weight};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A route in force, and the share of the usual traffic that its targets get now.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce<'a> {
    /// What is asked.
    pub route: &'a Route,
    /// 0 at full effect; rises on the way back.
    pub share: Strength,
    /// What is admitted of its features.
    pub features: Vec<(&'a FeatureId, Strength)>,
}

impl<'a> InForce<'a> {
    /// A route at its full effect, with all its features out.
    pub fn fully(route: &'a Route) -> Self {
        Self { route, share: Strength::NONE, features: route.features().iter().map(|f| (f, Strength::NONE)).collect() }
    }
}

/// Strings the routes in force together, and the features that a person has switched off. Where two speak of the same thing,
/// the stricter one holds. What a remedy keeps out gets what the shed of its component leaves over; what a person has switched off
/// gets nothing.
pub fn plan<'a>(
    epoch: u64,
    in_force: impl IntoIterator<Item = InForce<'a>>,
    switched_off: impl IntoIterator<Item = &'a FeatureId>,
    shed_ttl: Duration,
) -> TrafficPlan {
    let mut weights: BTreeMap<(Name, Option<Name>), Strength> = BTreeMap::new();
    let mut limits: BTreeMap<(Name, Option<Name>), u32> = BTreeMap::new();
    let mut sheds: BTreeMap<Name, (Strength, Option<u32>)> = BTreeMap::new();
    let mut pins: Vec<Name> = Vec::new();
    let off: BTreeSet<&FeatureId> = switched_off.into_iter().collect();
    let mut features: BTreeMap<FeatureId, Strength> =
        off.iter().map(|feature| ((*feature).clone(), Strength::NONE)).collect();
    for InForce { route, share, features: admitted } in in_force {
        admitted.into_iter().for_each(|(feature, admitted)| stricter(&mut features, feature.clone(), admitted));
        match route {
            Route::Away { replicas, component } => {
                for replica in replicas {
                    stricter(&mut weights, (replica.clone(), component.clone()), share);
                }
            }
            Route::Admit { components, floor, of, .. } => {
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
    let features: BTreeMap<_, _> = features.into_iter().filter(|(_, admitted)| *admitted < Strength::FULL).collect();
    let sheds: BTreeMap<_, _> = sheds.into_iter().filter(|(_, (admitted, _))| *admitted < Strength::FULL).collect();
    let gets_leftovers = |id: &&FeatureId| sheds.contains_key(&id.component) && !off.contains(id);
    let leftovers = features.keys().filter(gets_leftovers).cloned().collect();
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
        features: features.into_iter().map(feature_row).collect(),
        leftovers,
        pins: pins.into_iter().map(|host| Pin { host }).collect(),
    }
}

/// The edges renew it by themselves as long as a hub speaks for the plan.
fn feature_row((FeatureId { component, feature }, admitted): (FeatureId, Strength)) -> Feature {
    Feature { component, feature, admitted, ttl_ms: SHED_TTL_MS_MAX }
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
        let admit = Route::Admit {
            components: vec![name("search")],
            floor: Strength::percent(20),
            of: Some(500),
            usual: None,
            features: vec![],
        };
        let at = |route, percent| InForce { share: Strength::percent(percent), ..InForce::fully(route) };
        let in_force = [at(&region, 25), at(&replica, 0), at(&admit, 50)];
        let plan = plan(4, in_force, [], Duration::from_secs(60));
        let shares: Vec<(String, u32)> =
            plan.weights.iter().map(|w| (w.replica.to_string(), u32::from(w.share))).collect();
        assert_eq!(shares, [("eu-1".to_string(), 0), ("eu-2".to_string(), 2_500)]);
        assert_eq!(plan.sheds[0].admitted, Strength::percent(60));
        assert_eq!((plan.epoch, plan.sheds[0].ttl_ms), (4, 60_000));
    }

    #[test]
    fn features_stay_out_when_their_component_is_back_and_while_a_person_wants_it() {
        let feature = |feature: &str| FeatureId { component: name("search"), feature: name(feature) };
        let features = vec![feature("by-name"), feature("by-mood")];
        let admit = Route::Admit {
            components: vec![name("search")],
            floor: Strength::percent(20),
            of: None,
            usual: None,
            features,
        };
        let rows = |in_force: InForce<'_>, off: &[FeatureId]| -> (usize, Vec<(String, u32)>) {
            let plan = plan(1, [in_force], off, Duration::from_secs(60));
            let with_leftovers: Vec<FeatureId> = ["by-mood", "by-name"].map(feature).into();
            let wanted = if plan.sheds.is_empty() { vec![] } else { with_leftovers };
            assert_eq!(plan.leftovers, wanted, "what the shed leaves over is for what it keeps out");
            let rows = plan.features.iter().map(|f| (f.feature.to_string(), f.admitted.into())).collect();
            (plan.sheds.len(), rows)
        };
        let row = |feature: &str, parts: u32| (feature.to_owned(), parts);
        assert_eq!(rows(InForce::fully(&admit), &[]), (1, vec![row("by-mood", 0), row("by-name", 0)]));
        let (first, second) = (feature("by-name"), feature("by-mood"));
        let back = |admitted: u32| InForce {
            share: Strength::FULL,
            features: vec![(&first, Strength::percent(admitted)), (&second, Strength::NONE)],
            ..InForce::fully(&admit)
        };
        assert_eq!(rows(back(25), &[]), (0, vec![row("by-mood", 0), row("by-name", 2_500)]));
        assert_eq!(rows(back(100), &[]), (0, vec![row("by-mood", 0)]));
        let off = [feature("by-name")];
        let shed = super::plan(1, [InForce::fully(&admit)], &off, Duration::from_secs(60));
        assert_eq!(shed.leftovers, [feature("by-mood")], "a person's word is absolute");
        assert_eq!(rows(back(100), &off), (0, vec![row("by-mood", 0), row("by-name", 0)]));
    }
}
