//! Certificates for tests, and clients that check them.

use downbeat_edge::{CertificateFiles, EdgeSettings, TlsSettings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes a certificate for some names and writes it where `files` says.
pub(crate) fn certify(files: &CertificateFiles, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("good names");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    std::fs::write(&files.cert, made.cert.pem()).expect("written");
}

/// Where the certificate of a name is.
pub(crate) fn files(folder: &Path, label: &str) -> CertificateFiles {
    CertificateFiles { cert: folder.join(format!("{label}.pem")), key: folder.join(format!("{label}.key")) }
}

/// Makes an edge listen for TLS, with a certificate for each list of names; returns where they are.
pub(crate) fn secure(settings: &mut EdgeSettings, certificates: &[&[&str]]) -> Vec<CertificateFiles> {
    let folder = settings.data.clone();
    std::fs::create_dir_all(&folder).expect("a folder");
    let all: Vec<CertificateFiles> = (0..certificates.len()).map(|i| files(&folder, &format!("c{i}"))).collect();
    for (files, names) in all.iter().zip(certificates) {
        certify(files, names);
    }
    let listen = "127.0.0.1:0".parse().expect("an address");
    settings.tls = Some(TlsSettings { listen, certificates: all.clone() });
    all
}

pub(crate) fn der(files: &CertificateFiles) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.cert).expect("a certificate")
}

/// A client that trusts these certificates only.
pub(crate) fn client(
    trusted: &[CertificateFiles],
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for files in trusted {
        roots.add(der(files)).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Connects and shakes hands, asking for a name.
pub(crate) async fn connect(
    edge: SocketAddr,
    config: &Arc<ClientConfig>,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(edge).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(config.clone()).connect(name, stream).await
}

/// The certificate that was shown.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone().into_owned()
}
