//! Is it the target, or our own way out? When a probe fails, the references are asked: targets outside of the service
//! that hardly ever fail together. If none of them answers, what we saw says something about us and nothing about the
//! service: the result becomes `Unknown` (A15).

use super::Prober;
use crate::settings::ProbeSettings;
use downbeat_core::model::{ProbeOutcome, ProbeResult};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// Our way out, as the references show it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Uplink {
    references: Arc<Vec<ProbeSettings>>,
    /// The last look. Whoever holds the lock is looking; who waits for it takes the answer.
    last: Arc<Mutex<Option<Look>>>,
}

#[derive(Debug, Clone)]
struct Look {
    started: Instant,
    /// What the references said when none of them answered.
    down: Option<String>,
}

impl Uplink {
    pub(super) fn new(references: Vec<ProbeSettings>) -> Self {
        Self { references: Arc::new(references), last: Arc::default() }
    }

    /// The result, if our way out is not to blame for it. Without references nobody knows, and it stays as it is.
    pub(super) async fn vouch(&self, prober: &Prober, started: Instant, result: ProbeResult) -> ProbeResult {
        let has_failed = matches!(result.outcome, ProbeOutcome::Failed { .. });
        if !has_failed || self.references.is_empty() {
            return result;
        }
        match self.look(prober, started).await.down {
            Some(detail) => ProbeResult { outcome: ProbeOutcome::Unknown { detail }, ..result },
            None => result,
        }
    }

    /// A look that began after the probe did: many failing probes share one.
    async fn look(&self, prober: &Prober, since: Instant) -> Look {
        let mut last = self.last.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.started >= since) {
            return look.clone();
        }
        let started = Instant::now();
        let look = Look { started, down: self.ask(prober).await };
        match (last.as_ref().is_some_and(|look| look.down.is_some()), &look.down) {
            (false, Some(why)) => tracing::warn!(why, "what probes see is no evidence now"),
            (true, None) => tracing::info!("our own uplink is back"),
            _ => {}
        }
        *last = Some(look.clone());
        look
    }

    /// All at once, until one answers.
    async fn ask(&self, prober: &Prober) -> Option<String> {
        let mut runs: FuturesUnordered<_> = self.references.iter().map(|reference| prober.run(reference)).collect();
        let mut said = Vec::new();
        while let Some(result) = runs.next().await {
            match result.outcome {
                ProbeOutcome::Passed { .. } => return None,
                ProbeOutcome::Failed { detail, .. } | ProbeOutcome::Unknown { detail } => {
                    said.push(format!("{}: {detail}", result.probe));
                }
            }
        }
        Some(format!("our own uplink is down: no reference answers ({})", said.join("; ")))
    }
}
