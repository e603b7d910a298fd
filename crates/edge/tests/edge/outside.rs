//! Clients that nobody here wrote: curl, nghttp, h2load, openssl. Where one is not installed its test says so and passes.

use crate::replica::{BodyFault, Script};
use crate::rig::{Rig, music};
use crate::secure::secure;
use downbeat_edge::{CertificateFiles, ProxyProtocol};
use std::io::ErrorKind;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

const LENGTH: usize = 3_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program; `None`, said loudly, where there is none.
async fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(PATIENCE, command.output()).await.expect("within the test's patience") {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("SKIPPED: {program} is not installed (Debian: curl, nghttp2-client, openssl)");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// An edge whose first replica dies in the middle of the body.
async fn rig() -> (Rig, Vec<CertificateFiles>) {
    let sound = Script::serving(&music(LENGTH));
    let breaking = Script { fault: Some((LENGTH / 2, BodyFault::Reset)), ..sound.clone() };
    let mut files = Vec::new();
    let (rig, _) = Rig::with(vec![breaking, sound], |settings| {
        files = secure(settings, &[&["a.example"], &["*.b.example"]]);
        settings.replicas.iter_mut().for_each(|replica| replica.max_in_flight = 1_000);
    })
    .await;
    (rig, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_every_byte_in_every_way() {
    let (rig, files) = rig().await;
    let port = rig.tls_address().port();
    let (resolve, cert) = (format!("a.example:{port}:127.0.0.1"), files[0].cert.display().to_string());
    let secure = format!("https://a.example:{port}/song");
    let open = format!("http://{}/song", rig.address());
    let table: [(&str, Vec<&str>, &str); 5] = [
        ("2", vec!["--http2", "--cacert", &cert, "--resolve", &resolve], &secure),
        ("1.1", vec!["--http1.1", "--cacert", &cert, "--resolve", &resolve], &secure),
        ("2", vec!["--http2", "--tls-max", "1.2", "--cacert", &cert, "--resolve", &resolve], &secure),
        ("2", vec!["--http2-prior-knowledge"], &open),
        ("1.1", vec!["--http1.1"], &open),
    ];
    for (version, options, url) in table {
        let told = ["-sS", "--noproxy", "*", "-w", "%{stderr}%{http_version} %{http_code}", url];
        let arguments: Vec<&str> = options.iter().copied().chain(told).collect();
        let Some(output) = run("curl", &arguments).await else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said == format!("{version} 200"), "{arguments:?}: {said}");
        assert!(output.stdout == music(LENGTH), "{arguments:?}: {} bytes", output.stdout.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_uploads_over_http_2_with_and_without_expecting_a_word() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("body");
    std::fs::write(&file, "0123456789abcdef".repeat(100_000)).expect("written");
    let (data, url) = (format!("@{}", file.display()), format!("http://{}/up", rig.address()));
    for expect in ["Expect: 100-continue", "Expect:"] {
        let arguments =
            ["-sS", "--noproxy", "*", "--http2-prior-knowledge", "-H", expect, "--data-binary", &data, &url];
        let Some(output) = run("curl", &arguments).await else { return };
        assert_eq!(output.stdout, b"sound", "{expect}: {}", String::from_utf8_lossy(&output.stderr));
        let seen = replicas[0].seen().pop().expect("a request");
        assert!(seen.contains("Content-Length: 1600000\r\n") && seen.ends_with("0123456789abcdef"), "{expect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_says_who_it_is_in_the_proxy_protocol() {
    let (rig, replicas) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        settings.proxies.trusted = vec!["127.0.0.0/8".parse().expect("a range")];
        settings.proxies.protocol = ProxyProtocol::Everywhere;
    })
    .await;
    let url = format!("http://{}/", rig.address());
    let Some(output) = run("curl", &["-sS", "--noproxy", "*", "--haproxy-protocol", &url]).await else { return };
    assert_eq!(output.stdout, b"sound", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(replicas[0].seen()[0].contains("X-Forwarded-For: 127.0.0.1\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nghttp_and_h2load_are_served() {
    let (rig, _) = rig().await;
    let secure = format!("https://127.0.0.1:{}/song", rig.tls_address().port());
    let open = format!("http://{}/song", rig.address());
    for url in [&secure, &open] {
        let Some(output) = run("nghttp", &["--no-verify-peer", url]).await else { return };
        assert!(output.stdout == music(LENGTH), "{url}: {} bytes", output.stdout.len());
        let Some(output) = run("h2load", &["-n", "200", "-c", "4", "-m", "20", url]).await else { return };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("200 succeeded, 0 failed, 0 errored, 0 timeout"), "{url}: {said}");
        assert!(said.contains("status codes: 200 2xx"), "{url}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_shown_the_certificate_of_the_name_it_asks_for() {
    let (rig, _) = rig().await;
    let address = rig.tls_address().to_string();
    for (name, expected) in [("a.example", "a.example"), ("x.b.example", "*.b.example"), ("c.example", "a.example")] {
        for version in ["-tls1_2", "-tls1_3"] {
            let arguments = ["s_client", "-connect", &address, "-servername", name, version, "-alpn", "h2,http/1.1"];
            let Some(output) = run("openssl", &arguments).await else { return };
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("ALPN protocol: h2"), "{name} {version}: {said}");
            let pem =
                said.split_once("-----BEGIN").expect("a certificate").1.split_once("-----END").expect("its end").0;
            let file = rig.folder.path().join("shown.pem");
            std::fs::write(&file, format!("-----BEGIN{pem}-----END CERTIFICATE-----\n")).expect("written");
            let file = file.display().to_string();
            let output = run("openssl", &["x509", "-in", &file, "-noout", "-ext", "subjectAltName"]).await;
            let said = String::from_utf8_lossy(&output.expect("openssl is there").stdout).into_owned();
            assert!(said.contains(&format!("DNS:{expected}")), "{name} {version}: {said}");
        }
    }
    let old = ["s_client", "-connect", &address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let Some(output) = run("openssl", &old).await else { return };
    assert!(!output.status.success(), "TLS 1.1 is not spoken");
}
