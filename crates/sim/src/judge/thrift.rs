//! Whether trouble is multiplied (B5): extra attempts over ten seconds, held against the requests of the same time.

use super::Judge;
use crate::shape::GRAIN;
use crate::time::Time;
use std::collections::{BTreeMap, VecDeque};

/// Extra attempts over this time
const WINDOW: u64 = 10;
/// are held against the requests of this one, in seconds: an attempt may fail some time after its request came.
const REQUESTS: u64 = 12;
/// The share of the requests for which there may be an extra attempt while one replica alone is the trouble.
const SHARE: f64 = 0.2;
/// And so many besides.
const FLOOR: u32 = 10 + GRAIN;

/// Why a replica is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A request came.
    First,
    /// Besides the replica that failed or is silent.
    Because(usize),
}

/// What one edge asked for one component, oldest first: the second, whom, why, and for how many requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(VecDeque<(u64, usize, Ask, u32)>);

impl Judge {
    /// An edge asks a replica. Beyond the budget it may go for all requests that would have to wait for one silent replica.
    pub(crate) fn asks(&mut self, now: Time, (edge, component): (usize, usize), replica: usize, ask: Ask, times: u32) {
        self.now = now;
        let asked = &mut self.asked[edge][component];
        asked.note(now.as_secs(), replica, ask, times);
        let Ask::Because(_) = ask else { return };
        if let Some((extra, most)) = asked.excess(now.as_secs()) {
            self.find("B5", format!("edge {edge}: {extra} extra attempts over ten seconds, {most} allowed"));
        }
    }

    /// An edge that starts anew remembers no request, and no attempt.
    pub(super) fn forget_asked(&mut self, edge: usize) {
        self.asked[edge].fill(Asked::default());
    }
}

impl Asked {
    fn note(&mut self, second: u64, replica: usize, ask: Ask, times: u32) {
        while self.0.front().is_some_and(|(at, ..)| at + REQUESTS < second) {
            self.0.pop_front();
        }
        self.0.push_back((second, replica, ask, times));
    }

    /// Extra attempts, and how many were allowed, when there are too many: in all, or because of any but the one replica
    /// that most were made for.
    fn excess(&self, now: u64) -> Option<(u32, u32)> {
        let (mut requests, mut firsts, mut extras) = (0, BTreeMap::new(), BTreeMap::new());
        for (at, replica, ask, times) in &self.0 {
            match ask {
                Ask::First => {
                    requests += times;
                    *firsts.entry(*replica).or_insert(0) += times;
                }
                Ask::Because(of) if at + WINDOW >= now => *extras.entry(*of).or_insert(0) += times,
                Ask::Because(_) => {}
            }
        }
        // Cut to whole attempts.
        let budget = (SHARE * f64::from(requests)) as u32 + FLOOR;
        let (worst, most) = extras.iter().max_by_key(|(_, n)| **n).map(|(of, n)| (*of, *n))?;
        let others = extras.values().sum::<u32>() - most;
        let all = budget + firsts.get(&worst).copied().unwrap_or(0);
        match (others > budget, others + most > all) {
            (true, _) => Some((others, budget)),
            (_, true) => Some((others + most, all)),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(firsts: &[(usize, u32)], extras: &[(usize, u32)]) -> Asked {
        let mut asked = Asked::default();
        firsts.iter().for_each(|(replica, times)| asked.note(5, *replica, Ask::First, *times));
        extras.iter().for_each(|(of, times)| asked.note(7, 1, Ask::Because(*of), *times));
        asked
    }

    #[test]
    fn all_requests_of_one_silent_replica_may_be_asked_again_and_of_the_others_a_fifth() {
        let even = [(0, 50), (1, 50)];
        assert_eq!(asked(&even, &[(0, 83)]).excess(7), None);
        assert_eq!(asked(&even, &[(0, 84)]).excess(7), Some((84, 83)));
        assert_eq!(asked(&even, &[(0, 40), (1, 33)]).excess(7), None);
        assert_eq!(asked(&even, &[(0, 40), (1, 34)]).excess(7), Some((34, 33)));
        assert_eq!(asked(&even, &[(0, 84)]).excess(18), None, "that is long ago");
    }
}
