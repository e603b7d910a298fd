//! Who is told: takes every POST and keeps its key. And a reader of pages.

use std::collections::BTreeSet;
use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Listens for as long as the runtime lives.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let keys: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&keys);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&kept)));
            }
        });
        Self { url, keys }
    }

    /// All keys, in the order in which they came.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.lock().expect("no panic in between").clone()
    }

    /// How many have heard a word.
    pub(crate) fn heard(&self, word: &str) -> usize {
        self.keys().iter().filter(|key| key.starts_with(word)).collect::<BTreeSet<_>>().len()
    }
}

async fn take(stream: TcpStream, keys: Arc<Mutex<Vec<String>>>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length, mut key) = (String::new(), 0, String::new());
    while stream.read_line(&mut line).await? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => key = value.trim().to_owned(),
            _ => {}
        }
        line.clear();
    }
    stream.read_exact(&mut vec![0; length]).await?;
    keys.lock().expect("no panic in between").push(key);
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await
}

/// A page, with its head.
pub(crate) async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let head = format!("GET {path} HTTP/1.1\r\nHost: page\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it answers in UTF-8");
    text
}
