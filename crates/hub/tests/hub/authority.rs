//! Certificates for tests: an authority of one's own, what it signs, and servers that show it.

use crate::rig::any_port;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Who signs.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

/// What a server shows, its own certificate first, and proves.
pub(crate) struct Shown {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

/// Days from now.
pub(crate) fn day(days: i64) -> SystemTime {
    let span = Duration::from_secs(days.unsigned_abs() * 86_400);
    if days < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
}

impl Authority {
    pub(crate) fn new(title: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, title);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().expect("a key") }
    }

    /// Its own certificate in a file.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("own-authority.pem");
        let own = self.params.self_signed(&self.key).expect("signed");
        std::fs::write(&file, own.pem()).expect("a writable folder");
        file
    }

    /// The certificate of another authority, signed by this one.
    pub(crate) fn sign(&self, other: &Self) -> CertificateDer<'static> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        other.params.signed_by(&other.key, &issuer).expect("signed").der().clone()
    }

    /// A certificate for a name, from and until so many days from now.
    pub(crate) fn issue(&self, name: &str, (from, until): (i64, i64)) -> Shown {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.into()]).expect("a name");
        (params.not_before, params.not_after) = (day(from).into(), day(until).into());
        let own = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).expect("signed");
        Shown { chain: vec![own.der().clone()], key }
    }
}

impl Shown {
    /// A server that shows it, and what it does with whoever has shaken hands. The port.
    pub(crate) async fn serve<F: Future<Output = ()> + Send>(
        self,
        protocols: &[&[u8]],
        talk: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + 'static,
    ) -> u16 {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .expect("a certificate");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, talk) = (acceptor.clone(), talk.clone());
                tokio::spawn(async move {
                    // Who does not believe the certificate hangs up.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream).await;
                    }
                });
            }
        });
        port
    }
}
