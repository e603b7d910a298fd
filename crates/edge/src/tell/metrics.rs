//! The counts since the start, as OpenMetrics. Written when asked for, from the same counts that the hub is told.
//!
//! Labels come from the configuration and from closed sets, so their number is bounded.

use crate::run::shared::Shared;
use crate::tell::report::Totals;
use downbeat_core::model::{FailureKind, Tally};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::fmt::{self, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The content type of what [`exposition`] writes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
struct ByAttempt {
    component: String,
    replica: String,
    outcome: Outcome,
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
    let mut registry = Registry::with_prefix("downbeat_edge");
    register_clients(&mut registry, totals);
    register_attempts(&mut registry, totals);
    register_replicas(&mut registry, shared);
    register_edge(&mut registry, shared);
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

fn outcomes(tally: &Tally) -> impl Iterator<Item = (Outcome, u64)> + use<'_> {
    let good = (Outcome::Ok, tally.total.saturating_sub(tally.failed()));
    std::iter::once(good).chain(tally.failures.iter().map(|(kind, n)| (Outcome::Failed(*kind), *n)))
}

fn register_clients(registry: &mut Registry, totals: &Totals) {
    let requests = Family::<ByOutcome, Counter>::default();
    let (retried, resumed, bytes) = <(Family<ByComponent, Counter>, Family<_, Counter>, Family<_, Counter>)>::default();
    totals.read(|seen| {
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
    });
    registry.register("requests", "Answers to clients", requests);
    registry.register("retried_requests", "Requests that needed more than one attempt", retried);
    registry.register("resumed_bodies", "Bodies that went on from another replica", resumed);
    registry.register("client_bytes", "Body bytes sent to clients", bytes);
}

fn register_attempts(registry: &mut Registry, totals: &Totals) {
    let attempts = Family::<ByAttempt, Counter>::default();
    totals.read(|seen| {
        for ((component, replica), count) in &seen.attempts {
            for (outcome, n) in outcomes(&count.outcomes.tally()) {
                let labels = ByAttempt { component: component.to_string(), replica: replica.to_string(), outcome };
                attempts.get_or_create(&labels).inc_by(n);
            }
        }
    });
    registry.register("attempts", "Attempts at replicas", attempts);
}

fn register_replicas(registry: &mut Registry, shared: &Shared) {
    let (in_flight, ejected) = <(Family<ByReplica, Gauge>, Family<ByReplica, Gauge>)>::default();
    let now = Instant::now();
    for id in shared.site.replica_ids() {
        let labels = ByReplica { replica: shared.site.replica(id).settings.name.to_string() };
        in_flight.get_or_create(&labels).set(i64::from(shared.in_flight(id)));
        ejected.get_or_create(&labels).set(i64::from(shared.is_ejected(id, now)));
    }
    registry.register("in_flight_requests", "Requests in flight to a replica", in_flight);
    registry.register("replica_ejected", "1 while the edge itself sends a replica nothing", ejected);
}

fn register_edge(registry: &mut Registry, shared: &Shared) {
    let epoch = Gauge::<i64>::default();
    epoch.set(i64::try_from(shared.traffic().plan.epoch).unwrap_or(i64::MAX));
    registry.register("plan_epoch", "Epoch of the traffic plan in force", epoch);
    let counters = &shared.counters;
    let plain = [
        ("refused_requests", "Requests refused before they belonged to a component", &counters.refusals),
        ("write_failures", "Files that could not be written", &counters.write_failures),
        ("rollups_lost", "Roll-ups that the hub did not take", &counters.rollups_lost),
    ];
    for (name, help, count) in plain {
        let counter = Counter::<u64>::default();
        counter.inc_by(count.load(Ordering::Relaxed));
        registry.register(name, help, counter);
    }
}
