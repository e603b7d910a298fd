//! A connection by URL, with TLS where the scheme says so: what the probes of long-lived protocols speak on.

use super::tcp;
use super::{Trouble, web::Deadline};
use crate::outbound::Outbound;
use downbeat_core::model::FailureKind;
use reqwest::Url;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

/// What is spoken on.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to where a URL leads. `protocol` is asked for by ALPN.
pub(super) async fn open(
    outbound: &Outbound,
    url: &Url,
    protocol: &[u8],
    deadline: Deadline,
) -> Result<Box<dyn Stream>, Trouble> {
    let host = url.host_str().ok_or_else(|| Trouble::Ours(format!("{url} has no host")))?;
    let secure = matches!(url.scheme(), "https" | "wss");
    let port = url.port().unwrap_or(if secure { 443 } else { 80 });
    let address = format!("{host}:{port}");
    let left = deadline.saturating_duration_since(tokio::time::Instant::now());
    let stream = tcp::connect(outbound, &address, left).await?;
    if !secure {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|error| Trouble::Ours(format!("{host:?} is no server name: {error}")))?;
    let config = config(protocol).map_err(|error| Trouble::Ours(format!("cannot set TLS up: {error}")))?;
    match timeout_at(deadline, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(refused(&address, &error)),
        Err(_) => Err(Trouble::theirs(FailureKind::Late, format!("{address}: no TLS handshake in time"))),
    }
}

fn config(protocol: &[u8]) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

fn refused(address: &str, error: &std::io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => {
            Trouble::theirs(FailureKind::Certificate, format!("{address}: {error}"))
        }
        Some(_) => Trouble::theirs(FailureKind::Wrong, format!("{address}: {error}")),
        None => Trouble::of_io(error, &format!("TLS with {address}")),
    }
}
