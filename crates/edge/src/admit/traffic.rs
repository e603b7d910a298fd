//! A traffic plan in the shape in which the data path asks it: by number, without searching for names.

use crate::admit::feature::{Features, Rest};
use crate::admit::limit::{Bucket, Sieve};
use crate::change::site::{ComponentId, FeatureNumber, ReplicaId, Site};
use crate::choose::canary::Credit;
use crate::door::network::Network;
use crate::run::sync::locked;
use downbeat_core::model::{Name, Shed, Strength, TrafficPlan};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The plan in force.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) plan: Arc<TrafficPlan>,
    /// When it came into force; its sheds lapse so long after.
    pub(crate) since: Instant,
    /// By component and replica.
    shares: Vec<Vec<Strength>>,
    /// By component and replica: how exact the shares are so far.
    credits: Vec<Vec<Credit>>,
    limits: Vec<LimitInForce>,
    /// By component.
    sheds: Vec<Option<ShedInForce>>,
    pub(crate) features: Features,
    pins: BTreeSet<Name>,
}

#[derive(Debug)]
struct LimitInForce {
    network: Name,
    component: Option<ComponentId>,
    bucket: Mutex<Bucket>,
}

/// A shed admits its share of what came a second when it began, whatever comes later: who is turned away and asks again gets
/// nobody else turned away, and when the surge is over everybody gets in, however long it takes until the hub has seen it. It
/// begins with an empty bucket: whoever has more than they can carry needs no burst on top.
#[derive(Debug)]
struct ShedInForce {
    admitted: Strength,
    until: Instant,
    /// Requests a second that came when it began.
    began_at: f64,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Rate(Mutex<Bucket>),
    /// Nothing came when it began: then the share is one of what comes.
    Share(Sieve),
}

/// What is known of a component's crowd, in requests a second, when a plan comes into force.
#[derive(Clone, Copy)]
pub(crate) struct Crowds<'a> {
    /// Where it is shed already: what came when that began.
    pub(crate) before: &'a dyn Fn(ComponentId) -> Option<f64>,
    /// What comes now.
    pub(crate) now: &'a dyn Fn(ComponentId) -> f64,
}

impl Crowds<'_> {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Crowds<'static> = Crowds { before: &|_| None, now: &|_| 0.0 };
}

/// From so many requests a second on, what came tells how many shall come.
const DEMAND_MIN: f64 = 2.0;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct What {
    /// Which component.
    pub component: ComponentId,
    /// Which of its features, when it is for one.
    pub feature: Option<FeatureNumber>,
}

/// What becomes of some requests that came at the same instant from one network for one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admitted {
    /// So many are let in.
    pub granted: u32,
    /// Of so many the network is over its limit.
    pub limited: u32,
    /// So many are turned away because their feature is kept out.
    pub withheld: u32,
    /// So many are turned away for want of room.
    pub shed: u32,
    /// After this there is room again for those over their limit.
    pub wait: Duration,
}

impl Admitted {
    /// What `next` says of those that were let in so far.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            granted: next.granted,
            limited: self.limited + next.limited,
            withheld: self.withheld + next.withheld,
            shed: self.shed + next.shed,
            wait: self.wait.max(next.wait),
        }
    }

    /// What becomes of one request that came alone.
    pub(crate) fn of_one(self) -> Admission {
        match self {
            Self { granted: 1.., .. } => Admission::Granted,
            Self { limited: 1.., wait, .. } => Admission::Limited(wait),
            Self { withheld: 1.., .. } => Admission::Withheld,
            _ => Admission::Shed,
        }
    }
}

/// Whether a request is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Granted,
    /// Its network is over its limit; room again after so long.
    Limited(Duration),
    /// Its feature is kept out.
    Withheld,
    /// The component is being shed.
    Shed,
}

impl Traffic {
    /// Resolves a plan that has passed its check against this site.
    pub(crate) fn of(plan: TrafficPlan, site: &Site, now: Instant, crowds: Crowds<'_>) -> Self {
        let share =
            |c: ComponentId, r: ReplicaId| plan.share(&site.replica(r).settings.name, &site.component(c).settings.name);
        let shares = site.component_ids().map(|c| site.replica_ids().map(|r| share(c, r)).collect()).collect();
        let credits = site.component_ids().map(|_| site.replica_ids().map(|_| Credit::default()).collect()).collect();
        let sheds =
            site.component_ids().map(|c| shed_of(&plan, (c, &site.component(c).settings.name), now, crowds)).collect();
        let find = |name: &Name| site.component_ids().find(|c| site.component(*c).settings.name == *name);
        let limits = (plan.limits.iter())
            .map(|limit| LimitInForce {
                network: limit.network.clone(),
                component: limit.component.as_ref().and_then(find),
                bucket: Mutex::new(Bucket::new(limit.per_second, now)),
            })
            .collect();
        let pins = plan.pins.iter().map(|pin| pin.host.clone()).collect();
        let features = Features::of(&plan, site);
        Self { since: now, shares, credits, limits, sheds, features, pins, plan: Arc::new(plan) }
    }

    /// What is left of a replica's weight for a component.
    pub(crate) fn share(&self, component: ComponentId, replica: ReplicaId) -> Strength {
        self.shares[component.0][replica.0]
    }

    /// How far a replica's share is behind.
    pub(crate) fn credit(&self, component: ComponentId, replica: ReplicaId) -> &Credit {
        &self.credits[component.0][replica.0]
    }

    /// True for a host name whose addresses are held.
    pub(crate) fn is_pinned(&self, host: &Name) -> bool {
        self.pins.contains(host)
    }

    /// Requests a second that came for a component when its shed began, while it is shed.
    pub(crate) fn shed_began_at(&self, component: ComponentId, now: Instant) -> Option<f64> {
        self.sheds.get(component.0)?.as_ref().filter(|shed| now < shed.until).map(|shed| shed.began_at)
    }

    /// The share of a component's requests that is admitted now.
    pub(crate) fn admitted(&self, component: ComponentId, now: Instant) -> Strength {
        let shed = self.sheds[component.0].as_ref().filter(|shed| now < shed.until);
        shed.map_or(Strength::FULL, |shed| shed.admitted)
    }

    /// How many of some requests of a network are let in. What is kept out takes no room from the rest of its component: it gets
    /// what the rest leaves over.
    pub(crate) fn admit(&self, what: What, network: Network, came: u32, now: Instant) -> Admitted {
        let What { component, feature } = what;
        let (within, wait) = self.within_limits(component, network, came, now);
        let wanted = feature.map_or(within, |feature| self.features.admits(component, feature, within, now));
        let shed = self.sheds[component.0].as_ref().filter(|shed| now < shed.until);
        let granted = shed.map_or(wanted, |shed| shed.admits(wanted, now));
        let spare = feature.map_or(0, |feature| self.leftover((component, feature), within - wanted, shed, now));
        let withheld = within - wanted - spare;
        Admitted { granted: granted + spare, limited: came - within, withheld, shed: wanted - granted, wait }
    }

    /// How many requests beyond a feature's share are let in all the same.
    fn leftover(
        &self,
        (component, feature): (ComponentId, FeatureNumber),
        came: u32,
        shed: Option<&ShedInForce>,
        now: Instant,
    ) -> u32 {
        match (self.features.rest(component, feature, now), shed) {
            (Rest::KeptOut, _) => 0,
            // The shed has lapsed.
            (Rest::Leftover, None) => came,
            (Rest::Leftover, Some(shed)) => shed.leaves_over(feature, came, now),
        }
    }

    /// How many of some requests are within the limits on their network, and after how long there is room for the others.
    fn within_limits(&self, component: ComponentId, network: Network, came: u32, now: Instant) -> (u32, Duration) {
        let (mut within, mut wait) = (came, Duration::ZERO);
        if self.limits.is_empty() {
            return (within, wait);
        }
        let network = network.name();
        let concerns =
            |limit: &&LimitInForce| limit.network == network && limit.component.is_none_or(|c| c == component);
        for limit in self.limits.iter().filter(concerns) {
            let (wished, mut bucket) = (within, locked(&limit.bucket));
            within = bucket.take(wished, now);
            if within < wished {
                wait = wait.max(bucket.wait());
            }
        }
        (within, wait)
    }
}

impl ShedInForce {
    fn of(admitted: Strength, began_at: f64, until: Instant, now: Instant) -> Self {
        let way = if began_at < DEMAND_MIN {
            Way::Share(Sieve::default())
        } else {
            Way::Rate(Mutex::new(Bucket::empty(admitted.as_ratio() * began_at, now)))
        };
        Self { admitted, until, began_at, way }
    }

    fn admits(&self, came: u32, now: Instant) -> u32 {
        match &self.way {
            Way::Rate(bucket) => locked(bucket).take(came, now),
            Way::Share(sieve) => sieve.admits(self.admitted.into(), came),
        }
    }

    /// How many requests for a feature are let in with what others leave over: the first feature leaves half of the bucket to
    /// them, the next one half of the rest as well. So features come back by themselves, in their order, as the crowd goes.
    fn leaves_over(&self, feature: FeatureNumber, came: u32, now: Instant) -> u32 {
        match &self.way {
            Way::Rate(bucket) => {
                let for_it: f64 = (0..=feature.0).map(|_| 0.5).product();
                locked(bucket).take_above(1.0 - for_it, came, now)
            }
            // Nobody knows how much there is room for.
            Way::Share(_) => 0,
        }
    }
}

fn shed_of(
    plan: &TrafficPlan,
    (id, component): (ComponentId, &Name),
    now: Instant,
    crowds: Crowds<'_>,
) -> Option<ShedInForce> {
    let shed = plan.sheds.iter().find(|shed| shed.component == *component)?;
    let crowd = crowd_of(shed, (crowds.before)(id), || (crowds.now)(id));
    Some(ShedInForce::of(shed.admitted, crowd, now + Duration::from_millis(shed.ttl_ms), now))
}

/// Requests a second that a shed is a share of: what came when it began here; where it begins only now, no fewer than came when
/// it was decided on.
fn crowd_of(shed: &Shed, before: Option<f64>, now: impl FnOnce() -> f64) -> f64 {
    before.unwrap_or_else(|| now().max(f64::from(shed.of.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests at a rate, for five seconds; how many are let in a second from the second one on.
    fn admitted(shed: &ShedInForce, start: Instant, rate: u32) -> f64 {
        let at = |n: u32| start + Duration::from_secs(1) * n / rate;
        let admits = |seconds: std::ops::Range<u32>| -> u32 {
            (seconds.start * rate..seconds.end * rate).map(|n| shed.admits(1, at(n))).sum()
        };
        admits(0..1);
        f64::from(admits(1..5)) / 4.0
    }

    /// Some of the requests a second are for its first feature, some for its second: how many of each are let in.
    fn left_over(plain: u32, features: [u32; 2]) -> [f64; 3] {
        let start = Instant::now();
        let shed = ShedInForce::of(Strength::percent(20), 1_000.0, start + Duration::from_secs(60), start);
        let mut let_in = [0_u32; 3];
        for ms in 0..8_000_u32 {
            let now = start + Duration::from_millis(ms.into());
            let came = |per_second: u32| (ms + 1) * per_second / 1_000 - ms * per_second / 1_000;
            let granted = [
                shed.admits(came(plain), now),
                shed.leaves_over(FeatureNumber(0), came(features[0]), now),
                shed.leaves_over(FeatureNumber(1), came(features[1]), now),
            ];
            if ms >= 3_000 {
                (0..3).for_each(|i| let_in[i] += granted[i]);
            }
        }
        let_in.map(|n| f64::from(n) / 5.0)
    }

    #[test]
    fn features_get_what_a_shed_leaves_over_the_first_one_first() {
        // The shed admits 200 a second.
        for (plain, features, lets_in) in [
            (1_000, [100, 100], [200.0, 0.0, 0.0]),
            (200, [100, 100], [200.0, 0.0, 0.0]),
            (120, [100, 100], [120.0, 80.0, 0.0]),
            (60, [100, 100], [60.0, 100.0, 40.0]),
            (50, [40, 60], [50.0, 40.0, 60.0]),
        ] {
            let seen = left_over(plain, features);
            let close = seen.iter().zip(lets_in).all(|(seen, wanted)| (seen - wanted).abs() <= 4.0);
            assert!(close, "{plain} and {features:?} a second: {seen:?} of {lets_in:?}");
        }
    }

    #[test]
    fn an_edge_that_is_late_does_not_take_the_few_that_come_then_for_the_crowd() {
        let name = Name::new("login").expect("a good name");
        let shed = |of| Shed { component: name.clone(), admitted: Strength::percent(20), ttl_ms: 60_000, of };
        assert_eq!(crowd_of(&shed(Some(1_000)), None, || 150.0), 1_000.0);
        assert_eq!(crowd_of(&shed(Some(1_000)), None, || 3_000.0), 3_000.0, "more of them come here than elsewhere");
        assert_eq!(crowd_of(&shed(Some(1_000)), Some(800.0), || 3_000.0), 800.0, "the shed began before");
        assert_eq!(crowd_of(&shed(None), None, || 150.0), 150.0, "a hub of an earlier release");
    }

    #[test]
    fn a_shed_turns_nobody_away_once_the_surge_is_over() {
        let now = Instant::now();
        for (rate, lets_in) in [(1_000, 200.0), (500, 200.0), (150, 150.0), (10_000, 200.0)] {
            let shed = ShedInForce::of(Strength::percent(20), 1_000.0, now, now);
            let seen = admitted(&shed, now, rate);
            assert!((seen - lets_in).abs() <= lets_in * 0.02, "{rate} a second: {seen} of {lets_in}");
        }
        assert_eq!(admitted(&ShedInForce::of(Strength::NONE, 1_000.0, now, now), now, 100), 0.0);
        assert_eq!(
            admitted(&ShedInForce::of(Strength::percent(20), 0.0, now, now), now, 100),
            20.0,
            "nothing was known"
        );
    }
}
