//! Whom a TLS probe believes. Reading all authorities of a system takes longer than the probe itself, so what was read is kept for
//! a while; then it is read again, for authorities come and go.

use crate::settings::Trust;
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

/// Who judges signatures, by whom is believed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Judges(Arc<Mutex<HashMap<Trust, Kept>>>);

#[derive(Debug)]
struct Kept {
    judge: Arc<dyn ServerCertVerifier>,
    read_at: Instant,
}

impl Judges {
    /// Who judges; `None` where anybody is believed.
    ///
    /// # Errors
    /// Why the authorities cannot be read, which says nothing about any server.
    pub(super) fn of(&self, trust: &Trust, now: Instant) -> Result<Option<Arc<dyn ServerCertVerifier>>, String> {
        let also = match trust {
            Trust::Anybody => return Ok(None),
            Trust::System => None,
            Trust::Also(file) => Some(file),
        };
        // A panic in between leaves whole entries behind.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fresh) = kept.get(trust).filter(|it| now.saturating_duration_since(it.read_at) < FRESH) {
            return Ok(Some(Arc::clone(&fresh.judge)));
        }
        let extra = also.map_or(Ok(Vec::new()), |file| authorities(file))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let judge = Verifier::new_with_extra_roots(extra, provider).map_err(|error| error.to_string())?;
        let judge: Arc<dyn ServerCertVerifier> = Arc::new(judge);
        kept.insert(trust.clone(), Kept { judge: Arc::clone(&judge), read_at: now });
        Ok(Some(judge))
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
