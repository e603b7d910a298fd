//! What a `[[probe]]` does: the keys of each kind.

use super::payload::{Fields, Said, read_payload};
use super::stream::read_stream;
use crate::config::address::{BaseUrl, Endpoint, HostName, WebUrl};
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::{FromText, FromValue, mismatch, one_of};
use downbeat_core::model::ProbeKind;
use downbeat_hub::settings::{
    Condition, ConditionError, DnsTask, GRPC_SERVICE_MAX, HttpMethod, HttpTask, ProbeTask, RecordKind, StatusError,
    StatusSet, TlsTask, Trust,
};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// How long a certificate has to be valid still: the last third of a 90-day certificate's month of renewal.
const VALID_FOR: Span = Span(Duration::from_secs(14 * 86_400));
/// How late a heartbeat may be unless configured.
const GRACE: Duration = Duration::from_secs(60);
/// How often it is looked whether a heartbeat came: a tenth of its interval, within these bounds.
const LOOKED_MIN: Duration = Duration::from_secs(1);
const LOOKED_MAX: Duration = Duration::from_secs(10);
/// Least length of a heartbeat's key: 16 letters at random are not guessed.
const KEY_MIN: usize = 16;
/// Most redirects that are followed: what browsers follow is twice as much, and no service needs it.
const REDIRECTS_MAX: u8 = 10;

/// Reads the keys of a kind. `None` only when something is at fault.
pub(super) fn read_task(reader: &Reader<'_>, kind: ProbeKind) -> Option<ProbeTask> {
    match kind {
        ProbeKind::Http => read_request(reader, trust(reader), web_url(reader)).map(ProbeTask::Http),
        ProbeKind::Tcp => read_tcp(reader),
        ProbeKind::Dns => read_dns(reader).map(ProbeTask::Dns),
        ProbeKind::Tls => read_tls(reader),
        ProbeKind::Grpc => read_grpc(reader),
        ProbeKind::WebSocket => read_websocket(reader),
        ProbeKind::Icmp => {
            let host = reader.required::<AnyHost>("host")?;
            Some(ProbeTask::Icmp { host: host.into_inner().0 })
        }
        ProbeKind::Stream => read_stream(reader, trust(reader), web_url(reader)).map(ProbeTask::Stream),
        // These have more to say than their task, and are read whole by [`read_heartbeat`] and `read_journey`.
        ProbeKind::Heartbeat | ProbeKind::Journey => None,
    }
}

fn web_url(reader: &Reader<'_>) -> Option<String> {
    reader.required::<WebUrl>("url").map(|url| url.into_inner().0)
}

/// A request of the URL, which is another one in a step.
pub(super) fn read_request(reader: &Reader<'_>, trust: Trust, url: Option<String>) -> Option<HttpTask> {
    let method = reader.or("method", HttpMethod::default());
    let headers = reader.or("headers", Fields::default()).0;
    let send = read_payload(reader, method);
    let status = reader.or("status", StatusSet::default());
    let redirects = reader.get::<u8>("redirects");
    if let Some(many) = redirects.as_ref().filter(|n| *n.get_ref() > REDIRECTS_MAX) {
        let complaint = Complaint::new(format!("redirects: at most {REDIRECTS_MAX} are followed"));
        reader.complain(many.span(), complaint);
    }
    let redirects = redirects.map_or(0, Spanned::into_inner);
    let body = reader.get::<String>("body").map(|text| Condition::body_contains(text.get_ref()));
    let conditions = reader.list::<Condition>("expect").unwrap_or_default().into_iter().map(Spanned::into_inner);
    let expect = body.into_iter().chain(conditions).collect();
    Some(HttpTask { url: url?, method, headers, send, status, expect, redirects, trust })
}

fn read_tcp(reader: &Reader<'_>) -> Option<ProbeTask> {
    let [send, expect] = ["send", "expect"].map(|key| reader.get::<Said>(key).map(|said| said.into_inner().0));
    Some(ProbeTask::Tcp { address: endpoint(reader)?, send, expect })
}

fn read_grpc(reader: &Reader<'_>) -> Option<ProbeTask> {
    let service = reader.get::<String>("service");
    if let Some(long) = service.as_ref().filter(|service| service.get_ref().len() > GRPC_SERVICE_MAX) {
        let complaint = Complaint::new(format!("service: at most {GRPC_SERVICE_MAX} bytes are asked for"));
        reader.complain(long.span(), complaint);
    }
    let (service, trust) = (service.map(Spanned::into_inner).unwrap_or_default(), trust(reader));
    Some(ProbeTask::Grpc { url: reader.required::<BaseUrl>("url")?.into_inner().0, service, trust })
}

fn read_websocket(reader: &Reader<'_>) -> Option<ProbeTask> {
    let [send, expect] = ["send", "expect"].map(|key| reader.get::<Said>(key).map(|said| said.into_inner().0));
    let trust = trust(reader);
    Some(ProbeTask::WebSocket { url: reader.required::<SocketUrl>("url")?.into_inner().0, send, expect, trust })
}

fn read_dns(reader: &Reader<'_>) -> Option<DnsTask> {
    let record = reader.or("record", RecordKind::default());
    let expect = match record {
        RecordKind::Address | RecordKind::A | RecordKind::Aaaa => {
            let addresses = reader.list::<IpAddr>("expect").unwrap_or_default();
            addresses.into_iter().map(|address| address.get_ref().to_string()).collect()
        }
        _ => reader.list::<String>("expect").unwrap_or_default().into_iter().map(Spanned::into_inner).collect(),
    };
    let server = reader.get::<SocketAddr>("server").map(Spanned::into_inner);
    let host = reader.required::<RecordName>("host")?.into_inner().0;
    Some(DnsTask { host, record, expect, server })
}

/// `trust` of a probe that may speak TLS.
struct Trusted(Trust);

impl FromText for Trusted {
    const EXPECTED: &'static str = "\"system\", \"anybody\", or a file of certificates";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        Ok(Self(match text {
            "system" => Trust::System,
            "anybody" => Trust::Anybody,
            file => Trust::Also(file.into()),
        }))
    }
}

/// Who may have signed certificates.
pub(super) fn trust(reader: &Reader<'_>) -> Trust {
    reader.or("trust", Trusted(Trust::System)).0
}

fn read_tls(reader: &Reader<'_>) -> Option<ProbeTask> {
    let server_name = reader.get::<HostName>("server_name");
    let valid_for = reader.or("valid_for", VALID_FOR).0;
    let address = endpoint(reader)?;
    let host = || address.rsplit_once(':').map_or(String::new(), |(host, _)| host.trim_matches(['[', ']']).into());
    let server_name = server_name.map_or_else(host, |name| name.into_inner().0);
    let trust = trust(reader);
    Some(ProbeTask::Tls(TlsTask { address, server_name, valid_for, trust }))
}

/// A heartbeat, and how often it is looked whether it came: often enough to be missed in time.
pub(super) fn read_heartbeat(reader: &Reader<'_>) -> Option<(ProbeTask, Duration)> {
    let grace = reader.or("grace", Span(GRACE)).0;
    let (every, key) = (reader.required::<Span>("every"), reader.required::<HeartbeatKey>("key"));
    let (every, key) = (every?.into_inner().0, key?.into_inner().0);
    let looked = (every / 10).clamp(LOOKED_MIN, LOOKED_MAX);
    Some((ProbeTask::Heartbeat { every, grace, key }, looked))
}

fn endpoint(reader: &Reader<'_>) -> Option<String> {
    reader.required::<Endpoint>("address").map(|a| a.into_inner().0)
}

/// The last step of the address that a job calls.
struct HeartbeatKey(String);

impl FromText for HeartbeatKey {
    const EXPECTED: &'static str = "a secret such as \"v3RyS4cretAndL0ng\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.len() < KEY_MIN || text.len() > 128 || !text.chars().all(plain) {
            let hint = "the job calls /v1/heartbeats/KEY; whoever knows the key can pretend to be the job";
            let what = format!("a key has {KEY_MIN} to 128 letters, digits, - and _");
            return Err(Complaint::new(what).hint(hint));
        }
        Ok(Self(text.into()))
    }
}

/// Where a WebSocket is: `wss://example.com/live`.
struct SocketUrl(String);

impl FromText for SocketUrl {
    const EXPECTED: &'static str = "a URL such as \"wss://example.com/live\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        if !text.starts_with("ws://") && !text.starts_with("wss://") {
            let complaint = Complaint::new(format!("\"{text}\" does not begin with ws:// or wss://"));
            return Err(complaint.hint("write it whole, such as \"wss://example.com/live\""));
        }
        WebUrl::from_text(&text.replacen("ws", "http", 1)).map(|_| Self(text.into()))
    }
}

/// A name or an address, without a port.
struct AnyHost(String);

impl FromText for AnyHost {
    const EXPECTED: &'static str = "a name or an address such as \"10.0.0.1\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.to_string())),
            Err(_) => HostName::from_text(text).map(|name| Self(name.0)),
        }
    }
}

/// A name that is looked up: service names begin with an underscore.
struct RecordName(String);

impl FromText for RecordName {
    const EXPECTED: &'static str = <HostName as FromText>::EXPECTED;

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let plain: Vec<&str> = text.split('.').map(|label| label.strip_prefix('_').unwrap_or(label)).collect();
        HostName::from_text(&plain.join(".")).map(|_| Self(text.to_ascii_lowercase()))
    }
}

/// One status, a text such as "2xx", or a list of both.
impl FromValue for StatusSet {
    const EXPECTED: &'static str = "a status such as 200, \"2xx\" or [200, \"300-304\"]";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let read = |result: Result<Self, StatusError>| result.map_err(|error| Complaint::new(error.to_string()));
        match value {
            DeValue::String(text) => read(text.parse()),
            DeValue::Integer(_) => read(Self::one(u16::from_value(value)?)),
            DeValue::Array(items) if !items.is_empty() => {
                let sets = items.iter().map(|item| Self::from_value(item.get_ref())).collect::<Result<Vec<_>, _>>();
                sets.map(Self::union)
            }
            _ => Err(mismatch::<Self>(value)),
        }
    }
}

impl FromText for Condition {
    const EXPECTED: &'static str = "a condition such as 'json $.state == \"up\"'";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let hint = "such as 'body contains \"ready\"', 'header content-type contains \"json\"' or 'json $.queue < 100'";
        String::from_text(text)?.parse().map_err(|error: ConditionError| Complaint::new(error.to_string()).hint(hint))
    }
}

impl FromText for HttpMethod {
    const EXPECTED: &'static str = "a method such as \"GET\" or \"POST\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let methods = [
            ("GET", Self::Get),
            ("HEAD", Self::Head),
            ("POST", Self::Post),
            ("PUT", Self::Put),
            ("PATCH", Self::Patch),
            ("DELETE", Self::Delete),
        ];
        one_of(text, &methods)
    }
}

impl FromText for RecordKind {
    const EXPECTED: &'static str = "\"a\", \"aaaa\", \"caa\", \"cname\", \"mx\", \"ns\", \"srv\" or \"txt\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let kinds = [
            ("a", Self::A),
            ("aaaa", Self::Aaaa),
            ("caa", Self::Caa),
            ("cname", Self::Cname),
            ("mx", Self::Mx),
            ("ns", Self::Ns),
            ("srv", Self::Srv),
            ("txt", Self::Txt),
        ];
        one_of(text, &kinds)
    }
}
