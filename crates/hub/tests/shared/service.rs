//! The small service of the hub's tests: one component on a replica in each region.

use downbeat_core::model::{Component, Name, Priority, Replica, Topology};

/// `playback` on `REGION-1` in each of the regions.
pub(crate) fn topology(regions: &[&str]) -> Topology {
    let name = |text: &str| Name::new(text).expect("a good name");
    let replica = |region: &&str| Replica {
        name: name(&format!("{region}-1")),
        region: name(region),
        version: None,
        host: None,
        proven_per_second: None,
    };
    let replicas: Vec<Replica> = regions.iter().map(replica).collect();
    let playback = Component {
        name: name("playback"),
        title: "Playback".into(),
        priority: Priority(0),
        replicas: replicas.iter().map(|r| r.name.clone()).collect(),
        features: vec![],
    };
    Topology {
        service: "Encore".into(),
        components: [(playback.name.clone(), playback)].into(),
        replicas: replicas.into_iter().map(|r| (r.name.clone(), r)).collect(),
        ..Topology::default()
    }
}
