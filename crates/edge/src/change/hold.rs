//! The kill switch at the edge: a file in its data folder (invariant A13).
//!
//! While the file is there the edge takes no plan that asks for more than the one in force: no smaller share of a replica,
//! no further limit, shed or pin. It needs no hub for that and survives a restart, for the file is looked at before the
//! first plan is taken, and once a second from then on. What is in force stays: a divert holds, a shed lapses by its own
//! time (A9), and a plan that only gives back is taken. The edge's own retries and ejections are no plan and go on.
//!
//! Whether the file can be read does not matter, only that it is there: its first line is for people. A folder that cannot
//! be looked into says nothing, and what was known last stays so.

use crate::admit::feature::Rest;
use crate::admit::traffic::Traffic;
use crate::change::site::Site;
use crate::run::sync::locked;
use crate::tell::events;
use downbeat_core::model::mutation::{Mutation, is_on};
use downbeat_core::model::{Feature, FeatureId, Limit, Name, TrafficPlan};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

const FILE: &str = "hold";
/// From one look to the next; A13 wants a hold to be known within five seconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Bytes that are read of the reason.
const REASON_BYTES_MAX: u64 = 200;

/// Whether automation is on hold at this edge, and why.
#[derive(Debug, Default)]
pub(crate) struct Hold(Mutex<Option<Arc<str>>>);

impl Hold {
    /// The reason of the hold in force; empty where none was given.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        locked(&self.0).clone().filter(|_| !is_on(Mutation::EdgeIgnoresHold))
    }

    /// Begins or ends a hold.
    pub(crate) fn set(&self, reason: Option<Arc<str>>) {
        let before = std::mem::replace(&mut *locked(&self.0), reason.clone());
        match (before, reason) {
            (None, Some(reason)) => events::hold_began(&reason),
            (Some(_), None) => events::hold_ended(),
            _ => {}
        }
    }

    /// Takes in what a look at the file said.
    pub(crate) fn take_in(&self, look: io::Result<Option<String>>) {
        if let Ok(found) = look {
            self.set(found.map(Into::into));
        }
    }
}

/// The file in an edge's data folder that keeps automation from asking more of this edge.
#[derive(Debug, Clone)]
pub struct HoldFile(PathBuf);

impl HoldFile {
    /// In this data folder of an edge.
    pub fn of(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The reason in the file; `None` when there is no such file.
    ///
    /// # Errors
    /// When it cannot be said whether it is there.
    pub fn read(&self) -> io::Result<Option<String>> {
        match fs::symlink_metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(_) => Ok(Some(self.reason())),
        }
    }

    fn reason(&self) -> String {
        let mut bytes = Vec::new();
        // What cannot be read counts all the same.
        let _ = File::open(&self.0).and_then(|file| file.take(REASON_BYTES_MAX).read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
    }

    /// Begins a hold.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, reason: &str) -> io::Result<()> {
        fs::write(&self.0, format!("{reason}\n"))
    }

    /// Ends the hold; false when there was none.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self) -> io::Result<bool> {
        match fs::remove_file(&self.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Looks at the file for ever. A disk that hangs holds up nothing but this.
pub(crate) async fn watch(hold: Arc<Hold>, file: HoldFile) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let file = file.clone();
        if let Ok(look) = tokio::task::spawn_blocking(move || file.read()).await {
            hold.take_in(look);
        }
    }
}

/// What a plan asks for beyond the one in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// A smaller share of a replica.
    #[error("less of replica {replica} for component {component}")]
    Share {
        /// Which replica.
        replica: Name,
        /// For which component.
        component: Name,
    },
    /// A limit that there was not, or a lower one.
    #[error("a limit on network {0}")]
    Limit(Name),
    /// A shed that there was not, or a stricter one.
    #[error("a shed of component {0}")]
    Shed(Name),
    /// Less of a feature.
    #[error("less of feature {0}")]
    Feature(FeatureId),
    /// A pin that there was not.
    #[error("a pin of host {0}")]
    Pin(Name),
}

/// The first thing that a plan asks for beyond the one in force; `None` where it gives back or leaves as it is.
pub(crate) fn beyond(plan: &TrafficPlan, in_force: &Traffic, site: &Site, now: Instant) -> Option<Beyond> {
    let component = |id| &site.component(id).settings.name;
    for id in site.component_ids() {
        for replica in &site.component(id).replicas {
            let name = &site.replica(*replica).settings.name;
            if plan.share(name, component(id)) < in_force.share(id, *replica) {
                return Some(Beyond::Share { replica: name.clone(), component: component(id).clone() });
            }
        }
        let shed = plan.sheds.iter().find(|shed| shed.component == *component(id));
        if shed.is_some_and(|shed| shed.admitted < in_force.admitted(id, now)) {
            return Some(Beyond::Shed(component(id).clone()));
        }
    }
    let less = |row: &&Feature| {
        let id = site.component_ids().find(|id| *component(*id) == row.component);
        let place = id.and_then(|id| Some((id, site.component(id).feature_named(&row.feature)?)));
        place.is_some_and(|(id, feature)| {
            let features = &in_force.features;
            row.admitted < features.admitted(id, feature, now) || Rest::of(plan, row) < features.rest(id, feature, now)
        })
    };
    if let Some(Feature { component, feature, .. }) = plan.features.iter().find(less) {
        return Some(Beyond::Feature(FeatureId { component: component.clone(), feature: feature.clone() }));
    }
    let known = |limit: &Limit| in_force.plan.limits.iter().any(|old| covers(old, limit));
    if let Some(limit) = plan.limits.iter().find(|limit| !known(limit)) {
        return Some(Beyond::Limit(limit.network.clone()));
    }
    plan.pins.iter().find(|pin| !in_force.is_pinned(&pin.host)).map(|pin| Beyond::Pin(pin.host.clone()))
}

/// True when whoever keeps the old limit keeps the new one.
fn covers(old: &Limit, new: &Limit) -> bool {
    let concerned = old.component.is_none() || old.component == new.component;
    old.network == new.network && concerned && old.per_second <= new.per_second
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::settings::{Balance, ComponentSettings, EdgeSettings, FeatureSettings, ReplicaSettings};
    use downbeat_core::model::{Pin, Shed, Strength, Weight};

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn site() -> Site {
        let mut settings = EdgeSettings::new(name("edge"), "127.0.0.1:0".parse().expect("an address"), "data".into());
        let replica = |label: &str| ReplicaSettings {
            name: name(label),
            region: name("eu"),
            version: None,
            url: "http://127.0.0.1:9".into(),
            weight: 100,
            max_in_flight: 9,
        };
        settings.replicas = ["r1", "r2"].map(replica).into();
        let component = |label: &str| ComponentSettings {
            name: name(label),
            priority: 0,
            slow: Duration::from_secs(1),
            replicas: ["r1", "r2"].map(name).into(),
            balance: Balance::LeastLoaded,
            per_second: None,
            network_per_second: None,
            cache: None,
            features: vec![radio()],
        };
        settings.components = ["login", "playback"].map(component).into();
        Site::of(&settings).expect("a good site")
    }

    fn weight(replica: &str, component: Option<&str>, percent: u32) -> Weight {
        Weight { replica: name(replica), component: component.map(name), share: Strength::percent(percent) }
    }

    fn limit(component: Option<&str>, per_second: u32) -> Limit {
        Limit { network: name("10.0.0.0/24"), component: component.map(name), per_second }
    }

    fn in_force() -> TrafficPlan {
        TrafficPlan {
            epoch: 1,
            weights: vec![weight("r1", Some("login"), 25)],
            limits: vec![limit(Some("login"), 10)],
            sheds: vec![Shed { component: name("login"), admitted: Strength::percent(50), ttl_ms: 60_000, of: None }],
            features: vec![feature("radio", 50)],
            leftovers: vec![FeatureId { component: name("login"), feature: name("radio") }],
            pins: vec![Pin { host: name("eu.example") }],
        }
    }

    fn radio() -> FeatureSettings {
        let retry_after = Duration::from_secs(30);
        FeatureSettings { name: name("radio"), prefixes: vec!["/radio".into()], status: 503, retry_after }
    }

    fn feature(feature: &str, percent: u32) -> Feature {
        let (component, feature) = (name("login"), name(feature));
        Feature { component, feature, admitted: Strength::percent(percent), ttl_ms: 60_000 }
    }

    type Change = fn(&mut TrafficPlan);

    #[test]
    fn what_asks_for_more_and_what_does_not() {
        let (site, now) = (site(), Instant::now());
        let check = |later: Duration, change: Change| {
            let (traffic, mut plan) =
                (Traffic::of(in_force(), &site, now, crate::admit::traffic::Crowds::UNKNOWN), in_force());
            traffic.features.confirm(now);
            change(&mut plan);
            beyond(&plan, &traffic, &site, now + later).map(|beyond| beyond.to_string())
        };
        let more = |change| check(Duration::ZERO, change);
        let fine: [Change; 8] = [
            |_| {},
            |p| *p = TrafficPlan::default(),
            |p| p.weights = vec![weight("r1", Some("login"), 50)],
            |p| p.limits = vec![limit(Some("login"), 11)],
            |p| p.sheds[0].admitted = Strength::percent(60),
            |p| p.features = vec![feature("radio", 60)],
            |p| p.features = vec![feature("radio", 50), feature("unknown-here", 0)],
            |p| p.pins.clear(),
        ];
        for (i, change) in fine.into_iter().enumerate() {
            assert_eq!(more(change), None, "the {i}th");
        }
        let beyond: [(Change, &str); 10] = [
            (|p| p.weights = vec![weight("r1", Some("login"), 24)], "less of replica r1 for component login"),
            (|p| p.weights = vec![weight("r1", None, 25)], "less of replica r1 for component playback"),
            (|p| p.weights.push(weight("r2", Some("login"), 99)), "less of replica r2 for component login"),
            (|p| p.limits = vec![limit(Some("login"), 9)], "a limit on network 10.0.0.0/24"),
            (|p| p.limits = vec![limit(None, 10)], "a limit on network 10.0.0.0/24"),
            (|p| p.sheds[0].admitted = Strength::percent(40), "a shed of component login"),
            (|p| p.sheds[0].component = name("playback"), "a shed of component playback"),
            (|p| p.features = vec![feature("radio", 40)], "less of feature radio of login"),
            (|p| p.leftovers.clear(), "less of feature radio of login"),
            (|p| p.pins[0].host = name("us.example"), "a pin of host us.example"),
        ];
        for (change, what) in beyond {
            assert_eq!(more(change).as_deref(), Some(what));
        }
        let lapsed = check(Duration::from_secs(61), |_| {});
        assert_eq!(lapsed.as_deref(), Some("a shed of component login"), "one that has lapsed is a new one (A9)");
    }

    #[test]
    fn a_file_is_a_hold_whatever_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, hold) = (HoldFile::of(folder.path()), Hold::default());
        let look = |hold: &Hold| {
            hold.take_in(file.read());
            hold.reason().map(|reason| reason.to_string())
        };
        assert_eq!((look(&hold), file.remove().expect("no trouble")), (None, false));
        file.write("the plan\u{1b} is wrong\nsecond line").expect("a writable folder");
        assert_eq!(look(&hold).as_deref(), Some("the plan is wrong"));
        fs::write(file.path(), [0xff, 0xfe]).expect("writable");
        assert!(look(&hold).is_some(), "not even text");
        assert!(file.remove().expect("it is there"));
        fs::create_dir(file.path()).expect("a folder of that name");
        assert_eq!(look(&hold).as_deref(), Some(""), "not even a file");
        hold.take_in(Err(io::ErrorKind::PermissionDenied.into()));
        assert!(hold.reason().is_some(), "who cannot look knows what was known last");
        fs::remove_dir(file.path()).expect("it is there");
        assert_eq!(look(&hold), None);
    }
}
