//! `[[metric]]`: figures of others, from a page of them or by a question to Prometheus.

use crate::config::address::{BaseUrl, WebUrl};
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::{FromText, FromValue, mismatch, one_of};
use downbeat_core::model::{ColdStart, FigureKind, Name, Sense};
use downbeat_hub::settings::MetricSource;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// How often a metric is looked at unless configured: the laws of the detectors were measured on minutes.
const EVERY: Duration = Duration::from_secs(60);
/// How often it may be.
const LOOKED_EVERY: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(3_600);
/// Most series of a metric that are judged, unless configured.
const SERIES: usize = 20;
/// Most of them at all: what is learnt of 512 series is kept, by the hub as a whole.
const SERIES_MAX: usize = 200;

/// `[[metric]]`.
pub(crate) struct MetricTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) component: Option<Spanned<Name>>,
    pub(crate) region: Option<Spanned<Name>>,
    pub(crate) replica: Option<Spanned<Name>>,
    pub(crate) kind: Option<FigureKind>,
    pub(crate) sense: Sense,
    pub(crate) every: Duration,
    pub(crate) series_max: usize,
    pub(crate) cold_start: ColdStart,
    pub(crate) source: Option<MetricSource>,
}

impl MetricTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self {
            name: reader.required("name"),
            component: reader.get("component"),
            region: reader.get("region"),
            replica: reader.get("replica"),
            kind: reader.required("kind").map(Spanned::into_inner),
            sense: reader.or("trouble", Sense::Both),
            every: read_every(&reader),
            series_max: read_series(&reader),
            cold_start: if reader.or("siblings", false) { ColdStart::FromSiblings } else { ColdStart::Alone },
            source: read_source(&reader),
        };
        reader.finish();
        table
    }
}

fn read_every(reader: &Reader<'_>) -> Duration {
    let Some(every) = reader.get::<Span>("every") else { return EVERY };
    if !LOOKED_EVERY.contains(&every.get_ref().0) {
        let complaint = Complaint::new("every: a metric is looked at every 10 s to every hour");
        reader.complain(every.span(), complaint.hint("every = \"1m\""));
    }
    every.into_inner().0
}

fn read_series(reader: &Reader<'_>) -> usize {
    let Some(series) = reader.get::<usize>("series") else { return SERIES };
    if !(1..=SERIES_MAX).contains(series.get_ref()) {
        let complaint = Complaint::new(format!("series: 1 to {SERIES_MAX} series of a metric are judged"));
        reader.complain(
            series.span(),
            complaint.hint("sum them up in the query, or name labels: labels = { job = \"mail\" }"),
        );
    }
    series.into_inner()
}

/// A page or a question, and not both.
fn read_source(reader: &Reader<'_>) -> Option<MetricSource> {
    let url = reader.get::<WebUrl>("url");
    let metric = reader.get::<String>("metric");
    let labels = reader.get::<LabelValues>("labels");
    let prometheus = reader.get::<BaseUrl>("prometheus");
    let query = reader.get::<String>("query");
    if !reader.is_there() {
        return None;
    }
    let is_page = url.is_some() || metric.is_some() || labels.is_some();
    let is_query = prometheus.is_some() || query.is_some();
    let labels = labels.map(|labels| labels.into_inner().0).unwrap_or_default();
    let (url, prometheus) = (url.map(|it| it.into_inner().0), prometheus.map(|it| it.into_inner().0));
    let (metric, query) = (metric.map(Spanned::into_inner), query.map(Spanned::into_inner));
    match (url, metric, prometheus, query) {
        (Some(url), Some(metric), None, None) => Some(MetricSource::Page { url, metric, labels }),
        (None, None, Some(prometheus), Some(query)) if labels.is_empty() => {
            Some(MetricSource::Query { prometheus, query })
        }
        _ => {
            let what = match (is_page, is_query) {
                (true, true) => "is a page or a question, not both",
                (true, false) => "needs url and metric",
                (false, true) => "needs prometheus and query",
                (false, false) => "says not where its figures come from",
            };
            // What is there and wrong is on record already.
            let is_said = ["url", "metric", "labels", "prometheus", "query"]
                .iter()
                .any(|key| reader.span_of(key) != reader.span());
            let is_on_record = is_said && !is_page && !is_query;
            if !is_on_record {
                let hint = "url = \"http://10.0.0.1:9100/metrics\" with metric = \"requests_total\", \
                            or prometheus = \"http://10.0.0.9:9090\" with query = \"sum(rate(requests_total[1m]))\"";
                reader.complain(reader.span(), Complaint::new(format!("[[metric]] {what}")).hint(hint));
            }
            None
        }
    }
}

/// Labels and what they have to be: `{ code = "500" }`.
struct LabelValues(BTreeMap<String, String>);

impl FromValue for LabelValues {
    const EXPECTED: &'static str = "labels with their values, such as { code = \"500\" }";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let table = value.as_table().ok_or_else(|| mismatch::<Self>(value))?;
        let pair = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &str = AsRef::<str>::as_ref(name.get_ref());
            String::from_value(value.get_ref()).map(|value| (name.to_owned(), value))
        };
        table.iter().map(|(name, value)| pair((name, value))).collect::<Result<_, _>>().map(Self)
    }
}

impl FromText for FigureKind {
    const EXPECTED: &'static str = "\"count\", \"ratio\", \"latency\" or \"gauge\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &Self::ALL.map(|kind| (kind.word(), kind)))
    }
}

impl FromText for Sense {
    const EXPECTED: &'static str = "\"up\", \"down\" or \"both\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &Self::ALL.map(|sense| (sense.word(), sense)))
    }
}
