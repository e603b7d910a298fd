//! What was seen since the start, as OpenMetrics 1.0 (`formats` knows an older form). Written when asked for, from the same counts that the hub is told.
//!
//! Labels come from the configuration and from closed sets, so their number is bounded whatever clients send (invariant B7).
//! Names follow Prometheus: base units, `_total` on counters; what is of the process itself has the usual names.

use crate::cache::note::Outcome as CacheOutcome;
use crate::change::site::FeatureNumber;
use crate::run::shared::Shared;
use crate::tell::process;
use crate::tell::report::Totals;
use downbeat_core::model::{FailureKind, Sketch, Tally};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Upper bounds of the histograms' buckets in microseconds; a bucket of the sketches is at most 1/16 as wide.
const BOUNDS_US: [u64; 13] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Outcome {
    Ok,
    Failed(FailureKind),
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Ok => encoder.write_str("ok"),
            // The words of the wire format.
            Self::Failed(kind) => match serde_json::to_value(kind) {
                Ok(serde_json::Value::String(word)) => encoder.write_str(&word),
                _ => Err(fmt::Error),
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByComponent {
    component: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    component: String,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByClass {
    component: String,
    class: &'static str,
}

/// By the first digit of the status; the first of these for requests that got no answer.
const CLASSES: [&str; crate::tell::count::CLASSES] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLink {
    component: String,
    replica: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCacheOutcome {
    component: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAttempt {
    component: String,
    replica: String,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFeature {
    component: String,
    feature: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReplica {
    replica: String,
}

/// All metrics as text.
///
/// # Errors
/// Never, as long as a string can be written to.
pub(crate) fn exposition(shared: &Shared, totals: &Totals) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    let edge = registry.sub_registry_with_prefix("downbeat_edge");
    register_clients(edge, totals);
    register_attempts(edge, totals);
    register_features(edge, shared, totals);
    register_replicas(edge, shared);
    register_cache(edge, shared);
    register_edge(edge, shared);
    register_process(&mut registry);
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

fn outcomes(tally: &Tally) -> impl Iterator<Item = (Outcome, u64)> + use<'_> {
    let good = (Outcome::Ok, tally.total.saturating_sub(tally.failed()));
    std::iter::once(good).chain(tally.failures.iter().map(|(kind, n)| (Outcome::Failed(kind), n)))
}

/// Sketches of one thing, as a histogram in seconds.
#[derive(Debug)]
struct Histogram<L> {
    name: &'static str,
    help: &'static str,
    /// With the sum in microseconds.
    rows: Vec<(L, Sketch, u64)>,
}

impl<L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static> Collector for Histogram<L> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seconds = |us: u64| us as f64 / 1e6;
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, sketch, sum_us) in &self.rows {
            let mut seen = 0;
            // The library adds the buckets up itself.
            let mut buckets: Vec<(f64, u64)> = (BOUNDS_US.iter().zip(sketch.cumulative(&BOUNDS_US)))
                .map(|(bound, up_to)| (seconds(*bound), up_to - std::mem::replace(&mut seen, up_to)))
                .collect();
            let total = sketch.total();
            buckets.push((f64::INFINITY, total - seen));
            metric.encode_family(labels)?.encode_histogram::<NoLabelSet>(seconds(*sum_us), total, &buckets, None)?;
        }
        Ok(())
    }
}

fn register_clients(registry: &mut Registry, totals: &Totals) {
    let (requests, classes) = <(Family<ByOutcome, Counter>, Family<ByClass, Counter>)>::default();
    let (retried, resumed, bytes) = <(Family<ByComponent, Counter>, Family<_, Counter>, Family<_, Counter>)>::default();
    let waits = totals.read(|seen| {
        for ((component, _), count) in &seen.clients {
            let component = component.to_string();
            for (outcome, n) in outcomes(&count.outcomes.tally()) {
                requests.get_or_create(&ByOutcome { component: component.clone(), outcome }).inc_by(n);
            }
            let labels = ByComponent { component };
            retried.get_or_create(&labels).inc_by(count.retried);
            resumed.get_or_create(&labels).inc_by(count.resumed);
            bytes.get_or_create(&labels).inc_by(count.bytes);
        }
        for (component, count) in &seen.components {
            for (class, n) in CLASSES.into_iter().zip(count.classes).filter(|(_, n)| *n > 0) {
                classes.get_or_create(&ByClass { component: component.to_string(), class }).inc_by(n);
            }
        }
        let row = |(component, count): (&_, &crate::tell::count::ComponentCount)| {
            (ByComponent { component: ToString::to_string(component) }, count.first_byte.clone(), count.first_byte_us)
        };
        seen.components.iter().map(row).collect::<Vec<_>>()
    });
    registry.register("requests", "Answers to clients, by how they went", requests);
    registry.register("answers", "Answers to clients, by the class of their status", classes);
    registry.register("retried_requests", "Requests that needed more than one attempt", retried);
    registry.register("resumed_bodies", "Bodies that went on from another replica", resumed);
    registry.register("client_bytes", "Body bytes sent to clients", bytes);
    let help = "From the head of a request to the head of its answer, as clients saw it";
    registry.register_collector(Box::new(Histogram { name: "first_byte", help, rows: waits }));
}

fn register_attempts(registry: &mut Registry, totals: &Totals) {
    let attempts = Family::<ByAttempt, Counter>::default();
    let (hedged, bytes) = <(Family<ByLink, Counter>, Family<ByLink, Counter>)>::default();
    let waits = totals.read(|seen| {
        let mut waits = Vec::new();
        for ((component, replica), count) in &seen.attempts {
            for (outcome, n) in outcomes(&count.outcomes.tally()) {
                let labels = ByAttempt { component: component.to_string(), replica: replica.to_string(), outcome };
                attempts.get_or_create(&labels).inc_by(n);
            }
            let labels = ByLink { component: component.to_string(), replica: replica.to_string() };
            hedged.get_or_create(&labels).inc_by(count.hedged);
            bytes.get_or_create(&labels).inc_by(count.bytes);
            waits.push((labels, count.first_byte.clone(), count.first_byte_us));
        }
        waits
    });
    registry.register("attempts", "Attempts at replicas; stalled and reset bodies count as one more", attempts);
    registry.register("hedged_attempts", "Attempts made besides a silent one", hedged);
    registry.register("replica_bytes", "Body bytes read from replicas", bytes);
    let help = "From an attempt's start to the head of the replica's answer";
    registry.register_collector(Box::new(Histogram { name: "attempt_first_byte", help, rows: waits }));
}

fn register_features(registry: &mut Registry, shared: &Shared, totals: &Totals) {
    let (admitted, withheld) = <(Family<ByFeature, Gauge<f64, AtomicU64>>, Family<ByFeature, Counter>)>::default();
    let (traffic, now) = (shared.traffic(), Instant::now());
    totals.read(|seen| {
        for id in shared.site.component_ids() {
            let component = &shared.site.component(id).settings;
            let refused = seen.components.get(&component.name).map(|count| &count.withheld);
            for (place, feature) in component.features.iter().enumerate() {
                let labels = ByFeature { component: component.name.to_string(), feature: feature.name.to_string() };
                let share = traffic.features.admitted(id, FeatureNumber(place), now);
                admitted.get_or_create(&labels).set(share.as_ratio());
                let n = refused.and_then(|refused| refused.get(&feature.name)).copied().unwrap_or(0);
                withheld.get_or_create(&labels).inc_by(n);
            }
        }
    });
    registry.register("feature_admitted_ratio", "Share of a feature's requests that the plan admits", admitted);
    registry.register("withheld_requests", "Requests turned away because the plan keeps their feature out", withheld);
}

fn register_replicas(registry: &mut Registry, shared: &Shared) {
    let (in_flight, limit, ejected) =
        <(Family<ByReplica, Gauge>, Family<ByReplica, Gauge>, Family<ByReplica, Gauge>)>::default();
    let now = Instant::now();
    for id in shared.site.replica_ids() {
        let settings = &shared.site.replica(id).settings;
        let labels = ByReplica { replica: settings.name.to_string() };
        in_flight.get_or_create(&labels).set(i64::from(shared.in_flight(id)));
        limit.get_or_create(&labels).set(i64::from(shared.limit(id)));
        ejected.get_or_create(&labels).set(i64::from(shared.is_ejected(id, now)));
    }
    registry.register("in_flight_requests", "Requests in flight to a replica", in_flight);
    registry.register("in_flight_limit", "Requests that may be in flight to a replica at present", limit);
    registry.register("replica_ejected", "1 while the edge itself sends a replica nothing", ejected);
}

fn register_cache(registry: &mut Registry, shared: &Shared) {
    let requests = Family::<ByCacheOutcome, Counter>::default();
    for id in shared.site.component_ids().filter(|id| shared.site.component(*id).settings.cache.is_some()) {
        for outcome in CacheOutcome::ALL {
            let component = shared.site.component(id).settings.name.to_string();
            let labels = ByCacheOutcome { component, outcome: outcome.word() };
            requests.get_or_create(&labels).inc_by(shared.cache.outcomes(id).read(outcome));
        }
    }
    registry.register("cache_requests", "Requests to components that are cached", requests);
    let fill = shared.cache.store.fill();
    let sizes = [
        ("cache_bytes", "Memory of stored answers", fill.bytes),
        ("cache_entries", "Addresses with stored answers", fill.entries),
    ];
    for (name, help, size) in sizes {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
}

fn register_edge(registry: &mut Registry, shared: &Shared) {
    let counters = &shared.counters;
    let held = u64::from(shared.hold.reason().is_some());
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let gauges = [
        ("plan_epoch", "Epoch of the traffic plan in force", shared.traffic().plan.epoch),
        ("configuration_generation", "Number of the configuration in force", shared.generation),
        ("automation_on_hold", "1 while an operator's file keeps plans from asking for more", held),
        ("waiting_requests", "Requests that wait for a seat", shared.waiting() as u64),
        ("connections", "Connections of clients", counters.connections.load(Ordering::Relaxed)),
    ];
    for (name, help, value) in gauges {
        let gauge = Gauge::<i64>::default();
        gauge.set(signed(value));
        registry.register(name, help, gauge);
    }
    let plain = [
        ("accepted_connections", "Connections of clients that were accepted", &counters.accepted),
        ("ejections", "Times that a replica was ejected for a component", &counters.ejections),
        ("refused_requests", "Requests refused before they belonged to a component", &counters.refusals),
        ("waiting_room_full", "Requests that found even the waiting room full", &counters.waiting_room_full),
        ("configurations_refused", "Configurations that were not taken", &counters.configurations_refused),
        ("configurations_returned", "Times that the one before came back", &counters.configurations_returned),
        ("write_failures", "Files that could not be written", &counters.write_failures),
        ("certificates_adopted", "Changes of certificates taken up", &counters.certificates_adopted),
        ("certificates_refused", "Changes of certificates refused", &counters.certificates_refused),
        ("failed_arrivals", "Connections that ended before their first request", &counters.failed_arrivals),
        ("calmed_connections", "HTTP/2 connections ended for flooding", &counters.calmed),
        ("rollups_lost", "Roll-ups that the hub did not take", &counters.rollups_lost),
        ("access_log_lines_lost", "Lines of the access log that were not written", &counters.lines_lost),
    ];
    for (name, help, count) in plain {
        let counter = Counter::<u64>::default();
        counter.inc_by(count.load(Ordering::Relaxed));
        registry.register(name, help, counter);
    }
}

/// What the system says of this process; what it does not say is left out.
fn register_process(registry: &mut Registry) {
    let process = registry.sub_registry_with_prefix("process");
    let gauges = [
        ("resident_memory", "Memory of this process that is in use", Some(Unit::Bytes), process::resident_bytes()),
        ("open_fds", "Open file descriptors", None, process::open_files()),
    ];
    for (name, help, unit, value) in gauges {
        let Some(value) = value.and_then(|value| i64::try_from(value).ok()) else { continue };
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        match unit {
            Some(unit) => process.register_with_unit(name, help, unit, gauge),
            None => process.register(name, help, gauge),
        }
    }
}
