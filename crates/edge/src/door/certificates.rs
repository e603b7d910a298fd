//! Certificates: read from PEM files, checked, and chosen by the name that a client asks for.

use crate::change::settings::CertificateFiles;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Largest PEM file: a long chain takes a hundredth of it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What is wrong with a certificate or its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct CertificateFault {
    /// The file it is about.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: CertificateProblem,
}

/// What is wrong with the file of a certificate or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// The system does not give it.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Far larger than any certificate.
    #[error("is larger than {} KiB", FILE_BYTES_MAX / 1024)]
    TooLarge,
    /// Something in it is no PEM.
    #[error("is no PEM file: {0}")]
    NoPem(&'static str),
    /// PEM without a certificate.
    #[error("has no certificate in it")]
    NoCertificate,
    /// PEM without a key.
    #[error("has no private key in it")]
    NoKey,
    /// A key behind a passphrase.
    #[error("has a private key that is locked by a passphrase")]
    LockedKey,
    /// A certificate that cannot be understood.
    #[error("has a certificate in it that cannot be understood: {0}")]
    BadCertificate(String),
    /// A certificate for no host name.
    #[error("has a certificate in it that is for no host name")]
    Nameless,
    /// A key that cannot be used.
    #[error("has a private key in it that cannot be used: {0}")]
    BadKey(String),
    /// A key of another certificate.
    #[error("has a private key in it that does not belong to the certificate in {}", .0.display())]
    Mismatch(PathBuf),
}

impl CertificateFault {
    fn new(file: &Path, problem: CertificateProblem) -> Self {
        Self { file: file.into(), problem }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match &self.problem {
            CertificateProblem::Unreadable(_) => "check that the file is there and that this user may read it",
            CertificateProblem::TooLarge => "name the file of one certificate with its chain, not a bundle of all",
            CertificateProblem::NoPem(_) => {
                "PEM begins with -----BEGIN; turn DER into it with `openssl x509 -inform der`"
            }
            CertificateProblem::NoCertificate => {
                "`cert` is the file with -----BEGIN CERTIFICATE-----, the server's first"
            }
            CertificateProblem::NoKey => "`key` is the file with -----BEGIN PRIVATE KEY-----",
            CertificateProblem::LockedKey => {
                "unlock it with `openssl pkey -in KEY -out UNLOCKED`, readable by this user only"
            }
            CertificateProblem::BadCertificate(_) => "look at it with `openssl x509 -text -in FILE`",
            CertificateProblem::Nameless => {
                "it needs subject alternative names; a common name alone is taken by no browser"
            }
            CertificateProblem::BadKey(_) => "RSA of 2048 bits or more, ECDSA P-256 or P-384, and Ed25519 are taken",
            CertificateProblem::Mismatch(_) => "give the key that the certificate was asked for with",
        }
    }
}

/// A certificate with its key, ready to serve.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) summary: CertificateSummary,
}

/// What a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Host names, `*.` before those that stand for many.
    pub names: Vec<String>,
    /// Seconds since 1970 after which clients take it no more.
    pub not_after: i64,
}

impl CertificateSummary {
    /// True when clients take it no more.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        now.duration_since(UNIX_EPOCH).is_ok_and(|since| i128::from(since.as_secs()) > i128::from(self.not_after))
    }
}

/// The bytes of a certificate's two files. Not to be printed: one is secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PemPair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for PemPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PemPair").finish_non_exhaustive()
    }
}

/// Reads and checks a certificate and its key, as a start of the edge would.
///
/// # Errors
/// The first [`CertificateFault`].
pub fn check_certificate(files: &CertificateFiles) -> Result<CertificateSummary, CertificateFault> {
    let pair = PemPair::read(files)?;
    Certificate::parse(files, &pair, &provider()).map(|certificate| certificate.summary)
}

/// The one provider of cryptography.
pub(crate) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

impl PemPair {
    /// Reads the two files.
    pub(crate) fn read(files: &CertificateFiles) -> Result<Self, CertificateFault> {
        Ok(Self { cert: read(&files.cert)?, key: read(&files.key)? })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateFault> {
    let unreadable = |e: io::Error| CertificateFault::new(path, CertificateProblem::Unreadable(e.to_string()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(CertificateFault::new(path, CertificateProblem::TooLarge));
    }
    Ok(bytes)
}

impl Certificate {
    /// Checks a pair: that both can be read, and that they belong together.
    pub(crate) fn parse(
        files: &CertificateFiles,
        pair: &PemPair,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateFault> {
        let of_cert = |problem| CertificateFault::new(&files.cert, problem);
        let of_key = |problem| CertificateFault::new(&files.key, problem);
        let chain = parse_chain(&pair.cert).map_err(of_cert)?;
        let summary = summary(&chain[0]).map_err(of_cert)?;
        let key = parse_key(&pair.key).map_err(of_key)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => of_key(CertificateProblem::Mismatch(files.cert.clone())),
            rustls::Error::InvalidCertificate(why) => of_cert(CertificateProblem::BadCertificate(format!("{why:?}"))),
            other => of_key(CertificateProblem::BadKey(other.to_string())),
        })?;
        Ok(Self { key: Arc::new(key), summary })
    }
}

/// The server's certificate first, at least.
fn parse_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(no_pem)?;
    if chain.is_empty() { Err(CertificateProblem::NoCertificate) } else { Ok(chain) }
}

fn parse_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateProblem> {
    const LOCKED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound if pem.windows(LOCKED.len()).any(|w| w == LOCKED) => CertificateProblem::LockedKey,
        pem::Error::NoItemsFound => CertificateProblem::NoKey,
        other => no_pem(other),
    })
}

/// What is wrong, without a byte of what may be secret.
fn no_pem(error: pem::Error) -> CertificateProblem {
    CertificateProblem::NoPem(match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no -----END line",
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line is not one",
        pem::Error::Base64Decode(_) => "what stands in a section is not base64",
        _ => "it cannot be read as one",
    })
}

fn summary(der: &CertificateDer<'_>) -> Result<CertificateSummary, CertificateProblem> {
    let bad = |why: String| CertificateProblem::BadCertificate(why);
    let (_, parsed) = X509Certificate::from_der(der).map_err(|error| bad(error.to_string()))?;
    let alternatives = parsed.subject_alternative_name().map_err(|error| bad(error.to_string()))?;
    let names = alternatives.iter().flat_map(|a| &a.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        // Clients send no addresses as names; such a certificate can only be the default one.
        GeneralName::IPAddress(_) => Some(String::new()),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return Err(CertificateProblem::Nameless);
    }
    let names = names.into_iter().filter(|name| !name.is_empty()).collect();
    Ok(CertificateSummary { names, not_after: parsed.validity().not_after.timestamp() })
}

/// Which certificate belongs to which name.
#[derive(Debug)]
pub(crate) struct Chooser {
    by_name: BTreeMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Chooser {
    /// The first certificate for a name wins, and the first of all is the default; `None` when there is none.
    pub(crate) fn of(certificates: &[Certificate]) -> Option<Self> {
        let default = certificates.first()?.key.clone();
        let mut by_name = BTreeMap::new();
        for certificate in certificates {
            for name in &certificate.summary.names {
                by_name.entry(name.clone()).or_insert_with(|| certificate.key.clone());
            }
        }
        Some(Self { by_name, default })
    }

    /// The certificate of exactly that name, else of one that stands for all names beside it, else the default.
    pub(crate) fn choose(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        let found = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase()).and_then(|name| {
            let beside = || name.split_once('.').and_then(|(_, rest)| self.by_name.get(&format!("*.{rest}")));
            self.by_name.get(&name).or_else(beside)
        });
        found.unwrap_or(&self.default).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn pem(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("good names");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn parse(cert: &str, key: &str) -> Result<Certificate, CertificateFault> {
        let files = CertificateFiles { cert: "cert.pem".into(), key: "key.pem".into() };
        let pair = PemPair { cert: cert.into(), key: key.into() };
        Certificate::parse(&files, &pair, &provider())
    }

    fn certificate(names: &[&str]) -> Certificate {
        let (cert, key) = pem(names);
        parse(&cert, &key).expect("a good pair")
    }

    #[test]
    fn a_certificate_is_chosen_by_name() {
        let all =
            [certificate(&["a.example"]), certificate(&["*.b.example", "b.example"]), certificate(&["x.b.example"])];
        let chooser = Chooser::of(&all).expect("there are certificates");
        let table = [
            (Some("a.example"), 0),
            (Some("A.EXAMPLE."), 0),
            (Some("b.example"), 1),
            (Some("y.b.example"), 1),
            (Some("x.b.example"), 2),
            (Some("z.y.b.example"), 0),
            (Some("c.example"), 0),
            (Some("example"), 0),
            (None, 0),
        ];
        for (name, expected) in table {
            assert!(Arc::ptr_eq(&chooser.choose(name), &all[expected].key), "{name:?}");
        }
        assert!(Chooser::of(&[]).is_none());
    }

    #[test]
    fn what_is_wrong_with_a_pair_is_said() {
        let (cert, key) = pem(&["a.example"]);
        let (other, _) = pem(&["b.example"]);
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = cert.split_once("-----END").expect("PEM has an end").0;
        let (nameless, nameless_key) = pem(&[]);
        let table = [
            (cert.as_str(), "", "key.pem", "no private key"),
            (cert.as_str(), locked, "key.pem", "passphrase"),
            ("", &key, "cert.pem", "no certificate"),
            (&key, &key, "cert.pem", "no certificate"),
            (&other, &key, "key.pem", "does not belong to the certificate in cert.pem"),
            (garbage, &key, "cert.pem", "cannot be understood"),
            (cut, &key, "cert.pem", "no PEM file"),
            (&nameless, &nameless_key, "cert.pem", "for no host name"),
        ];
        for (cert, key, file, says) in table {
            let fault = parse(cert, key).expect_err(says);
            assert!(fault.file == Path::new(file) && fault.to_string().contains(says), "{says}: {fault}");
            assert!(!fault.hint().is_empty());
        }
    }

    #[test]
    fn files_are_read_or_told_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = CertificateFiles { cert: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        let fault = check_certificate(&files).expect_err("nothing there");
        assert!(fault.file == files.cert && matches!(fault.problem, CertificateProblem::Unreadable(_)), "{fault}");
        let (cert, key) = pem(&["a.example", "127.0.0.1"]);
        fs::write(&files.cert, cert).expect("written");
        fs::write(&files.key, key).expect("written");
        let summary = check_certificate(&files).expect("a good pair");
        assert_eq!(summary.names, ["a.example"]);
        assert!(!summary.is_expired(UNIX_EPOCH));
        assert!(CertificateSummary { not_after: 10, ..summary }.is_expired(SystemTime::now()));
        fs::write(&files.cert, vec![b'-'; FILE_BYTES_MAX as usize + 1]).expect("written");
        assert_eq!(check_certificate(&files).expect_err("too large").problem, CertificateProblem::TooLarge);
    }
}
