//! Traffic plans: decoded, checked and written again without surprise (invariants A3, C3).

use downbeat_core::model::{Name, Strength, TrafficPlan};
use std::collections::{BTreeMap, BTreeSet};

/// Decodes a plan as the edge does, and checks it against a small site.
pub fn traffic_plan(data: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<TrafficPlan>(data) else { return };
    let written = serde_json::to_vec(&plan).expect("a plan has string keys only");
    let again: TrafficPlan = serde_json::from_slice(&written).expect("what we write we read");
    assert_eq!(again, plan, "written and read, it is another plan");
    let serving = serving();
    if plan.check(&serving).is_err() {
        return;
    }
    for (component, replicas) in &serving {
        let left = replicas.iter().any(|replica| plan.share(replica, component) != Strength::NONE);
        assert!(left, "a plan that passes leaves {component} somebody (invariant A3)");
    }
}

fn serving() -> BTreeMap<Name, BTreeSet<Name>> {
    let name = |text| Name::new(text).expect("a good name");
    let replicas = || BTreeSet::from([name("eu-1"), name("us-1")]);
    BTreeMap::from([(name("playback"), replicas()), (name("login"), replicas())])
}
