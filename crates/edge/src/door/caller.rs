//! Who asks, and by which way.

use crate::change::settings::ProxySettings;
use crate::codec::{Claims, Fields, Scheme, Trace, client_behind, scheme_told};
use crate::door::network::Network;
use std::net::IpAddr;

/// Who asks, and by which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The other end of the connection, or whom a proxy named in the PROXY protocol.
    pub(crate) address: IpAddr,
    /// The network it is counted and limited under.
    pub(crate) network: Network,
    /// What the client speaks: to us, or to the trusted proxy before us.
    pub(crate) scheme: Scheme,
    /// What is spoken to us.
    hop: Scheme,
    claims: Claims,
}

impl Caller {
    pub(crate) fn new(address: IpAddr, scheme: Scheme) -> Self {
        Self { address, network: Network::of(address), scheme, hop: scheme, claims: Claims::Kept }
    }

    /// Who asks with a request of these fields: behind a trusted proxy it is whom the proxy names.
    pub(crate) fn asking(self, fields: &Fields, proxies: &ProxySettings) -> Self {
        let is_proxy = |address: IpAddr| proxies.trusted.iter().any(|range| range.contains(address));
        if proxies.trusted.is_empty() {
            return self;
        }
        if !is_proxy(self.address) {
            return Self { claims: Claims::Dropped, ..self };
        }
        let network = client_behind(fields, is_proxy).map_or(self.network, Network::of);
        let scheme = scheme_told(fields).unwrap_or(self.hop);
        Self { claims: Claims::Trusted, network, scheme, ..self }
    }

    /// What a replica is told of it.
    pub(crate) const fn trace(&self, proxies: &ProxySettings) -> Trace {
        Trace { peer: self.address, scheme: self.scheme, hop: self.hop, claims: self.claims, fields: proxies.fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_that_are_trusted_speak_for_others() {
        let fields = Fields::from_pairs([
            (&b"x-forwarded-for"[..], &b"192.0.2.7, 10.0.0.2"[..]),
            (b"x-forwarded-proto", b"https"),
        ]);
        let named = ProxySettings { trusted: vec!["10.0.0.0/8".parse().expect("a range")], ..ProxySettings::default() };
        let table = [
            ("10.0.0.1", &named, "192.0.2.0/24", Scheme::Https, Claims::Trusted),
            ("203.0.113.9", &named, "203.0.113.0/24", Scheme::Http, Claims::Dropped),
            ("10.0.0.1", &ProxySettings::default(), "10.0.0.0/24", Scheme::Http, Claims::Kept),
        ];
        for (peer, proxies, network, scheme, claims) in table {
            let caller = Caller::new(peer.parse().expect("an address"), Scheme::Http).asking(&fields, proxies);
            assert_eq!((caller.network.name().as_str(), caller.claims), (network, claims), "{peer}");
            assert_eq!((caller.scheme, caller.trace(proxies).hop), (scheme, Scheme::Http), "{peer}");
            assert_eq!(caller.trace(proxies).peer.to_string(), peer);
        }
    }
}
