//! `[[replica]]` and `[[component]]`: the service itself.

use crate::config::address::{HostName, Origin, PathPrefix};
use crate::config::fault::Complaint;
use crate::config::figures;
use crate::config::reader::Reader;
use crate::config::units::{Span, duration_text};
use crate::config::value::{FromText, one_of};
use crate::config::written::feature::{FEATURES_MAX, FeatureTable};
use crate::config::written::service::FieldName;
use downbeat_core::model::{LatencyObjective, Name, Objective, Objectives};
use downbeat_edge::{Balance, CacheSettings, HashKey, MAX_IN_FLIGHT, SLOW, WEIGHT};
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;

/// Weights that still divide traffic finely enough in 32 bits.
const WEIGHTS: RangeInclusive<u32> = 1..=10_000;
/// Requests in flight to one replica: beyond this a machine runs out of ports first.
const IN_FLIGHT: RangeInclusive<u32> = 1..=50_000;

/// What to write where nobody serves a component.
pub(crate) const NO_REPLICAS_HINT: &str = "replicas = [\"http://10.0.0.1:9001\"], or some [[replica]]";

/// `[[replica]]`.
pub(crate) struct ReplicaTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) region: Name,
    pub(crate) version: Option<Name>,
    pub(crate) url: Option<Spanned<Origin>>,
    pub(crate) weight: u32,
    pub(crate) max_in_flight: u32,
    pub(crate) proven_per_second: Option<f64>,
}

impl ReplicaTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self {
            name: reader.required("name"),
            region: reader.or("region", main_region()),
            version: reader.get("version").map(Spanned::into_inner),
            url: reader.required("url"),
            weight: within(&reader, "weight", WEIGHT, WEIGHTS),
            max_in_flight: within(&reader, "max_in_flight", MAX_IN_FLIGHT, IN_FLIGHT),
            proven_per_second: reader.get("proven_per_second").map(Spanned::into_inner),
        };
        reader.finish();
        table
    }

    /// A replica of which only the address is known.
    pub(crate) fn at(name: Name, url: Spanned<Origin>) -> Self {
        Self {
            name: Some(Spanned::new(url.span(), name)),
            region: main_region(),
            version: None,
            url: Some(url),
            weight: WEIGHT,
            max_in_flight: MAX_IN_FLIGHT,
            proven_per_second: None,
        }
    }
}

/// The region of replicas that name none.
fn main_region() -> Name {
    Name::new("main").expect("\"main\" is a good name")
}

fn within(reader: &Reader<'_>, key: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
    let number = reader.or(key, default);
    if !range.contains(&number) {
        let complaint = Complaint::new(format!("{key}: from {} to {}, not {number}", range.start(), range.end()));
        reader.complain(reader.span_of(key), complaint);
    }
    number
}

/// `[[component]]`.
pub(crate) struct ComponentTable {
    pub(crate) span: Range<usize>,
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) title: Option<String>,
    pub(crate) group: Option<String>,
    /// What it is called in Statuspage's API, where that is not its name.
    pub(crate) statuspage_id: Option<Spanned<Name>>,
    pub(crate) hosts: Vec<Spanned<HostName>>,
    pub(crate) paths: Vec<Spanned<PathPrefix>>,
    pub(crate) priority: u8,
    pub(crate) slow: Duration,
    pub(crate) balance: Balance,
    pub(crate) per_second: Option<u32>,
    pub(crate) network_per_second: Option<u32>,
    /// What is promised of it.
    pub(crate) objectives: Objectives,
    /// `None` when its answers are not cached.
    pub(crate) cache: Option<CacheSettings>,
    /// Where the longest body that is cached stands, to be compared with the memory for all of them.
    pub(crate) cache_body_at: Range<usize>,
    /// The first to return first.
    pub(crate) features: Vec<FeatureTable>,
    /// `None` for all of `[[replica]]`.
    pub(crate) replicas: Option<Vec<Spanned<ReplicaRef>>>,
}

/// `objective = 99.9`, in percent.
fn read_objective(reader: &Reader<'_>) -> Option<Objective> {
    promised_share(reader, "objective", reader.get("objective")?, "requests")
}

/// `latency = { below = "300ms", share = 99.0 }`: so many percent of the answers begin within so long.
fn read_latency(reader: &Reader<'_>) -> Option<LatencyObjective> {
    if !reader.is_there() {
        return None;
    }
    let (below, share) = (reader.required::<Span>("below"), reader.required("share"));
    let (below, share) = (below?, promised_share(reader, "share", share?, "answers")?);
    let latency = LatencyObjective::new(below.get_ref().0, share);
    if latency.is_none() {
        let (least, most) =
            (duration_text(*LatencyObjective::BELOW.start()), duration_text(*LatencyObjective::BELOW.end()));
        let complaint = Complaint::new(format!("below: from {least} to {most} can be promised"));
        reader.complain(below.span(), complaint.hint("below = \"300ms\": from the request to the head of its answer"));
    }
    latency
}

fn promised_share(reader: &Reader<'_>, key: &str, percent: Spanned<f64>, of: &str) -> Option<Objective> {
    let objective = Objective::percent(*percent.get_ref());
    if objective.is_none() {
        let complaint = Complaint::new(format!("{key}: {} % is no share that can be promised", percent.get_ref()));
        let hint = format!("from 50 to less than 100, such as 99.9: percent of the {of} of 30 days");
        reader.complain(percent.span(), complaint.hint(hint));
    }
    objective
}

/// `cache = { … }`: there to have answers cached, `{}` with the figures as they are.
fn read_cache(reader: Reader<'_>) -> (Option<CacheSettings>, Range<usize>) {
    let mut settings = CacheSettings::default();
    figures::read(&reader, figures::of_cache(&mut settings));
    let body_at = reader.span_of("body_max");
    let settings = reader.is_there().then_some(settings);
    reader.finish();
    (settings, body_at)
}

/// How a component names who serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReplicaRef {
    /// A `[[replica]]`.
    Named(Name),
    /// An address, for a replica of which nothing else is said.
    At(Origin),
}

impl ReplicaRef {
    /// The address, when it is one.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::At(origin) => Some(origin),
            Self::Named(_) => None,
        }
    }
}

impl FromText for ReplicaRef {
    const EXPECTED: &'static str = "the name of a [[replica]] or a URL such as \"http://10.0.0.1:9001\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        if text.contains("://") {
            Origin::from_text(text).map(Self::At)
        } else {
            Name::from_text(text).map(Self::Named)
        }
    }
}

/// `balance`, and `hash_by` where it is "hash".
fn read_balance(reader: &Reader<'_>) -> Balance {
    let (rule, key) = (reader.or("balance", Rule::LeastLoaded), reader.get::<HashKey>("hash_by"));
    match (rule, key) {
        (Rule::LeastLoaded, None) => Balance::LeastLoaded,
        (Rule::LeastLoaded, Some(key)) => {
            let complaint = Complaint::new("hash_by says nothing without balance = \"hash\"");
            reader.complain(key.span(), complaint);
            Balance::LeastLoaded
        }
        (Rule::Hash, key) => Balance::Hash(key.map_or(HashKey::Path, Spanned::into_inner)),
    }
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    LeastLoaded,
    Hash,
}

impl FromText for Rule {
    const EXPECTED: &'static str = "\"least-loaded\" or \"hash\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[("least-loaded", Self::LeastLoaded), ("hash", Self::Hash)])
    }
}

impl FromText for HashKey {
    const EXPECTED: &'static str = "\"path\", \"client\" or \"header:NAME\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        match (text, text.strip_prefix("header:")) {
            ("path", _) => Ok(Self::Path),
            ("client", _) => Ok(Self::Client),
            (_, Some(name)) => FieldName::from_text(name).map(|name| Self::Header(name.0)),
            _ => Err(Complaint::new(format!("\"{text}\" is not known here")).hint(Self::EXPECTED)),
        }
    }
}

impl ComponentTable {
    /// For messages.
    pub(crate) fn label(&self) -> &str {
        self.name.as_ref().map_or("without a name", |name| name.get_ref().as_str())
    }

    /// Its name on pages: as given, or the name with a capital.
    pub(crate) fn title(&self) -> String {
        let capital = |name: &str| name[..1].to_uppercase() + &name[1..];
        self.title.clone().unwrap_or_else(|| capital(self.label()))
    }

    pub(super) fn read(reader: Reader<'_>) -> Self {
        let everything = || Spanned::new(reader.span(), PathPrefix("/".into()));
        let replicas = reader.filled_list("replicas", NO_REPLICAS_HINT);
        let (cache, cache_body_at) = read_cache(reader.table("cache"));
        let latency = reader.table("latency");
        let objectives = Objectives { success: read_objective(&reader), latency: read_latency(&latency) };
        latency.finish();
        let table = Self {
            span: reader.span(),
            name: reader.required("name"),
            group: reader.get("group").map(Spanned::into_inner),
            statuspage_id: reader.get("statuspage_id"),
            title: reader.get("title").map(Spanned::into_inner),
            hosts: reader.list("hosts").unwrap_or_default(),
            paths: reader.filled_list("paths", "leave it out for all paths").unwrap_or_else(|| vec![everything()]),
            priority: reader.or("priority", 0),
            slow: reader.or("slow", Span(SLOW)).0,
            balance: read_balance(&reader),
            per_second: reader.get("per_second").map(Spanned::into_inner),
            network_per_second: reader.get("network_per_second").map(Spanned::into_inner),
            objectives,
            cache,
            cache_body_at,
            features: reader.tables("feature", FEATURES_MAX).into_iter().map(FeatureTable::read).collect(),
            replicas,
        };
        reader.finish();
        table
    }
}
