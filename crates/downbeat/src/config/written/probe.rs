//! `[[probe]]`: its kind says which further keys it has.

use crate::config::address::{BaseUrl, Endpoint, HostName, WebUrl};
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::{FromText, one_of};
use downbeat_core::model::{Name, ProbeKind};
use downbeat_hub::settings::ProbeTask;
use std::time::Duration;
use toml::Spanned;

/// How often a probe starts, and when it has failed, unless configured.
const SECOND: Span = Span(Duration::from_secs(1));
/// How long a certificate has to be valid still: the last third of a 90-day certificate's month of renewal.
const VALID_FOR: Span = Span(Duration::from_secs(14 * 86_400));

/// `[[probe]]`.
pub(crate) struct ProbeTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) task: Option<ProbeTask>,
    pub(crate) component: Option<Spanned<Name>>,
    pub(crate) region: Option<Spanned<Name>>,
    pub(crate) replica: Option<Spanned<Name>>,
}

impl FromText for ProbeKind {
    const EXPECTED: &'static str = "\"http\", \"tcp\", \"dns\", \"tls\" or \"journey\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let kinds = [
            ("http", Self::Http),
            ("tcp", Self::Tcp),
            ("dns", Self::Dns),
            ("tls", Self::Tls),
            ("journey", Self::Journey),
        ];
        one_of(text, &kinds)
    }
}

impl ProbeTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let kind = reader.required::<ProbeKind>("kind").map(Spanned::into_inner);
        let table = Self {
            name: reader.required("name"),
            every: reader.or("every", SECOND).0,
            timeout: reader.or("timeout", SECOND).0,
            component: reader.get("component"),
            region: reader.get("region"),
            replica: reader.get("replica"),
            task: kind.and_then(|kind| read_task(&reader, kind)),
        };
        // Without a kind it is not known which keys belong here.
        if kind.is_some() {
            reader.finish();
        }
        table
    }
}

fn read_task(reader: &Reader<'_>, kind: ProbeKind) -> Option<ProbeTask> {
    match kind {
        ProbeKind::Http => read_http(reader),
        ProbeKind::Tcp => Some(ProbeTask::Tcp { address: endpoint(reader)? }),
        ProbeKind::Dns => read_dns(reader),
        ProbeKind::Tls => read_tls(reader),
        ProbeKind::Journey => read_journey(reader),
    }
}

fn read_http(reader: &Reader<'_>) -> Option<ProbeTask> {
    let (status, body) = (reader.get::<u16>("status"), reader.get("body"));
    if let Some(odd) = status.as_ref().filter(|s| !(200..600).contains(s.get_ref())) {
        reader.complain(odd.span(), Complaint::new(format!("status: no answer ends with {}", odd.get_ref())));
    }
    let url = reader.required::<WebUrl>("url")?.into_inner().0;
    Some(ProbeTask::Http { url, status: status.map(Spanned::into_inner), body: body.map(Spanned::into_inner) })
}

fn read_dns(reader: &Reader<'_>) -> Option<ProbeTask> {
    let expect = reader.list("expect").unwrap_or_default().into_iter().map(Spanned::into_inner).collect();
    let host = reader.required::<HostName>("host")?;
    Some(ProbeTask::Dns { host: host.into_inner().0, expect })
}

fn read_tls(reader: &Reader<'_>) -> Option<ProbeTask> {
    let server_name = reader.get::<HostName>("server_name");
    let valid_for = reader.or("valid_for", VALID_FOR).0;
    let address = endpoint(reader)?;
    let host = || address.rsplit_once(':').map_or(String::new(), |(host, _)| host.into());
    let server_name = server_name.map_or_else(host, |name| name.into_inner().0);
    Some(ProbeTask::Tls { address, server_name, valid_for })
}

fn read_journey(reader: &Reader<'_>) -> Option<ProbeTask> {
    let (user, password) = (reader.required("user"), reader.required("password"));
    let listen = reader.or("listen", SECOND).0;
    let url = reader.required::<BaseUrl>("url")?.into_inner().0;
    Some(ProbeTask::Journey { url, user: user?.into_inner(), password: password?.into_inner(), listen })
}

fn endpoint(reader: &Reader<'_>) -> Option<String> {
    reader.required::<Endpoint>("address").map(|a| a.into_inner().0)
}
