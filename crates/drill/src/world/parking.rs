//! Somebody else's web server: where a region's name leads when it is wrong. It answers 200 to everything, as
//! parked domains do, so that a status alone proves nothing.

use super::ports::Ports;
use crate::place::ReplicaId;
use axum::Router;
use axum::response::Html;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const PAGE: &str = "<!doctype html><title>encore.internal</title><h1>This domain may be for sale</h1>\n";

/// The stranger; gone when dropped.
#[derive(Debug)]
pub(super) struct Parking {
    _servers: JoinSet<()>,
}

/// Why the stranger's address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address}")]
pub struct ParkingError {
    /// Where it should have been.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub source: std::io::Error,
}

impl Parking {
    /// Answers on the ports of all doors.
    pub(super) async fn open(ports: Ports) -> Result<Self, ParkingError> {
        let mut servers = JoinSet::new();
        for address in ReplicaId::ALL.map(|id| ports.parked(id)) {
            let listener = TcpListener::bind(address).await.map_err(|source| ParkingError { address, source })?;
            let pages = Router::new().fallback(async || Html(PAGE));
            servers.spawn(async move { drop(axum::serve(listener, pages).await) });
        }
        Ok(Self { _servers: servers })
    }
}
