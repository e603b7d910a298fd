//! A certificate's time to live, its name, and who signed it. Read even when nobody trusts it, so that the plainest fault is told
//! first; a client that trusts its own authority says so, or that it trusts anybody.

use super::certificate::{Seen, Sight, seeing};
use super::trust::Judges;
use super::{Trouble, tcp};
use crate::outbound::Outbound;
use crate::settings::{TlsTask, Trust};
use downbeat_core::model::FailureKind;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_rustls::TlsConnector;

/// Connects and judges the certificate that is shown.
pub(super) async fn probe(
    outbound: &Outbound,
    judges: &Judges,
    task: &TlsTask,
    timeout: Duration,
) -> Result<(), Trouble> {
    let TlsTask { address, server_name, valid_for, trust } = task;
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|error| Trouble::Ours(format!("{server_name:?} is no server name: {error}")))?;
    let judge = judge(judges, trust, timeout).await.map_err(|why| Trouble::Ours(format!("whom to trust: {why}")))?;
    let client = seeing(judge).map_err(|error| Trouble::Ours(format!("cannot set TLS up: {error}")))?;
    let seen = tokio::time::timeout(timeout, shake_hands(outbound, address, (&name, client), timeout))
        .await
        .map_err(|_| Trouble::theirs(FailureKind::Late, format!("{address}: no TLS handshake in time")))??;
    // Certificates are dated by the wall clock; so is this, and nothing else of the hub.
    seen.judge(&name, SystemTime::now(), *valid_for).map_err(|why| Trouble::theirs(FailureKind::Certificate, why))
}

/// Reads authorities, which a disk may keep waiting, beside all other work.
async fn judge(
    judges: &Judges,
    trust: &Trust,
    within: Duration,
) -> Result<Option<Arc<dyn ServerCertVerifier>>, String> {
    let (judges, trust) = (judges.clone(), trust.clone());
    let reading = tokio::task::spawn_blocking(move || judges.of(&trust, Instant::now()));
    match tokio::time::timeout(within, reading).await {
        Ok(read) => read.unwrap_or_else(|error| Err(error.to_string())),
        Err(_) => Err("the authorities cannot be read in time".into()),
    }
}

async fn shake_hands(
    outbound: &Outbound,
    address: &str,
    (name, (config, sight)): (&ServerName<'static>, (ClientConfig, Sight)),
    timeout: Duration,
) -> Result<Seen, Trouble> {
    let stream = tcp::connect(outbound, address, timeout).await?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await;
    match (sight.take(), shaken) {
        (Some(seen), _) => Ok(seen),
        (None, Err(error)) => Err(refused(address, &error)),
        (None, Ok(_)) => Err(Trouble::theirs(FailureKind::Certificate, format!("{address} showed no certificate"))),
    }
}

/// An address that answers, but not with TLS, is wrong, not down.
fn refused(address: &str, error: &std::io::Error) -> Trouble {
    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Trouble::theirs(FailureKind::Wrong, format!("{address}: {error}"));
    }
    Trouble::of_io(error, &format!("TLS with {address}"))
}
