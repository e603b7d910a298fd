//! When probes run: each at its own jittered pace, so that no two fall into step; a slow one may overlap with its
//! next run once, and all together never take more than their share of sockets.

use super::Prober;
use crate::chance::random_share;
use crate::doors::SignalDoor;
use crate::settings::ProbeSettings;
use downbeat_core::model::Signal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs of one probe at the same time.
const OVERLAP_MAX: usize = 2;
/// Runs of all probes at the same time.
const RUNS_MAX: usize = 64;
/// First runs are spread over so long at most: the first picture should not wait.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// Runs all probes until it is dropped.
pub(crate) async fn keep_probing(prober: Prober, probes: Vec<ProbeSettings>, door: SignalDoor) {
    let all = Arc::new(Semaphore::new(RUNS_MAX));
    let mut paces: JoinSet<()> =
        probes.into_iter().map(|probe| pace(prober.clone(), Arc::new(probe), door.clone(), Arc::clone(&all))).collect();
    while paces.join_next().await.is_some() {}
}

async fn pace(prober: Prober, probe: Arc<ProbeSettings>, door: SignalDoor, all: Arc<Semaphore>) {
    let mut runs = JoinSet::new();
    tokio::time::sleep(probe.every.min(FIRST_WITHIN).mul_f64(random_share())).await;
    loop {
        while runs.try_join_next().is_some() {}
        if runs.len() < OVERLAP_MAX
            && let Ok(permit) = Arc::clone(&all).try_acquire_owned()
        {
            let (prober, probe, door) = (prober.clone(), Arc::clone(&probe), door.clone());
            runs.spawn(async move {
                run(&prober, &probe, &door).await;
                drop(permit);
            });
        } else {
            tracing::debug!(probe = %probe.name, "a probe was left out: too many runs are under way");
        }
        tokio::time::sleep(probe.every.mul_f64(0.9 + 0.2 * random_share())).await;
    }
}

async fn run(prober: &Prober, probe: &ProbeSettings, door: &SignalDoor) {
    let result = prober.run(probe).await;
    if let Err(error) = door.send(Signal::Probe(result)).await {
        tracing::debug!(probe = %probe.name, %error, "a probe's result was not taken");
    }
}
