//! `[reports]`, `[[feed]]` and `[[upstream]]`: what people say, here and elsewhere, and those whom we depend on.

use super::hub::Secret;
use crate::config::address::WebUrl;
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use downbeat_core::model::{AddressRange, Name};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// `[reports]`.
pub(crate) struct ReportsTable {
    /// The table of networks and autonomous systems.
    pub(crate) as_table: Option<Spanned<PathBuf>>,
    /// What apps sign with.
    pub(crate) app_key: Option<String>,
    /// Proxies in front of the status page.
    pub(crate) proxies: Vec<AddressRange>,
}

impl ReportsTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self {
            as_table: reader.get("as_table"),
            app_key: reader.get::<Secret>("app_key").map(|key| key.into_inner().0),
            proxies: reader.list("proxies").unwrap_or_default().into_iter().map(Spanned::into_inner).collect(),
        };
        reader.finish();
        table
    }
}

/// How often a feed is asked unless configured: nobody minds that.
const FEED_EVERY: Duration = Duration::from_secs(300);
/// How often a status page is asked unless configured.
const UPSTREAM_EVERY: Duration = Duration::from_secs(60);
/// How often they may be asked: they are somebody else's.
const ASKED_EVERY: RangeInclusive<Duration> = Duration::from_secs(30)..=Duration::from_secs(86_400);

/// `[[feed]]`.
pub(crate) struct FeedTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) url: Option<String>,
    pub(crate) every: Duration,
    pub(crate) words: Vec<String>,
    pub(crate) component: Option<Spanned<Name>>,
}

/// `[[upstream]]`.
pub(crate) struct UpstreamTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) title: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) every: Duration,
    pub(crate) parts: Vec<String>,
    pub(crate) components: Vec<Spanned<Name>>,
}

impl FeedTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self {
            name: reader.required("name"),
            url: read_url(&reader),
            every: read_every(&reader, FEED_EVERY),
            words: read_texts(&reader, "words"),
            component: reader.get("component"),
        };
        reader.finish();
        table
    }
}

impl UpstreamTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self {
            name: reader.required("name"),
            title: reader.get("title").map(Spanned::into_inner),
            url: read_url(&reader),
            every: read_every(&reader, UPSTREAM_EVERY),
            parts: read_texts(&reader, "parts"),
            components: reader.filled_list("components", "what of yours needs it").unwrap_or_default(),
        };
        if reader.is_there() && reader.span_of("components") == reader.span() {
            let complaint = Complaint::new("[[upstream]] needs components");
            reader.complain(reader.span(), complaint.hint("components = [\"checkout\"]: what of yours needs it"));
        }
        reader.finish();
        table
    }
}

fn read_url(reader: &Reader<'_>) -> Option<String> {
    reader.required::<WebUrl>("url").map(|url| url.into_inner().0)
}

fn read_texts(reader: &Reader<'_>, key: &'static str) -> Vec<String> {
    reader.list(key).unwrap_or_default().into_iter().map(Spanned::into_inner).collect()
}

fn read_every(reader: &Reader<'_>, usual: Duration) -> Duration {
    let Some(every) = reader.get::<Span>("every") else { return usual };
    if !ASKED_EVERY.contains(&every.get_ref().0) {
        let complaint = Complaint::new("every: what is somebody else's is asked every 30 s to every day");
        reader.complain(every.span(), complaint.hint("every = \"5m\""));
    }
    every.into_inner().0
}
