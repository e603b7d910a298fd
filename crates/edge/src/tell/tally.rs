//! What was seen: counted by each thread for itself, gathered once a second.
//!
//! An attempt counts when its head has come (well, or as `Status`) or when it has failed; a body that breaks later
//! counts as one more failed attempt, `Reset` or `Stalled`. An answer to a client counts when its head has gone
//! out, or when there was none to send; a body cut short towards the client counts as one more, `Reset`.

use crate::change::site::{ComponentId, ReplicaId};
use crate::door::network::Network;
use downbeat_core::model::{FailureKind, Tally};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Networks a thread tells apart within a second. When there are more, the lighter half is put under the others, so that
/// a crowd that came first hides nobody heavy who comes later (Manku and Motwani's lossy counting, 2002, with exact sums).
const NETWORKS_MAX: usize = 4_096;
/// Rows of (component, network) that a roll-up has; the lighter ones count as others.
pub(crate) const CLIENT_ROWS_MAX: usize = 64;

/// What one thread saw since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) upstream: HashMap<(ComponentId, ReplicaId), UpstreamCount>,
    /// By component and network; `None` are the others.
    pub(crate) clients: BTreeMap<(ComponentId, Option<Network>), ClientCount>,
}

/// Attempts at one replica for one component.
#[derive(Debug, Default, Clone)]
pub(crate) struct UpstreamCount {
    pub(crate) tally: Tally,
    pub(crate) first_byte_us: u64,
    pub(crate) first_byte_us_max: u64,
    pub(crate) bytes: u64,
}

/// Answers to the clients of one network for one component.
#[derive(Debug, Default, Clone)]
pub(crate) struct ClientCount {
    pub(crate) tally: Tally,
    pub(crate) retried: u64,
    pub(crate) resumed: u64,
    pub(crate) bytes: u64,
}

/// How fast an answer came, against its component's threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promptness {
    Prompt,
    Slow,
}

impl Promptness {
    pub(crate) fn of(took: Duration, threshold: Duration) -> Self {
        if took > threshold { Self::Slow } else { Self::Prompt }
    }
}

/// Counts one outcome; slow ones are counted apart unless they failed.
pub(crate) fn count(tally: &mut Tally, failure: Option<FailureKind>, promptness: Promptness) {
    tally.count(failure);
    if failure.is_none() && promptness == Promptness::Slow {
        tally.slow = tally.slow.saturating_add(1);
    }
}

impl UpstreamCount {
    /// A first byte came.
    pub(crate) fn first_byte(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.first_byte_us = self.first_byte_us.saturating_add(us);
        self.first_byte_us_max = self.first_byte_us_max.max(us);
    }

    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.first_byte_us = self.first_byte_us.saturating_add(other.first_byte_us);
        self.first_byte_us_max = self.first_byte_us_max.max(other.first_byte_us_max);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl ClientCount {
    pub(crate) fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.retried = self.retried.saturating_add(other.retried);
        self.resumed = self.resumed.saturating_add(other.resumed);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Tallies {
    /// The counts for an attempt.
    pub(crate) fn attempt(&mut self, component: ComponentId, replica: ReplicaId) -> &mut UpstreamCount {
        self.upstream.entry((component, replica)).or_default()
    }

    /// The counts for an answer to a client.
    pub(crate) fn client(&mut self, component: ComponentId, network: Network) -> &mut ClientCount {
        let own = (component, Some(network));
        if self.clients.len() >= NETWORKS_MAX && !self.clients.contains_key(&own) {
            self.fold_lighter_than(NETWORKS_MAX / 2);
        }
        self.clients.entry(own).or_default()
    }

    /// Adds what another thread saw.
    pub(crate) fn add(&mut self, other: &Tallies) {
        for (key, count) in &other.upstream {
            self.upstream.entry(*key).or_default().add(count);
        }
        for (key, count) in &other.clients {
            self.clients.entry(*key).or_default().add(count);
        }
    }

    /// Leaves the rows that a roll-up has as they are, and puts all lighter ones under the others of their component.
    pub(crate) fn fold_light_networks(&mut self) {
        if self.clients.len() > CLIENT_ROWS_MAX {
            self.fold_lighter_than(CLIENT_ROWS_MAX);
        }
    }

    /// Keeps so many of the heaviest networks apart.
    fn fold_lighter_than(&mut self, kept: usize) {
        let mut rows: Vec<_> = std::mem::take(&mut self.clients).into_iter().collect();
        rows.sort_by_key(|((_, network), count)| std::cmp::Reverse((network.is_some(), count.tally.total)));
        for (i, ((component, network), count)) in rows.into_iter().enumerate() {
            let network = network.filter(|_| i < kept);
            self.clients.entry((component, network)).or_default().add(&count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavy_networks_stay_and_nothing_is_lost() {
        let (mut tallies, component) = (Tallies::default(), ComponentId(0));
        for i in 0..=u8::MAX {
            for j in 0..20 {
                tallies.client(component, Network::V4([10, j, i])).tally.count(None);
            }
        }
        let heavy = Network::V4([127, 66, 6]);
        for _ in 0..50 {
            tallies.client(component, heavy).tally.count(None);
        }
        assert_eq!(
            tallies.clients[&(component, Some(heavy))].tally.total,
            50,
            "the crowd came first, and hides nobody"
        );
        let total = |t: &Tallies| t.clients.values().map(|c| c.tally.total).sum::<u64>();
        assert!(tallies.clients.len() <= NETWORKS_MAX + 1);
        let before = total(&tallies);
        tallies.fold_light_networks();
        assert_eq!((tallies.clients.len(), total(&tallies)), (CLIENT_ROWS_MAX + 1, before));
        let mut early = Tallies::default();
        (0..100).for_each(|i| early.client(component, Network::V4([10, 0, i])).tally.count(None));
        (0..9).for_each(|_| early.client(component, heavy).tally.count(None));
        early.fold_light_networks();
        assert_eq!(early.clients[&(component, Some(heavy))].tally.total, 9);
    }
}
