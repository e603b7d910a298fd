//! What a world is made of: regions, replicas, edges, demand, and the figures of the hub's policy. Drawn from the seed.

use crate::dice::Dice;
use downbeat_core::model::{
    Component, Mode, Name, Objective, Objectives, Policy, Priority, RemedyKind, Replica, Strength, Topology,
};
use std::time::Duration;

/// The version that everything runs at first.
pub(crate) const GOOD: &str = "1.4.2";
/// What users want in drawn worlds, the dearest first.
pub(crate) const COMPONENTS: [&str; 3] = ["playback", "login", "search"];
/// Share of the demand for each.
const DEMAND: [f64; COMPONENTS.len()] = [0.5, 0.2, 0.3];
/// The component that players ask, in every world.
pub(crate) const PLAYBACK: usize = 0;
/// The component that checks passwords, in every world.
pub(crate) const LOGIN: usize = 1;
/// One simulated request stands for so many real ones: in counts, not in time.
pub(crate) const GRAIN: u32 = 3;
/// Client networks of ordinary users.
pub(crate) const NETWORKS: usize = 6;

/// Longer than any world lasts.
pub(crate) const ARMED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// How hasty the policy's figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Those of the demo: an incident takes a minute or two.
    Demo,
    /// Those of a real installation: half an hour.
    Usual,
}

/// A service, its edges, and how its hub is set up.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) regions: Vec<Name>,
    pub(crate) replicas: Vec<Place>,
    /// By edge: its name, and the region it stands in where each region has one.
    pub(crate) edges: Vec<(Name, Option<usize>)>,
    /// What users want, the dearest first.
    pub(crate) components: Vec<Name>,
    /// By component: the share of the demand for it.
    pub(crate) wants: Vec<f64>,
    /// Bundles of requests a second, of all users together.
    pub(crate) demand: f64,
    /// Bundles a second that one replica can serve when it is warm.
    pub(crate) capacity: f64,
    pub(crate) listeners: usize,
    /// How often a client asks again.
    pub(crate) client_retries: u32,
    pub(crate) mode: Mode,
    /// What may act by itself and was not tried for so long asks.
    pub(crate) armed_for: Duration,
    pub(crate) pace: Pace,
    /// Percent of each component's requests that are promised, if any are.
    pub(crate) promised: Option<f64>,
    /// By component: what of it can be kept out, the first to return first.
    pub(crate) features: Vec<Vec<Feature>>,
}

/// What of a component can be kept out.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) name: Name,
    /// So many of the component's users in ten want it.
    pub(crate) tenths: u32,
    /// How much work one of its requests is.
    pub(crate) work: f64,
}

/// A replica.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: Name,
    pub(crate) region: usize,
}

impl Shape {
    /// The world of a seed.
    pub(crate) fn draw(seed: u64, pace: Pace) -> Self {
        let mut dice = Dice::stream(seed, 1);
        let regions = 2 + dice.below(3);
        let per_region = 1 + dice.below(3);
        let (regions, replicas) = places(&vec![per_region; regions]);
        let edges = edges(1 + dice.below(2), regions.len());
        let demand = 14.0 + 8.0 * dice.share();
        let busy = 0.2 + 0.35 * dice.share();
        Self {
            capacity: demand / busy / replicas.len() as f64,
            regions,
            replicas,
            edges,
            components: COMPONENTS.map(name).into(),
            wants: DEMAND.into(),
            demand,
            listeners: 4 + dice.below(5),
            client_retries: dice.below(4) as u32,
            mode: if dice.chance(0.85) { Mode::Auto } else { Mode::Ask },
            armed_for: ARMED_FOR,
            pace,
            promised: None,
            features: features(seed),
        }
    }

    /// The feature that a component's n-th user wants, if they want one.
    pub(crate) fn wanted_by(&self, user: u32, component: usize) -> Option<usize> {
        let mut tenth = user % 10;
        self.features[component].iter().position(|feature| {
            let is_wanted = tenth < feature.tenths;
            tenth = tenth.saturating_sub(feature.tenths);
            is_wanted
        })
    }

    /// How much work a request of a component is: its features are dearer than the rest, and a user's request on average as
    /// dear as one of a component without any.
    pub(crate) fn work(&self, component: usize, feature: Option<usize>) -> f64 {
        let features = &self.features[component];
        let (tenths, dear) = features.iter().fold((0.0, 0.0), |(tenths, dear), feature| {
            (tenths + f64::from(feature.tenths), dear + f64::from(feature.tenths) * feature.work)
        });
        feature.map_or_else(|| (10.0 - dear) / (10.0 - tenths), |n| features[n].work)
    }

    /// The same users with another service: so many replicas by region, so many edges, and as busy; automation may act.
    #[must_use]
    pub(crate) fn reshaped(&self, per_region: &[usize], edges: usize, busy: f64) -> Self {
        let (regions, replicas) = places(per_region);
        Self {
            capacity: self.demand / busy / replicas.len() as f64,
            edges: self::edges(edges, regions.len()),
            regions,
            replicas,
            mode: Mode::Auto,
            ..self.clone()
        }
    }

    /// The policy of the hub.
    pub(crate) fn policy(&self) -> Policy {
        let mut policy = Policy { topology: self.topology(), ..Policy::default() };
        policy.act.modes = RemedyKind::ALL.map(|kind| (kind, self.mode)).into();
        policy.act.armed_for = self.armed_for;
        policy.act.can_actuate = true;
        let promised = self.promised.and_then(Objective::percent).map(Objectives::from);
        policy.objectives = self.components.iter().filter_map(|it| Some((it.clone(), promised?))).collect();
        if self.pace == Pace::Demo {
            policy.act.warm_up = Duration::from_secs(5);
            policy.act.sustained = Duration::from_millis(750);
            policy.act.check_after = Duration::from_secs(3);
            policy.act.ramp_dwell = Duration::from_secs(2);
            policy.act.ramp_requests = 5;
            policy.act.ramp_after = Duration::from_secs(3);
            policy.act.removal_window = Duration::from_secs(30);
            policy.act.budget_window = Duration::from_secs(60);
            policy.act.flaps = (4, 24);
            policy.incident.quiet_for = Duration::from_secs(5);
            policy.incident.dismiss_after = Duration::from_secs(20);
        } else {
            policy.act.ramp_requests = 100;
            policy.act.ramp = [1, 5, 10, 25, 50, 100].map(Strength::percent).to_vec();
        }
        policy
    }

    fn topology(&self) -> Topology {
        let mut topology = Topology { service: "Simulated".into(), ..Topology::default() };
        for place in &self.replicas {
            let replica = Replica {
                name: place.name.clone(),
                region: self.regions[place.region].clone(),
                version: Some(name(GOOD)),
                host: Some(self.host(place.region)),
                proven_per_second: Some(self.capacity * f64::from(GRAIN)),
            };
            topology.replicas.insert(replica.name.clone(), replica);
        }
        for (priority, component) in (0_u8..).zip(&self.components) {
            let it = Component {
                name: component.clone(),
                title: component.to_string(),
                priority: Priority(priority),
                replicas: self.replicas.iter().map(|place| place.name.clone()).collect(),
                features: self.features[usize::from(priority)].iter().map(|feature| feature.name.clone()).collect(),
            };
            topology.components.insert(component.clone(), it);
        }
        topology.proven_versions.insert(name(GOOD));
        topology
    }

    /// The host name of a region's replicas.
    pub(crate) fn host(&self, region: usize) -> Name {
        name(&format!("{}.sim.internal", self.regions[region]))
    }

    /// The replicas of a region, by their numbers.
    pub(crate) fn in_region(&self, region: usize) -> impl Iterator<Item = usize> + '_ {
        self.replicas.iter().enumerate().filter(move |(_, place)| place.region == region).map(|(n, _)| n)
    }

    /// The number of the replica of this name.
    pub(crate) fn replica(&self, name: &Name) -> Option<usize> {
        self.replicas.iter().position(|place| place.name == *name)
    }
}

/// In half of the worlds there are features.
fn features(seed: u64) -> Vec<Vec<Feature>> {
    if Dice::stream(seed, 9).chance(0.5) { all_featured() } else { vec![Vec::new(); COMPONENTS.len()] }
}

/// Each component but the log-in has two features, of which the second is much dearer.
pub(crate) fn all_featured() -> Vec<Vec<Feature>> {
    let two = || {
        let feature = |label: &str, tenths, work| Feature { name: name(label), tenths, work };
        vec![feature("charts", 1, 1.5), feature("radio", 1, 3.0)]
    };
    let of = |component| if component == LOGIN { Vec::new() } else { two() };
    (0..COMPONENTS.len()).map(of).collect()
}

/// Regions with so many replicas each, four regions at most.
fn places(per_region: &[usize]) -> (Vec<Name>, Vec<Place>) {
    let regions: Vec<Name> = ["eu", "us", "ap", "sa"].into_iter().take(per_region.len()).map(name).collect();
    let place = |region: usize, n: usize| Place { name: name(&format!("{}-{n}", regions[region])), region };
    let replicas = per_region.iter().enumerate().flat_map(|(region, n)| (1..=*n).map(move |n| (region, n)));
    let replicas = replicas.map(|(region, n)| place(region, n)).collect();
    (regions, replicas)
}

/// So many edges; at home in a region each when there are as many of one as of the other.
pub(crate) fn edges(count: usize, regions: usize) -> Vec<(Name, Option<usize>)> {
    (0..count).map(|n| (name(&format!("edge-{}", n + 1)), (count == regions).then_some(n))).collect()
}

/// A name that is written here.
///
/// # Panics
/// When it is none.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("the simulation writes good names")
}
