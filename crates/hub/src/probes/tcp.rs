//! A TCP connection.

use super::Trouble;
use downbeat_core::model::FailureKind;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to `host:port`.
pub(super) async fn connect(address: &str, within: Duration) -> Result<TcpStream, Trouble> {
    let doing = format!("connecting to {address}");
    match timeout(within, resolve_and_connect(address, &doing)).await {
        Ok(result) => result,
        Err(_) => Err(Trouble::theirs(FailureKind::Unreachable, format!("{doing}: no connection in time"))),
    }
}

async fn resolve_and_connect(address: &str, doing: &str) -> Result<TcpStream, Trouble> {
    let unresolved = |error| Trouble::theirs(FailureKind::Unresolved, format!("{doing}: {error}"));
    let found: Vec<_> = tokio::net::lookup_host(address).await.map_err(unresolved)?.collect();
    TcpStream::connect(found.as_slice()).await.map_err(|error| Trouble::of_io(&error, doing))
}
