//! Connections that become something else than HTTP, as WebSockets do.

use crate::rig::{Rig, settings};
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ASK: &[u8] = b"GET /live HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Key: 7\r\n\r\nearly";

/// Answers every request with this head, and then says everything back in capitals.
async fn echo(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    seen.push(stream.read_u8().await?);
                }
                let text = String::from_utf8_lossy(&seen).to_lowercase();
                if text.contains("/live") {
                    assert!(text.contains("connection: upgrade\r\nupgrade: echo"), "{text}");
                }
                stream.write_all(head.as_bytes()).await?;
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer).await? {
                        0 => return stream.shutdown().await,
                        n => stream.write_all(&buffer[..n].to_ascii_uppercase()).await?,
                    }
                }
            });
        }
    });
    address
}

async fn rig(head: &'static str) -> Rig {
    let folder = TempDir::new().expect("a folder");
    let mut settings = settings(&folder, &[echo(head).await]);
    settings.health.path = "/".into();
    Rig::start(folder, settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_replicas_101_bytes_go_both_ways() {
    let rig = rig("HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Accept: 8\r\n\r\nhello ").await;
    let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
    stream.write_all(ASK).await.expect("the edge reads");
    let head = "HTTP/1.1 101 Switching Protocols\r\nX-Accept: 8\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut got = vec![0; head.len() + "hello EARLY".len()];
    stream.read_exact(&mut got).await.expect("the switch");
    assert_eq!(String::from_utf8_lossy(&got), format!("{head}hello EARLY"));
    stream.write_all(b"and late").await.expect("the tunnel stands");
    stream.shutdown().await.expect("half of it ends");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.expect("the other half goes on");
    assert_eq!(rest, "AND LATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_101_there_is_no_tunnel() {
    let rig = rig("HTTP/1.1 200 No\r\nContent-Length: 2\r\n\r\nno").await;
    let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
    let request = &ASK[..ASK.len() - "early".len()];
    stream.write_all(request).await.expect("the edge reads");
    let answer = crate::client::read(&mut stream).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"no"[..]));
    stream.write_all(b"GET /next HTTP/1.1\r\nHost: test\r\n\r\n").await.expect("still HTTP");
    assert_eq!(crate::client::read(&mut stream).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_nobody_asked_for_is_an_error() {
    let rig = rig("HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n").await;
    assert_eq!(rig.get("/plain").await.status, 502);
}
