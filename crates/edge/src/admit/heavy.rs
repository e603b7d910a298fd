//! Who asks most, found with bounded memory, and how often each may ask.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi 2005) over one second at a time: so many rows; a newcomer takes the row of
//! the lightest and inherits its count as its possible error. Whoever makes more than 1/rows of the requests has a row
//! for certain, and `count − error` is never more than it really asked. The limit goes by that number, so
//! a flood of addresses can hide nobody heavy, and nobody is limited for what others did.

use crate::door::network::Network;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Rows: whoever makes more than 1 of 256 requests is found.
const ROWS: usize = 256;
/// What is counted together.
const SPAN: Duration = Duration::from_secs(1);

/// The heaviest networks of this second, each with its limit.
#[derive(Debug)]
pub(crate) struct Heavy {
    per_second: u32,
    since: Instant,
    rows: HashMap<Network, Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    count: u32,
    error: u32,
}

impl Heavy {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, since: now, rows: HashMap::with_capacity(ROWS) }
    }

    /// Takes in so many requests, and says how many of them are within the network's limit.
    pub(crate) fn take(&mut self, network: Network, came: u32, now: Instant) -> u32 {
        if now.saturating_duration_since(self.since) >= SPAN {
            self.since = now;
            self.rows.clear();
        }
        let most = self.per_second;
        let row = self.row(network);
        let room = most.saturating_sub(row.count - row.error);
        row.count = row.count.saturating_add(came);
        came.min(room)
    }

    /// After how long all may ask again.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        SPAN.saturating_sub(now.saturating_duration_since(self.since))
    }

    fn row(&mut self, network: Network) -> &mut Row {
        let mut inherited = 0;
        if self.rows.len() >= ROWS && !self.rows.contains_key(&network) {
            // Of equals always the same one, in whatever order the table has them.
            let lightest = self.rows.iter().map(|(network, row)| (row.count, *network)).min();
            if let Some((count, lightest)) = lightest {
                self.rows.remove(&lightest);
                inherited = count;
            }
        }
        self.rows.entry(network).or_insert(Row { count: inherited, error: inherited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::dice::Dice;

    #[test]
    fn each_network_has_its_limit_each_second() {
        let (start, network) = (Instant::now(), Network::V4([127, 0, 0]));
        let mut heavy = Heavy::new(3, start);
        for (ms, fine) in [(0, true), (1, true), (2, true), (3, false), (999, false), (1_000, true)] {
            let taken = heavy.take(network, 1, start + Duration::from_millis(ms));
            assert_eq!(taken == 1, fine, "at {ms} ms");
        }
        assert_eq!(heavy.take(network, 9, start + Duration::from_secs(1)), 2, "of nine at once two are within it");
        assert_eq!(heavy.wait(start + Duration::from_millis(1_300)), Duration::from_millis(700));
        assert_eq!(heavy.take(Network::V4([127, 0, 1]), 1, start + Duration::from_secs(1)), 1);
    }

    #[test]
    fn a_crowd_hides_nobody_and_nobody_pays_for_others() {
        let (now, dice) = (Instant::now(), Dice::seeded(9));
        let (mut heavy, mut limited) = (Heavy::new(100, now), HashMap::<Network, u32>::new());
        let culprit = Network::V4([10, 0, 0]);
        for _ in 0..50_000 {
            let random = || (dice.roll() * 250.0) as u8;
            let network = if dice.roll() < 0.05 { culprit } else { Network::V4([1 + random(), random(), random()]) };
            if heavy.take(network, 1, now) == 0 {
                *limited.entry(network).or_default() += 1;
            }
        }
        assert_eq!(heavy.rows.len(), ROWS);
        assert_eq!(limited.keys().collect::<Vec<_>>(), [&culprit]);
        assert!(limited[&culprit] > 2_000, "of 2,500 requests 100 are fine: {limited:?}");
    }
}
