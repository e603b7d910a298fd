//! Clients that speak HTTP/2: what HTTP/1 clients get of failover, they get too.

use crate::client::PATIENCE;
use crate::frames::{END_HEADERS, END_STREAM, GET, GOAWAY, HEADERS, PING, Raw, farewell, frame};
use crate::replica::{BodyFault, Head, Keep, Replica, Script};
use crate::rig::{Rig, music};
use crate::secure::{client, connect, secure};
use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use rustls::version::TLS13;
use std::future::poll_fn;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const LENGTH: usize = 3_000_000;

/// A client on a connection.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Bytes> {
    let (requests, connection) = handshake(stream).await.expect("a handshake");
    // Its errors are those of the requests on it.
    tokio::spawn(async move { drop(connection.await) });
    requests
}

pub(crate) async fn client_of(rig: &Rig) -> SendRequest<Bytes> {
    speak(TcpStream::connect(rig.address()).await.expect("the edge listens")).await
}

pub(crate) fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://test{path}")).body(()).expect("a request")
}

/// Sends a request with a body and waits for the head of its answer.
async fn ask(
    requests: &SendRequest<Bytes>,
    request: Request<()>,
    body: Option<&[u8]>,
) -> Result<Response<RecvStream>, h2::Error> {
    let mut requests = requests.clone().ready().await?;
    let (answer, mut sending) = requests.send_request(request, body.is_none())?;
    if let Some(mut body) = body {
        while !body.is_empty() {
            sending.reserve_capacity(body.len());
            let Some(room) = poll_fn(|cx| sending.poll_capacity(cx)).await else { break };
            let (now, later) = body.split_at(room?.min(body.len()));
            sending.send_data(Bytes::copy_from_slice(now), later.is_empty())?;
            body = later;
        }
    }
    timeout(PATIENCE, answer).await.expect("an answer within the test's patience")
}

/// The whole body, or what came of it and how it broke.
async fn read(mut body: RecvStream) -> Result<Vec<u8>, (Vec<u8>, h2::Error)> {
    let mut bytes = Vec::new();
    while let Some(data) = timeout(PATIENCE, body.data()).await.expect("data within the test's patience") {
        match data {
            Ok(data) => {
                bytes.extend_from_slice(&data);
                body.flow_control().release_capacity(data.len()).expect("what came is given back");
            }
            Err(error) => return Err((bytes, error)),
        }
    }
    Ok(bytes)
}

fn breaking(fault: BodyFault) -> Script {
    Script { fault: Some((LENGTH / 2, fault)), ..Script::serving(&music(LENGTH)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_survives_a_dying_replica_in_the_open_and_over_tls() {
    for fault in [BodyFault::Reset, BodyFault::Eof, BodyFault::Stall] {
        let mut files = Vec::new();
        let scripts = vec![breaking(fault), Script::serving(&music(LENGTH))];
        let (rig, _) = Rig::with(scripts, |settings| files = secure(settings, &[&["test"]])).await;
        let config = client(&files, &[&TLS13], &["h2", "http/1.1"]);
        let secured = connect(rig.tls_address(), &config, "test").await.expect("a handshake");
        assert_eq!(secured.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        for requests in [client_of(&rig).await, speak(secured).await] {
            let answer = ask(&requests, request("GET", "/song"), None).await.expect("an answer");
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-length"], LENGTH.to_string());
            assert!(read(answer.into_body()).await.is_ok_and(|body| body == music(LENGTH)), "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_can_prove_is_reset_and_never_ended() {
    let scripts = vec![Script { etag: None, keep: Keep::Close, ..breaking(BodyFault::Reset) }];
    let (rig, _) = Rig::new(scripts).await;
    let answer = ask(&client_of(&rig).await, request("GET", "/song"), None).await.expect("a head");
    let (bytes, error) = read(answer.into_body()).await.expect_err("a reset");
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    assert!(music(LENGTH).starts_with(&bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_replica_is_not_noticed() {
    let (rig, _) = Rig::with(vec![Script::serving(b"1"), Script::serving(b"sound")], |settings| {
        settings.replicas[0].url = format!("http://{}", crate::rig::nobody());
    })
    .await;
    let requests = client_of(&rig).await;
    for _ in 0..20 {
        let answer = ask(&requests, request("GET", "/"), None).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert!(read(answer.into_body()).await.is_ok_and(|body| body == b"sound"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_are_served_at_once() {
    let body = music(200_000);
    let (rig, _) = Rig::with(vec![Script::serving(&body)], |s| s.replicas[0].max_in_flight = 1_000).await;
    let requests = client_of(&rig).await;
    // Behind the first answer the client knows how many streams it may open; more are refused.
    let first = ask(&requests, request("GET", "/"), None).await.expect("an answer");
    assert!(read(first.into_body()).await.is_ok_and(|bytes| bytes == body));
    let mut streams = JoinSet::new();
    for _ in 0..300 {
        let requests = requests.clone();
        streams.spawn(async move {
            let answer = ask(&requests, request("GET", "/"), None).await.expect("an answer");
            (answer.status().as_u16(), read(answer.into_body()).await.expect("a body"))
        });
    }
    while let Some(ended) = streams.join_next().await {
        let (status, bytes) = ended.expect("no panic");
        assert!(status == 200 && bytes == body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_long_and_short_arrive_whole() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    let requests = client_of(&rig).await;
    let text = |length: usize| "0123456789abcdef".repeat(length / 16);
    for length in [16, 64_000, 3_000_000] {
        let body = text(length);
        let answer = ask(&requests, request("POST", "/up"), Some(body.as_bytes())).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{length}");
        let seen = replicas[0].seen().pop().expect("a request");
        let arrived =
            if length > 64 * 1024 { dechunk(&seen) } else { seen.split("\r\n\r\n").nth(1).map(str::to_owned) };
        assert!(arrived.as_deref() == Some(&body), "{length}");
    }
}

fn dechunk(request: &str) -> Option<String> {
    let (_, mut rest) = request.split_once("\r\n\r\n")?;
    let mut out = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        out.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_are_refused() {
    let (rig, replicas) = Rig::with(vec![Script::serving(b"sound")], |s| s.limits.body_bytes = 1_000).await;
    let requests = client_of(&rig).await;
    let answer = ask(&requests, request("POST", "/"), Some(&[b'x'; 2_000])).await.expect("an answer");
    assert_eq!(answer.status(), 413);
    // The connection goes on: only the stream was refused.
    assert_eq!(ask(&requests, request("GET", "/"), None).await.expect("an answer").status(), 200);
    assert_eq!(replicas[0].seen().len(), 1);
}

async fn passes(requests: &SendRequest<Bytes>, replica: &Replica, asked: Request<()>, head: &str) {
    let answer = ask(requests, asked, None).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let seen = replica.seen().pop().expect("a request");
    assert!(seen.starts_with(&head.replace('|', "\r\n")), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_arrive_in_the_same_form_as_those_of_http_1() {
    let fields = "Connection: x-b\r\nX-B: gone\r\nX-A: stays\r\n";
    let (rig, replicas) = Rig::new(vec![Script { fields, ..Script::serving(b"sound") }]).await;
    let requests = client_of(&rig).await;
    let mut asked = request("GET", "//a///%62?c=%2f");
    asked.headers_mut().append("cookie", "a=1".parse().expect("a value"));
    asked.headers_mut().append("cookie", "b=2".parse().expect("a value"));
    passes(&requests, &replicas[0], asked, "GET /a/b?c=%2f HTTP/1.1|Host: test|cookie: a=1; b=2|").await;
    assert!(replicas[0].seen()[0].contains("Via: 2.0 downbeat\r\n"));
    let answer = ask(&requests, request("HEAD", "/"), None).await.expect("an answer");
    assert_eq!(answer.headers()["content-length"], "5");
    assert!(answer.headers().contains_key("x-a") && !answer.headers().contains_key("x-b"));
    assert!(!answer.headers().contains_key("connection"));
    assert!(read(answer.into_body()).await.is_ok_and(|body| body.is_empty()));
    replicas[0].change(|script| script.head = Head::Status(404));
    assert_eq!(ask(&requests, request("GET", "/"), None).await.expect("an answer").status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_gives_its_seat_back() {
    let (rig, replicas) = Rig::new(vec![Script { head: Head::Hang, ..Script::serving(b"sound") }]).await;
    let requests = client_of(&rig).await;
    let mut ready = requests.clone().ready().await.expect("a connection");
    let (answer, mut sending) = ready.send_request(request("GET", "/"), true).expect("a stream");
    while replicas[0].seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sending.send_reset(Reason::CANCEL);
    drop((answer, sending));
    rig.until("the seat is free", |state| state.to_string().contains("\"in_flight\":0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_streams_end_and_takes_no_more() {
    let pace = (16 * 1024, Duration::from_millis(20));
    let (rig, replicas) = Rig::with(vec![Script { pace, ..Script::serving(&music(300_000)) }], |settings| {
        settings.drain = Duration::from_secs(20);
    })
    .await;
    let mut raw = Raw::connect(rig.address()).await;
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, GET)).await;
    raw.next_of(HEADERS, 1).await;
    assert_eq!(replicas[0].seen().len(), 1);
    // A client that is polite: it gives windows back and answers the ping that finds out what is under way.
    let client = async {
        raw.send(&frame(crate::frames::WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes())).await;
        raw.send(&frame(crate::frames::WINDOW_UPDATE, 0, 1, &1_000_000_u32.to_be_bytes())).await;
        let (mut body, mut frames) = (Vec::new(), Vec::new());
        while let Some(came) = raw.next().await {
            match came.kind {
                crate::frames::DATA => body.extend_from_slice(&came.payload),
                PING if came.flags == 0 => raw.send(&frame(PING, 1, 0, &came.payload)).await,
                _ => {}
            }
            frames.push(came);
        }
        (body, frames)
    };
    let ((body, frames), ()) = tokio::join!(client, rig.edge.stop());
    assert!(body == music(300_000), "{} bytes", body.len());
    assert!(frames.iter().any(|came| came.kind == GOAWAY) && farewell(&frames) == Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_is_given_up_and_holds_no_replica() {
    let patience = Duration::from_millis(300);
    let (rig, _) = Rig::with(vec![Script::serving(&music(64_000_000))], |settings| {
        (settings.limits.client_stall, settings.limits.head) = (patience, patience);
    })
    .await;
    let most = 0x7fff_0000_u32.to_be_bytes();
    let window = |stream| frame(crate::frames::WINDOW_UPDATE, 0, stream, &most);
    // One does not make room, the other makes room for everything and does not read: its connection ends.
    let mut clients = Vec::new();
    for room in [vec![], [window(0), window(1)].concat()] {
        let mut raw = Raw::connect(rig.address()).await;
        raw.send(&[frame(HEADERS, END_HEADERS | END_STREAM, 1, GET), room].concat()).await;
        raw.next_of(HEADERS, 1).await;
        rig.until("the replica is asked no more", |state| state.to_string().contains("\"in_flight\":0")).await;
        clients.push(raw);
    }
    rig.until("one is gone", |state| state["connections"] == 1).await;
    assert_eq!(clients[0].next_of(crate::frames::RESET, 1).await.code(), 8);
}
