//! The last minutes of counts, by leaf: what contrasts, gates and pictures are computed from.
//!
//! A leaf is the finest thing counted: attempts by component and replica, clients by component and network,
//! checks by replica, look-ups by region. Counts are kept a second at a time and forgotten after
//! [`Ledger::memory`]; the number of leaves is bounded by the configuration and by the edge's bound on networks.

use super::{Counts, Moment, Name, Tally};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The counts that arrived within one second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Second {
    /// When it began.
    pub at: Moment,
    /// Attempts, by component and replica.
    pub attempts: Counts<(Name, Name)>,
    /// Sum of the times to the first byte, in microseconds, by component and replica.
    pub first_byte_us: BTreeMap<(Name, Name), u64>,
    /// Clients' requests, by component and network.
    pub clients: Counts<(Name, Name)>,
    /// Active checks and probes of a replica; with the component where the probe names one.
    pub checks: Counts<(Option<Name>, Name)>,
    /// Look-ups, by region.
    pub lookups: Counts<Name>,
    /// Users' reports, one per network.
    pub reports: u64,
    /// By edge: what its roll-ups told of.
    pub told: BTreeMap<Name, Told>,
}

/// What roll-ups of one edge told of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// How long a time, in milliseconds.
    pub ms: u64,
    /// Clients' requests in it, by component.
    pub requests: BTreeMap<Name, u64>,
}

impl Second {
    /// An empty one with room for what this one counts.
    fn next(&self) -> Self {
        Self {
            attempts: self.attempts.next(),
            clients: self.clients.next(),
            checks: self.checks.next(),
            lookups: self.lookups.next(),
            ..Self::default()
        }
    }

    /// This one with the counts of another, of which those by leaf are summed up.
    fn plus(mut self, other: &Self) -> Self {
        self.attempts.add(&other.attempts);
        self.clients.add(&other.clients);
        self.checks.add(&other.checks);
        self.lookups.add(&other.lookups);
        self
    }
}

/// Whole seconds that are summed up once, when they are over.
const BLOCK: Duration = Duration::from_secs(10);

/// The last minutes of counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    memory: Duration,
    seconds: VecDeque<Second>,
    /// Sums of the counts of [`BLOCK`]s that are over and remembered from their first second on; each is at its beginning.
    blocks: VecDeque<Second>,
}

impl Ledger {
    /// An empty ledger that forgets after `memory`.
    pub fn new(memory: Duration) -> Self {
        Self { memory, seconds: VecDeque::new(), blocks: VecDeque::new() }
    }

    /// The second to count into at `now`.
    pub fn at(&mut self, now: Moment) -> &mut Second {
        let begin = Moment::from_millis(now.as_millis() / 1_000 * 1_000);
        while self.seconds.front().is_some_and(|s| now.since(s.at) > self.memory) {
            self.seconds.pop_front();
        }
        while self.blocks.front().is_some_and(|block| self.seconds.front().is_none_or(|s| s.at > block.at)) {
            self.blocks.pop_front();
        }
        if self.seconds.back().is_none_or(|s| s.at < begin) {
            self.close_block(begin);
            let next = self.seconds.back().map_or_else(Second::default, Second::next);
            self.seconds.push_back(Second { at: begin, ..next });
        }
        self.seconds.back_mut().expect("one was pushed when there was none")
    }

    /// Sums the block of the last second up, when `next` begins another one.
    fn close_block(&mut self, next: Moment) {
        let Some(begin) = self.seconds.back().map(|last| block_of(last.at)).filter(|begin| *begin != block_of(next))
        else {
            return;
        };
        if self.seconds.front().is_some_and(|first| first.at <= begin) {
            let within =
                self.within(begin, begin + BLOCK).fold(Second { at: begin, ..Second::default() }, Second::plus);
            self.blocks.push_back(within);
        }
    }

    /// What adds up to the counts within `[from, to)`: blocks where whole ones fit, and seconds.
    fn pieces(&self, from: Moment, to: Moment) -> impl Iterator<Item = &Second> {
        let is_whole = move |block: &&Second| from <= block.at && block.at + BLOCK <= to;
        let blocks = self.blocks.iter().filter(is_whole);
        let in_block = move |second: &Second| {
            let begin = block_of(second.at);
            self.blocks.binary_search_by_key(&begin, |block| block.at).is_ok_and(|n| is_whole(&&self.blocks[n]))
        };
        blocks.chain(self.within(from, to).filter(move |second| !in_block(second)))
    }

    /// The seconds that began within `[from, to)`, oldest first.
    pub fn within(&self, from: Moment, to: Moment) -> impl Iterator<Item = &Second> {
        self.seconds.iter().filter(move |s| from <= s.at && s.at < to)
    }

    /// All seconds, oldest first.
    pub fn seconds(&self) -> impl Iterator<Item = &Second> {
        self.seconds.iter()
    }

    /// Attempts by leaf within `[from, to)`.
    pub fn attempts(&self, from: Moment, to: Moment) -> Counts<(Name, Name)> {
        sum(self.pieces(from, to).map(|s| &s.attempts))
    }

    /// Clients' requests by leaf within `[from, to)`.
    pub fn clients(&self, from: Moment, to: Moment) -> Counts<(Name, Name)> {
        sum(self.pieces(from, to).map(|s| &s.clients))
    }

    /// Checks by leaf within `[from, to)`.
    pub fn checks(&self, from: Moment, to: Moment) -> Counts<(Option<Name>, Name)> {
        sum(self.pieces(from, to).map(|s| &s.checks))
    }

    /// Look-ups by region within `[from, to)`.
    pub fn lookups(&self, from: Moment, to: Moment) -> Counts<Name> {
        sum(self.pieces(from, to).map(|s| &s.lookups))
    }

    /// Clients' requests a second by component, averaged over the time of which edges told within `[from, to)`.
    pub fn demand(&self, from: Moment, to: Moment) -> BTreeMap<Name, f64> {
        self.rates(from, to, |tally| tally.total)
    }

    /// The same of those that got what they wanted.
    pub fn served(&self, from: Moment, to: Moment) -> BTreeMap<Name, f64> {
        self.rates(from, to, |tally| tally.total.saturating_sub(tally.failed()))
    }

    /// Clients' requests a second by component, each edge's over the time of which that one told: two edges need not have told
    /// of the same time yet.
    pub fn asked(&self, from: Moment, to: Moment) -> BTreeMap<Name, f64> {
        let mut edges: BTreeMap<&Name, Told> = BTreeMap::new();
        for (edge, told) in self.within(from, to).flat_map(|second| &second.told) {
            let sum = edges.entry(edge).or_default();
            sum.ms += told.ms;
            told.requests.iter().for_each(|(component, n)| *sum.requests.entry(component.clone()).or_default() += n);
        }
        let mut rates: BTreeMap<Name, f64> = BTreeMap::new();
        for Told { ms, requests } in edges.into_values() {
            let seconds = (ms as f64 / 1_000.0).max(1.0);
            requests.into_iter().for_each(|(component, n)| *rates.entry(component).or_default() += n as f64 / seconds);
        }
        rates
    }

    /// The most requests a second by component over any stretch of so long that ends within `[from, to)`, averaged over the
    /// time of which edges told: what nobody told of is not empty but unknown.
    pub fn peak_demand(&self, from: Moment, to: Moment, stretch: Duration) -> BTreeMap<Name, f64> {
        let told = |second: &&Second| second.clients.iter().next().is_some();
        let mut window: VecDeque<(&Second, BTreeMap<Name, u64>)> = VecDeque::new();
        let mut peaks: BTreeMap<Name, f64> = BTreeMap::new();
        for second in self.within(from.before(stretch), to).filter(told) {
            let mut came: BTreeMap<Name, u64> = BTreeMap::new();
            second.clients.iter().for_each(|((component, _), tally)| {
                *came.entry(component.clone()).or_default() += tally.total;
            });
            window.push_back((second, came));
            while window.front().is_some_and(|(first, _)| second.at.since(first.at) >= stretch) {
                window.pop_front();
            }
            if second.at < from {
                continue;
            }
            let length = length(window.iter().map(|(second, _)| *second));
            for component in window.iter().flat_map(|(_, came)| came.keys()).collect::<BTreeSet<_>>() {
                let sum: u64 = window.iter().filter_map(|(_, came)| came.get(component)).sum();
                let peak = peaks.entry(component.clone()).or_default();
                *peak = peak.max(sum as f64 / length);
            }
        }
        peaks
    }

    fn rates(&self, from: Moment, to: Moment, of: impl Fn(&Tally) -> u64) -> BTreeMap<Name, f64> {
        let seconds = length(self.within(from, to));
        let mut rates: BTreeMap<Name, f64> = BTreeMap::new();
        for ((component, _), tally) in self.clients(from, to).iter() {
            *rates.entry(component.clone()).or_default() += of(tally) as f64 / seconds;
        }
        rates
    }
}

/// The time of which the edge told that told of most, in seconds and at least one; all of these seconds where no edge told of any.
/// A roll-up may be of a part of a second.
fn length<'a>(seconds: impl Iterator<Item = &'a Second>) -> f64 {
    let (mut told, mut count) = (BTreeMap::<&Name, u64>::new(), 0_u32);
    for second in seconds {
        count += 1;
        second.told.iter().for_each(|(edge, of)| *told.entry(edge).or_default() += of.ms);
    }
    told.values().max().map_or(f64::from(count), |ms| *ms as f64 / 1_000.0).max(1.0)
}

fn sum<'a, K: Ord + Clone + 'a>(tables: impl Iterator<Item = &'a Counts<K>>) -> Counts<K> {
    tables.fold(Counts::default(), |mut all, counts| {
        all.add(counts);
        all
    })
}

fn block_of(second: Moment) -> Moment {
    let length = BLOCK.as_millis() as u64;
    Moment::from_millis(second.as_millis() / length * length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Sums by blocks are the sums of the seconds, whatever is missing, forgotten or cut.
        #[test]
        fn blocks_change_no_sum(gaps in prop::collection::vec(1_u64..14, 1..80), from in 0_u64..300, span in 0_u64..120) {
            let keys = ["eu", "us", "ap"].map(|text| Name::new(text).expect("good"));
            let (mut ledger, mut now) = (Ledger::new(Duration::from_secs(60)), 0);
            for (n, gap) in gaps.into_iter().enumerate() {
                now += gap * if gap > 12 { 1_000 } else { 150 };
                let second = ledger.at(Moment::from_millis(now));
                second.attempts.of((keys[n % 3].clone(), keys[0].clone())).count(None);
                second.lookups.of(keys[gap as usize % 3].clone()).count(None);
            }
            let (from, to) = (Moment::from_millis(from * 1_000), Moment::from_millis((from + span) * 1_000));
            let attempts = sum(ledger.within(from, to).map(|s| &s.attempts));
            prop_assert_eq!(ledger.attempts(from, to), attempts);
            prop_assert_eq!(ledger.lookups(from, to), sum(ledger.within(from, to).map(|s| &s.lookups)));
            prop_assert!(ledger.blocks.len() <= 8);
        }
    }

    #[test]
    fn edges_that_told_of_different_times_are_reckoned_each_by_its_own() {
        let [login, one, two] = ["login", "edge-1", "edge-2"].map(|text| Name::new(text).expect("good"));
        let mut ledger = Ledger::new(Duration::from_secs(10));
        for (at, edge, ms, n) in [(1_050, &one, 1_000, 10), (1_300, &two, 1_000, 20), (2_050, &one, 1_000, 10)] {
            let told = ledger.at(Moment::from_millis(at)).told.entry(edge.clone()).or_default();
            told.ms += ms;
            *told.requests.entry(login.clone()).or_default() += n;
        }
        assert_eq!(ledger.asked(Moment::from_millis(1_000), Moment::from_millis(3_000))[&login], 30.0);
    }

    #[test]
    fn counts_are_summed_within_a_window_and_forgotten_after_it() {
        let (login, net) = (Name::new("login").expect("good"), Name::new("10.0.0.0/24").expect("good"));
        let mut ledger = Ledger::new(Duration::from_secs(10));
        for ms in [0, 400, 1_200, 30_000] {
            let second = ledger.at(Moment::from_millis(ms));
            second.clients.of((login.clone(), net.clone())).count(None);
        }
        let total = |from, to| -> u64 {
            ledger.clients(Moment::from_millis(from), Moment::from_millis(to)).values().map(|t| t.total).sum()
        };
        assert_eq!((total(0, 60_000), total(0, 2_000)), (1, 0), "what is older than the memory is gone");
        assert_eq!(ledger.demand(Moment::from_millis(30_000), Moment::from_millis(31_000))[&login], 1.0);
    }
}
