//! How much strangers may ask for: so many questions an hour from one network, and in all.
//!
//! An address is asked once an hour by the store; this keeps one network from having many addresses asked.

use downbeat_core::model::Moment;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// An hour from the first question on.
const WINDOW: Duration = Duration::from_secs(3_600);
/// Questions from one network: an office may subscribe, a list of addresses may not.
const NETWORK_MAX: u32 = 20;
/// Questions in all: a busy outage brings fewer.
const ALL_MAX: u32 = 20_000;

/// What was asked for within the hour.
#[derive(Debug, Default)]
pub(super) struct Limits {
    since: Moment,
    all: u32,
    /// By network: at most as many as there may be questions.
    networks: BTreeMap<u128, u32>,
}

impl Limits {
    /// True when one more question from there is within the limits; it is counted then.
    pub(super) fn admits(&mut self, now: Moment, peer: IpAddr) -> bool {
        if now.since(self.since) >= WINDOW {
            *self = Self { since: now, ..Self::default() };
        }
        if self.all >= ALL_MAX {
            return false;
        }
        let asked = self.networks.entry(network(peer)).or_default();
        let admitted = *asked < NETWORK_MAX;
        if admitted {
            *asked += 1;
            self.all += 1;
        }
        admitted
    }
}

/// A /24, or a /48, as a number.
fn network(peer: IpAddr) -> u128 {
    match peer.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits() >> 8),
        IpAddr::V6(v6) => v6.to_bits() >> 80 | 1 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_takes_nothing_from_the_others() {
        let (mut limits, now) = (Limits::default(), Moment::from_millis(10_000_000));
        let peer = |text: &str| text.parse::<IpAddr>().expect("an address");
        for n in 0..NETWORK_MAX {
            assert!(limits.admits(now, peer(&format!("10.0.0.{n}"))));
        }
        assert!(!limits.admits(now, peer("10.0.0.255")) && !limits.admits(now, peer("::ffff:10.0.0.7")));
        assert!(limits.admits(now, peer("10.0.1.1")) && limits.admits(now, peer("2001:db8::1")));
        assert!(limits.admits(now + WINDOW, peer("10.0.0.255")));
    }

    #[test]
    fn there_is_a_limit_to_all_of_them() {
        let (mut limits, now) = (Limits::default(), Moment::from_millis(10_000_000));
        let admitted = (0..2 * ALL_MAX).filter(|n| limits.admits(now, IpAddr::V4((n << 8).into()))).count();
        assert_eq!(admitted, ALL_MAX as usize);
        assert!(limits.networks.len() <= ALL_MAX as usize);
    }
}
