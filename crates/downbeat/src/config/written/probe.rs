//! `[[probe]]`: its kind says which further keys it has.

use super::journey::{WalkTable, read_journey};
use super::task::{read_heartbeat, read_task};
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::{FromText, one_of};
use downbeat_core::model::{Name, ProbeKind};
use downbeat_hub::settings::ProbeTask;
use std::num::NonZeroU32;
use std::time::Duration;
use toml::Spanned;

/// How often a probe starts, and when it has failed, unless configured.
const SECOND: Span = Span(Duration::from_secs(1));
/// How often what takes several steps, or listens, starts unless configured.
const HALF_MINUTE: Span = Span(Duration::from_secs(30));

/// `[[probe]]`.
pub(crate) struct ProbeTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) fail_after: NonZeroU32,
    pub(crate) task: Option<ProbeTask>,
    /// What else a journey says.
    pub(crate) walk: Option<WalkTable>,
    pub(crate) component: Option<Spanned<Name>>,
    pub(crate) region: Option<Spanned<Name>>,
    pub(crate) replica: Option<Spanned<Name>>,
}

impl FromText for ProbeKind {
    const EXPECTED: &'static str = "\"http\", \"tcp\", \"dns\", \"tls\", \"grpc\", \"websocket\", \"icmp\", \"heartbeat\", \"journey\" or \"stream\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let kinds = [
            ("http", Self::Http),
            ("tcp", Self::Tcp),
            ("dns", Self::Dns),
            ("tls", Self::Tls),
            ("grpc", Self::Grpc),
            ("websocket", Self::WebSocket),
            ("icmp", Self::Icmp),
            ("heartbeat", Self::Heartbeat),
            ("journey", Self::Journey),
            ("stream", Self::Stream),
        ];
        one_of(text, &kinds)
    }
}

impl ProbeTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let kind = reader.required::<ProbeKind>("kind").map(Spanned::into_inner);
        let (component, region, replica) = (reader.get("component"), reader.get("region"), reader.get("replica"));
        let table = Self { component, region, replica, ..Self::read_plain(&reader, kind) };
        // Without a kind it is not known which keys belong here.
        if kind.is_some() {
            reader.finish();
        }
        table
    }

    /// `[[reference]]`: a probe that is about nothing of the service.
    pub(super) fn read_reference(reader: Reader<'_>) -> Self {
        let kind = reader.required::<ReferenceKind>("kind").map(|kind| kind.into_inner().0);
        let table = Self::read_plain(&reader, kind);
        if kind.is_some() {
            reader.finish();
        }
        table
    }

    fn read_plain(reader: &Reader<'_>, kind: Option<ProbeKind>) -> Self {
        let name = reader.required("name");
        let (component, region, replica, fail_after) = (None, None, None, NonZeroU32::MIN);
        if kind == Some(ProbeKind::Heartbeat) {
            let (task, every) = read_heartbeat(reader).unzip();
            let every = every.unwrap_or(SECOND.0);
            return Self { name, every, timeout: SECOND.0, fail_after, task, walk: None, component, region, replica };
        }
        let usual = match kind {
            Some(ProbeKind::Journey | ProbeKind::Stream) => HALF_MINUTE,
            _ => SECOND,
        };
        let (task, walk) = match kind {
            Some(ProbeKind::Journey) => {
                let (journey, walk) = read_journey(reader);
                (journey.map(ProbeTask::Journey), Some(walk))
            }
            kind => (kind.and_then(|kind| read_task(reader, kind)), None),
        };
        Self {
            name,
            every: reader.or("every", usual).0,
            timeout: reader.or("timeout", SECOND).0,
            fail_after: reader.or("fail_after", fail_after),
            task,
            walk,
            component,
            region,
            replica,
        }
    }
}

/// What can be asked of a target that belongs to somebody else.
struct ReferenceKind(ProbeKind);

impl FromText for ReferenceKind {
    const EXPECTED: &'static str = "\"http\", \"tcp\", \"dns\", \"tls\" or \"icmp\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let kinds = [
            ("http", ProbeKind::Http),
            ("tcp", ProbeKind::Tcp),
            ("dns", ProbeKind::Dns),
            ("tls", ProbeKind::Tls),
            ("icmp", ProbeKind::Icmp),
        ];
        one_of(text, &kinds).map(Self)
    }
}
