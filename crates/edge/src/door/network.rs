//! The client networks that are counted and limited: /24 of IPv4, /48 of IPv6.

use downbeat_core::model::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A client's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// The first three bytes of an IPv4 address.
    V4([u8; 3]),
    /// The first three groups of an IPv6 address.
    V6([u16; 3]),
}

impl Network {
    /// The network of an address; an IPv4 address in IPv6 clothes counts as what it is.
    pub fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                Self::V6([a, b, c])
            }
        }
    }

    /// Its name: `127.66.6.0/24`, `2001:db8::/48`.
    pub fn name(self) -> Name {
        let text = match self {
            Self::V4([a, b, c]) => format!("{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6([a, b, c]) => format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)),
        };
        Name::new(&text).expect("addresses are written in digits, letters, dots and colons")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_networks() {
        let table = [
            ("127.66.6.9", "127.66.6.0/24"),
            ("::ffff:127.66.6.9", "127.66.6.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ];
        for (peer, name) in table {
            assert_eq!(Network::of(peer.parse().expect("an address")).name().as_str(), name, "{peer}");
        }
    }
}
