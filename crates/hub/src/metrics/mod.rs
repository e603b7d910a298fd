//! Metrics of others: looked at again and again, on a page in Prometheus' text format or by a question to its API, and handed to
//! the engine, which judges each series by its own past (decision 26).
//!
//! Each is looked at by a task of its own, by the one outbound policy: one that hangs, lies or explodes costs nothing but itself. What
//! cannot be looked at is unknown, which is our trouble and no outage; it is said once in the log, and stands on the console.

mod counters;
mod exposition;
mod query;

use crate::doors::SignalDoor;
use crate::outbound::Web;
use crate::poll::{Came, Health, Poll};
use crate::settings::{MetricSettings, MetricSource};
use counters::Counters;
use downbeat_core::model::{Labels, LookOutcome, MetricLook, Signal};
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// Most figures of one look that are handed on; the engine judges fewer still.
const FIGURES_MAX: usize = 10_000;
/// Longest pause after failures: what is blind for long learns nothing.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// What a look found.
#[derive(Debug, Clone, PartialEq, Default)]
struct Found {
    figures: Vec<(Labels, f64)>,
    /// Series besides, that are too many.
    left_out: u64,
    /// Whether the figures only grow, so that their growth is what counts.
    growth: Growth,
}

/// How figures move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Growth {
    /// Up and down.
    #[default]
    Free,
    /// Up, or to zero when the process that counts starts anew.
    Counter,
}

impl Found {
    /// One more figure, unless it is none or there are too many.
    fn add(&mut self, labels: Labels, value: f64) {
        match (value.is_finite(), self.figures.len() < FIGURES_MAX) {
            (true, true) => self.figures.push((labels, value)),
            (true, false) => self.left_out += 1,
            (false, _) => {}
        }
    }
}

/// The labels of a series as text, in the order of their names: `{queue="mail"}`; empty without any.
fn labels<'l>(pairs: impl IntoIterator<Item = (&'l str, &'l str)>) -> Labels {
    let mut pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
    pairs.sort_unstable();
    if pairs.is_empty() {
        return Labels::default();
    }
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    Labels::new(&format!("{{{}}}", pairs.join(",")))
}

/// Looks at all of them until it is dropped.
pub(crate) async fn keep_looking(metrics: &[MetricSettings], web: &Web, signals: &SignalDoor) {
    join_all(metrics.iter().map(|metric| look(metric, web, signals))).await;
}

/// Looks at one metric again and again.
async fn look(settings: &MetricSettings, web: &Web, signals: &SignalDoor) {
    let url = settings.source.address();
    let mut poll = Poll::new(&url, settings.every).pausing_at_most(PAUSE_MAX);
    let mut health = Health::new("metric", settings.name.as_str());
    let mut counters = Counters::new(settings.every);
    let mut last = Found::default();
    loop {
        let found = match poll.ask(web).await {
            Ok(Came::Body(bytes)) => settings.source.read(&bytes),
            Ok(Came::Same) => Ok(last.clone()),
            Err(why) => Err(why),
        };
        poll.note(found.is_ok());
        last = found.clone().unwrap_or_default();
        let outcome = match &found {
            Ok(found) => counters.figures(Instant::now(), found),
            Err(why) => Some(LookOutcome::Unknown { why: why.clone() }),
        };
        health.note(found.err());
        if let Some(outcome) = outcome {
            let look = MetricLook { metric: settings.name.clone(), outcome };
            if let Err(error) = signals.send(Signal::Metric(look)).await {
                tracing::debug!(%error, metric = %settings.name, "a look at a metric was not taken");
            }
        }
        tokio::time::sleep(poll.pause()).await;
    }
}

impl MetricSource {
    /// What is asked for.
    fn address(&self) -> String {
        match self {
            Self::Page { url, .. } => url.clone(),
            Self::Query { prometheus, query } => query::address(prometheus, query),
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Found, String> {
        match self {
            Self::Page { metric, labels, .. } => exposition::read(bytes, metric, labels),
            Self::Query { .. } => query::read(bytes),
        }
    }
}
