//! TLS: a listener needs certificates, and every certificate a key of its own, both in files that are there.

use super::Check;
use crate::config::fault::Complaint;
use crate::config::written::{CertificateTable, EdgeTable};
use downbeat_edge::{CertificateFiles, TlsSettings, check_certificate};

/// What to write where there is a listener without a certificate.
const NO_CERTIFICATE_HINT: &str = "add [[edge.certificate]], cert = \"example.pem\", key = \"example.key\"";

/// The settings for TLS; `None` when there is none, or something is at fault.
pub(super) fn resolve(edge: &EdgeTable, check: &Check<'_>) -> Option<TlsSettings> {
    let certificates: Vec<CertificateFiles> = edge.certificates.iter().filter_map(|c| files(c, check)).collect();
    let listen = edge.listen_tls.as_ref();
    match (listen, edge.certificates.first()) {
        (Some(listen), None) => {
            let complaint = Complaint::new("listen_tls without any certificate to show there");
            check.complain(listen.span(), complaint.hint(NO_CERTIFICATE_HINT));
        }
        (None, Some(first)) => {
            let complaint = Complaint::new("a certificate, and nowhere to show it");
            check.complain(first.span.clone(), complaint.hint("add listen_tls = \"0.0.0.0:8443\" to [edge]"));
        }
        _ => {}
    }
    listen.map(|listen| TlsSettings { listen: *listen.get_ref(), certificates })
}

/// The files of one certificate, checked as a start of the edge would.
fn files(table: &CertificateTable, check: &Check<'_>) -> Option<CertificateFiles> {
    let (cert, key) = (table.cert.as_ref()?, table.key.as_ref()?);
    let files = CertificateFiles { cert: check.folder.join(cert.get_ref()), key: check.folder.join(key.get_ref()) };
    if let Err(fault) = check_certificate(&files) {
        let span = if fault.file == files.cert { cert.span() } else { key.span() };
        check.complain(span, Complaint::new(fault.to_string()).hint(fault.hint()));
    }
    Some(files)
}
