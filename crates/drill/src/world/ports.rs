//! Where everything of a world listens, counted from one base port.

use crate::place::{HOME, PARKED, ReplicaId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// The base port when nobody says otherwise, and how far the next ones are apart.
const BASE: u16 = 8_000;
const STRIDE: u16 = 200;
/// So many bases are tried before giving up.
const TRIES: u16 = 60;
/// Above the ports of the privileged, and low enough to leave room for all that is counted from a base.
pub const BASES: std::ops::RangeInclusive<u16> = 1_024..=65_300;

/// The addresses of one world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    base: u16,
}

/// Why there is no set of ports.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// One of the wanted ports is taken.
    #[error("{0} is taken; another --port-base (at most {max}) moves all of them", max = BASES.end())]
    Taken(SocketAddr),
    /// The base leaves no room.
    #[error("--port-base {0} is outside {min} to {max}", min = BASES.start(), max = BASES.end())]
    Range(u16),
    /// Every set that was tried has a port that is taken.
    #[error("no free set of ports from {BASE} on in steps of {STRIDE}; the last one taken was {0}")]
    NoneFree(SocketAddr),
}

impl Ports {
    /// The set at this base, or the first free one when there is none.
    ///
    /// # Errors
    /// When something else listens there.
    pub fn choose(base: Option<u16>) -> Result<Self, PortsError> {
        match base {
            Some(base) if !BASES.contains(&base) => Err(PortsError::Range(base)),
            Some(base) => Self { base }.check().map_err(PortsError::Taken),
            None => Self::first_free(),
        }
    }

    fn first_free() -> Result<Self, PortsError> {
        let mut last = None;
        for n in 0..TRIES {
            match (Self { base: BASE + n * STRIDE }).check() {
                Ok(ports) => return Ok(ports),
                Err(taken) => last = Some(taken),
            }
        }
        Err(PortsError::NoneFree(last.expect("a free set returns at once")))
    }

    fn check(self) -> Result<Self, SocketAddr> {
        let tcp = |address: &SocketAddr| TcpListener::bind(address).is_err();
        if let Some(taken) = self.all().into_iter().find(tcp) {
            return Err(taken);
        }
        UdpSocket::bind(self.names()).map(|_| self).map_err(|_| self.names())
    }

    fn all(self) -> Vec<SocketAddr> {
        let doors = ReplicaId::ALL.into_iter().flat_map(|id| [self.door(id), self.parked(id)]);
        [self.edge(), self.console(), self.status(), self.admin(), self.supervisor()].into_iter().chain(doors).collect()
    }

    /// The base itself.
    pub const fn base(self) -> u16 {
        self.base
    }

    /// True for the set that is taken when nothing else is there.
    pub const fn is_usual(self) -> bool {
        self.base == BASE
    }

    /// The music.
    pub fn edge(self) -> SocketAddr {
        self.at(HOME, 0)
    }

    /// The console and the hub's API.
    pub fn console(self) -> SocketAddr {
        self.at(HOME, 80)
    }

    /// The public status page.
    pub fn status(self) -> SocketAddr {
        self.at(HOME, 81)
    }

    /// The edge's own door for operators.
    pub fn admin(self) -> SocketAddr {
        self.at(HOME, 82)
    }

    /// Who restarts, rolls back and breaks things.
    pub fn supervisor(self) -> SocketAddr {
        self.at(HOME, 83)
    }

    /// The name server (UDP).
    pub fn names(self) -> SocketAddr {
        self.at(HOME, 53)
    }

    /// Where a replica is reached.
    pub fn door(self, id: ReplicaId) -> SocketAddr {
        self.at(id.region().address(), 101 + id.index())
    }

    /// Where a stranger answers when a replica's name leads astray.
    pub fn parked(self, id: ReplicaId) -> SocketAddr {
        self.at(PARKED, 101 + id.index())
    }

    fn at(self, address: Ipv4Addr, offset: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(address), self.base + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_on_the_map() {
        let ports = Ports { base: 9_000 };
        assert_eq!(ports.edge().to_string(), "127.0.0.1:9000");
        assert_eq!(ports.door(ReplicaId::ALL[5]).to_string(), "127.0.3.1:9106");
        assert_eq!(ports.parked(ReplicaId::ALL[0]).to_string(), "127.0.9.9:9101");
    }

    #[test]
    fn a_taken_port_is_named() {
        let free = Ports::choose(None).expect("some set is free");
        let taken = TcpListener::bind(free.status()).expect("it was free just now");
        let said = Ports::choose(Some(free.base())).expect_err("taken").to_string();
        assert!(said.contains(&taken.local_addr().expect("an address").to_string()), "{said}");
        assert!(said.contains("--port-base"), "{said}");
    }

    #[test]
    fn bases_without_room() {
        for base in [0, 80, 65_301, 65_535] {
            assert!(matches!(Ports::choose(Some(base)), Err(PortsError::Range(_))), "{base}");
        }
    }
}
