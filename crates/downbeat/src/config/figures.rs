//! The figures that can be turned, each with its key: one list to read them from a file and to print them.

use super::reader::Reader;
use super::units::{Size, Span, duration_text, size_text};
use downbeat_core::model::{Policy, Strength};
use downbeat_edge::{CacheSettings, EdgeSettings, HealthSettings};
use serde_json::{Value, json};
use std::time::Duration;

/// One figure, in the place where it is used.
pub(crate) enum Figure<'s> {
    /// May be zero.
    Duration(&'s mut Duration),
    /// Above zero: an interval, a timeout.
    Span(&'s mut Duration),
    /// Finite, not negative.
    Number(&'s mut f64),
    /// So many.
    Count(&'s mut usize),
    /// So many.
    Small(&'s mut u32),
    /// So many.
    Large(&'s mut u64),
    /// Bytes.
    Size(&'s mut u64),
    /// Shares that rise, in percent.
    Ramp(&'s mut Vec<Strength>),
    /// Most removals in ten minutes and in an hour.
    Flaps(&'s mut (usize, usize)),
}

/// A section's figures by their keys.
pub(crate) type Figures<'s> = Vec<(&'static str, Figure<'s>)>;

impl Figure<'_> {
    /// Takes the figure from the file when it is there.
    pub(crate) fn read(&mut self, reader: &Reader<'_>, key: &'static str) {
        match self {
            Self::Duration(field) => reader.set(key, *field),
            Self::Span(field) => **field = reader.or(key, Span(**field)).0,
            Self::Number(field) => reader.set(key, *field),
            Self::Count(field) => reader.set(key, *field),
            Self::Small(field) => reader.set(key, *field),
            Self::Large(field) => reader.set(key, *field),
            Self::Size(field) => **field = reader.or(key, Size(**field)).0,
            Self::Ramp(field) => reader.set(key, *field),
            Self::Flaps(field) => {
                let table = reader.table(key);
                table.set("per_ten_minutes", &mut field.0);
                table.set("per_hour", &mut field.1);
                table.finish();
            }
        }
    }

    /// The figure as it would be written.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Duration(value) | Self::Span(value) => duration_text(**value).into(),
            Self::Number(value) => (**value).into(),
            Self::Count(value) => (**value).into(),
            Self::Small(value) => (**value).into(),
            Self::Large(value) => (**value).into(),
            Self::Size(value) => size_text(**value).into(),
            Self::Ramp(steps) => steps.iter().map(|s| s.as_ratio() * 100.0).collect::<Vec<_>>().into(),
            Self::Flaps((ten_minutes, hour)) => json!({"per_ten_minutes": ten_minutes, "per_hour": hour}),
        }
    }
}

/// Reads each figure that the file has a word on.
pub(crate) fn read(reader: &Reader<'_>, figures: Figures<'_>) {
    for (key, mut figure) in figures {
        figure.read(reader, key);
    }
}

/// The figures of `[policy]`, by its tables.
pub(crate) fn of_policy(policy: &mut Policy) -> Vec<(&'static str, Figures<'_>)> {
    use Figure::{Count, Duration, Flaps, Large, Number, Ramp, Span};
    let Policy { topology: _, detect, confirm, diagnose, act, tell, incident, objectives: _, upstreams: _, metrics: _ } =
        policy;
    vec![
        (
            "detect",
            vec![
                ("false_incidents_per_month", Number(&mut detect.false_incidents_per_month)),
                ("failure_floor", Number(&mut detect.failure_floor)),
                ("slow_floor", Number(&mut detect.slow_floor)),
                ("check_floor", Number(&mut detect.check_floor)),
                ("reports_per_minute", Number(&mut detect.reports_per_minute)),
                ("reports_of_100k", Number(&mut detect.reports_of_100k)),
                ("hard_bits_per_second", Number(&mut detect.hard_bits_per_second)),
                ("soft_bits_per_second", Number(&mut detect.soft_bits_per_second)),
                ("memory", Span(&mut detect.memory)),
                ("metric_findings_per_month", Number(&mut detect.metric_findings_per_month)),
            ],
        ),
        (
            "confirm",
            vec![
                ("overwhelming", Number(&mut confirm.overwhelming)),
                ("reports_cap", Number(&mut confirm.reports_cap)),
                ("metrics_cap", Number(&mut confirm.metrics_cap)),
                ("freshness", Span(&mut confirm.freshness)),
                ("silence_after", Span(&mut confirm.silence_after)),
            ],
        ),
        (
            "diagnose",
            vec![
                ("change_window", Duration(&mut diagnose.change_window)),
                ("certain", Number(&mut diagnose.certain)),
                ("surge", Number(&mut diagnose.surge)),
            ],
        ),
        (
            "act",
            vec![
                ("armed_for", Span(&mut act.armed_for)),
                ("load_max", Number(&mut act.load_max)),
                ("removed_max", Number(&mut act.removed_max)),
                ("removed_within_window", Number(&mut act.removed_within_window)),
                ("removal_window", Span(&mut act.removal_window)),
                ("panic_share", Number(&mut act.panic_share)),
                ("sustained", Duration(&mut act.sustained)),
                ("budget", Count(&mut act.budget)),
                ("budget_window", Span(&mut act.budget_window)),
                ("flaps", Flaps(&mut act.flaps)),
                ("restarts_per_hour", Count(&mut act.restarts_per_hour)),
                ("check_after", Span(&mut act.check_after)),
                ("warm_up", Duration(&mut act.warm_up)),
                ("ramp", Ramp(&mut act.ramp)),
                ("ramp_dwell", Duration(&mut act.ramp_dwell)),
                ("ramp_requests", Large(&mut act.ramp_requests)),
                ("ramp_after", Duration(&mut act.ramp_after)),
                ("shed_ttl", Span(&mut act.shed_ttl)),
            ],
        ),
        (
            "tell",
            vec![
                ("first_word_after", Duration(&mut tell.first_word_after)),
                ("identified_after", Duration(&mut tell.identified_after)),
                ("monitoring_after", Duration(&mut tell.monitoring_after)),
                ("resolved_after", Duration(&mut tell.resolved_after)),
                ("first_word_within", Span(&mut tell.first_word_within)),
                ("next_update", Span(&mut tell.next_update)),
                ("remind_before", Duration(&mut tell.remind_before)),
            ],
        ),
        (
            "incident",
            vec![
                ("dismiss_after", Span(&mut incident.dismiss_after)),
                ("quiet_for", Duration(&mut incident.quiet_for)),
                ("merge_within", Duration(&mut incident.merge_within)),
            ],
        ),
    ]
}

/// The figures of a component's `cache`.
pub(crate) fn of_cache(cache: &mut CacheSettings) -> Figures<'_> {
    use Figure::{Duration, Size};
    let CacheSettings { body_bytes, heuristic, stale_while_revalidate, stale_if_error } = cache;
    vec![
        ("body_max", Size(body_bytes)),
        ("heuristic_max", Duration(heuristic)),
        ("stale_while_revalidate", Duration(stale_while_revalidate)),
        ("stale_if_error", Duration(stale_if_error)),
    ]
}

/// The figures of `[edge]`.
pub(crate) fn of_edge(edge: &mut EdgeSettings) -> Figures<'_> {
    use Figure::{Count, Duration, Size, Small, Span};
    let EdgeSettings { limits, retry, hedge, resume, cache_bytes, resolve_every, drain, trial, .. } = edge;
    vec![
        ("body_max", Size(&mut limits.body_bytes)),
        ("cache_memory", Size(cache_bytes)),
        ("connections_max", Count(&mut limits.connections)),
        ("handshakes_max", Count(&mut limits.handshakes)),
        ("handshake_within", Span(&mut limits.handshake)),
        ("head_within", Span(&mut limits.head)),
        ("idle_after", Span(&mut limits.idle)),
        ("client_stall_after", Span(&mut limits.client_stall)),
        ("in_flight_floor", Small(&mut limits.in_flight_floor)),
        ("waiting_max", Count(&mut limits.waiting)),
        ("waiting_within", Duration(&mut limits.waiting_within)),
        ("retries", Small(&mut retry.extra)),
        ("connect_within", Span(&mut retry.connect)),
        ("first_byte_within", Span(&mut retry.first_byte)),
        ("hedge_after_min", Span(&mut hedge.after_min)),
        ("hedge_after_max", Span(&mut hedge.after_max)),
        ("stall_after", Span(&mut resume.stall_after)),
        ("stall_after_min", Span(&mut resume.stall_after_min)),
        ("resume_give_up", Span(&mut resume.give_up)),
        ("body_idle_after", Span(&mut resume.idle)),
        ("resolve_every", Span(resolve_every)),
        ("drain_within", Duration(drain)),
        ("trial_for", Span(trial)),
    ]
}

/// The figures of `[health]`.
pub(crate) fn of_health(health: &mut HealthSettings) -> Figures<'_> {
    vec![
        ("every", Figure::Span(&mut health.every)),
        ("timeout", Figure::Span(&mut health.timeout)),
        ("fall", Figure::Small(&mut health.fall)),
        ("rise", Figure::Small(&mut health.rise)),
        ("consecutive", Figure::Small(&mut health.consecutive)),
        ("slow_start", Figure::Duration(&mut health.slow_start)),
    ]
}
