//! Trailers pass the edge both ways and between the versions; what belongs in front of a body does not.

use crate::client::PATIENCE;
use crate::frames::{DATA, END_HEADERS, HEADERS, NO_ERROR, POST, RESET, Raw, field, frame};
use crate::http2::{client_of, request};
use crate::replica::{Framing, Script};
use crate::rig::{Rig, music};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than is kept to be sent again, and more than a stream's window: it is streamed.
const LONG: usize = 300_000;
/// What goes on of [`MIXED`].
const SUM: &str = "X-Sum: 1\r\n";
/// A trailer with much that has no place there.
const MIXED: &str = "Content-Length: 9\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nHost: b\r\nAuthorization: c\r\n";

/// A replica whose answers have trailers.
fn trailing(length: usize) -> Script {
    let fields = "Trailer: X-Sum\r\n";
    Script { framing: Framing::Chunked, fields, trailers: MIXED, ..Script::serving(&music(length)) }
}

/// Everything that comes back on a connection of its own, as it comes.
async fn raw(rig: &Rig, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
    stream.write_all(request).await.expect("the edge reads");
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("in time").expect("a clean end");
    bytes
}

/// The head of an answer.
fn head(bytes: &[u8]) -> String {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    String::from_utf8_lossy(&bytes[..end + 4]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_its_trailers_behind_chunks() {
    for length in [1, LONG] {
        let (rig, replicas) = Rig::new(vec![trailing(length)]).await;
        let get = b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n";
        let bytes = raw(&rig, get).await;
        assert!(bytes.ends_with(format!("\r\n0\r\n{SUM}\r\n").as_bytes()), "{}", String::from_utf8_lossy(&bytes));
        assert!(head(&bytes).contains("\r\nTrailer: X-Sum\r\n"), "{}", head(&bytes));
        let seen = replicas[0].seen().pop().expect("a request");
        assert!(seen.contains("\r\nTE: trailers\r\nConnection: TE\r\n"), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_place_for_trailers_gets_none() {
    let (rig, replicas) = Rig::new(vec![trailing(LONG)]).await;
    let bytes = raw(&rig, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(bytes.ends_with(&music(LONG)), "nothing but the body");
    assert!(!head(&bytes).contains("Trailer"), "{}", head(&bytes));
    assert!(!replicas[0].seen()[0].contains("TE:"), "what the client does not take is not asked for");
    // The connection to the replica was read to its end, and serves again.
    let again = raw(&rig, b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(head(&again).starts_with("HTTP/1.1 200") && again.len() == head(&again).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_its_trailers_behind_the_data_of_http_2() {
    for length in [1, LONG] {
        let (rig, replicas) = Rig::new(vec![trailing(length)]).await;
        let mut requests = client_of(&rig).await.ready().await.expect("a connection");
        let mut asked = request("GET", "/");
        asked.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let (answer, _) = requests.send_request(asked, true).expect("sent");
        let answer = timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
        assert_eq!(answer.headers()["trailer"], "X-Sum");
        let (mut body, mut bytes) = (answer.into_body(), Vec::new());
        while let Some(data) = timeout(PATIENCE, body.data()).await.expect("in time") {
            let data = data.expect("the body is whole");
            body.flow_control().release_capacity(data.len()).expect("what came is given back");
            bytes.extend_from_slice(&data);
        }
        assert!(bytes == music(length), "{} bytes", bytes.len());
        let trailers = timeout(PATIENCE, body.trailers()).await.expect("in time").expect("no reset").expect("trailers");
        assert_eq!(
            trailers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect::<Vec<_>>(),
            [("x-sum", &b"1"[..])]
        );
        assert!(replicas[0].seen()[0].contains("\r\nTE: trailers\r\n"), "{}", replicas[0].seen()[0]);
    }
}

/// What a replica sees of a request has this body, in chunks, and the one good trailer behind it.
fn check_seen(seen: &str, body: &str) {
    let (head, mut rest) = seen.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("\r\nTransfer-Encoding: chunked") && !head.contains("Content-Length"), "{head}");
    let mut got = String::new();
    loop {
        let (size, more) = rest.split_once("\r\n").expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            rest = more;
            break;
        }
        got.push_str(&more[..size]);
        rest = more[size..].strip_prefix("\r\n").expect("the end of a chunk");
    }
    assert!(got == body, "{} bytes", got.len());
    assert_eq!(rest.to_ascii_lowercase(), format!("{SUM}\r\n").to_ascii_lowercase());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_chunks_keeps_its_trailers_on_the_way_to_the_replica() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    for body in ["hello".to_owned(), "0123456789".repeat(LONG / 10)] {
        let head = "POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        let request = format!("{head}{:x}\r\n{body}\r\n0\r\n{MIXED}\r\n", body.len());
        let bytes = raw(&rig, request.as_bytes()).await;
        assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes));
        check_seen(&replicas[0].seen().pop().expect("a request"), &body);
    }
}

/// Posts a body and trailers over HTTP/2, and returns the status of the answer.
async fn post(rig: &Rig, request: Request<()>, mut body: Bytes) -> u16 {
    let mut requests = client_of(rig).await.ready().await.expect("a connection");
    let (answer, mut sending) = requests.send_request(request, false).expect("sent");
    while !body.is_empty() {
        sending.reserve_capacity(body.len());
        let room = poll_fn(|cx| sending.poll_capacity(cx)).await.expect("the stream is open").expect("no reset");
        sending.send_data(body.split_to(room.min(body.len())), false).expect("sent");
    }
    let mut trailers = HeaderMap::new();
    for (name, value) in [("x-sum", "1"), ("content-length", "9"), ("set-cookie", "a=b"), ("authorization", "c")] {
        trailers.insert(name, HeaderValue::from_static(value));
    }
    sending.send_trailers(trailers).expect("sent");
    timeout(PATIENCE, answer).await.expect("in time").expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_http_2_keeps_its_trailers_on_the_way_to_the_replica() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    for (length, fields) in [
        (0, &[][..]),
        (5, &[]),
        (5, &["content-length"]),
        (LONG, &[]),
        // A long body goes on before its trailers are there, so they have to be announced.
        (LONG, &["content-length", "trailer"]),
    ] {
        let body = "0123456789".repeat(length.div_ceil(10))[..length].to_owned();
        let mut asked = request("POST", "/up");
        for name in fields {
            let value = if *name == "trailer" { "x-sum".to_owned() } else { length.to_string() };
            asked.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        assert_eq!(post(&rig, asked, body.clone().into()).await, 200, "{length} {fields:?}");
        check_seen(&replicas[0].seen().pop().expect("a request"), &body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trailer_that_is_none_is_refused_and_reaches_nobody() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    for trailer in ["no colon\r\n", "a b: c\r\n", "a: b\0\r\n", &"a: b\r\n".repeat(33)] {
        let head = "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = raw(&rig, format!("{head}1\r\nx\r\n0\r\n{trailer}\r\n").as_bytes()).await;
        assert!(bytes.starts_with(b"HTTP/1.1 400"), "{trailer:?}: {}", String::from_utf8_lossy(&bytes));
    }
    // Trailers that do not end the stream.
    let mut raw = Raw::connect(rig.address()).await;
    raw.send(&[frame(HEADERS, END_HEADERS, 1, POST), frame(DATA, 0, 1, b"x")].concat()).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &field("x-sum", "1"))).await;
    assert_ne!(raw.next_of(RESET, 1).await.code(), NO_ERROR);
    assert!(replicas[0].seen().is_empty(), "{:?}", replicas[0].seen());
}
