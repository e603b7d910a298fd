//! A TCP connection, and what is said on it.

use super::Trouble;
use super::web::{Deadline, within};
use crate::outbound::{NamedBy, Outbound};
use downbeat_core::model::FailureKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};

/// So much of an answer is searched.
const ANSWER_MAX: usize = 64 * 1024;

/// Connects, says what is to be said, and waits until what is expected has come.
pub(super) async fn probe(
    outbound: &Outbound,
    address: &str,
    (send, expect): (Option<&str>, Option<&str>),
    within_: Duration,
) -> Result<(), Trouble> {
    let deadline = within(within_);
    let mut stream = connect(outbound, address, within_).await?;
    if let Some(text) = send {
        let doing = format!("speaking to {address}");
        match timeout_at(deadline, stream.write_all(text.as_bytes())).await {
            Ok(written) => written.map_err(|error| Trouble::of_io(&error, &doing))?,
            Err(_) => return Err(Trouble::theirs(FailureKind::Stalled, format!("{address} takes nothing"))),
        }
    }
    match expect {
        Some(text) => hear(&mut stream, address, text, deadline).await,
        None => Ok(()),
    }
}

async fn hear(stream: &mut TcpStream, address: &str, text: &str, deadline: Deadline) -> Result<(), Trouble> {
    let mut heard = Vec::new();
    let wrong = |heard: &[u8]| {
        let said: String = String::from_utf8_lossy(heard).chars().take(80).collect();
        Trouble::theirs(FailureKind::Wrong, format!("expected {text:?} of {address}, it said {said:?}"))
    };
    while heard.len() < ANSWER_MAX {
        let came = timeout_at(deadline, stream.read_buf(&mut heard)).await;
        match came {
            Ok(Ok(0)) => return Err(wrong(&heard)),
            Ok(Ok(_)) if contains(&heard, text.as_bytes()) => return Ok(()),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(Trouble::of_io(&error, &format!("listening to {address}"))),
            Err(_) if heard.is_empty() => {
                return Err(Trouble::theirs(FailureKind::Late, format!("{address} says nothing, expected {text:?}")));
            }
            Err(_) => return Err(wrong(&heard)),
        }
    }
    Err(wrong(&heard))
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

/// Connects to `host:port`, if the policy lets it.
pub(super) async fn connect(outbound: &Outbound, address: &str, within: Duration) -> Result<TcpStream, Trouble> {
    let doing = format!("connecting to {address}");
    match timeout(within, resolve_and_connect(outbound, address, &doing)).await {
        Ok(result) => result,
        Err(_) => Err(Trouble::theirs(FailureKind::Unreachable, format!("{doing}: no connection in time"))),
    }
}

async fn resolve_and_connect(outbound: &Outbound, address: &str, doing: &str) -> Result<TcpStream, Trouble> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| Trouble::Ours(format!("{address:?} is no host and port")))?;
    let found = outbound.look_up(host, port, NamedBy::Configuration).await?;
    TcpStream::connect(found.as_slice()).await.map_err(|error| Trouble::of_io(&error, doing))
}
