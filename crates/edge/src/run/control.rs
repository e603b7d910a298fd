//! The thread for all that is not urgent: checks, names, roll-ups, operators, reloads.

use crate::change::certificates::{self, Watched, read_certificates};
use crate::change::names;
use crate::change::scribe::Scribe;
use crate::change::settings::TlsSettings;
use crate::door::tls::{CertificateSet, Tls};
use crate::run::checks;
use crate::run::reload::{ReloadError, Request, Source, examine};
use crate::run::shared::Shared;
use crate::run::worker::Stage;
use crate::tell::admin::{self, Admin};
use crate::tell::events;
use crate::tell::report::{Generations, Totals, report};
use hickory_resolver::TokioResolver;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::LocalRuntime;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_local};

/// What the thread takes care of.
pub(crate) struct Control {
    pub(crate) current: watch::Sender<Arc<Shared>>,
    pub(crate) scribe: Scribe,
    pub(crate) source: Option<Source>,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) resolver: Option<TokioResolver>,
    pub(crate) secured: Option<Watched>,
}

/// A generation that may come into force: nothing can fail any more.
struct Prepared {
    shared: Arc<Shared>,
    text: String,
    resolver: Option<TokioResolver>,
    /// What is shown to clients from now on.
    certificates: Option<(CertificateSet, Watched)>,
}

impl Control {
    /// Runs until the edge is over, and tells the hub the last of it.
    pub(crate) fn run(
        self,
        runtime: &LocalRuntime,
        admin: Option<(Admin, TcpListener)>,
        totals: Arc<Totals>,
        stage: watch::Receiver<Stage>,
    ) {
        let (fresh, generations) = mpsc::unbounded_channel();
        let generations = Generations { first: self.current.borrow().clone(), fresh: generations };
        let scribe = self.scribe.clone();
        runtime.block_on(async move {
            if let Some((admin, listener)) = admin {
                let stage = stage.clone();
                spawn_local(async move {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => admin::serve(admin, listener, stage).await,
                        Err(error) => events::accept_failed(&error),
                    }
                });
            }
            spawn_local(self.obey(fresh));
            report(generations, scribe, totals, stage).await;
        });
    }

    /// Does one reload after the other.
    async fn obey(mut self, fresh: mpsc::UnboundedSender<Arc<Shared>>) {
        let (resolver, secured) = (self.resolver.take(), self.secured.take());
        let tls = secured.as_ref().map(|watched| watched.tls.clone());
        let mut duties = duties(&self.current.borrow(), &self.scribe, resolver, secured);
        while let Some(answer) = self.requests.recv().await {
            let outcome = match self.prepare(tls.as_ref()).await {
                Ok(Prepared { shared, text, resolver, certificates }) => {
                    let secured = certificates.map(|(set, watched)| {
                        watched.tls.adopt(set);
                        watched
                    });
                    // The old checks and look-ups end with their set.
                    duties = self::duties(&shared, &self.scribe, resolver, secured);
                    // Whoever reports has gone only when the edge is over.
                    let _ = fresh.send(shared.clone());
                    Ok(self.switch(shared, text))
                }
                Err(error) => {
                    events::configuration_refused(&error);
                    Err(error)
                }
            };
            // Whoever asked may have gone; the reload stands.
            let _ = answer.send(outcome);
        }
        drop(duties);
    }

    /// Everything that can fail, before anything changes.
    async fn prepare(&self, tls: Option<&Arc<Tls>>) -> Result<Prepared, ReloadError> {
        let source = self.source.clone().ok_or(ReloadError::Sourceless)?;
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let loaded = read.unwrap_or_else(|panic| Err(vec![panic.to_string()])).map_err(ReloadError::Faulty)?;
        let old = self.current.borrow().clone();
        let site = examine(&old.settings, &loaded.settings)?;
        let certificates = match (tls, &loaded.settings.tls) {
            (Some(tls), Some(settings)) => Some(certificates_of(tls, settings).await?),
            _ => None,
        };
        let shared = old.next(loaded.settings, site, Instant::now())?;
        let resolver = resolver(&shared)?;
        Ok(Prepared { shared: Arc::new(shared), text: loaded.text, resolver, certificates })
    }

    fn switch(&self, shared: Arc<Shared>, text: String) -> u64 {
        let generation = shared.generation;
        self.scribe.configuration(generation, text);
        self.current.send_replace(shared);
        events::configuration_reloaded(generation);
        generation
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
