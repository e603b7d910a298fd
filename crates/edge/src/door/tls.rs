//! TLS towards clients: the handshake, and certificates that may change while clients come in.
//!
//! One configuration lives as long as the edge does; only the certificates in it change. So sessions that a client
//! has tickets for are taken up again over a change too.

use crate::change::settings::CertificateFiles;
use crate::door::certificates::{Certificate, CertificateFault, CertificateSummary, Chooser, PemPair, provider};
use crate::run::sync::{read, write};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, RwLock};

/// The name of HTTP/2 in a handshake.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";
/// The name of HTTP/1.1 in a handshake.
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// A certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
    /// A listener, and nothing to show there.
    #[error("TLS needs at least one certificate")]
    NoCertificate,
    /// The library does not do what is asked of it.
    #[error("set TLS up: {0}")]
    Library(String),
}

/// TLS towards clients.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    shelf: Arc<Shelf>,
}

/// Where the certificates stand.
#[derive(Debug)]
struct Shelf {
    chooser: RwLock<Arc<Chooser>>,
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chooser = read(&self.chooser).clone();
        Some(chooser.choose(hello.server_name()))
    }
}

/// All certificates, checked.
#[derive(Debug)]
pub(crate) struct CertificateSet {
    pub(crate) summaries: Vec<CertificateSummary>,
    chooser: Chooser,
}

impl CertificateSet {
    /// Makes a set of what was read.
    ///
    /// # Errors
    /// The first [`TlsFault`]; then nothing of the set is to be used.
    pub(crate) fn of(files: &[CertificateFiles], pairs: &[PemPair]) -> Result<Self, TlsFault> {
        let provider = provider();
        let parsed = files.iter().zip(pairs).map(|(files, pair)| Certificate::parse(files, pair, &provider));
        let certificates = parsed.collect::<Result<Vec<_>, _>>()?;
        let chooser = Chooser::of(&certificates).ok_or(TlsFault::NoCertificate)?;
        let summaries = certificates.into_iter().map(|certificate| certificate.summary).collect();
        Ok(Self { summaries, chooser })
    }
}

/// Reads all files of all certificates.
///
/// # Errors
/// The first file that cannot be read.
pub(crate) fn read_pairs(files: &[CertificateFiles]) -> Result<Vec<PemPair>, CertificateFault> {
    files.iter().map(PemPair::read).collect()
}

impl Tls {
    /// TLS that shows these certificates.
    ///
    /// # Errors
    /// When the library refuses what is asked of it.
    pub(crate) fn of(set: CertificateSet) -> Result<Self, TlsFault> {
        let shelf = Arc::new(Shelf { chooser: RwLock::new(Arc::new(set.chooser)) });
        Ok(Self { config: Arc::new(config(shelf.clone())?), shelf })
    }

    /// Shows these certificates from now on.
    pub(crate) fn adopt(&self, set: CertificateSet) {
        *write(&self.shelf.chooser) = Arc::new(set.chooser);
    }
}

fn config(shelf: Arc<Shelf>) -> Result<ServerConfig, TlsFault> {
    let fault = |error: rustls::Error| TlsFault::Library(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()));
    let versions =
        builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]).map_err(fault)?;
    let mut config = versions.with_no_client_auth().with_cert_resolver(shelf);
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
    // The session lies with the client, under a key of ours that changes by itself: nothing to keep for each client.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(fault)?;
    Ok(config)
}
