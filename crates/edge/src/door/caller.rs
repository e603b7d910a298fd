//! Who asks, and by which way.

use crate::codec::Scheme;
use crate::door::network::Network;
use std::net::IpAddr;

/// Who asks, and by which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// The network it is counted and limited under.
    pub(crate) network: Network,
    /// What it speaks to us.
    pub(crate) scheme: Scheme,
}

impl Caller {
    pub(crate) fn new(address: IpAddr, scheme: Scheme) -> Self {
        Self { address, network: Network::of(address), scheme }
    }
}
