//! A look-up of a name, never from a cache, with the addresses expected.

use super::Trouble;
use downbeat_core::model::FailureKind;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Looks the name up; every address in the answer has to be among `expect`, when there are any.
pub(super) async fn probe(
    resolver: Option<SocketAddr>,
    host: &str,
    expect: &[IpAddr],
    timeout: Duration,
) -> Result<(), Trouble> {
    let resolver = build(resolver, timeout).map_err(|error| Trouble::Ours(format!("no resolver: {error}")))?;
    let came = match tokio::time::timeout(timeout, resolver.lookup_ip(absolute(host))).await {
        Ok(Ok(answer)) => answer.iter().collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(trouble(host, &error)),
        Err(_) => return Err(Trouble::theirs(FailureKind::Unresolved, format!("{host}: no answer in time"))),
    };
    judge(host, &came, expect)
}

/// Without search domains: the name is meant as it stands.
fn absolute(host: &str) -> String {
    if host.ends_with('.') || host.parse::<IpAddr>().is_ok() { host.into() } else { format!("{host}.") }
}

fn build(resolver: Option<SocketAddr>, timeout: Duration) -> Result<TokioResolver, NetError> {
    let mut builder = match resolver {
        Some(address) => TokioResolver::builder_with_config(only(address), TokioRuntimeProvider::default()),
        None => TokioResolver::builder_tokio()?,
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.attempts = 1;
    options.timeout = timeout;
    builder.build()
}

fn only(address: SocketAddr) -> ResolverConfig {
    let on_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![on_port(ConnectionConfig::udp()), on_port(ConnectionConfig::tcp())];
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(address.ip(), true, connections)])
}

fn trouble(host: &str, error: &NetError) -> Trouble {
    match error {
        NetError::Io(io) if super::failure_of(io).is_none() => Trouble::Ours(format!("looking {host} up: {io}")),
        _ => Trouble::theirs(FailureKind::Unresolved, format!("{host}: {error}")),
    }
}

fn judge(host: &str, came: &[IpAddr], expect: &[IpAddr]) -> Result<(), Trouble> {
    if came.is_empty() {
        return Err(Trouble::theirs(FailureKind::Unresolved, format!("{host} has no address")));
    }
    match came.iter().find(|address| !expect.contains(address)) {
        Some(stranger) if !expect.is_empty() => {
            let wanted: Vec<String> = expect.iter().map(ToString::to_string).collect();
            let detail = format!("{host} leads to {stranger}, expected {}", wanted.join(" or "));
            Err(Trouble::theirs(FailureKind::Misdirected, detail))
        }
        _ => Ok(()),
    }
}
