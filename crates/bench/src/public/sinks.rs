//! Where messages end: a receiver of webhooks and a mail server, which take everything and count it by its key.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::io::Result as IoResult;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Longest body that is taken.
const BODY_MAX: usize = 1 << 20;

/// How often each key came.
#[derive(Clone, Default)]
pub(super) struct Tally(Arc<Mutex<HashMap<String, u32>>>);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Came {
    /// Different keys.
    pub(super) keys: usize,
    /// Messages beyond the first with its key.
    pub(super) repeats: usize,
}

impl Tally {
    fn note(&self, key: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Those of the keys that are meant.
    pub(super) fn came(&self, meant: impl Fn(&str) -> bool) -> Came {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_word = counts.iter().filter(|(key, _)| meant(key));
        of_word.fold(Came::default(), |came, (_, count)| Came {
            keys: came.keys + 1,
            repeats: came.repeats + *count as usize - 1,
        })
    }
}

/// Servers on all loopback addresses; they end with this.
pub(super) struct Sinks {
    _runtime: Runtime,
    /// Where webhooks are taken.
    pub(super) web: u16,
    /// Where mail is taken.
    pub(super) mail: u16,
    /// Where connections are taken, and nothing is ever answered.
    pub(super) silent: u16,
    /// What came.
    pub(super) tally: Tally,
}

impl Sinks {
    pub(super) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("start a runtime")?;
        let tally = Tally::default();
        let (web, mail, silent) = (listener()?, listener()?, listener()?);
        let ports = [&web, &mail, &silent].map(|it| it.local_addr().map(|at| at.port()).unwrap_or_default());
        let (for_web, for_mail) = (tally.clone(), tally.clone());
        runtime.spawn(accept(web, move |stream| drop(tokio::spawn(take_post(stream, for_web.clone())))));
        runtime.spawn(accept(mail, move |stream| drop(tokio::spawn(take_mail(stream, for_mail.clone())))));
        runtime.spawn(accept(silent, |stream| drop(tokio::spawn(keep_silent(stream)))));
        Ok(Self { _runtime: runtime, web: ports[0], mail: ports[1], silent: ports[2], tally })
    }
}

fn listener() -> Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).context("listen")?;
    listener.set_nonblocking(true).context("listen")?;
    Ok(listener)
}

async fn accept(listener: TcpListener, serve: impl Fn(TcpStream)) -> IoResult<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        serve(listener.accept().await?.0);
    }
}

async fn keep_silent(mut stream: TcpStream) -> IoResult<()> {
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

/// One POST: read whole, counted, answered, closed.
async fn take_post(stream: TcpStream, tally: Tally) -> IoResult<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length, mut key) = (String::new(), 0_usize, None);
    while stream.read_line(&mut line).await? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => key = Some(value.trim().to_owned()),
            _ => {}
        }
        line.clear();
    }
    let mut body = vec![0; length.min(BODY_MAX)];
    stream.read_exact(&mut body).await?;
    tally.note(key.unwrap_or_default());
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await
}

/// A client of SMTP: as many mails as it has. Each is counted by its `Message-ID` once it has been acknowledged.
async fn take_mail(stream: TcpStream, tally: Tally) -> IoResult<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                tally.note(read_mail(&mut stream).await?);
                b"250 taken\r\n"
            }
            "EHLO" => b"250-sink\r\n250 8BITMIME\r\n",
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => b"250 fine\r\n",
        };
        stream.write_all(answer).await?;
        line.clear();
    }
    Ok(())
}

async fn read_mail(stream: &mut BufReader<TcpStream>) -> IoResult<String> {
    let (mut line, mut key) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 0 && line != ".\r\n" {
        if let Some(id) = line.strip_prefix("Message-ID: <") {
            key = id.split('@').next().unwrap_or_default().to_owned();
        }
        line.clear();
    }
    Ok(key)
}
