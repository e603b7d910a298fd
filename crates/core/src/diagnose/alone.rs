//! Do clients of one network alone suffer, while all others are well? Then it is the way to them, or they themselves, and not the
//! service.
//!
//! A network is an autonomous system where a table says whose it is, else a /24 or /48. One is alone when nearly all that failed
//! within the last seconds failed for its clients, although others asked for most of the same, and were served. That is no
//! outage of ours only if nothing of ours shows it: what failed is spread over the replicas as the requests are, each of which
//! answers others well, and checks are good. Whoever has a replica of their own (by a hash, by a region) suffers from
//! that replica, alone or not.

use crate::model::{ClientRow, Ledger, Moment, Name, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How far back it is looked.
const WINDOW: Duration = Duration::from_secs(20);
/// Fewer failures are no pattern: of twenty, nine in ten fall on half of the clients once in five thousand times.
const FAILED_MIN: u64 = 20;
/// So much of what failed has to be of the one network.
const ITS_SHARE: f64 = 0.9;
/// It asks for no more than so much of what was asked for, or its failures are in proportion.
const ITS_TRAFFIC: f64 = 0.5;
/// The others have to have asked for so much, or nobody knows how they are.
const OTHERS_MIN: u64 = 100;
/// And no more of it may have failed.
const WELL: f64 = 0.01;
/// A replica that fails more of what it is asked is not well, whoever asks.
const REPLICA_FAILS: f64 = 0.5;
/// So many times its share of the attempts a replica may have of the failures, and this much more.
const SPREAD: (f64, f64) = (1.5, 0.1);
/// Share of checks that may fail by themselves.
const CHECKS_FAIL: f64 = 0.05;

/// The one network whose clients suffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// Its autonomous system, else itself.
    pub owner: Name,
    /// What of it suffers.
    pub components: BTreeSet<Name>,
    /// Requests of its clients that failed.
    pub failed: u64,
    /// Of so many.
    pub requests: u64,
    /// Requests of all others for the same, which were served.
    pub others: u64,
}

impl Alone {
    /// The network that is alone, within the last seconds before `now`; `owners` are the systems of networks, where they are known.
    pub fn find(ledger: &Ledger, owners: &BTreeMap<Name, Name>, now: Moment) -> Option<Self> {
        let (from, to) = (now.before(WINDOW), now + Duration::from_secs(1));
        let suffering = suffering(ledger, owners, from, to)?;
        (is_spread(ledger, &suffering.components, from, to) && are_checks_good(ledger, from, to)).then_some(suffering)
    }

    /// The fact, for people; `title` is what people call it.
    pub fn fact(&self, title: &str) -> String {
        format!(
            "{} of {} requests of network {title} alone fail; {} of others are well",
            self.failed, self.requests, self.others
        )
    }
}

fn suffering(ledger: &Ledger, owners: &BTreeMap<Name, Name>, from: Moment, to: Moment) -> Option<Alone> {
    let clients = ledger.clients(from, to);
    let mut failures: BTreeMap<&Name, u64> = BTreeMap::new();
    for ((_, network), tally) in clients.iter() {
        *failures.entry(owners.get(network).unwrap_or(network)).or_default() += failed(tally);
    }
    let all: u64 = failures.values().sum();
    let (owner, its) = failures.into_iter().max_by_key(|(_, failed)| *failed)?;
    // Those whom the edges do not tell apart are nobody in particular.
    let is_one = owner.as_str() != ClientRow::OTHER && its >= FAILED_MIN && its as f64 >= ITS_SHARE * all as f64;
    if !is_one {
        return None;
    }
    let is_its = |network: &Name| owners.get(network).unwrap_or(network) == owner;
    let components: BTreeSet<Name> =
        clients.iter().filter(|((_, n), t)| is_its(n) && failed(t) > 0).map(|((c, _), _)| c.clone()).collect();
    let (mut requests, mut others) = (0, (0, 0));
    for ((_, network), tally) in clients.iter().filter(|((component, _), _)| components.contains(component)) {
        if is_its(network) {
            requests += tally.owed().total;
        } else {
            others = (others.0 + tally.owed().total, others.1 + failed(tally));
        }
    }
    let are_well = others.0 >= OTHERS_MIN && others.1 as f64 <= WELL * others.0 as f64;
    let is_out_of_proportion = requests as f64 <= ITS_TRAFFIC * (requests + others.0) as f64;
    let owner = owner.clone();
    (are_well && is_out_of_proportion).then_some(Alone { owner, components, failed: its, requests, others: others.0 })
}

/// What was owed to clients and failed.
fn failed(tally: &Tally) -> u64 {
    tally.owed().failed()
}

/// True when no replica is worse than the others.
fn is_spread(ledger: &Ledger, components: &BTreeSet<Name>, from: Moment, to: Moment) -> bool {
    let mut replicas: BTreeMap<Name, (u64, u64)> = BTreeMap::new();
    for ((_, replica), tally) in ledger.attempts(from, to).iter().filter(|((c, _), _)| components.contains(c)) {
        let sum = replicas.entry(replica.clone()).or_default();
        *sum = (sum.0 + tally.total, sum.1 + tally.failed());
    }
    let (all, bad) = replicas.values().fold((0, 0), |sum, (total, failed)| (sum.0 + total, sum.1 + failed));
    let is_like_all = |(total, failed): &(u64, u64)| {
        let (of_all, of_bad) = (*total as f64 / all.max(1) as f64, *failed as f64 / bad.max(1) as f64);
        *failed as f64 <= REPLICA_FAILS * *total as f64 && of_bad <= SPREAD.0 * of_all + SPREAD.1
    };
    replicas.values().all(is_like_all)
}

fn are_checks_good(ledger: &Ledger, from: Moment, to: Moment) -> bool {
    let checks = ledger.checks(from, to);
    let (all, bad) = checks.values().fold((0, 0), |sum, tally| (sum.0 + tally.total, sum.1 + tally.failed()));
    bad as f64 <= CHECKS_FAIL * all as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;

    const NOW: Moment = Moment::from_millis(1_000_000);

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn tally(total: u64, failed: u64) -> Tally {
        let failures = if failed == 0 { Default::default() } else { [(FailureKind::Status, failed)].into() };
        Tally { total, slow: 0, failures }
    }

    /// Who is alone, of clients (network, requests, failed) and replicas (name, attempts, failed).
    fn alone(clients: &[(&str, u64, u64)], replicas: &[(&str, u64, u64)], checks: (u64, u64)) -> Option<String> {
        let mut ledger = Ledger::new(Duration::from_secs(180));
        let second = ledger.at(NOW.before(Duration::from_secs(3)));
        for (network, total, failed) in clients {
            second.clients.of((name("playback"), name(network))).add(&tally(*total, *failed));
        }
        for (replica, total, failed) in replicas {
            second.attempts.of((name("playback"), name(replica))).add(&tally(*total, *failed));
        }
        second.checks.of((None, name("eu-1"))).add(&tally(checks.0, checks.1));
        let owners = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"].map(|net| (name(net), name("AS64501"))).into();
        Alone::find(&ledger, &owners, NOW).map(|alone| alone.owner.to_string())
    }

    #[test]
    fn one_network_is_alone_when_the_others_are_well_and_no_replica_is_ill() {
        let even = [("eu-1", 300, 20), ("eu-2", 300, 22), ("us-1", 300, 18)];
        let one = [("10.0.0.0/24", 70, 60), ("192.0.2.0/24", 400, 0), ("other", 430, 2)];
        assert_eq!(alone(&one, &even, (20, 0)).as_deref(), Some("10.0.0.0/24"));
        let system = [("10.0.1.0/24", 30, 20), ("10.0.2.0/24", 30, 20), ("10.0.3.0/24", 30, 20), ("other", 810, 0)];
        assert_eq!(alone(&system, &even, (20, 0)).as_deref(), Some("AS64501"), "none of its networks is, by itself");
        let table = [
            ("everybody fails in proportion", vec![("10.0.0.0/24", 400, 30), ("other", 500, 30)], even, (20, 0)),
            ("it is most of the traffic", vec![("10.0.0.0/24", 700, 60), ("other", 200, 0)], even, (20, 0)),
            ("nobody knows of the others", vec![("10.0.0.0/24", 60, 60), ("other", 60, 0)], even, (20, 0)),
            ("the others suffer too", vec![("10.0.0.0/24", 70, 60), ("other", 400, 6)], even, (20, 0)),
            ("a handful", vec![("10.0.0.0/24", 70, 19), ("other", 830, 0)], even, (20, 0)),
            ("nobody in particular", vec![("other", 70, 60), ("10.0.0.0/24", 830, 0)], even, (20, 0)),
            ("checks fail", one.to_vec(), even, (20, 2)),
            ("one replica", one.to_vec(), [("eu-1", 300, 60), ("eu-2", 300, 0), ("us-1", 300, 0)], (20, 0)),
            ("a dead one", one.to_vec(), [("eu-1", 60, 60), ("eu-2", 420, 0), ("us-1", 420, 0)], (20, 0)),
        ];
        for (why, clients, replicas, checks) in table {
            assert_eq!(alone(&clients, &replicas, checks), None, "{why}");
        }
    }
}
