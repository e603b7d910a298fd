//! Looks at whatever certificate a server shows, judges its dates, its names and who signed it, and says in words what is wrong.

use super::trust::Judge;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate that was shown.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    certificate: CertificateDer<'static>,
    /// Why whoever signed it is not believed.
    doubt: Option<Error>,
}

/// Where the certificate of a handshake ends up.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight(Arc<OnceLock<Seen>>);

impl Sight {
    /// The certificate, if the handshake came so far.
    pub(super) fn take(&self) -> Option<Seen> {
        self.0.get().cloned()
    }
}

/// A client that accepts any certificate and remembers it, and what the judge says of who signed it. It sends nothing after the
/// handshake.
pub(super) fn seeing(judge: Judge) -> Result<(ClientConfig, Sight), Error> {
    let (provider, sight) = (Arc::new(aws_lc_rs::default_provider()), Sight::default());
    let config = accepting(Arc::new(Onlooker { provider, judge, sight: sight.clone() }))?;
    Ok((config, sight))
}

/// A client that accepts what the judge accepts.
pub(super) fn accepting(judge: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(judge)
        .with_no_client_auth();
    Ok(config)
}

impl Seen {
    /// Says what is wrong: unreadable, not yet or no longer valid, too little time left, another's name, signed by nobody who is
    /// believed.
    pub(super) fn judge(&self, name: &ServerName<'_>, now: SystemTime, valid_for: Duration) -> Result<(), String> {
        let (_, parsed) =
            X509Certificate::from_der(&self.certificate).map_err(|error| format!("it cannot be read: {error}"))?;
        let now = seconds(now);
        let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
        if now < from.timestamp() {
            return Err(format!("the certificate is not valid before {from}"));
        }
        if now > until.timestamp() {
            return Err(format!("the certificate expired on {until}"));
        }
        let left = until.timestamp() - now;
        if left < i64::try_from(valid_for.as_secs()).unwrap_or(i64::MAX) {
            return Err(format!("the certificate expires in {:.1} days, on {until}", left as f64 / 86_400.0));
        }
        self.judge_name(name)?;
        self.doubt.as_ref().map_or(Ok(()), |doubt| Err(in_words(doubt)))
    }

    fn judge_name(&self, name: &ServerName<'_>) -> Result<(), String> {
        let wrong = |error| format!("the certificate is not for {}: {error}", name.to_str());
        let parsed = ParsedCertificate::try_from(&self.certificate).map_err(wrong)?;
        verify_server_name(&parsed, name).map_err(wrong)
    }
}

/// What is wrong with a certificate, for people.
pub(super) fn in_words(doubt: &Error) -> String {
    let Error::InvalidCertificate(why) = doubt else { return format!("the certificate is not trusted: {doubt}") };
    match why {
        CertificateError::UnknownIssuer => {
            "nobody who is trusted has signed the certificate; perhaps the server does not send the one in between"
                .into()
        }
        CertificateError::Expired => "the certificate has expired".into(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!("the certificate expired {:.1} days ago", days(*not_after, *time))
        }
        CertificateError::NotValidYet => "the certificate is not valid yet".into(),
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("the certificate is not valid before {:.1} days from now", days(*time, *not_before))
        }
        CertificateError::NotValidForName => "the certificate is for another name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = if presented.is_empty() { "nobody".into() } else { presented.join(", ") };
            format!("the certificate is not for {}: it is for {names}", expected.to_str())
        }
        CertificateError::Revoked => "the certificate was revoked".into(),
        other => format!("the certificate is not trusted: {other}"),
    }
}

fn days(from: UnixTime, until: UnixTime) -> f64 {
    (until.as_secs().saturating_sub(from.as_secs())) as f64 / 86_400.0
}

fn seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |span| span.as_secs().cast_signed())
}

/// Accepts any certificate, but checks that the server has its key.
#[derive(Debug)]
struct Onlooker {
    provider: Arc<CryptoProvider>,
    judge: Judge,
    sight: Sight,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |judge: &Arc<dyn ServerCertVerifier>| {
            judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let doubt = self.judge.as_ref().and_then(|judge| verify(judge).err());
        self.sight.0.get_or_init(|| Seen { certificate: end_entity.clone().into_owned(), doubt });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
