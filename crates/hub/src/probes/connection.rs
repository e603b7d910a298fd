//! A connection by URL, with TLS where the scheme says so: what the probes of long-lived protocols speak on.

use super::certificate::in_words;
use super::tcp;
use super::trust::Judges;
use super::{Trouble, web::Deadline};
use crate::outbound::Outbound;
use crate::settings::Trust;
use downbeat_core::model::FailureKind;
use reqwest::Url;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

/// What is spoken on.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Where a connection may lead, and whom it believes there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) outbound: &'a Outbound,
    pub(super) judges: &'a Judges,
    pub(super) trust: &'a Trust,
}

impl Way<'_> {
    /// Connects to where a URL leads. `protocol` is asked for by ALPN.
    pub(super) async fn open(
        self,
        url: &Url,
        protocol: &[u8],
        deadline: Deadline,
    ) -> Result<Box<dyn Connection>, Trouble> {
        let host = url.host_str().ok_or_else(|| Trouble::Ours(format!("{url} has no host")))?;
        let secure = matches!(url.scheme(), "https" | "wss");
        let port = url.port().unwrap_or(if secure { 443 } else { 80 });
        let address = format!("{host}:{port}");
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if !secure {
            return Ok(Box::new(tcp::connect(self.outbound, &address, left).await?));
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| Trouble::Ours(format!("{host:?} is no server name: {error}")))?;
        let mut config = self.judges.client(self.trust, left).await?;
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = tcp::connect(self.outbound, &address, left).await?;
        match timeout_at(deadline, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(refused(&address, &error)),
            Err(_) => Err(Trouble::theirs(FailureKind::Late, format!("{address}: no TLS handshake in time"))),
        }
    }
}

/// An address that answers, but not with TLS, is wrong, not down.
pub(super) fn refused(address: &str, error: &std::io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(doubt @ rustls::Error::InvalidCertificate(_)) => {
            Trouble::theirs(FailureKind::Certificate, format!("{address}: {}", in_words(doubt)))
        }
        Some(_) => Trouble::theirs(FailureKind::Wrong, format!("{address}: {error}")),
        None => Trouble::of_io(error, &format!("TLS with {address}")),
    }
}
