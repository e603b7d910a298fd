//! What the benches may touch: the choice of a replica, without the sockets around it.

use crate::change::settings::{Balance, ComponentSettings, EdgeSettings, MAX_IN_FLIGHT, ReplicaSettings, SLOW, WEIGHT};
use crate::change::site::{ComponentId, ReplicaId, Site};
use crate::choose::dice::Dice;
use crate::run::pick::{Keys, Wish};
use crate::run::shared::{Pick, Shared};
use downbeat_core::model::{Name, NameError};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An edge's choice among some replicas, all of them well.
#[derive(Debug)]
pub struct Choice {
    shared: Arc<Shared>,
    dice: Dice,
}

impl Choice {
    /// A choice among so many replicas in three regions, each of which has answered already.
    ///
    /// # Errors
    /// Never, as long as the names made up here are good ones.
    pub fn among(replicas: usize) -> Result<Self, NameError> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut settings = EdgeSettings::new(Name::new("bench")?, listen, std::env::temp_dir());
        for i in 0..replicas {
            settings.replicas.push(ReplicaSettings {
                name: Name::new(&format!("r{i}"))?,
                region: Name::new(["eu", "us", "ap"][i % 3])?,
                version: None,
                url: format!("http://127.0.0.1:{}", 9_000 + i),
                weight: WEIGHT,
                max_in_flight: MAX_IN_FLIGHT,
            });
        }
        let names = settings.replicas.iter().map(|r| r.name.clone()).collect();
        let (name, balance) = (Name::new("playback")?, Balance::LeastLoaded);
        let component = ComponentSettings {
            name,
            priority: 0,
            slow: SLOW,
            replicas: names,
            balance,
            per_second: None,
            network_per_second: None,
            cache: None,
        };
        settings.components.push(component);
        let site = Site::of(&settings).expect("what is made up here does not contradict itself");
        let now = Instant::now();
        let shared =
            Shared::new(1, settings, site, 1, now).expect("no access log is asked for that could not be opened");
        let shared = Arc::new(shared);
        for i in 0..replicas {
            shared.head_good(ComponentId(0), ReplicaId(i), Duration::from_micros(400 + i as u64), now);
        }
        Ok(Self { shared, dice: Dice::seeded(7) })
    }

    /// Chooses a replica, takes its seat, and gives the seat back. Says which one it was.
    pub fn once(&self) -> Option<usize> {
        match self.shared.pick(&Wish { component: ComponentId(0), tried: &[], keys: Keys::default() }, &self.dice) {
            Pick::Replica(replica, _seat) => Some(replica.0),
            Pick::Full | Pick::Nobody => None,
        }
    }

    /// Takes in that a replica answered, as every answer does.
    pub fn answered(&self, replica: usize) {
        self.shared.head_good(ComponentId(0), ReplicaId(replica), Duration::from_micros(400), Instant::now());
    }
}
