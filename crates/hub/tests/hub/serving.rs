//! The status page's door over real sockets: what a reader has already is not sent again, what can be packed is packed for who
//! unpacks, and every form says for how long it may be kept.

use crate::rig::settings;
use downbeat_hub::{HubHandle, start};
use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH};
use reqwest::{Client, Method, Response, StatusCode};
use std::io::Read;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A hub, and who reads its page.
struct Reader {
    client: Client,
    hub: HubHandle,
}

impl Reader {
    async fn of(data: &std::path::Path) -> Self {
        let hub = start(settings(data)).await.expect("the hub starts");
        Self { client: Client::builder().no_proxy().build().expect("a client"), hub }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&reqwest::header::HeaderName, &str)]) -> Response {
        let request = self.client.request(method, format!("http://{}{path}", self.hub.status_address()));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("answered")
    }

    async fn get(&self, path: &str, headers: &[(&reqwest::header::HeaderName, &str)]) -> Response {
        self.ask(Method::GET, path, headers).await
    }
}

fn said<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).expect("it is gzip of UTF-8");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_file_is_not_sent_it_again() {
    let data = tempfile::tempdir().expect("a directory");
    let reader = Reader::of(data.path()).await;
    let gzip = (&ACCEPT_ENCODING, "br, gzip");
    for path in ["/status.css", "/badge.svg", "/404.html"] {
        let plain = reader.get(path, &[]).await;
        let (status, head) = (plain.status(), plain.headers().clone());
        let (tag, text) = (said(&head, "etag").to_owned(), plain.text().await.expect("read"));
        assert_eq!((status, said(&head, "content-encoding")), (StatusCode::OK, ""), "{path}");
        assert!(tag.len() > 20 && tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        assert_eq!(said(&head, "content-length"), text.len().to_string(), "{path}");

        let kept = reader.get(path, &[(&IF_NONE_MATCH, &format!("\"x\", W/{tag}"))]).await;
        assert_eq!((kept.status(), said(kept.headers(), "etag")), (StatusCode::NOT_MODIFIED, tag.as_str()), "{path}");
        for name in ["cache-control", "vary", "content-security-policy", "x-content-type-options"] {
            assert_eq!(said(kept.headers(), name), said(&head, name), "{path} {name}");
        }
        assert!(kept.bytes().await.expect("read").is_empty(), "{path}");
        let other = reader.get(path, &[(&IF_NONE_MATCH, "\"other\"")]).await;
        assert_eq!(other.text().await.expect("read"), text, "{path}");

        let head = reader.ask(Method::HEAD, path, &[]).await;
        assert_eq!(
            (said(head.headers(), "content-length"), said(head.headers(), "etag")),
            (&*text.len().to_string(), &*tag)
        );
    }

    let packed = reader.get("/status.css", &[gzip]).await;
    let (head, bytes) = (packed.headers().clone(), packed.bytes().await.expect("read"));
    assert_eq!((said(&head, "content-encoding"), said(&head, "vary")), ("gzip", "accept-encoding"));
    let text = reader.get("/status.css", &[]).await.text().await.expect("read");
    assert!(unpacked(&bytes) == text && bytes.len() * 2 < text.len(), "{} of {}", bytes.len(), text.len());
    let tag = said(&head, "etag").to_owned();
    let kept = reader.get("/status.css", &[gzip, (&IF_NONE_MATCH, &tag)]).await;
    assert_eq!(kept.status(), StatusCode::NOT_MODIFIED);
    let plain = reader.get("/status.css", &[(&IF_NONE_MATCH, &tag)]).await;
    assert_eq!(plain.status(), StatusCode::OK, "the packed form's tag is not the plain one's");
    reader.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_says_how_long_it_may_be_kept() {
    let data = tempfile::tempdir().expect("a directory");
    let reader = Reader::of(data.path()).await;
    let now = "public, max-age=5, stale-if-error=86400";
    for (path, status, kept) in [
        ("/", 200, now),
        ("/history", 200, now),
        ("/history.atom", 200, now),
        ("/api/v2/summary.json", 200, now),
        ("/nothing", 404, now),
        ("/status.js", 200, "public, max-age=60, stale-if-error=86400"),
        ("/report", 200, "no-store"),
    ] {
        for packing in ["identity", "gzip"] {
            let answer = reader.get(path, &[(&ACCEPT_ENCODING, packing)]).await;
            let told = (answer.status().as_u16(), said(answer.headers(), "cache-control"));
            assert_eq!(told, (status, kept), "{path} {packing}");
        }
    }
    let (missing, any) = (reader.get("/nothing", &[(&IF_NONE_MATCH, "*")]).await, (&IF_NONE_MATCH, "*"));
    assert_eq!((missing.status(), said(missing.headers(), "etag")), (StatusCode::NOT_FOUND, ""));
    assert_eq!(reader.get("/", &[any]).await.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(reader.ask(Method::POST, "/", &[]).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reader.get("/%69ndex.html", &[]).await.status(), StatusCode::OK, "what is escaped is found as well");
    reader.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_two_hosts_gets_no_page() {
    let data = tempfile::tempdir().expect("a directory");
    let reader = Reader::of(data.path()).await;
    for (head, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"),
        ("GET /%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 4"),
        ("GET //// HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"),
    ] {
        let mut stream = TcpStream::connect(reader.hub.status_address()).await.expect("it listens");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers and closes");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(expected), "{head:?}: {answer:.60}");
    }
    reader.hub.stop().await;
}
