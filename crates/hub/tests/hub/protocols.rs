//! Probes that speak gRPC, WebSocket and ICMP, against real servers on this machine.

use crate::probes::{LONG, SHORT, kind, mute, nobody, run, serve};
use crate::rig::any_port;
use axum::Router;
use bytes::{BufMut, BytesMut};
use downbeat_core::model::{FailureKind, ProbeOutcome};
use downbeat_hub::settings::{ProbeTask, Trust};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

/// The health of `shop`, `cart` and of the server itself, as gRPC servers tell it; everything else is unknown there.
async fn grpc_server() -> String {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_grpc(stream));
        }
    });
    root
}

/// A client that hangs up ends it.
pub(crate) async fn serve_grpc(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, reply))) = connection.accept().await {
        tokio::spawn(health(request, reply));
    }
}

async fn health(request: http::Request<h2::RecvStream>, mut reply: h2::server::SendResponse<bytes::Bytes>) {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["te"], "trailers");
    let mut body = request.into_body();
    let mut asked = BytesMut::new();
    while let Some(data) = body.data().await {
        asked.extend_from_slice(&data.expect("data"));
    }
    let service = asked.get(7..).unwrap_or_default();
    let head = http::Response::builder().header("content-type", "application/grpc");
    let state = match service {
        b"" | b"shop" => 1,
        b"cart" => 2,
        _ => {
            let head = head.header("grpc-status", "5").body(()).expect("a head");
            reply.send_response(head, true).expect("sent");
            return;
        }
    };
    let mut stream = reply.send_response(head.body(()).expect("a head"), false).expect("sent");
    let mut message = BytesMut::from(&[0, 0, 0, 0, 2, 0x08][..]);
    message.put_u8(state);
    stream.send_data(message.freeze(), false).expect("sent");
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    stream.send_trailers(trailers).expect("sent");
}

#[tokio::test]
async fn grpc() {
    let grpc =
        |url: &str, service: &str| ProbeTask::Grpc { url: url.into(), service: service.into(), trust: Trust::System };
    let root = grpc_server().await;
    let table = [("", None), ("shop", None), ("cart", Some(FailureKind::Status)), ("search", Some(FailureKind::Wrong))];
    for (service, expected) in table {
        assert_eq!(kind(run(grpc(&root, service), LONG).await), expected, "{service}");
    }
    let plain = serve(Router::new()).await;
    assert_eq!(kind(run(grpc(&plain, ""), LONG).await), Some(FailureKind::Reset), "no HTTP/2 there");
    let silent = format!("http://{}", mute().await);
    assert_eq!(kind(run(grpc(&silent, ""), SHORT).await), Some(FailureKind::Late));
    let gone = format!("http://{}", nobody().await);
    assert_eq!(kind(run(grpc(&gone, ""), LONG).await), Some(FailureKind::Refused));
}

/// Greets, and echoes what it hears in capitals.
async fn echo_server() -> String {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let url = format!("ws://{}/live", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(greet(stream));
        }
    });
    url
}

/// A client that hangs up ends it.
pub(crate) async fn greet(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut words = Some("welcome".to_owned());
    while let Some(text) = words.take() {
        if socket.send(Message::text(text)).await.is_err() {
            return;
        }
        if let Some(Ok(Message::Text(text))) = socket.next().await {
            words = Some(text.to_uppercase());
        }
    }
}

#[tokio::test]
async fn websocket() {
    let talk = |url: &str, send: Option<&str>, expect: Option<&str>| ProbeTask::WebSocket {
        url: url.into(),
        send: send.map(String::from),
        expect: expect.map(String::from),
        trust: Trust::System,
    };
    let url = echo_server().await;
    assert_eq!(kind(run(talk(&url, None, None), LONG).await), None);
    assert_eq!(kind(run(talk(&url, None, Some("welcome")), LONG).await), None);
    assert_eq!(kind(run(talk(&url, Some("ping"), Some("PING")), LONG).await), None);
    assert_eq!(kind(run(talk(&url, Some("ping"), Some("PONG")), SHORT).await), Some(FailureKind::Late));
    let plain = serve(Router::new()).await.replace("http://", "ws://");
    assert_eq!(kind(run(talk(&plain, None, None), LONG).await), Some(FailureKind::Wrong), "404 is no handshake");
    let gone = format!("ws://{}", nobody().await);
    assert_eq!(kind(run(talk(&gone, None, None), LONG).await), Some(FailureKind::Refused));
}

/// Where the system lets nobody send ICMP, the result is unknown and says what to do.
#[tokio::test]
async fn icmp() {
    let ping = |host: &str| ProbeTask::Icmp { host: host.into() };
    match run(ping("127.0.0.1"), LONG).await {
        ProbeOutcome::Passed { .. } => {}
        ProbeOutcome::Unknown { detail } => assert!(detail.contains("net.ipv4.ping_group_range"), "{detail}"),
        other => panic!("{other:?}"),
    }
    let inside = run(ping("127.1"), LONG).await;
    assert!(matches!(&inside, ProbeOutcome::Unknown { detail } if detail.contains("[outbound] allow")), "{inside:?}");
    assert_eq!(kind(run(ping("no-such-host.invalid"), LONG).await), Some(FailureKind::Unresolved));
}
