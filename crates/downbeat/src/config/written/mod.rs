//! What was written: each table of the file as a type, with the places of what is compared with other tables.
//!
//! A field is `Option` where the file has to say something and may not have; such a fault is on record already.

mod access_log;
mod feature;
mod hub;
mod journey;
mod mail;
mod metric;
mod page;
mod payload;
mod probe;
mod reports;
mod service;
mod stream;
mod task;
mod topology;

pub(crate) use feature::FeatureTable;
pub(crate) use hub::{CategoryTable, HubTable, Token, Webhook, secret};
pub(crate) use journey::{SecretSource, WalkTable};
pub(crate) use mail::{MailTable, SubscribersTable};
pub(crate) use metric::MetricTable;
pub(crate) use page::{CopyTable, GroupTable, PageTable, place};
pub(crate) use probe::ProbeTable;
pub(crate) use reports::{FeedTable, ReportsTable, UpstreamTable};
pub(crate) use service::{CertificateTable, EdgeTable, HubChoice, Service};
pub(crate) use topology::{ComponentTable, NO_REPLICAS_HINT, ReplicaRef, ReplicaTable};

use super::figures;
use super::reader::Reader;
use downbeat_core::model::{AddressRange, Mode, Policy, RemedyKind};
use downbeat_edge::HealthSettings;
use downbeat_hub::settings::{ActuatorSettings, BreakerSettings, WatcherSettings};
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;

/// Most components: more make a page of several megabytes.
const COMPONENTS_MAX: usize = 1_000;
/// Most replicas.
const REPLICAS_MAX: usize = 1_000;
/// Most probes.
const PROBES_MAX: usize = 10_000;
/// Most references: if so many are gone at once, so is the way there.
const REFERENCES_MAX: usize = 16;
/// Most receivers of messages.
const WEBHOOKS_MAX: usize = 32;
/// Most buttons on the report form.
const CATEGORIES_MAX: usize = 32;

/// Most feeds, and most services that ours depends on.
const VOICES_MAX: usize = 32;
/// Most metrics of others.
const METRICS_MAX: usize = 100;

/// The whole file.
pub(crate) struct File {
    pub(crate) data: Option<Spanned<PathBuf>>,
    pub(crate) service: Service,
    pub(crate) edge: EdgeTable,
    pub(crate) hub: HubTable,
    pub(crate) health: HealthTable,
    pub(crate) replicas: Vec<ReplicaTable>,
    pub(crate) components: Vec<ComponentTable>,
    pub(crate) probes: Vec<ProbeTable>,
    pub(crate) references: Vec<ProbeTable>,
    pub(crate) outbound_allow: Vec<AddressRange>,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) watcher: Option<WatcherSettings>,
    pub(crate) actuator: Option<ActuatorSettings>,
    pub(crate) policy: PolicyTable,
    pub(crate) categories: Vec<CategoryTable>,
    pub(crate) page: PageTable,
    pub(crate) reports: ReportsTable,
    pub(crate) feeds: Vec<FeedTable>,
    pub(crate) upstreams: Vec<UpstreamTable>,
    pub(crate) metrics: Vec<MetricTable>,
    pub(crate) demo: Option<BreakerSettings>,
    pub(crate) mail: Option<MailTable>,
    pub(crate) subscribers: SubscribersTable,
}

/// `[health]`.
pub(crate) struct HealthTable {
    pub(crate) settings: HealthSettings,
    /// Whether the file says which path tells a replica's health.
    pub(crate) path_given: bool,
}

/// `[policy]` and `[automation]`, the service not yet filled in.
pub(crate) struct PolicyTable {
    pub(crate) policy: Policy,
    /// Where each figure stands that the file has a word on.
    pub(crate) places: Vec<(&'static str, Range<usize>)>,
    /// Where the policy as a whole stands.
    pub(crate) span: Range<usize>,
}

impl File {
    /// Reads everything there is.
    pub(crate) fn read(root: Reader<'_>) -> Self {
        let file = Self {
            data: root.get("data"),
            service: Service::read(root.table("service")),
            edge: EdgeTable::read(root.table("edge")),
            hub: HubTable::read(root.table("hub")),
            health: HealthTable::read(root.table("health")),
            replicas: root.tables("replica", REPLICAS_MAX).into_iter().map(ReplicaTable::read).collect(),
            components: root.tables("component", COMPONENTS_MAX).into_iter().map(ComponentTable::read).collect(),
            probes: root.tables("probe", PROBES_MAX).into_iter().map(ProbeTable::read).collect(),
            references: root.tables("reference", REFERENCES_MAX).into_iter().map(ProbeTable::read_reference).collect(),
            outbound_allow: hub::read_outbound(root.table("outbound")),
            webhooks: root.tables("webhook", WEBHOOKS_MAX).into_iter().map(Webhook::read).collect(),
            watcher: hub::read_watcher(root.table("watcher")),
            actuator: hub::read_actuator(root.table("actuator")),
            policy: PolicyTable::read(&root),
            categories: root.tables("category", CATEGORIES_MAX).into_iter().map(CategoryTable::read).collect(),
            page: PageTable::read(root.table("status_page")),
            reports: ReportsTable::read(root.table("reports")),
            feeds: root.tables("feed", VOICES_MAX).into_iter().map(FeedTable::read).collect(),
            upstreams: root.tables("upstream", VOICES_MAX).into_iter().map(UpstreamTable::read).collect(),
            metrics: root.tables("metric", METRICS_MAX).into_iter().map(MetricTable::read).collect(),
            demo: hub::read_demo(root.table("demo")),
            mail: MailTable::read(root.table("mail")),
            subscribers: SubscribersTable::read(root.table("subscribers")),
        };
        root.finish();
        file
    }
}

impl HealthTable {
    fn read(reader: Reader<'_>) -> Self {
        let mut settings = HealthSettings::default();
        let path = reader.get::<super::address::PathPrefix>("path");
        figures::read(&reader, figures::of_health(&mut settings));
        reader.finish();
        let path_given = path.is_some();
        if let Some(path) = path {
            settings.path = path.into_inner().0;
        }
        Self { settings, path_given }
    }
}

impl PolicyTable {
    fn read(root: &Reader<'_>) -> Self {
        let mut policy = Policy::default();
        read_modes(root.table("automation"), &mut policy);
        policy.tell.templates = page::read_words(root);
        let reader = root.table("policy");
        let span = reader.span();
        let mut places = Vec::new();
        for (section, list) in figures::of_policy(&mut policy) {
            let table = reader.table(section);
            places.extend(list.iter().map(|(key, _)| (*key, table.span_of(key))));
            figures::read(&table, list);
            table.finish();
        }
        reader.finish();
        Self { policy, places, span }
    }
}

fn read_modes(reader: Reader<'_>, policy: &mut Policy) {
    for kind in RemedyKind::ALL {
        if let Some(mode) = reader.get::<Mode>(kind.word()) {
            policy.act.modes.insert(kind, mode.into_inner());
        }
    }
    reader.finish();
}
