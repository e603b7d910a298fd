//! `[[component.feature]]`: what of a component comes back by itself after an overload.

use crate::config::address::PathPrefix;
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use downbeat_core::model::Name;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;

/// Most features of one component: they come back one after another.
pub(super) const FEATURES_MAX: usize = 16;
/// What is kept out is answered as an error, so that nobody takes the answer for what they asked for.
const STATUSES: RangeInclusive<u16> = 400..=599;
const STATUS: u16 = 503;
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Whoever waits longer than a day has gone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// `[[component.feature]]`.
pub(crate) struct FeatureTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) paths: Vec<Spanned<PathPrefix>>,
    pub(crate) status: u16,
    pub(crate) retry_after: Duration,
}

impl FeatureTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let hint = "paths = [\"/radio/\"], the beginnings of the paths that belong to it";
        let paths = reader.filled_list("paths", hint);
        if paths.is_none() && reader.span_of("paths") == reader.span() {
            reader.complain(reader.span(), Complaint::new("[[component.feature]] needs paths").hint(hint));
        }
        let (status, retry_after) = read_without(reader.table("without"));
        let table = Self { name: reader.required("name"), paths: paths.unwrap_or_default(), status, retry_after };
        reader.finish();
        table
    }
}

/// `without = { … }`: what is answered while the feature is out.
fn read_without(reader: Reader<'_>) -> (u16, Duration) {
    let status = reader.or("status", STATUS);
    if !STATUSES.contains(&status) {
        let complaint =
            Complaint::new(format!("status: from {} to {}, not {status}", STATUSES.start(), STATUSES.end()));
        reader.complain(reader.span_of("status"), complaint.hint("leave it out for 503"));
    }
    let Span(retry_after) = reader.or("retry_after", Span(RETRY_AFTER));
    if !(Duration::from_secs(1)..=RETRY_AFTER_MAX).contains(&retry_after) {
        let complaint = Complaint::new("retry_after: from a second to a day");
        reader.complain(reader.span_of("retry_after"), complaint.hint("leave it out for 30s"));
    }
    reader.finish();
    (status, retry_after)
}
