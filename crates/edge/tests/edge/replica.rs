//! A replica for tests: serves one body, and fails on request in every way that a replica can fail.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the replica does.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) body: Arc<Vec<u8>>,
    pub(crate) etag: Option<&'static str>,
    pub(crate) ranges: Ranges,
    pub(crate) framing: Framing,
    pub(crate) head: Head,
    pub(crate) fault: Option<(usize, BodyFault)>,
    /// Bytes between pauses, and the pause.
    pub(crate) pace: (usize, Duration),
    /// More fields, each ended by CR LF.
    pub(crate) fields: &'static str,
    /// Fields behind a body in chunks, each ended by CR LF.
    pub(crate) trailers: &'static str,
    /// What health checks on `/healthz` are answered with.
    pub(crate) health: u16,
    /// Whether connections are kept.
    pub(crate) keep: Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Alive,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranges {
    Honoured,
    /// 200 with all of it, whatever was asked.
    Ignored,
    /// 206 that starts one byte too late.
    Shifted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    Prompt,
    Hang,
    Status(u16),
    /// The same after so long.
    StatusAfter(u16, Duration),
    /// Closes without a word, having read the request.
    Hangup,
    Garbage,
    /// Answers before it has read the body.
    Early(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFault {
    Reset,
    Eof,
    Stall,
    /// Silent for so many milliseconds, then goes on.
    Pause(u64),
}

impl Script {
    pub(crate) fn serving(body: &[u8]) -> Self {
        Self {
            body: Arc::new(body.to_vec()),
            etag: Some("\"v1\""),
            ranges: Ranges::Honoured,
            framing: Framing::Length,
            head: Head::Prompt,
            fault: None,
            pace: (16 * 1024, Duration::ZERO),
            fields: "",
            trailers: "",
            health: 200,
            keep: Keep::Alive,
        }
    }
}

/// A running replica.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    /// Heads and bodies of requests other than checks, as they came.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Replica {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0", script).await
    }

    pub(crate) async fn start_at(address: &str, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let replica = Self { address, script: Arc::new(Mutex::new(script)), seen: Arc::default() };
        let served = replica.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let replica = served.clone();
                stream.set_nodelay(true).expect("an open socket");
                tokio::spawn(async move { while_alive(replica.serve(stream)).await });
            }
        });
        replica
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().expect("no panic while held"));
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while held").clone()
    }

    fn script(&self) -> Script {
        self.script.lock().expect("no panic while held").clone()
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let early = matches!(self.script().head, Head::Early(_));
            let length = if early { |_: &str, _: &str| Some(0) } else { request_length };
            let Some(request) = next_request(&mut stream, &mut buffer, length).await? else { return Ok(()) };
            let script = self.script();
            if request.starts_with("GET /healthz") {
                let head = format!("HTTP/1.1 {} Health\r\n{}Content-Length: 2\r\n\r\nok", script.health, script.fields);
                match script.head {
                    Head::Hang => std::future::pending().await,
                    _ => stream.write_all(head.as_bytes()).await?,
                }
                continue;
            }
            self.seen.lock().expect("no panic while held").push(request.clone());
            script.answer(&mut stream, &request).await?;
            if script.keep == Keep::Close || script.framing == Framing::UntilClose {
                return Ok(());
            }
        }
    }
}

/// A broken connection is the edge's business.
async fn while_alive(serving: impl Future<Output = std::io::Result<()>>) {
    let _ = serving.await;
}

async fn next_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    length: fn(&str, &str) -> Option<usize>,
) -> std::io::Result<Option<String>> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some(end) = text.find("\r\n\r\n").map(|at| at + 4)
            && let Some(length) = length(&text[..end], &text[end..])
            && text.len() >= end + length
        {
            buffer.drain(..end + length);
            return Ok(Some(text[..end + length].to_owned()));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|l| l.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

/// Length of the body as it lies on the wire; `None` while its end has not come.
fn request_length(head: &str, rest: &str) -> Option<usize> {
    match field(head, "transfer-encoding") {
        Some(_) => {
            let last = if rest.starts_with("0\r\n") { 0 } else { rest.find("\r\n0\r\n")? + 2 };
            rest[last..].find("\r\n\r\n").map(|at| last + at + 4)
        }
        None => field(head, "content-length").map_or(Some(0), |n| n.parse().ok()),
    }
}

impl Script {
    async fn answer_with(&self, stream: &mut TcpStream, status: u16) -> std::io::Result<()> {
        let head = format!("HTTP/1.1 {status} Test\r\n{}Content-Length: 4\r\n\r\ntest", self.fields);
        stream.write_all(head.as_bytes()).await
    }

    async fn answer(&self, stream: &mut TcpStream, request: &str) -> std::io::Result<()> {
        match self.head {
            Head::Hang => std::future::pending().await,
            Head::Hangup => Err(std::io::ErrorKind::BrokenPipe.into()),
            Head::Garbage => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await,
            Head::Status(status) | Head::Early(status) => self.answer_with(stream, status).await,
            Head::StatusAfter(status, delay) => {
                tokio::time::sleep(delay).await;
                self.answer_with(stream, status).await
            }
            Head::Prompt => self.answer_well(stream, request).await,
        }
    }

    async fn answer_well(&self, stream: &mut TcpStream, request: &str) -> std::io::Result<()> {
        if let Some(etag) = self.etag.filter(|etag| field(request, "if-none-match") == Some(etag)) {
            let head = format!("HTTP/1.1 304 Test\r\n{}ETag: {etag}\r\n\r\n", self.fields);
            return stream.write_all(head.as_bytes()).await;
        }
        let (status, first, last) = self.range(request);
        let mut head = format!("HTTP/1.1 {status} Test\r\n{}", self.fields);
        if let Some(etag) = self.etag {
            head.push_str(&format!("ETag: {etag}\r\n"));
        }
        if self.ranges != Ranges::Ignored {
            head.push_str("Accept-Ranges: bytes\r\n");
        }
        if status == 206 {
            head.push_str(&format!("Content-Range: bytes {first}-{last}/{}\r\n", self.body.len()));
        }
        match self.framing {
            Framing::Length => head.push_str(&format!("Content-Length: {}\r\n", last + 1 - first)),
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => head.push_str("Connection: close\r\n"),
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        if request.starts_with("HEAD") { Ok(()) } else { self.send_body(stream, first, last).await }
    }

    fn range(&self, request: &str) -> (u16, usize, usize) {
        let all = (200, 0, self.body.len() - 1);
        let asked = field(request, "range").and_then(|r| r.strip_prefix("bytes=")?.split_once('-'));
        let outdated = field(request, "if-range").is_some_and(|tag| Some(tag) != self.etag);
        let Some((first, last)) = asked.filter(|_| self.ranges != Ranges::Ignored && !outdated) else { return all };
        let first: usize = first.parse().expect("tests ask with a first byte");
        let last = last.parse().unwrap_or(self.body.len() - 1);
        (206, if self.ranges == Ranges::Shifted { first + 1 } else { first }, last)
    }

    async fn send_body(&self, stream: &mut TcpStream, first: usize, last: usize) -> std::io::Result<()> {
        let mut at = first;
        let mut fault = self.fault.filter(|(place, _)| (first..=last).contains(place));
        while at <= last {
            let mut end = (at + self.pace.0).min(last + 1);
            if let Some((place, kind)) = fault.filter(|(place, _)| (at..end).contains(place)) {
                end = place;
                fault = None;
                self.send_piece(stream, &self.body[at..end]).await?;
                break_off(stream, kind).await?;
            } else {
                self.send_piece(stream, &self.body[at..end]).await?;
                tokio::time::sleep(self.pace.1).await;
            }
            at = end;
        }
        match self.framing {
            Framing::Chunked => stream.write_all(format!("0\r\n{}\r\n", self.trailers).as_bytes()).await,
            Framing::Length | Framing::UntilClose => Ok(()),
        }
    }

    async fn send_piece(&self, stream: &mut TcpStream, piece: &[u8]) -> std::io::Result<()> {
        if self.framing == Framing::Chunked && !piece.is_empty() {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            stream.write_all(piece).await?;
            return stream.write_all(b"\r\n").await;
        }
        stream.write_all(piece).await
    }
}

async fn break_off(stream: &mut TcpStream, kind: BodyFault) -> std::io::Result<()> {
    match kind {
        BodyFault::Stall => std::future::pending().await,
        BodyFault::Pause(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(())
        }
        BodyFault::Eof => Err(std::io::ErrorKind::BrokenPipe.into()),
        BodyFault::Reset => {
            // The reset would overtake what the edge has not read yet.
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.set_zero_linger()?;
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
}
