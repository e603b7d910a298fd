//! A client that sends what it is told and tells exactly what came back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// No exchange of a test takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The body was as long as the head said.
    Whole,
    /// The connection was closed before.
    Short,
    /// The connection was reset before.
    Reset,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

/// Gets a path over a connection of its own.
pub(crate) async fn get(edge: SocketAddr, path: &str) -> Answer {
    send(edge, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")).await
}

/// Sends a request as it is.
pub(crate) async fn send(edge: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(edge).await.expect("the edge listens");
    stream.write_all(request.as_bytes()).await.expect("the edge reads");
    read(&mut stream).await
}

/// Sends a request from a given address, so that it counts for that network.
pub(crate) async fn send_from(from: &str, edge: SocketAddr, request: &str) -> Answer {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("all of 127/8 is ours");
    let mut stream = socket.connect(edge).await.expect("the edge listens");
    stream.write_all(request.as_bytes()).await.expect("the edge reads");
    read(&mut stream).await
}

/// Reads one answer.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Answer {
    read_slowly(stream, usize::MAX, Duration::ZERO).await
}

/// Reads one answer, so many bytes at a time with a pause between.
pub(crate) async fn read_slowly(stream: &mut (impl AsyncRead + Unpin), step: usize, pause: Duration) -> Answer {
    timeout(PATIENCE, read_answer(stream, step, pause)).await.expect("an answer within the test's patience")
}

async fn read_answer(stream: &mut (impl AsyncRead + Unpin), step: usize, pause: Duration) -> Answer {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; step.min(64 * 1024)];
    loop {
        if let Some(answer) = whole(&bytes) {
            return answer;
        }
        match stream.read(&mut buffer).await {
            Ok(0) => return broken(&bytes, End::Short),
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return broken(&bytes, End::Reset),
            Err(error) => panic!("reading the answer: {error}"),
        }
        if pause > Duration::ZERO {
            tokio::time::sleep(pause).await;
        }
    }
}

fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end..]))
}

fn answer(head: String, body: Vec<u8>, end: End) -> Answer {
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Answer { status, head, body, end }
}

fn whole(bytes: &[u8]) -> Option<Answer> {
    let (head, rest) = split(bytes)?;
    let parsed = answer(head, Vec::new(), End::Whole);
    if parsed.header("transfer-encoding").is_some() {
        return dechunk(rest).map(|body| Answer { body, ..parsed });
    }
    let length: usize = parsed.header("content-length")?.parse().ok()?;
    (rest.len() >= length).then(|| Answer { body: rest[..length].to_vec(), ..parsed })
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        rest = rest.get(line + 2..)?;
        if size == 0 {
            return rest.starts_with(b"\r\n").then_some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

fn broken(bytes: &[u8], end: End) -> Answer {
    match split(bytes) {
        Some((head, rest)) => {
            let delimited = answer(head, rest.to_vec(), end);
            let by_close =
                delimited.header("content-length").is_none() && delimited.header("transfer-encoding").is_none();
            if by_close && end == End::Short { Answer { end: End::Whole, ..delimited } } else { delimited }
        }
        None => answer(String::new(), bytes.to_vec(), end),
    }
}
