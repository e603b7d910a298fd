//! A certificate's time to live, its name, and who signed it. Read even when nobody trusts it, so that the plainest fault is told
//! first; a client that trusts its own authority says so, or that it trusts anybody.

use super::certificate::{Seen, Sight, seeing};
use super::connection::refused;
use super::trust::Judges;
use super::{Trouble, tcp};
use crate::outbound::Outbound;
use crate::settings::TlsTask;
use downbeat_core::model::FailureKind;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
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
    let judge = judges.judge(trust, timeout).await?;
    let client = seeing(judge).map_err(|error| Trouble::Ours(format!("cannot set TLS up: {error}")))?;
    let seen = tokio::time::timeout(timeout, shake_hands(outbound, address, (&name, client), timeout))
        .await
        .map_err(|_| Trouble::theirs(FailureKind::Late, format!("{address}: no TLS handshake in time")))??;
    // Certificates are dated by the wall clock; so is this, and nothing else of the hub.
    seen.judge(&name, SystemTime::now(), *valid_for).map_err(|why| Trouble::theirs(FailureKind::Certificate, why))
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
