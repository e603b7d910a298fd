//! A certificate for proxies that speak TLS: made once by `openssl`, believed by no one, which no load client minds.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the parts are, PEM each.
pub(crate) struct Certificate {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub(super) both: PathBuf,
}

impl Certificate {
    /// Makes one on the curve that most of the web uses.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let place = |name: &str| folder.join(name);
        let made = Self { cert: place("cert.pem"), key: place("key.pem"), both: place("both.pem") };
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        // Names count only where browsers look for them, and the edge takes no certificate without.
        command.args(["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        command.arg("-keyout").arg(&made.key).arg("-out").arg(&made.cert);
        let output = command.output().context("run openssl")?;
        ensure!(output.status.success(), "make a certificate: {}", String::from_utf8_lossy(&output.stderr).trim());
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
        fs::write(&made.both, read(&made.cert)? + &read(&made.key)?).context("write certificate and key")?;
        Ok(made)
    }
}
