//! Which generation is in force: takes new ones, watches over their trial, and goes back when one comes to grief
//! (invariant C2).
//!
//! All that can fail is done before anything changes. What is on trial stands on disk before it comes into force, so that
//! a start finds it there when this process dies of it. Operators' reloads and the trial's end come one after the other.

use crate::change::archive::{QUARANTINED_MAX, Written};
use crate::change::certificates::{self, Watched, read_certificates};
use crate::change::names;
use crate::change::scribe::Scribe;
use crate::change::settings::TlsSettings;
use crate::change::trial::{Breach, Trial, Verdict, Watch};
use crate::door::tls::{CertificateSet, Tls};
use crate::run::checks;
use crate::run::reload::{Footing, InForce, Loaded, ReloadError, Request, Source, examine};
use crate::run::shared::Shared;
use crate::run::sync::locked;
use crate::tell::events;
use hickory_resolver::TokioResolver;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How often a trial is looked at: as often as what clients got is gathered.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How an edge ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// For good: a trial that is not over ends without a verdict.
    Stopped,
    /// Another process has taken over, the trial included.
    Succeeded,
}

/// Keeps a generation in force.
pub(crate) struct Keeper {
    pub(crate) current: watch::Sender<Arc<Shared>>,
    /// What is to be known of the generation in force besides.
    pub(crate) in_force: watch::Sender<InForce>,
    pub(crate) watch: Arc<Mutex<Watch>>,
    /// Texts not to be taken again, the newest last.
    pub(crate) quarantined: VecDeque<Written>,
    pub(crate) scribe: Scribe,
    pub(crate) source: Option<Source>,
    pub(crate) requests: mpsc::Receiver<Request>,
    /// Whoever reports must hear of each generation.
    pub(crate) fresh: mpsc::UnboundedSender<Arc<Shared>>,
    /// What is shown to clients over TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The checks and look-ups of the generation in force.
    pub(crate) duties: JoinSet<()>,
}

/// A generation that may come into force: nothing can fail any more.
struct Prepared {
    shared: Arc<Shared>,
    text: String,
    resolver: Option<TokioResolver>,
    certificates: Option<(CertificateSet, Watched)>,
}

impl Keeper {
    /// Keeps until the edge ends; the checks and look-ups that are returned go on for as long as they are held.
    pub(crate) async fn run(
        mut self,
        resolver: Option<TokioResolver>,
        secured: Option<Watched>,
        mut ending: oneshot::Receiver<Ending>,
    ) -> JoinSet<()> {
        self.duties = duties(&self.current.borrow(), &self.scribe, resolver, secured);
        let ending = tokio::select! {
            biased;
            // A handle that has gone without a word says nothing about the trial.
            ending = &mut ending => ending.unwrap_or(Ending::Succeeded),
            () = self.keep() => Ending::Succeeded,
        };
        let trial = locked(&self.watch).trial.take();
        if let (Ending::Stopped, Some(trial)) = (ending, trial) {
            self.scribe.withdraw(trial.generation);
        }
        self.duties
    }

    async fn keep(&mut self) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(answer) => {
                        let outcome = self.reload().await;
                        // Whoever asked may have gone; the reload stands.
                        let _ = answer.send(outcome);
                    }
                    // Nobody can ask any more; the end is near.
                    None => pending().await,
                },
                _ = looks.tick() => self.look().await,
            }
        }
    }

    async fn reload(&mut self) -> Result<u64, ReloadError> {
        let outcome = self.take_new().await;
        if let Err(error) = &outcome {
            let shared = self.current.borrow().clone();
            shared.counters.configurations_refused.fetch_add(1, Ordering::Relaxed);
            events::configuration_refused(error);
            // A log that was moved away goes on in a new file all the same.
            shared.access_log.iter().for_each(|log| log.reopen());
        }
        outcome
    }

    async fn take_new(&mut self) -> Result<u64, ReloadError> {
        let source = self.source.clone().ok_or(ReloadError::Sourceless)?;
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let loaded = read.unwrap_or_else(|panic| Err(vec![panic.to_string()])).map_err(ReloadError::Faulty)?;
        if let Some(bad) = self.quarantined.iter().rev().find(|bad| bad.text == loaded.text) {
            return Err(ReloadError::Quarantined(bad.generation));
        }
        let prepared = self.prepare(loaded).await?;
        let generation = prepared.shared.generation;
        self.enter(&prepared).await;
        events::configuration_reloaded(generation);
        self.switch(prepared);
        Ok(generation)
    }

    /// Everything that can fail, before anything changes.
    async fn prepare(&self, loaded: Loaded) -> Result<Prepared, ReloadError> {
        let old = self.current.borrow().clone();
        let site = examine(&old.settings, &loaded.settings)?;
        let certificates = match (&self.tls, &loaded.settings.tls) {
            (Some(tls), Some(settings)) => Some(certificates_of(tls, settings).await?),
            _ => None,
        };
        let shared = old.next(loaded.settings, site, Instant::now())?;
        let resolver = resolver(&shared)?;
        Ok(Prepared { shared: Arc::new(shared), text: loaded.text, resolver, certificates })
    }

    /// Puts a new generation on trial. The same text once more is not tried anew: what changed is what it refers to.
    async fn enter(&mut self, new: &Prepared) {
        let written = Written { generation: new.shared.generation, text: new.text.clone() };
        let before = self.in_force.borrow().clone();
        let on_trial = before.footing == Footing::OnTrial;
        if *written.text == *before.text && !on_trial {
            self.scribe.keep(written);
            self.in_force.send_replace(InForce { footing: Footing::Proven, ..before });
            return;
        }
        let unchanged = *written.text == *before.text;
        let in_force = InForce { text: written.text.as_str().into(), footing: Footing::OnTrial };
        self.scribe.begin(written).await;
        let mut watch = locked(&self.watch);
        if unchanged {
            watch.renumber(new.shared.generation);
        } else {
            let old = Loaded { settings: self.current.borrow().settings.clone(), text: before.text.to_string() };
            watch.begin(new.shared.generation, old, Instant::now());
        }
        self.in_force.send_replace(in_force);
    }

    fn switch(&mut self, new: Prepared) {
        let secured = new.certificates.map(|(set, watched)| {
            watched.tls.adopt(set);
            watched
        });
        // The old checks and look-ups end with their set.
        self.duties = duties(&new.shared, &self.scribe, new.resolver, secured);
        // Whoever reports has gone only when the edge is over.
        let _ = self.fresh.send(new.shared.clone());
        self.current.send_replace(new.shared);
    }

    /// Looks at how the trial stands.
    async fn look(&mut self) {
        let lasts = self.current.borrow().settings.trial;
        let verdict = locked(&self.watch).trial.as_ref().map(|trial| trial.verdict(Instant::now(), lasts));
        match verdict {
            None | Some(Verdict::Open) => {}
            Some(Verdict::Passed) => self.pass(),
            Some(Verdict::Breach(breach)) => {
                let trial = locked(&self.watch).trial.take();
                if let Some(trial) = trial {
                    self.go_back(trial, breach).await;
                }
            }
        }
    }

    fn pass(&mut self) {
        let Some(trial) = locked(&self.watch).trial.take() else { return };
        let in_force = self.in_force.borrow().clone();
        self.scribe.keep(Written { generation: trial.generation, text: in_force.text.to_string() });
        self.in_force.send_replace(InForce { footing: Footing::Proven, ..in_force });
        events::configuration_passed(trial.generation);
    }

    /// The generation on trial came to grief: the one before comes back, as a generation of its own.
    async fn go_back(&mut self, trial: Trial, breach: Breach) {
        let bad = Written { generation: trial.generation, text: self.in_force.borrow().text.to_string() };
        events::configuration_breached(bad.generation, &breach);
        let Some(refuge) = trial.refuge() else { return };
        let prepared = match self.prepare(refuge).await {
            Ok(prepared) => prepared,
            Err(error) => return events::configuration_stays(bad.generation, &error),
        };
        let (generation, text) = (prepared.shared.generation, prepared.text.clone());
        let footing = Footing::Returned { from: bad.generation, why: breach.to_string() };
        self.in_force.send_replace(InForce { text: text.as_str().into(), footing });
        self.scribe.quarantine(bad.clone());
        self.scribe.keep(Written { generation, text });
        events::configuration_returned(bad.generation, generation);
        prepared.shared.counters.configurations_returned.fetch_add(1, Ordering::Relaxed);
        self.switch(prepared);
        self.quarantined.push_back(bad);
        if self.quarantined.len() > QUARANTINED_MAX {
            self.quarantined.pop_front();
        }
    }
}

/// Reads the certificates of a new configuration; they are shown by the sockets there are.
async fn certificates_of(tls: &Arc<Tls>, settings: &TlsSettings) -> Result<(CertificateSet, Watched), ReloadError> {
    let (files, tls) = (settings.certificates.clone(), tls.clone());
    let read = tokio::task::spawn_blocking(move || read_certificates(&files).map(|read| (read, files))).await;
    let ((set, pairs), files) = read.map_err(|panic| ReloadError::Faulty(vec![panic.to_string()]))??;
    Ok((set, Watched { tls, files, found: Ok(pairs) }))
}

/// A resolver, where names have to be looked up.
pub(crate) fn resolver(shared: &Shared) -> Result<Option<TokioResolver>, names::ResolverError> {
    if shared.site.hosts().is_empty() { Ok(None) } else { names::resolver(shared.settings.resolver).map(Some) }
}

/// The checks and look-ups of one generation; they end when the set is dropped.
fn duties(
    shared: &Arc<Shared>,
    scribe: &Scribe,
    resolver: Option<TokioResolver>,
    secured: Option<Watched>,
) -> JoinSet<()> {
    let mut duties = JoinSet::new();
    for replica in shared.site.replica_ids() {
        duties.spawn_local(checks::watch(shared.clone(), replica));
    }
    if let Some(watched) = secured {
        duties.spawn_local(certificates::watch(shared.clone(), watched));
    }
    for (host, resolver) in shared.site.hosts().into_keys().zip(std::iter::repeat(resolver).flatten()) {
        duties.spawn_local(names::watch(shared.clone(), scribe.clone(), resolver, host));
    }
    duties
}
