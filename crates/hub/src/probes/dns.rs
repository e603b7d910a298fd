//! A look-up of a name, never from a cache, with the answers expected.

use super::Trouble;
use crate::settings::{DnsTask, RecordKind};
use downbeat_core::model::FailureKind;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Looks the name up and compares the answers with those that are expected, when there are any.
pub(super) async fn probe(resolver: Option<SocketAddr>, task: &DnsTask, timeout: Duration) -> Result<(), Trouble> {
    let server = task.server.or(resolver);
    let resolver = build(server, timeout).map_err(|error| Trouble::Ours(format!("no resolver: {error}")))?;
    let came = match tokio::time::timeout(timeout, ask(&resolver, task)).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => return Err(trouble(&task.host, &error)),
        Err(_) => return Err(Trouble::theirs(FailureKind::Unresolved, format!("{}: no answer in time", task.host))),
    };
    judge(task, &came)
}

/// The answers as text, in one spelling.
async fn ask(resolver: &TokioResolver, task: &DnsTask) -> Result<Vec<String>, NetError> {
    let host = absolute(&task.host);
    let Some(kind) = task.record.record_type() else {
        return Ok(resolver.lookup_ip(host).await?.iter().map(|address| address.to_string()).collect());
    };
    let found = resolver.lookup(host, kind).await?;
    // The way there may lead over aliases, which are no answers to the question.
    let answers = found.answers().iter().filter(|record| record.record_type() == kind);
    Ok(answers.map(|record| text(&record.data)).collect())
}

/// Texts are joined as RFC 7208 joins them; the rest is its usual form, in lower case and without the last dot.
fn text(data: &RData) -> String {
    match data {
        RData::TXT(text) => text.to_string(),
        other => normal(&other.to_string()),
    }
}

/// One spelling of an answer: names are equal whatever their case, with or without the dot at their end.
fn normal(text: &str) -> String {
    text.to_ascii_lowercase().trim_end_matches('.').to_owned()
}

impl RecordKind {
    /// `None` for addresses of both families.
    fn record_type(self) -> Option<RecordType> {
        Some(match self {
            Self::Address => return None,
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Caa => RecordType::CAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Srv => RecordType::SRV,
            Self::Txt => RecordType::TXT,
        })
    }
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
    options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
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

/// A stranger among the answers is wrong. But for texts and CAA, of which a name has many from many hands: there each
/// expected one has to be among them.
fn judge(task: &DnsTask, came: &[String]) -> Result<(), Trouble> {
    let DnsTask { host, record, expect, .. } = task;
    if came.is_empty() {
        return Err(Trouble::theirs(FailureKind::Unresolved, format!("{host} has no {record}")));
    }
    let expected: Vec<String> = expect.iter().map(|text| record.spelling(text)).collect();
    let misdirected = |detail: String| Err(Trouble::theirs(FailureKind::Misdirected, detail));
    if matches!(record, RecordKind::Txt | RecordKind::Caa) {
        return match expected.iter().find(|wanted| !came.contains(wanted)) {
            Some(missing) => misdirected(format!("{host} has no {record} {missing:?} but {}", came.join(", "))),
            None => Ok(()),
        };
    }
    match came.iter().find(|answer| !expected.contains(answer)) {
        Some(stranger) if !expected.is_empty() => {
            misdirected(format!("{host} leads to {stranger}, expected {}", expected.join(" or ")))
        }
        _ => Ok(()),
    }
}

impl RecordKind {
    /// An expected answer in the spelling of those that come.
    fn spelling(self, text: &str) -> String {
        match (self, text.parse::<IpAddr>()) {
            (Self::Txt, _) => text.to_owned(),
            (_, Ok(address)) => address.to_string(),
            _ => normal(text),
        }
    }
}
