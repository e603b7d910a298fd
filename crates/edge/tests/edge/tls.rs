//! Clients that come over TLS: certificates by name, sessions taken up again, changes on disk, and slow ones.

use crate::client::{End, read};
use crate::replica::{BodyFault, Script};
use crate::rig::{Rig, music};
use crate::secure::{certify, client, connect, der, secure, shown};
use downbeat_edge::{CertificateFiles, StartError, start};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LENGTH: usize = 3_000_000;
const PATIENCE: Duration = Duration::from_secs(30);
const REQUEST: &[u8] = b"GET /song HTTP/1.1\r\nHost: a.example\r\n\r\n";

async fn rig(
    scripts: Vec<Script>,
    certificates: &[&[&str]],
) -> (Rig, Vec<crate::replica::Replica>, Vec<CertificateFiles>) {
    let mut files = Vec::new();
    let (rig, replicas) = Rig::with(scripts, |settings| files = secure(settings, certificates)).await;
    (rig, replicas, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_by_name_in_both_versions() {
    let names: [&[&str]; 3] = [&["a.example"], &["*.b.example"], &["x.b.example"]];
    let (rig, _, files) = rig(vec![Script::serving(b"sound")], &names).await;
    for version in [&TLS12, &TLS13] {
        let config = client(&files, &[version], &[]);
        for (name, expected) in [("a.example", 0), ("y.b.example", 1), ("x.b.example", 2)] {
            let mut stream = connect(rig.tls_address(), &config, name).await.expect(name);
            assert_eq!(shown(&stream), der(&files[expected]), "{name}");
            stream.write_all(REQUEST).await.expect("the edge reads");
            let answer = read(&mut stream).await;
            assert_eq!((answer.status, &answer.body[..]), (200, &b"sound"[..]));
        }
        // The default one is shown to others, and they do not take it.
        let refused = connect(rig.tls_address(), &config, "c.example").await.expect_err("another name");
        assert!(refused.to_string().contains("not valid for name"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_taken_up_again() {
    let (rig, _, files) = rig(vec![Script::serving(b"sound")], &[&["a.example"]]).await;
    for version in [&TLS12, &TLS13] {
        let config = client(&files, &[version], &["http/1.1"]);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = connect(rig.tls_address(), &config, "a.example").await.expect("a handshake");
            stream.write_all(REQUEST).await.expect("the edge reads");
            assert_eq!(read(&mut stream).await.status, 200);
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected), "{version:?}");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_told_that_it_was_tls() {
    let (rig, replicas, files) = rig(vec![Script::serving(b"sound")], &[&["a.example"]]).await;
    let mut stream =
        connect(rig.tls_address(), &client(&files, &[&TLS13], &[]), "a.example").await.expect("a handshake");
    stream.write_all(REQUEST).await.expect("the edge reads");
    assert_eq!(read(&mut stream).await.status, 200);
    assert!(replicas[0].seen()[0].contains("X-Forwarded-Proto: https\r\n"), "{}", replicas[0].seen()[0]);
    assert_eq!(rig.get("/").await.status, 200);
    assert!(replicas[0].seen()[1].contains("X-Forwarded-Proto: http\r\n"), "{}", replicas[0].seen()[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_survives_a_dying_replica() {
    let sound = Script::serving(&music(LENGTH));
    for fault in [BodyFault::Reset, BodyFault::Eof, BodyFault::Stall] {
        let breaking = Script { fault: Some((LENGTH / 2, fault)), ..sound.clone() };
        let (rig, _, files) = rig(vec![breaking, sound.clone()], &[&["a.example"]]).await;
        let config = client(&files, &[&TLS13], &[]);
        let mut stream = connect(rig.tls_address(), &config, "a.example").await.expect("a handshake");
        stream.write_all(REQUEST).await.expect("the edge reads");
        let answer = read(&mut stream).await;
        assert!(answer.end == End::Whole && answer.body == music(LENGTH), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_cut_does_not_end_well() {
    let breaking = Script { fault: Some((1_000, BodyFault::Reset)), etag: None, ..Script::serving(&music(LENGTH)) };
    let (rig, _, files) = rig(vec![breaking], &[&["a.example"]]).await;
    let mut stream =
        connect(rig.tls_address(), &client(&files, &[&TLS13], &[]), "a.example").await.expect("a handshake");
    stream.write_all(REQUEST).await.expect("the edge reads");
    let mut bytes = Vec::new();
    // No word of an end: that is an error to every client of TLS.
    let error = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("in time").expect_err("an error");
    assert!(bytes.len() < LENGTH, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_loses_nothing() {
    let (rig, _, files) = rig(vec![Script::serving(&music(LENGTH))], &[&["a.example"]]).await;
    let mut stream =
        connect(rig.tls_address(), &client(&files, &[&TLS13], &[]), "a.example").await.expect("a handshake");
    stream.write_all(REQUEST).await.expect("the edge reads");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = read(&mut stream).await;
    assert!(answer.end == End::Whole && answer.body == music(LENGTH));
}

async fn metric(rig: &Rig, name: &str) -> u64 {
    let metrics = String::from_utf8(rig.admin("GET /metrics", "").await.body).expect("text");
    let line = metrics.lines().find(|line| line.starts_with(&format!("downbeat_edge_{name}_total "))).expect(name);
    line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}

async fn until(rig: &Rig, name: &str, at_least: u64) {
    let deadline = Instant::now() + PATIENCE;
    while metric(rig, name).await < at_least {
        assert!(Instant::now() < deadline, "{name} never came to {at_least}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_without_a_drop_and_bad_ones_do_not_count() {
    let (rig, _, files) = rig(vec![Script::serving(b"sound")], &[&["a.example"]]).await;
    let first = der(&files[0]);
    let config = client(&files, &[&TLS13], &[]);
    let mut old = connect(rig.tls_address(), &config, "a.example").await.expect("a handshake");
    assert_eq!(shown(&old), first);

    certify(&files[0], &["a.example"]);
    let second = der(&files[0]);
    until(&rig, "certificates_adopted", 1).await;
    let config = client(&files, &[&TLS13], &[]);
    let refused = connect(rig.tls_address(), &config, "a.example").await;
    assert_eq!(shown(&refused.expect("the new one is shown")), second);

    // A key without its certificate, and then nothing at all.
    for step in 1..=2 {
        let refused = metric(&rig, "certificates_refused").await;
        if step == 1 {
            std::fs::write(&files[0].cert, "-----BEGIN CERTIFICATE-----\n").expect("written");
        } else {
            std::fs::remove_file(&files[0].key).expect("removed");
        }
        until(&rig, "certificates_refused", refused + 1).await;
        let stream = connect(rig.tls_address(), &config, "a.example").await.expect("the old one goes on");
        assert_eq!(shown(&stream), second);
    }

    // Whoever was there all the time has noticed nothing.
    old.write_all(REQUEST).await.expect("the edge reads");
    assert_eq!(read(&mut old).await.status, 200);
}

/// A hello of its own, as it goes over the wire.
fn hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let name = ServerName::try_from("a.example").expect("a name");
    let mut client = ClientConnection::new(config.clone(), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("memory takes everything");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_fall_silent_in_a_handshake_keep_nobody_out() {
    let mut files = Vec::new();
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        files = secure(settings, &[&["a.example"]]);
        // Whoever had to wait for one of the silent ones would wait longer than this test does.
        (settings.limits.handshakes, settings.limits.handshake) = (1, PATIENCE * 2);
    })
    .await;
    let config = client(&files, &[&TLS13], &[]);
    let mut silent = Vec::new();
    for i in 0..300 {
        let mut stream = TcpStream::connect(rig.tls_address()).await.expect("the edge listens");
        let hello = hello(&config);
        match i % 3 {
            0 => {}
            1 => stream.write_all(&hello[..hello.len() / 2]).await.expect("the edge reads"),
            _ => {
                stream.write_all(&hello).await.expect("the edge reads");
                let answered = timeout(PATIENCE, stream.read(&mut [0; 1])).await.expect("in time");
                assert_eq!(answered.expect("an answer to the hello"), 1);
            }
        }
        silent.push(stream);
    }
    let mut honest = timeout(PATIENCE, connect(rig.tls_address(), &config, "a.example"))
        .await
        .expect("its turn comes though nobody else goes on")
        .expect("a handshake");
    honest.write_all(REQUEST).await.expect("the edge reads");
    assert_eq!(read(&mut honest).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_shake_hands_is_sent_away() {
    let mut files = Vec::new();
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        files = secure(settings, &[&["a.example"]]);
        settings.limits.handshake = Duration::from_millis(300);
    })
    .await;
    let mut silent = TcpStream::connect(rig.tls_address()).await.expect("the edge listens");
    assert_eq!(timeout(PATIENCE, silent.read(&mut [0; 1])).await.expect("in time").ok(), Some(0));
    let mut stuck = TcpStream::connect(rig.tls_address()).await.expect("the edge listens");
    stuck.write_all(&hello(&client(&files, &[&TLS13], &[]))).await.expect("the edge reads");
    let mut bytes = Vec::new();
    // However the connection ends: the hello was answered, and nothing came of it.
    let _ = timeout(PATIENCE, stuck.read_to_end(&mut bytes)).await.expect("in time");
    assert_eq!(bytes.first(), Some(&22), "a handshake record");
    let mut plain = TcpStream::connect(rig.tls_address()).await.expect("the edge listens");
    plain.write_all(REQUEST).await.expect("the edge reads");
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut bytes)).await.expect("in time");
    assert!(!bytes.starts_with(b"HTTP"), "no HTTP without TLS here");
    until(&rig, "failed_arrivals", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_does_not_start_with_a_certificate_that_it_cannot_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = crate::rig::settings(&folder, &[crate::rig::nobody()]);
    let files = secure(&mut settings, &[&["a.example"], &["b.example"]]);
    std::fs::copy(&files[0].key, &files[1].key).expect("copied");
    let error = start(settings.clone()).await.expect_err("a foreign key");
    assert!(matches!(error, StartError::Tls(_)), "{error}");
    let says = error.to_string();
    assert!(says.contains("c1.key") && says.contains("does not belong to the certificate"), "{says}");
    std::fs::remove_file(&files[0].cert).expect("removed");
    let says = start(settings).await.expect_err("no file").to_string();
    assert!(says.contains("c0.pem") && says.contains("No such file"), "{says}");
}
