//! Certificates that change on disk are taken up without a drop: read again every few seconds and on SIGHUP, and
//! used only when every pair is good. Until then the old ones go on.

use crate::change::settings::CertificateFiles;
use crate::door::certificates::{CertificateFault, PemPair};
use crate::door::tls::{CertificateSet, Tls, TlsFault, read_pairs};
use crate::run::shared::Shared;
use crate::tell::events;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What is shown to clients, and what was last found on disk.
pub(crate) struct Watched {
    pub(crate) tls: Arc<Tls>,
    pub(crate) files: Vec<CertificateFiles>,
    pub(crate) found: Result<Vec<PemPair>, CertificateFault>,
}

/// Reads certificates, all of which have to be good. Blocks.
///
/// # Errors
/// The first [`TlsFault`].
pub(crate) fn read_certificates(files: &[CertificateFiles]) -> Result<(CertificateSet, Vec<PemPair>), TlsFault> {
    let pairs = read_pairs(files)?;
    let set = CertificateSet::of(files, &pairs)?;
    warn_of_expired(files, &set);
    Ok((set, pairs))
}

/// Watches the files for ever.
pub(crate) async fn watch(shared: Arc<Shared>, mut watched: Watched) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Without the signal the files are still looked at.
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = heard(&mut hangup) => {}
        }
        watched.look(&shared).await;
    }
}

async fn heard(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => pending().await,
    };
    if heard.is_none() {
        *signal = None;
    }
}

impl Watched {
    /// Looks at the files, and takes up what is new and good. The disk is waited for on a thread of its own.
    async fn look(&mut self, shared: &Shared) {
        let files = self.files.clone();
        let Ok(found) = tokio::task::spawn_blocking(move || read_pairs(&files)).await else { return };
        if found == self.found {
            return;
        }
        let set = match &found {
            Ok(pairs) => CertificateSet::of(&self.files, pairs),
            Err(fault) => Err(TlsFault::from(fault.clone())),
        };
        self.found = found;
        match set {
            Ok(set) => {
                warn_of_expired(&self.files, &set);
                self.tls.adopt(set);
                shared.counters.certificates_adopted.fetch_add(1, Ordering::Relaxed);
                events::certificates_adopted(self.files.len());
            }
            Err(fault) => {
                shared.counters.certificates_refused.fetch_add(1, Ordering::Relaxed);
                events::certificates_refused(&fault);
            }
        }
    }
}

/// Says which certificates clients take no more. They are shown all the same: the operator's word counts.
fn warn_of_expired(files: &[CertificateFiles], set: &CertificateSet) {
    let now = SystemTime::now();
    for (files, _) in files.iter().zip(&set.summaries).filter(|(_, summary)| summary.is_expired(now)) {
        events::certificate_expired(&files.cert);
    }
}
