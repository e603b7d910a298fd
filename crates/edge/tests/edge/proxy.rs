//! Proxies in front of the edge: whose word counts, and what becomes of everybody else's.

use crate::client::{Answer, read, send};
use crate::replica::{Replica, Script};
use crate::rig::Rig;
use crate::secure::{client, secure};
use downbeat_edge::{EdgeSettings, ProxyProtocol, TraceFields};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = (rest.len() as u16).to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, rest].concat()
}

async fn rig(change: impl FnOnce(&mut EdgeSettings)) -> (Rig, Vec<Replica>) {
    Rig::with(vec![Script::serving(b"sound")], change).await
}

fn trusting(range: &str, protocol: ProxyProtocol) -> impl Fn(&mut EdgeSettings) {
    let range = range.parse().expect("a range");
    move |settings| {
        settings.proxies.trusted = vec![range];
        settings.proxies.protocol = protocol;
    }
}

async fn send_bytes(rig: &Rig, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
    stream.write_all(bytes).await.expect("the edge reads");
    read(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_whose_connection_it_is() {
    let (rig, replicas) = rig(trusting("127.0.0.0/8", ProxyProtocol::Everywhere)).await;
    let mut v6 = [0; 36];
    v6[..2].copy_from_slice(&[0x20, 1]);
    let table = [
        (V1.to_vec(), "192.0.2.7"),
        (v2(0x21, 0x11, &[192, 0, 2, 8, 10, 0, 0, 1, 0, 9, 1, 187]), "192.0.2.8"),
        (v2(0x21, 0x11, &[192, 0, 2, 9, 10, 0, 0, 1, 0, 9, 1, 187, 4, 0, 1, 0]), "192.0.2.9"),
        (v2(0x21, 0x21, &v6), "2001::"),
        (v2(0x20, 0, &[]), "127.0.0.1"),
    ];
    for (header, address) in table {
        let answer = send_bytes(&rig, &[&header[..], REQUEST.as_bytes()].concat()).await;
        assert_eq!(answer.status, 200, "{address}");
        let seen = replicas[0].seen().pop().expect("a request");
        assert!(seen.contains(&format!("X-Forwarded-For: {address}\r\n")), "{address}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_that_does_not_say_it_is_not_served() {
    let (rig, replicas) = rig(trusting("127.0.0.0/8", ProxyProtocol::Plain)).await;
    for bytes in
        [REQUEST.as_bytes(), b"PROXY TCP4 x y 1 2\r\n\r\n", &v2(0x31, 0x11, &[0; 12]), &v2(0x21, 0x11, &[0; 4])]
    {
        let answer = send_bytes(&rig, bytes).await;
        assert!(answer.status == 0 && answer.body.is_empty(), "closed without a word: {answer:?}");
    }
    assert!(replicas[0].seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_say_it() {
    let (rig, replicas) = rig(trusting("10.0.0.0/8", ProxyProtocol::Everywhere)).await;
    // To whoever does not expect it, it is a request line with one word too many.
    assert!(matches!(send_bytes(&rig, &[V1, REQUEST.as_bytes()].concat()).await.status, 400 | 505));
    assert!(replicas[0].seen().is_empty());
    let claims = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nForwarded: for=9.9.9.9\r\n\r\n";
    assert_eq!(send(rig.address(), claims).await.status, 200);
    let seen = &replicas[0].seen()[0];
    assert!(!seen.contains("9.9.9.9") && seen.contains("X-Forwarded-For: 127.0.0.1\r\n"), "{seen}");
    assert!(seen.contains("X-Forwarded-Proto: http\r\n"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_before_the_handshake_of_tls() {
    let mut files = Vec::new();
    let (rig, replicas) = rig(|settings| {
        files = secure(settings, &[&["a.example"]]);
        trusting("127.0.0.1", ProxyProtocol::Tls)(settings);
    })
    .await;
    let mut stream = TcpStream::connect(rig.tls_address()).await.expect("the edge listens");
    stream.write_all(V1).await.expect("the edge reads");
    let name = ServerName::try_from("a.example").expect("a name");
    let connector = TlsConnector::from(client(&files, &[&TLS13], &[]));
    let mut stream = connector.connect(name, stream).await.expect("a handshake");
    stream.write_all(REQUEST.as_bytes()).await.expect("the edge reads");
    assert_eq!(read(&mut stream).await.status, 200);
    assert!(replicas[0].seen()[0].contains("X-Forwarded-For: 192.0.2.7\r\n"));
    // Without TLS nothing of the kind was asked for.
    assert_eq!(send(rig.address(), REQUEST).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trusted_proxy_forwards_goes_on_with_ours_behind_it() {
    let (rig, replicas) = rig(|settings| {
        trusting("127.0.0.1", ProxyProtocol::Nowhere)(settings);
        settings.proxies.fields = TraceFields::Both;
    })
    .await;
    let fields = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nForwarded: for=192.0.2.7;proto=https\r\n";
    assert_eq!(send(rig.address(), &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await.status, 200);
    let seen = &replicas[0].seen()[0];
    assert!(seen.contains("X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"), "{seen}");
    let forwarded = "Forwarded: for=192.0.2.7;proto=https, for=127.0.0.1;host=\"a\";proto=http\r\n";
    assert!(seen.contains(forwarded), "{seen}");
}
