//! One policy for every connection that the hub makes because a configuration or an answer named its target.
//!
//! The hub stands inside, next to what no stranger may reach. So a name, a redirect or a link in an answer leads out into
//! the world only; what is private opens to four kinds of targets: those that stand in the configuration as addresses
//! (or as `localhost`), the service's own hosts, its actuator and webhooks, and the networks of `[outbound] allow`. Link-local addresses, where clouds
//! keep their machines' secrets, open by `allow` alone.
//!
//! The addresses that are judged are those that are connected to: a name is looked up once, what is forbidden is taken out of
//! the answer, and the rest is connected to. So nobody gains by answering differently the second time (DNS rebinding).

mod class;
mod client;

pub use class::Class;
pub use client::ClientError;
pub(crate) use client::{Refusal, Web, causes, why};

use downbeat_core::model::{AddressRange, Topology};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Who named a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The configuration, as an arm of the service itself: its actuator, and who receives its messages. Nothing of their answers
    /// is shown, and a page that does not go out is dearer than a POST that goes inside.
    Service,
    /// The configuration.
    Configuration,
    /// An answer: a redirect, a link in a document. Whoever gave it may be anybody.
    Answer,
    /// Somebody who subscribed, who may be anybody as well.
    Subscriber,
}

/// How far a target may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Anywhere but on the link.
    Near,
    /// Out in the world.
    World,
}

/// Which addresses the hub may reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    allow: Vec<AddressRange>,
    /// The service's own hosts, in lower case.
    hosts: BTreeSet<String>,
}

/// A target that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to {address}, {}: the hub goes there only by [outbound] allow = [\"{address}\"]", Class::of(*.address).title())]
pub struct Forbidden {
    /// As it was named.
    pub host: String,
    /// Where it leads.
    pub address: IpAddr,
}

/// Why nothing was connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookUpError {
    /// The name has no address.
    #[error("{host} does not resolve")]
    Unresolved {
        /// As it was named.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// None that may be reached.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

impl Outbound {
    /// A policy with these networks open, and the hosts of this service.
    pub fn new(allow: Vec<AddressRange>, topology: &Topology) -> Self {
        let hosts = topology.replicas.values().filter_map(|replica| replica.host.as_ref());
        let hosts = hosts.map(|host| host.as_str().to_ascii_lowercase()).collect();
        Self(Arc::new(Rules { allow, hosts }))
    }

    /// The addresses of a target, but for those that may not be reached.
    pub(crate) async fn look_up(&self, host: &str, port: u16, by: NamedBy) -> Result<Vec<SocketAddr>, LookUpError> {
        let bare = host.trim_matches(['[', ']']);
        let found = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => resolve(bare, port).await?,
        };
        Ok(self.sift(bare, found, self.reach(bare, by))?)
    }

    /// Refuses a target that stands there as a forbidden address; a name is judged when it has been looked up.
    pub(crate) fn check_address(&self, host: &str, by: NamedBy) -> Result<(), Forbidden> {
        let bare = host.trim_matches(['[', ']']);
        match bare.parse::<IpAddr>() {
            Ok(address) => self.sift(bare, vec![SocketAddr::new(address, 0)], self.reach(bare, by)).map(drop),
            Err(_) => Ok(()),
        }
    }

    fn reach(&self, host: &str, by: NamedBy) -> Reach {
        let stands_there = || host.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost");
        let is_ours = || self.0.hosts.contains(&host.to_ascii_lowercase());
        match by {
            NamedBy::Service => Reach::Near,
            NamedBy::Configuration if stands_there() || is_ours() => Reach::Near,
            NamedBy::Configuration | NamedBy::Answer | NamedBy::Subscriber => Reach::World,
        }
    }

    /// Those that may be reached; the first that may not, when there are none.
    fn sift(&self, host: &str, found: Vec<SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, Forbidden> {
        let (open, closed): (Vec<_>, Vec<_>) = found.into_iter().partition(|at| self.admits(at.ip(), reach));
        match closed.first() {
            Some(at) if open.is_empty() => Err(Forbidden { host: host.into(), address: at.ip() }),
            _ => Ok(open),
        }
    }

    fn admits(&self, address: IpAddr, reach: Reach) -> bool {
        let by_class = match Class::of(address) {
            Class::Public => true,
            Class::Loopback | Class::Private => reach == Reach::Near,
            Class::LinkLocal | Class::Nowhere => false,
        };
        by_class || self.0.allow.iter().any(|range| range.contains(address))
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, LookUpError> {
    let unresolved = |source| LookUpError::Unresolved { host: host.into(), source };
    Ok(tokio::net::lookup_host((host, port)).await.map_err(unresolved)?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::{Name, Replica};

    fn policy(allow: &[&str]) -> Outbound {
        let name = |text: &str| Name::new(text).expect("a good name");
        let host = Some(name("music.internal"));
        let replica = Replica { name: name("eu-1"), region: name("eu"), version: None, host, proven_per_second: None };
        let topology = Topology { replicas: [(name("eu-1"), replica)].into(), ..Topology::default() };
        Outbound::new(allow.iter().map(|range| range.parse().expect("a range")).collect(), &topology)
    }

    #[test]
    fn who_may_lead_where() {
        use NamedBy::{Answer, Configuration, Service, Subscriber};
        let table = [
            ("web.example", Configuration, "1.1.1.1", true),
            ("web.example", Answer, "1.1.1.1", true),
            ("web.example", Configuration, "10.0.0.5", false),
            ("web.example", Configuration, "127.0.0.1", false),
            ("web.example", Configuration, "10.7.0.5", true),
            ("web.example", Answer, "10.7.0.5", true),
            ("web.example", Service, "10.0.0.5", true),
            ("music.internal", Configuration, "10.0.0.5", true),
            ("Music.Internal", Configuration, "10.0.0.5", true),
            ("music.internal", Answer, "10.0.0.5", false),
            ("10.0.0.5", Configuration, "10.0.0.5", true),
            ("10.0.0.5", Answer, "10.0.0.5", false),
            ("localhost", Configuration, "127.0.0.1", true),
            ("localhost", Answer, "127.0.0.1", false),
            ("169.254.169.254", Configuration, "169.254.169.254", false),
            ("music.internal", Configuration, "169.254.169.254", false),
            ("0.0.0.0", Configuration, "0.0.0.0", false),
            ("hooks.example", Subscriber, "1.1.1.1", true),
            ("hooks.example", Subscriber, "127.0.0.1", false),
            ("127.0.0.1", Subscriber, "127.0.0.1", false),
            ("music.internal", Subscriber, "10.0.0.5", false),
            ("hooks.example", Subscriber, "169.254.169.254", false),
        ];
        let policy = policy(&["10.7.0.0/16"]);
        for (host, by, address, open) in table {
            let at = SocketAddr::new(address.parse().expect("an address"), 80);
            let sifted = policy.sift(host, vec![at], policy.reach(host, by));
            assert_eq!(sifted.is_ok(), open, "{host} by {by:?} to {address}");
        }
    }

    #[test]
    fn what_is_forbidden_is_left_out_and_the_fix_is_named() {
        let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 80);
        let policy = policy(&[]);
        let mixed = vec![at("10.0.0.5"), at("1.1.1.1")];
        assert_eq!(policy.sift("web.example", mixed, Reach::World), Ok(vec![at("1.1.1.1")]));
        let why = policy.sift("web.example", vec![at("10.0.0.5")], Reach::World).expect_err("forbidden").to_string();
        let fix = "[outbound] allow = [\"10.0.0.5\"]";
        assert!(
            why.starts_with("web.example leads to 10.0.0.5, an address of a private network") && why.ends_with(fix)
        );
    }
}
