//! When probes run: each at its own jittered pace, so that no two fall into step; a slow one may overlap with its
//! next run once, and all together never take more than their share of sockets.

use super::Prober;
use super::streak::Streak;
use super::uplink::Uplink;
use crate::chance::random_share;
use crate::settings::ProbeSettings;
use downbeat_core::model::ProbeResult;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Runs of one probe at the same time.
const OVERLAP_MAX: usize = 2;
/// Runs of all probes at the same time: a quarter of two thousand targets that hang for a second each, or half of the
/// files that a process may usually have open.
const RUNS_MAX: usize = 512;
/// First runs are spread over so long at least, so that nobody is met by all at once; the first picture should not wait longer.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
/// First runs in a second, of thousands: what begins together stays together for many rounds, whatever the jitter.
const FIRST_PER_SECOND: f64 = 500.0;

/// One vantage point at work.
struct Vantage {
    prober: Prober,
    uplink: Uplink,
    runs: Arc<Semaphore>,
    results: mpsc::Sender<ProbeResult>,
}

/// Runs all probes, and asks the references when one fails, until it is dropped or nobody wants the results any more.
pub async fn keep_probing(
    prober: Prober,
    (probes, references): (Vec<ProbeSettings>, Vec<ProbeSettings>),
    results: mpsc::Sender<ProbeResult>,
) {
    let (uplink, runs) = (Uplink::new(references), Arc::new(Semaphore::new(RUNS_MAX)));
    let vantage = Arc::new(Vantage { prober, uplink, runs, results });
    let spread = FIRST_WITHIN.max(Duration::from_secs_f64(probes.len() as f64 / FIRST_PER_SECOND));
    let mut paces: JoinSet<()> = probes.into_iter().map(|probe| pace(Arc::clone(&vantage), probe, spread)).collect();
    while paces.join_next().await.is_some() {}
}

async fn pace(vantage: Arc<Vantage>, probe: ProbeSettings, spread: Duration) {
    let (mut runs, streak) = (JoinSet::new(), Arc::new(Streak::new(probe.fail_after)));
    let probe = Arc::new(probe);
    tokio::time::sleep(probe.every.min(spread).mul_f64(random_share())).await;
    while !vantage.results.is_closed() {
        while runs.try_join_next().is_some() {}
        if runs.len() < OVERLAP_MAX
            && let Ok(permit) = Arc::clone(&vantage.runs).try_acquire_owned()
        {
            let (vantage, probe, streak) = (Arc::clone(&vantage), Arc::clone(&probe), Arc::clone(&streak));
            runs.spawn(async move {
                vantage.run(&probe, &streak).await;
                drop(permit);
            });
        } else {
            tracing::debug!(probe = %probe.name, "a probe was left out: too many runs are under way");
        }
        tokio::time::sleep(probe.every.mul_f64(0.9 + 0.2 * random_share())).await;
    }
}

impl Vantage {
    async fn run(&self, probe: &ProbeSettings, streak: &Streak) {
        let started = Instant::now();
        let result = self.prober.run(probe).await;
        let vouched = self.uplink.vouch(&self.prober, started, result).await;
        if let Some(result) = streak.weigh(vouched) {
            // Who no longer listens has stopped: the pace ends with it.
            drop(self.results.send(result).await);
        }
    }
}
