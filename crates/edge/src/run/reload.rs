//! A new configuration for a running edge: read, checked and loaded in full, then used; or refused, with every reason.

use crate::change::names::ResolverError;
use crate::change::settings::EdgeSettings;
use crate::change::site::{SettingsFault, Site};
use crate::door::tls::TlsFault;
use crate::tell::access::AccessLogError;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A configuration as it was read: what it means, and its text to be kept.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it means.
    pub settings: EdgeSettings,
    /// As it was written.
    pub text: String,
}

/// Reads the configuration anew; all that is wrong with it when it is not good.
type Read = dyn Fn() -> Result<Loaded, Vec<String>> + Send + Sync;

/// Where a configuration comes from.
#[derive(Clone)]
pub struct Source(Arc<Read>);

impl Source {
    /// A source that is asked at each reload. It may take its time: nothing waits for it but the reload.
    pub fn new(read: impl Fn() -> Result<Loaded, Vec<String>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn read(&self) -> Result<Loaded, Vec<String>> {
        (self.0)()
    }
}

/// Where an edge's configuration comes from.
#[derive(Debug)]
pub struct Origin {
    /// As it was written.
    pub text: String,
    /// Where to read it again.
    pub source: Source,
    /// The generation in quarantine that should have been started and was not; this is one that passed.
    pub instead_of: Option<u64>,
}

/// What is to be known of the configuration in force.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    /// As it was written.
    pub(crate) text: Arc<str>,
    pub(crate) footing: Footing,
}

/// On what footing a configuration is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "footing", rename_all = "snake_case")]
pub(crate) enum Footing {
    /// It passed its trial.
    Proven,
    /// Its trial goes on.
    OnTrial,
    /// It came back, for another one came to grief.
    Returned { from: u64, why: String },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// Why a configuration is not used; the one in force stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// This edge was started without a file to read.
    #[error("this edge was started without a configuration that can be read again")]
    Sourceless,
    /// It is wrong in itself: one text for each fault.
    #[error("the configuration has faults: {}", .0.join("; "))]
    Faulty(Vec<String>),
    /// It is good, but cannot come into force without a restart: one text for each of these settings.
    #[error("only a restart or an upgrade can change this: {}", .0.join("; "))]
    Fixed(Vec<String>),
    /// It contradicts itself.
    #[error("check the settings: {0}")]
    Settings(#[from] SettingsFault),
    /// The certificates are not good.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// No resolver could be made.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// The access log cannot be written.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// These very bytes came to grief before.
    #[error("this was generation {0}, which did not pass its trial; it is not taken again until the file is changed")]
    Quarantined(u64),
    /// The edge stops.
    #[error("the edge is stopping")]
    Stopping,
}

impl ReloadError {
    /// Each fault by itself.
    pub(crate) fn faults(&self) -> Vec<String> {
        match self {
            Self::Faulty(faults) | Self::Fixed(faults) => faults.clone(),
            other => vec![other.to_string()],
        }
    }
}

/// What is asked of the control thread: the answer is the generation that came into force.
pub(crate) type Request = oneshot::Sender<Result<u64, ReloadError>>;

/// Asks for reloads; they are done one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Reloads(mpsc::Sender<Request>);

/// Reloads that may wait.
const WAITING_MAX: usize = 4;

impl Reloads {
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Request>) {
        let (sender, requests) = mpsc::channel(WAITING_MAX);
        (Self(sender), requests)
    }

    /// Asks for a reload, and waits for its end.
    pub(crate) async fn ask(&self) -> Result<u64, ReloadError> {
        let (answer, end) = oneshot::channel();
        self.0.send(answer).await.map_err(|_| ReloadError::Stopping)?;
        end.await.unwrap_or(Err(ReloadError::Stopping))
    }
}

/// Checks new settings against those in force.
pub(crate) fn examine(old: &EdgeSettings, new: &EdgeSettings) -> Result<Site, ReloadError> {
    let tls = |settings: &EdgeSettings| settings.tls.as_ref().map(|tls| tls.listen);
    let fixed = [
        ("the name", old.name != new.name),
        ("where clients come in (listen)", old.listen != new.listen),
        ("where clients come in over TLS (tls)", tls(old) != tls(new)),
        ("where operators come in (admin)", old.admin != new.admin),
        ("the data folder", old.data != new.data),
        ("the number of threads", old.threads != new.threads),
    ];
    let changed: Vec<String> = fixed.into_iter().filter(|(_, changed)| *changed).map(|(what, _)| what.into()).collect();
    if !changed.is_empty() {
        return Err(ReloadError::Fixed(changed));
    }
    Ok(Site::of(new)?)
}
