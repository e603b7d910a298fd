//! A small HTTP client over one kept connection, from a source address of choice: what listeners, the crowd and
//! the conductor talk with.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// Longest body taken in whole, in bytes.
const BODY_BYTES_MAX: usize = 8 << 20;

/// hyper's read buffer, in bytes: small, so that not reading is felt by the sender.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No connection.
    #[error("connect to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    /// The connection broke, or what came was no HTTP.
    #[error("exchange with {0}")]
    Exchange(SocketAddr, #[source] hyper::Error),
    /// Nothing came in time.
    #[error("no answer from {0} within {1:?}")]
    Late(SocketAddr, Duration),
    /// The body broke off or was too long.
    #[error("read the answer's body")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The body is not what it should be.
    #[error("understand the answer's body")]
    Json(#[source] serde_json::Error),
    /// An answer that says no.
    #[error("{0} answered {1}")]
    Refused(String, StatusCode),
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(hyper::header::HeaderName, String)>,
    body: Bytes,
}

impl Ask {
    /// A GET.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A POST of JSON.
    pub(crate) fn post(path: impl Into<String>, body: &serde_json::Value) -> Self {
        let headers = vec![(CONTENT_TYPE, "application/json".to_owned())];
        Self { method: Method::POST, path: path.into(), headers, body: body.to_string().into() }
    }

    /// With a header.
    #[must_use]
    pub(crate) fn with(mut self, name: hyper::header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// In the name of whoever holds this token.
    #[must_use]
    pub(crate) fn by(self, token: &str) -> Self {
        self.with(AUTHORIZATION, format!("Bearer {token}"))
    }

    /// From this byte on.
    #[must_use]
    pub(crate) fn starting_at(self, byte: u64) -> Self {
        self.with(RANGE, format!("bytes={byte}-"))
    }

    /// True when the answer should be one playlist.
    pub(crate) fn is_playlist(&self) -> bool {
        self.path.starts_with("/api/playlists/")
    }

    fn request(&self, host: SocketAddr) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        let all = self.headers.iter().cloned().chain([(HOST, host.to_string())]);
        for (name, value) in all {
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }
}

/// An answer, taken in whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(CallError::Json)
    }
}

/// Calls one server, over one connection that is kept.
#[derive(Debug)]
pub(crate) struct Caller {
    server: SocketAddr,
    from: Option<Ipv4Addr>,
    receive_bytes: Option<u32>,
    patience: Duration,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Calls this server and waits at most so long for the head of each answer.
    pub(crate) fn new(server: SocketAddr, patience: Duration) -> Self {
        Self { server, from: None, receive_bytes: None, patience, kept: None }
    }

    /// From this source address.
    #[must_use]
    pub(crate) fn from(mut self, address: Ipv4Addr) -> Self {
        self.from = Some(address);
        self
    }

    /// With a receive buffer of so many bytes.
    #[must_use]
    pub(crate) fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_bytes = Some(bytes);
        self
    }

    /// Asks and answers with the head; the body is still to be read. The connection is used up.
    pub(crate) async fn open(&mut self, ask: &Ask) -> Result<Response<Incoming>, CallError> {
        let answer = self.send(ask).await;
        self.kept = None;
        answer
    }

    /// Asks and takes the whole answer in.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<Answer, CallError> {
        let (head, body) = self.send(ask).await?.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect();
        let Ok(body) = tokio::time::timeout(self.patience, body).await else {
            self.kept = None;
            return Err(CallError::Late(self.server, self.patience));
        };
        let body = body.map_err(CallError::Body)?.to_bytes();
        Ok(Answer { status: head.status, body })
    }

    /// Asks for JSON; any status but 200 to 299 is an error.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, ask: &Ask) -> Result<T, CallError> {
        let answer = self.ask(ask).await?;
        if !answer.status.is_success() {
            return Err(CallError::Refused(format!("{} {}", ask.method, ask.path), answer.status));
        }
        answer.json()
    }

    async fn send(&mut self, ask: &Ask) -> Result<Response<Incoming>, CallError> {
        let patience = self.patience;
        match tokio::time::timeout(patience, self.exchange(ask)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.kept = None;
                Err(CallError::Late(self.server, patience))
            }
        }
    }

    /// A kept connection may have been closed meanwhile: then a question that was never sent goes out on a new
    /// one, as every client does it.
    async fn exchange(&mut self, ask: &Ask) -> Result<Response<Incoming>, CallError> {
        if let Some(mut kept) = self.kept.take()
            && kept.ready().await.is_ok()
        {
            match kept.try_send_request(ask.request(self.server)).await {
                Ok(answer) => {
                    self.kept = Some(kept);
                    return Ok(answer);
                }
                Err(mut refused) => {
                    let never_sent = refused.take_message().is_some();
                    if !never_sent {
                        return Err(CallError::Exchange(self.server, refused.into_error()));
                    }
                }
            }
        }
        let mut fresh = self.connect().await?;
        let answer = fresh.send_request(ask.request(self.server)).await;
        let answer = answer.map_err(|e| CallError::Exchange(self.server, e))?;
        self.kept = Some(fresh);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let stream = self.dial().await.map_err(|e| CallError::Connect(self.server, e))?;
        let io = TokioIo::new(stream);
        let handshake = Builder::new().read_buf_exact_size(Some(READ_BUFFER_BYTES)).handshake(io).await;
        let (sender, connection) = handshake.map_err(|e| CallError::Exchange(self.server, e))?;
        // Its errors come out of the requests and bodies that it carries.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = self.receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        }
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
