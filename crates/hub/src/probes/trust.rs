//! Whom probes believe who speak TLS. Reading all authorities of a system takes longer than a probe itself, so what was read is
//! kept for a while; then it is read again, for authorities come and go.

use super::Trouble;
use super::certificate::{accepting, seeing};
use crate::outbound::Web;
use crate::settings::Trust;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was read is good for so long.
const FRESH: Duration = Duration::from_secs(300);

/// Who judges signatures; nobody where anybody is believed.
pub(super) type Judge = Option<Arc<dyn ServerCertVerifier>>;

/// Who judges signatures, by whom is believed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Judges(Arc<Mutex<HashMap<Trust, Kept>>>);

#[derive(Debug)]
struct Kept {
    judge: Judge,
    /// A client that believes them, once somebody needed one.
    web: Option<Web>,
    read_at: Instant,
}

impl Judges {
    /// Who judges. Authorities, which a disk may keep waiting, are read beside all other work.
    ///
    /// # Errors
    /// [`Trouble::Ours`] when they cannot be read, which says nothing about any server.
    pub(super) async fn judge(&self, trust: &Trust, within: Duration) -> Result<Judge, Trouble> {
        let ours = |why: String| Trouble::Ours(format!("whom to trust: {why}"));
        if let Some(judge) = self.fresh(trust, |kept| Some(kept.judge.clone())) {
            return Ok(judge);
        }
        let (judges, wanted) = (self.clone(), trust.clone());
        let reading = tokio::task::spawn_blocking(move || judges.read(&wanted));
        match tokio::time::timeout(within, reading).await {
            Ok(read) => read.unwrap_or_else(|error| Err(error.to_string())).map_err(ours),
            Err(_) => Err(ours("the authorities cannot be read in time".into())),
        }
    }

    /// How to speak TLS with those who are believed.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub(super) async fn client(&self, trust: &Trust, within: Duration) -> Result<ClientConfig, Trouble> {
        let judge = self.judge(trust, within).await?;
        config(judge).map_err(|error| Trouble::Ours(format!("cannot set TLS up: {error}")))
    }

    /// An HTTP client that believes them; the usual one believes whom the system believes.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub(super) async fn web(&self, usual: &Web, trust: &Trust, within: Duration) -> Result<Web, Trouble> {
        if *trust == Trust::System {
            return Ok(usual.clone());
        }
        if let Some(web) = self.fresh(trust, |kept| kept.web.clone()) {
            return Ok(web);
        }
        let config = self.client(trust, within).await?;
        let web = usual.believing(config).map_err(|error| Trouble::Ours(format!("cannot set TLS up: {error}")))?;
        if let Some(kept) = self.lock().get_mut(trust) {
            kept.web = Some(web.clone());
        }
        Ok(web)
    }

    fn fresh<T>(&self, trust: &Trust, wanted: impl Fn(&Kept) -> Option<T>) -> Option<T> {
        self.lock().get(trust).filter(|kept| kept.read_at.elapsed() < FRESH).and_then(wanted)
    }

    fn read(&self, trust: &Trust) -> Result<Judge, String> {
        let also = match trust {
            Trust::Anybody | Trust::System => Vec::new(),
            Trust::Also(file) => authorities(file)?,
        };
        let judge: Judge = match trust {
            Trust::Anybody => None,
            Trust::System | Trust::Also(_) => {
                let provider = Arc::new(aws_lc_rs::default_provider());
                let judge = Verifier::new_with_extra_roots(also, provider).map_err(|error| error.to_string())?;
                Some(Arc::new(judge))
            }
        };
        let kept = Kept { judge: judge.clone(), web: None, read_at: Instant::now() };
        self.lock().insert(trust.clone(), kept);
        Ok(judge)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Trust, Kept>> {
        // A panic in between leaves whole entries behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn config(judge: Judge) -> Result<ClientConfig, rustls::Error> {
    match judge {
        Some(judge) => accepting(judge),
        None => seeing(None).map(|(config, _)| config),
    }
}

/// The certificates in a PEM file, one at least.
///
/// # Errors
/// Why there are none, in words.
pub fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| format!("{} is no PEM: {error}", file.display()))?;
    if found.is_empty() { Err(format!("{} has no certificate in it", file.display())) } else { Ok(found) }
}
