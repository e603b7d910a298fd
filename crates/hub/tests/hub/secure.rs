//! Probes of HTTP, gRPC and WebSockets over TLS, against real servers with good and with bad certificates.

use crate::authority::{Authority, Shown};
use crate::probes::{LONG, failure, kind, run, serve};
use crate::protocols::{greet, serve_grpc};
use axum::Router;
use downbeat_core::model::{FailureKind, ProbeOutcome};
use downbeat_hub::settings::{HttpTask, ProbeTask, Trust};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What is spoken behind the handshake.
#[derive(Debug, Clone, Copy)]
enum Spoken {
    Http,
    Grpc,
    WebSocket,
}

impl Spoken {
    const ALL: [Self; 3] = [Self::Http, Self::Grpc, Self::WebSocket];

    /// A server that speaks it; the port.
    async fn serve(self, shown: Shown) -> u16 {
        match self {
            Self::Http => shown.serve(&[b"http/1.1"], answer).await,
            Self::Grpc => {
                // A client that does not ask for HTTP/2 by ALPN gets none.
                let talk = async |stream: TlsStream<TcpStream>| {
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                    serve_grpc(stream).await;
                };
                shown.serve(&[b"h2"], talk).await
            }
            Self::WebSocket => shown.serve(&[b"http/1.1"], greet).await,
        }
    }

    fn task(self, host: &str, port: u16, trust: Trust) -> ProbeTask {
        match self {
            Self::Http => ProbeTask::Http(HttpTask { trust, ..HttpTask::get(format!("https://{host}:{port}/")) }),
            Self::Grpc => ProbeTask::Grpc { url: format!("https://{host}:{port}"), service: "shop".into(), trust },
            Self::WebSocket => {
                let (url, expect) = (format!("wss://{host}:{port}/live"), Some("welcome".into()));
                ProbeTask::WebSocket { url, send: None, expect, trust }
            }
        }
    }
}

/// One request, one answer.
async fn answer(stream: TlsStream<TcpStream>) {
    let mut stream = BufStream::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).await.is_ok_and(|bytes| bytes == 0) {
            return;
        }
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    stream.write_all(answer).await.expect("written");
    stream.shutdown().await.expect("written");
}

#[tokio::test]
async fn good_certificates_pass_and_bad_ones_are_named() {
    let (own, stranger) = (Authority::new("the root"), Authority::new("a stranger"));
    let folder = tempfile::tempdir().expect("a folder");
    let trust = || Trust::Also(own.write(folder.path()));
    for spoken in Spoken::ALL {
        let table = [
            (own.issue("localhost", (-10, 90)), None),
            (own.issue("localhost", (-90, -2)), Some("the certificate expired 2.0 days ago")),
            (own.issue("localhost", (2, 90)), Some("not valid before 2.0 days from now")),
            (own.issue("music.example", (-10, 90)), Some("not for localhost: it is for")),
            (stranger.issue("localhost", (-10, 90)), Some("nobody who is trusted has signed the certificate")),
        ];
        for (shown, says) in table {
            let port = spoken.serve(shown).await;
            match (failure(run(spoken.task("localhost", port, trust()), LONG).await), says) {
                (None, None) => {}
                (Some((FailureKind::Certificate, None, detail)), Some(says)) if detail.contains(says) => {}
                (came, _) => panic!("{spoken:?}: {came:?} instead of {says:?}"),
            }
            let anybody = spoken.task("localhost", port, Trust::Anybody);
            assert_eq!(kind(run(anybody, LONG).await), None, "{spoken:?}: anybody may have signed it");
        }
    }
}

#[tokio::test]
async fn what_is_no_tls_is_wrong_and_what_cannot_be_read_is_ours() {
    let plain = serve(Router::new()).await;
    let port = plain.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    for spoken in [Spoken::Grpc, Spoken::WebSocket] {
        assert_eq!(kind(run(spoken.task("127.0.0.1", port, Trust::Anybody), LONG).await), Some(FailureKind::Wrong));
    }
    for spoken in Spoken::ALL {
        match run(spoken.task("127.0.0.1", port, Trust::Also("gone.pem".into())), LONG).await {
            ProbeOutcome::Unknown { detail } => {
                assert!(detail.contains("whom to trust: cannot read gone.pem"), "{detail}")
            }
            other => panic!("a file that is gone says nothing about the server: {other:?}"),
        }
    }
}
