//! Replicas of which the plan leaves only a share, a canary or a replica on its way back: who goes there.
//!
//! Such a replica gets exactly `p = weight × share / Σ weight × share`, not what its idleness would earn it. A client
//! goes there when the hash of client and replica, from 0 to below 1, is below a threshold; so the same client goes the
//! same way each time, and a share that grows takes further clients in without letting any go. The threshold is
//!
//! ```text
//! p × exp(credit / 16)        credit = Σ p − requests that went there
//! ```
//!
//! The credit makes the share exact in the long run however few or uneven the clients are (a single client behind
//! one address goes there now and then instead of always or never), and moves only those clients whose hash is near
//! the threshold. With many clients it stays near 0.

use crate::choose::hash::unit;
use std::sync::atomic::{AtomicI64, Ordering};

/// Requests by which a share may run ahead or behind until the threshold has moved by a factor e.
const CREDIT_SCALE: f64 = 16.0;
/// Credit is counted in parts of a request, so that threads can add it without a lock and lose nothing.
const PARTS: f64 = (1_u64 << 32) as f64;
/// Credit beyond this moves no threshold further, and would only take long to be worked off.
const CREDIT_MAX: f64 = 256.0;

/// How far a replica's share is behind what it should have got.
#[derive(Debug, Default)]
pub(crate) struct Credit(AtomicI64);

impl Credit {
    fn get(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / PARTS
    }

    /// One more request came, of which the replica should get the share `p`.
    fn owe(&self, p: f64) {
        if self.get() < CREDIT_MAX {
            self.add(p);
        }
    }

    fn add(&self, requests: f64) {
        // At most one request at a time: far within an i64.
        self.0.fetch_add((requests * PARTS) as i64, Ordering::Relaxed);
    }
}

/// A replica that gets a share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a, Id> {
    pub(crate) id: Id,
    /// Of all requests that there are, above 0.
    pub(crate) p: f64,
    pub(crate) salt: u64,
    pub(crate) credit: &'a Credit,
}

/// Where a client's request goes, when it goes to one of these. `rest` is the share of all other replicas together;
/// when there are none, it goes to one of these in any case.
pub(crate) fn steer<'a, Id: Copy + 'a>(
    client: u64,
    parts: impl Iterator<Item = Part<'a, Id>> + Clone,
    rest: f64,
) -> Option<Id> {
    let (mut left, mut chosen) = (1.0, None);
    for part in parts.clone() {
        part.credit.owe(part.p);
        let threshold = part.p / left * (part.credit.get() / CREDIT_SCALE).exp();
        left = (left - part.p).max(f64::MIN_POSITIVE);
        if chosen.is_none() && unit(client, part.salt) < threshold {
            chosen = Some(part);
        }
    }
    if chosen.is_none() && rest <= 0.0 {
        chosen = parts.max_by(|a, b| a.credit.get().total_cmp(&b.credit.get()));
    }
    chosen.map(|part| {
        part.credit.add(-1.0);
        part.id
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::dice::Dice;
    use crate::choose::hash::mix;

    /// Where each of `requests` went, of clients that `client` names.
    fn run(shares: &[f64], credits: &[Credit], requests: u64, client: impl Fn(u64) -> u64) -> Vec<Option<usize>> {
        let rest = 1.0 - shares.iter().sum::<f64>();
        let part = |(id, p): (usize, &f64)| Part { id, p: *p, salt: mix(id as u64), credit: &credits[id] };
        (0..requests).map(|i| steer(mix(client(i)), shares.iter().enumerate().map(part), rest)).collect()
    }

    fn credits(n: usize) -> Vec<Credit> {
        (0..n).map(|_| Credit::default()).collect()
    }

    #[test]
    fn shares_are_exact_for_many_clients_and_for_one() {
        for (clients, shares) in [(5_000, vec![0.01]), (5_000, vec![0.3, 0.1]), (20, vec![0.25]), (1, vec![0.1])] {
            let went = run(&shares, &credits(shares.len()), 100_000, |i| i % clients);
            for (id, wanted) in shares.iter().enumerate() {
                let share = went.iter().filter(|w| **w == Some(id)).count() as f64 / 100_000.0;
                assert!((share - wanted).abs() < 0.002, "{clients} clients: {share}, not {wanted}");
            }
        }
    }

    #[test]
    fn a_client_stays_where_it_is() {
        let dice = Dice::seeded(3);
        let order: Vec<u64> = (0..200_000).map(|_| (dice.roll() * 2_000.0) as u64).collect();
        let went = run(&[0.2], &credits(1), order.len() as u64, |i| order[i as usize]);
        // How often each client's request went another way than its last one.
        let (mut last, mut moves) = (vec![None; 2_000], 0);
        for (client, went) in order.iter().zip(&went) {
            let before = last[*client as usize].replace(went.is_some());
            moves += usize::from(before.is_some_and(|b| b != went.is_some()));
        }
        // At random it would be 2 × 0.2 × 0.8 = 32 %.
        assert!(moves < 200_000 / 20, "{moves} of 200,000 requests went another way");
    }

    #[test]
    fn where_all_have_shares_one_of_them_gets_it() {
        let went = run(&[0.5, 0.5], &credits(2), 1_000, |i| i);
        let first = went.iter().filter(|w| **w == Some(0)).count();
        assert!(went.iter().all(Option::is_some) && (490..=510).contains(&first), "{first}");
    }
}
