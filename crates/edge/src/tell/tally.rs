//! What was seen: counted by each thread for itself, gathered once a second.
//!
//! An attempt counts when its head has come (well, or as `Status`) or when it has failed; a body that breaks later
//! counts as one more failed attempt, `Reset` or `Stalled`. An answer to a client counts when its head has gone
//! out, or when there was none to send; a body cut short towards the client counts as one more, `Reset`.
//!
//! Counting finds its place by number (component, replica) or in one small table (networks), and allocates nothing after
//! the first time. Whatever clients send, a thread has at most [`NETWORKS_MAX`] networks, and no other keys of theirs: of
//! sessions there are sketches alone.

use crate::change::site::{ComponentId, ReplicaId, Site};
use crate::change::trial::Answers;
use crate::choose::keyed::Keyed;
use crate::door::network::Network;
use crate::tell::count::{AttemptCount, ClientCount, ComponentCount};
use crate::tell::sessions::Distinct;
use downbeat_core::model::Name;
use std::collections::{BTreeMap, HashMap};

/// Networks a thread tells apart within a second. When there are more, the lighter half is put under the others, so that
/// a crowd that came first hides nobody heavy who comes later (Manku and Motwani's lossy counting, 2002, with exact sums).
pub(crate) const NETWORKS_MAX: usize = 4_096;
/// Rows of (component, network) that a roll-up has; the lighter ones count as others.
pub(crate) const CLIENT_ROWS_MAX: usize = 64;

/// What one thread saw since it was last asked.
#[derive(Debug)]
pub(crate) struct Tallies {
    replicas: usize,
    /// By component and replica. Most components have few of the replicas, so a place is made by the first attempt.
    attempts: Vec<Option<Box<AttemptCount>>>,
    components: Vec<ComponentCount>,
    networks: HashMap<(ComponentId, Network), ClientCount, Keyed>,
    /// By component: the networks for which there was no room.
    others: Vec<ClientCount>,
    /// By component: who was there; nobody where sessions are not known.
    sessions: Vec<Distinct>,
}

impl Tallies {
    /// Room for what a site has.
    pub(crate) fn of(site: &Site) -> Self {
        let (components, replicas) = (site.component_ids().count(), site.replica_ids().count());
        Self {
            replicas,
            attempts: (0..components * replicas).map(|_| None).collect(),
            components: vec![ComponentCount::default(); components],
            networks: HashMap::default(),
            others: vec![ClientCount::default(); components],
            sessions: vec![Distinct::default(); components],
        }
    }

    /// The counts for an attempt.
    pub(crate) fn attempt(&mut self, component: ComponentId, replica: ReplicaId) -> &mut AttemptCount {
        self.attempts[component.0 * self.replicas + replica.0].get_or_insert_default()
    }

    /// The counts for all answers of a component.
    pub(crate) fn component(&mut self, component: ComponentId) -> &mut ComponentCount {
        &mut self.components[component.0]
    }

    /// The counts for an answer to a client.
    pub(crate) fn client(&mut self, component: ComponentId, network: Network) -> &mut ClientCount {
        let key = (component, network);
        if self.networks.len() >= NETWORKS_MAX && !self.networks.contains_key(&key) {
            self.fold_lighter_half();
        }
        self.networks.entry(key).or_default()
    }

    /// A session with this fingerprint was there.
    pub(crate) fn session(&mut self, component: ComponentId, fingerprint: u64) {
        self.sessions[component.0].add(fingerprint);
    }

    /// What all clients got.
    pub(crate) fn answers(&self) -> Answers {
        let mut sum = Answers::default();
        for outcomes in self.networks.values().chain(&self.others).map(|count| &count.outcomes) {
            sum.add(Answers { total: outcomes.total, failed: outcomes.failures_of_service() });
        }
        sum
    }

    /// Puts the networks that are no heavier than the median under the others.
    fn fold_lighter_half(&mut self) {
        let mut totals: Vec<u64> = self.networks.values().map(|count| count.outcomes.total).collect();
        let middle = totals.len() / 2;
        let (_, median, _) = totals.select_nth_unstable(middle);
        let (median, others) = (*median, &mut self.others);
        self.networks.retain(|(component, _), count| {
            let stays = count.outcomes.total > median;
            if !stays {
                others[component.0].add(count);
            }
            stays
        });
    }

    /// Forgets everything and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.attempts.iter_mut().flatten().for_each(|count| count.clear());
        self.components.iter_mut().for_each(ComponentCount::clear);
        self.others.iter_mut().for_each(|count| *count = ClientCount::default());
        self.networks.clear();
        self.sessions.iter_mut().for_each(Distinct::clear);
    }
}

/// What all threads saw, by name: it outlives the numbers of one configuration.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// By component and replica.
    pub(crate) attempts: BTreeMap<(Name, Name), AttemptCount>,
    pub(crate) components: BTreeMap<Name, ComponentCount>,
    /// By component and network; `None` are the others.
    pub(crate) clients: BTreeMap<(Name, Option<Network>), ClientCount>,
    /// By component: which sessions were there.
    pub(crate) sessions: BTreeMap<Name, Distinct>,
}

impl Seen {
    /// Adds what one thread counted by the numbers of a site.
    pub(crate) fn take_in(&mut self, site: &Site, tallies: &Tallies) {
        let component = |id: ComponentId| site.component(id).settings.name.clone();
        let replica = |id: ReplicaId| site.replica(id).settings.name.clone();
        for (place, count) in tallies.attempts.iter().enumerate() {
            let Some(count) = count.as_ref().filter(|count| !count.is_empty()) else { continue };
            let ids = (ComponentId(place / tallies.replicas), ReplicaId(place % tallies.replicas));
            self.attempts.entry((component(ids.0), replica(ids.1))).or_default().add(count);
        }
        for id in site.component_ids() {
            if !tallies.components[id.0].is_empty() {
                self.components.entry(component(id)).or_default().add(&tallies.components[id.0]);
            }
            if !tallies.sessions[id.0].is_empty() {
                self.sessions.entry(component(id)).or_default().merge(&tallies.sessions[id.0]);
            }
            if !tallies.others[id.0].is_empty() {
                self.clients.entry((component(id), None)).or_default().add(&tallies.others[id.0]);
            }
        }
        for ((id, network), count) in &tallies.networks {
            self.clients.entry((component(*id), Some(*network))).or_default().add(count);
        }
    }

    /// Adds what was seen at another time, networks not told apart and sessions left out.
    pub(crate) fn add_without_networks(&mut self, other: &Self) {
        for (key, count) in &other.attempts {
            self.attempts.entry(key.clone()).or_default().add(count);
        }
        for (key, count) in &other.components {
            self.components.entry(key.clone()).or_default().add(count);
        }
        for ((component, _), count) in &other.clients {
            self.clients.entry((component.clone(), None)).or_default().add(count);
        }
    }

    /// Forgets what a site has not.
    pub(crate) fn keep_only(&mut self, site: &Site) {
        let serving = site.serving();
        self.attempts.retain(|(c, r), _| serving.get(c).is_some_and(|replicas| replicas.contains(r)));
        self.components.retain(|c, _| serving.contains_key(c));
        self.clients.retain(|(c, _), _| serving.contains_key(c));
        self.sessions.retain(|c, _| serving.contains_key(c));
    }

    /// Leaves the heaviest rows as they are, and puts all lighter ones under the others of their component.
    pub(crate) fn fold_light_networks(&mut self) {
        if self.clients.len() <= CLIENT_ROWS_MAX {
            return;
        }
        let mut rows: Vec<_> = std::mem::take(&mut self.clients).into_iter().collect();
        rows.sort_by_key(|((_, network), count)| std::cmp::Reverse((network.is_some(), count.outcomes.total)));
        for (i, ((component, network), count)) in rows.into_iter().enumerate() {
            let network = network.filter(|_| i < CLIENT_ROWS_MAX);
            self.clients.entry((component, network)).or_default().add(&count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::settings::{Balance, ComponentSettings, EdgeSettings, ReplicaSettings};
    use crate::tell::count::Promptness;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn site() -> Site {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let mut settings = EdgeSettings::new(name("edge"), listen, "data".into());
        let replica = |label: &str| ReplicaSettings {
            name: name(label),
            region: name("eu"),
            version: None,
            url: "http://127.0.0.1:9".into(),
            weight: 1,
            max_in_flight: 1,
        };
        settings.replicas = vec![replica("r1"), replica("r2"), replica("r3")];
        let component = |label: &str, replicas: &[&str]| ComponentSettings {
            name: name(label),
            priority: 0,
            slow: std::time::Duration::from_secs(1),
            replicas: replicas.iter().map(|r| name(r)).collect(),
            balance: Balance::LeastLoaded,
            per_second: None,
            network_per_second: None,
            cache: None,
            features: Vec::new(),
        };
        settings.components = vec![component("a", &["r1", "r2"]), component("b", &["r3"])];
        Site::of(&settings).expect("a good site")
    }

    fn good(count: &mut ClientCount) {
        count.outcomes.count(None, Promptness::Prompt, 1);
    }

    #[test]
    fn every_count_comes_back_under_its_names_once() {
        let (site, mut seen) = (site(), Seen::default());
        let mut tallies = Tallies::of(&site);
        for (c, component) in ["a", "b"].iter().enumerate() {
            for (r, replica) in ["r1", "r2", "r3"].iter().enumerate() {
                tallies.attempt(ComponentId(c), ReplicaId(r)).bytes += 1;
                seen.take_in(&site, &tallies);
                tallies.clear();
                assert_eq!(seen.attempts[&(name(component), name(replica))].bytes, 1);
            }
        }
        seen.take_in(&site, &tallies);
        assert_eq!(seen.attempts.values().map(|c| c.bytes).sum::<u64>(), 6);
        seen.keep_only(&site);
        assert_eq!(seen.attempts.len(), 3);
    }

    #[test]
    fn the_heavy_networks_stay_and_nothing_is_lost() {
        let (site, component, heavy) = (site(), ComponentId(0), Network::V4([127, 66, 6]));
        let mut tallies = Tallies::of(&site);
        for i in 0..100_000_u32 {
            let [_, a, b, c] = i.to_be_bytes();
            good(tallies.client(component, Network::V4([a, b, c])));
            if i > 50_000 && i % 1_000 == 0 {
                // The crowd came first, and hides nobody.
                good(tallies.client(component, heavy));
                good(tallies.client(component, heavy));
            }
        }
        assert!(tallies.networks.len() <= NETWORKS_MAX);
        let mut seen = Seen::default();
        seen.take_in(&site, &tallies);
        seen.fold_light_networks();
        let total: u64 = seen.clients.values().map(|c| c.outcomes.total).sum();
        assert_eq!((seen.clients.len(), total), (CLIENT_ROWS_MAX + 1, 100_098));
        assert_eq!(seen.clients[&(name("a"), Some(heavy))].outcomes.total, 98);
    }
}
