//! The traffic plan: all that the hub asks of the edges, as one value with a monotone epoch.
//!
//! An edge applies a plan whole or not at all. It refuses one that would leave a route without a target
//! (invariant A3) and says why; it keeps the last good one on disk and goes on with it for ever.
//!
//! A hub may be newer or older than its edges (invariant C7): fields that an edge does not know are passed over, lists that
//! are not there are empty. So whatever changes the meaning of a row must come as a row of another list, never as a field
//! that an earlier edge would not see.

use super::{Name, Strength};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the edges shall do beyond their configuration. The empty plan changes nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrafficPlan {
    /// Grows with every change; an edge ignores a plan whose epoch is not above its own (invariant A6).
    pub epoch: u64,
    /// Shares of the usual weight, for those replicas that do not get all of it.
    #[serde(default)]
    pub weights: Vec<Weight>,
    /// Limits on client networks.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Components of which only a share is admitted.
    #[serde(default)]
    pub sheds: Vec<Shed>,
    /// Features of which only a share is admitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// Of those, the ones that get besides what the shed of their component leaves over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<FeatureId>,
    /// Host names whose last good addresses are held.
    #[serde(default)]
    pub pins: Vec<Pin>,
}

/// A replica that gets only a share of its usual traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// Which replica.
    pub replica: Name,
    /// Only for this component; for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// Share of its usual weight that is left.
    pub share: Strength,
}

/// A cap on one client network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Which network.
    pub network: Name,
    /// Only for this component; for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// Requests a second that still pass.
    pub per_second: u32,
}

/// A component of which only a share is admitted. An edge lets it lapse by itself (invariant A9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shed {
    /// Which component.
    pub component: Name,
    /// Share that is admitted, of what came a second when the shed began.
    pub admitted: Strength,
    /// Milliseconds after its receipt at which the edge opens again by itself; at most 600,000.
    pub ttl_ms: u64,
    /// Requests a second at each edge when the shed was decided on. An edge that takes it late, or after a restart, does not
    /// take the few that come then for the crowd that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

/// Names a feature: a component, and the name of a group of its paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FeatureId {
    /// Of which component.
    pub component: Name,
    /// Its name within the component.
    pub feature: Name,
}

impl fmt::Display for FeatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.feature, self.component)
    }
}

/// A feature of which only a share is admitted. An edge lets it back in by itself when no hub speaks for its plan any more
/// (invariant A9); one that knows no such feature admits it like the rest of its component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Of which component.
    pub component: Name,
    /// Which of its features.
    pub feature: Name,
    /// Share of its requests that is admitted.
    pub admitted: Strength,
    /// Milliseconds after the hub last spoke for this plan at which the edge lets all in by itself; at most 600,000.
    pub ttl_ms: u64,
}

impl Feature {
    /// True for the row on that feature.
    pub fn is_about(&self, id: &FeatureId) -> bool {
        (&self.component, &self.feature) == (&id.component, &id.feature)
    }
}

/// A host name whose last good addresses are held, whatever the name says now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// Which host name.
    pub host: Name,
}

/// Why a plan cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// It names a replica that there is not.
    #[error("the plan names replica {0}, which is not configured")]
    Replica(Name),
    /// It names a component that there is not.
    #[error("the plan names component {0}, which is not configured")]
    Component(Name),
    /// It would leave a component with nobody to serve it.
    #[error("the plan leaves component {0} without a single replica")]
    NoTarget(Name),
    /// It would shed, or keep a feature out, for longer than ten minutes.
    #[error("the plan sheds {component} for {ttl_ms} ms, more than {SHED_TTL_MS_MAX}")]
    Ttl {
        /// Which component.
        component: Name,
        /// For how long.
        ttl_ms: u64,
    },
    /// It gives what is left over to a feature that it does not keep out.
    #[error("the plan gives feature {0} what is left over, but does not keep it out")]
    Leftover(FeatureId),
    /// It names the same thing twice.
    #[error("the plan speaks of {0} twice")]
    Twice(String),
}

/// Longest life of a shed, and of a feature's row without renewal (invariant A9).
pub const SHED_TTL_MS_MAX: u64 = 600_000;

impl TrafficPlan {
    /// What is left of a replica's weight for a component; the lower of the general and the particular word.
    pub fn share(&self, replica: &Name, component: &Name) -> Strength {
        self.weights
            .iter()
            .filter(|w| w.replica == *replica && w.component.as_ref().is_none_or(|c| c == component))
            .map(|w| w.share)
            .min()
            .unwrap_or(Strength::FULL)
    }

    /// The replicas that get nothing, of one component at least.
    pub fn removed(&self) -> BTreeSet<Name> {
        self.weights.iter().filter(|w| w.share == Strength::NONE).map(|w| w.replica.clone()).collect()
    }

    /// True when it may take the place of a plan of that epoch (invariant A6): what comes late or twice changes nothing.
    pub const fn is_after(&self, epoch: u64) -> bool {
        self.epoch > epoch
    }

    /// True when the plan asks for nothing.
    pub fn is_idle(&self) -> bool {
        self.weights.is_empty()
            && self.limits.is_empty()
            && self.sheds.is_empty()
            && self.features.is_empty()
            && self.pins.is_empty()
    }

    /// Checks a plan against the components and the replicas that serve each.
    ///
    /// # Errors
    /// The first [`PlanFault`]; a plan with one is refused whole (invariant A3).
    pub fn check(&self, serving: &BTreeMap<Name, BTreeSet<Name>>) -> Result<(), PlanFault> {
        self.check_names(serving)?;
        self.check_uniqueness()?;
        self.check_leftovers()?;
        let lives = (self.sheds.iter().map(|s| (&s.component, s.ttl_ms)))
            .chain(self.features.iter().map(|f| (&f.component, f.ttl_ms)));
        if let Some((component, ttl_ms)) = lives.into_iter().find(|(_, ttl_ms)| *ttl_ms > SHED_TTL_MS_MAX) {
            return Err(PlanFault::Ttl { component: component.clone(), ttl_ms });
        }
        for (component, replicas) in serving {
            if !replicas.is_empty() && replicas.iter().all(|r| self.share(r, component) == Strength::NONE) {
                return Err(PlanFault::NoTarget(component.clone()));
            }
        }
        Ok(())
    }

    fn check_names(&self, serving: &BTreeMap<Name, BTreeSet<Name>>) -> Result<(), PlanFault> {
        let known = |replica: &Name| serving.values().any(|set| set.contains(replica));
        if let Some(weight) = self.weights.iter().find(|w| !known(&w.replica)) {
            return Err(PlanFault::Replica(weight.replica.clone()));
        }
        let mut components = (self.weights.iter().filter_map(|w| w.component.as_ref()))
            .chain(self.limits.iter().filter_map(|l| l.component.as_ref()))
            .chain(self.sheds.iter().map(|s| &s.component))
            .chain(self.features.iter().map(|f| &f.component));
        match components.find(|c| !serving.contains_key(*c)) {
            Some(stranger) => Err(PlanFault::Component(stranger.clone())),
            None => Ok(()),
        }
    }

    /// What gets leftovers is kept out besides: an edge that knows nothing of leftovers keeps it out.
    fn check_leftovers(&self) -> Result<(), PlanFault> {
        let is_out = |id: &FeatureId| self.features.iter().any(|row| row.is_about(id));
        match self.leftovers.iter().find(|id| !is_out(id)) {
            Some(stray) => Err(PlanFault::Leftover(stray.clone())),
            None => Ok(()),
        }
    }

    fn check_uniqueness(&self) -> Result<(), PlanFault> {
        let label = |kind: &str, what: &Name, part: Option<&Name>| match part {
            Some(part) => format!("{kind} {what} for {part}"),
            None => format!("{kind} {what}"),
        };
        let mut labels: Vec<String> = Vec::new();
        labels.extend(self.weights.iter().map(|w| label("replica", &w.replica, w.component.as_ref())));
        labels.extend(self.limits.iter().map(|l| label("network", &l.network, l.component.as_ref())));
        labels.extend(self.sheds.iter().map(|s| label("component", &s.component, None)));
        labels.extend(self.features.iter().map(|f| label("feature", &f.feature, Some(&f.component))));
        labels.extend(self.leftovers.iter().map(|id| label("leftovers of feature", &id.feature, Some(&id.component))));
        labels.extend(self.pins.iter().map(|p| label("host", &p.host, None)));
        labels.sort();
        match labels.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(PlanFault::Twice(pair[0].clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn serving() -> BTreeMap<Name, BTreeSet<Name>> {
        let replicas: BTreeSet<Name> = ["eu-1", "us-1"].map(name).into();
        [(name("login"), replicas.clone()), (name("playback"), replicas)].into()
    }

    fn weight(replica: &str, component: Option<&str>, percent: u32) -> Weight {
        Weight { replica: name(replica), component: component.map(name), share: Strength::percent(percent) }
    }

    #[test]
    fn plans_that_pass_and_plans_that_do_not() {
        let fault = |weights: Vec<Weight>| {
            TrafficPlan { weights, ..TrafficPlan::default() }.check(&serving()).err().map(|f| f.to_string())
        };
        assert_eq!(fault(vec![]), None);
        assert_eq!(fault(vec![weight("eu-1", None, 0)]), None);
        assert_eq!(fault(vec![weight("eu-1", None, 0), weight("us-1", None, 1)]), None);
        let all_gone = fault(vec![weight("eu-1", None, 0), weight("us-1", Some("login"), 0)]);
        assert_eq!(all_gone.as_deref(), Some("the plan leaves component login without a single replica"));
        assert!(fault(vec![weight("ap-1", None, 0)]).is_some_and(|f| f.contains("ap-1")));
        assert!(fault(vec![weight("eu-1", Some("search"), 0)]).is_some_and(|f| f.contains("search")));
        let twice = fault(vec![weight("eu-1", None, 0), weight("eu-1", None, 5)]);
        assert_eq!(twice.as_deref(), Some("the plan speaks of replica eu-1 twice"));
    }

    #[test]
    fn the_lower_share_holds() {
        let weights = vec![weight("eu-1", None, 50), weight("eu-1", Some("login"), 5)];
        let plan = TrafficPlan { weights, ..TrafficPlan::default() };
        assert_eq!(plan.share(&name("eu-1"), &name("login")), Strength::percent(5));
        assert_eq!(plan.share(&name("eu-1"), &name("playback")), Strength::percent(50));
        assert_eq!(plan.share(&name("us-1"), &name("login")), Strength::FULL);
    }

    #[test]
    fn a_shed_lives_ten_minutes_at_most() {
        let shed =
            Shed { component: name("login"), admitted: Strength::percent(10), ttl_ms: SHED_TTL_MS_MAX + 1, of: None };
        let plan = TrafficPlan { sheds: vec![shed], ..TrafficPlan::default() };
        assert!(matches!(plan.check(&serving()), Err(PlanFault::Ttl { .. })));
    }

    #[test]
    fn a_feature_is_named_once_of_a_known_component_and_for_ten_minutes_at_most() {
        let row = |component: &str, ttl_ms| {
            let (component, feature) = (name(component), name("radio"));
            Feature { component, feature, admitted: Strength::NONE, ttl_ms }
        };
        let fault = |features: Vec<Feature>| {
            TrafficPlan { features, ..TrafficPlan::default() }.check(&serving()).err().map(|f| f.to_string())
        };
        assert_eq!(fault(vec![row("login", SHED_TTL_MS_MAX), row("playback", 1)]), None);
        assert!(fault(vec![row("search", 1)]).is_some_and(|f| f.contains("component search")));
        assert!(fault(vec![row("login", SHED_TTL_MS_MAX + 1)]).is_some_and(|f| f.contains("600001 ms")));
        let twice = fault(vec![row("login", 1), row("login", 2)]);
        assert_eq!(twice.as_deref(), Some("the plan speaks of feature radio for login twice"));
        let radio = || FeatureId { component: name("login"), feature: name("radio") };
        let leftovers = |features: Vec<Feature>, leftovers: Vec<FeatureId>| {
            let plan = TrafficPlan { features, leftovers, ..TrafficPlan::default() };
            plan.check(&serving()).err().map(|f| f.to_string())
        };
        assert_eq!(leftovers(vec![row("login", 1)], vec![radio()]), None);
        assert!(leftovers(vec![row("playback", 1)], vec![radio()]).is_some_and(|f| f.contains("does not keep it out")));
        assert!(leftovers(vec![row("login", 1)], vec![radio(), radio()]).is_some_and(|f| f.contains("twice")));
    }

    /// C7, and the hash of a log of before there were features (D4).
    #[test]
    fn a_plan_without_features_does_not_speak_of_them() {
        let text = serde_json::to_string(&TrafficPlan::default()).expect("JSON");
        assert!(!text.contains("features") && !text.contains("leftovers"), "{text}");
    }

    /// C7: plans of a later hub, of an earlier one, and what is no plan at all.
    #[test]
    fn plans_of_other_releases_are_read() {
        let read = |text: &str| serde_json::from_str::<TrafficPlan>(text);
        let later = read(
            r#"{"epoch":9,"weights":[{"replica":"eu-1","share":0,"since":1}],"sheds":[],"mirrors":[{"to":"us-1"}],
                "limits":[{"network":"10.0.0.0/24","per_second":5,"burst":9}],"pins":[{"host":"eu.example","why":""}]}"#,
        );
        let later = later.expect("a later hub's words are passed over");
        assert_eq!((later.epoch, later.weights[0].share, later.limits[0].per_second), (9, Strength::NONE, 5));
        let earlier = read(r#"{"epoch":9}"#).expect("an earlier hub has fewer lists");
        assert_eq!(earlier, TrafficPlan { epoch: 9, ..TrafficPlan::default() });
        for nonsense in [r#"{"weights":[]}"#, r#"{"epoch":9,"weights":[{"replica":"eu-1"}]}"#] {
            assert!(read(nonsense).is_err(), "{nonsense}: what a plan cannot do without has no default");
        }
    }
}
