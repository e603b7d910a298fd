//! A WebSocket: the handshake, and what is said on it.

use super::Trouble;
use super::connection::{Connection, Way};
use super::web::within;
use downbeat_core::model::FailureKind;
use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use std::time::Duration;
use tokio::time::timeout_at;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Longest message that is taken.
const MESSAGE_MAX: usize = 64 * 1024;
/// Messages that are looked at for the one expected.
const MESSAGES_MAX: usize = 100;

/// Shakes hands, says what is to be said, and waits for a message with the text expected in it.
pub(super) async fn probe(
    way: Way<'_>,
    url: &str,
    (send, expect): (Option<&str>, Option<&str>),
    timeout: Duration,
) -> Result<(), Trouble> {
    let deadline = within(timeout);
    let parsed = Url::parse(url).map_err(|error| Trouble::Ours(format!("{url:?} is no URL: {error}")))?;
    let stream = way.open(&parsed, b"http/1.1", deadline).await?;
    let late = |what: &str| Trouble::theirs(FailureKind::Late, format!("{url}: {what}"));
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
    let shaken = timeout_at(deadline, client_async_with_config(url, stream, Some(config))).await;
    let (mut socket, _) = shaken.map_err(|_| late("no handshake in time"))?.map_err(|error| trouble(url, error))?;
    let talked = timeout_at(deadline, talk(&mut socket, url, send, expect)).await;
    talked.map_err(|_| late("no message with what is expected in time"))?
}

async fn talk(
    socket: &mut WebSocketStream<Box<dyn Connection>>,
    url: &str,
    send: Option<&str>,
    expect: Option<&str>,
) -> Result<(), Trouble> {
    if let Some(text) = send {
        socket.send(Message::text(text)).await.map_err(|error| trouble(url, error))?;
    }
    let Some(expect) = expect else { return Ok(()) };
    let mut last = String::new();
    for _ in 0..MESSAGES_MAX {
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.contains(expect) => return Ok(()),
            Some(Ok(Message::Text(text))) => last = text.chars().take(80).collect(),
            Some(Ok(Message::Close(_))) | None => break,
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(trouble(url, error)),
        }
    }
    Err(Trouble::theirs(FailureKind::Wrong, format!("expected {expect:?} of {url}, it said {last:?}")))
}

fn trouble(url: &str, error: Error) -> Trouble {
    match error {
        Error::Http(answer) => {
            let failure = super::http::failure(answer.status());
            Trouble::theirs(failure, format!("{url} answered {} instead of a handshake", answer.status().as_u16()))
        }
        Error::Io(error) => Trouble::of_io(&error, &format!("talking to {url}")),
        Error::ConnectionClosed | Error::AlreadyClosed => Trouble::theirs(FailureKind::Reset, format!("{url} hung up")),
        other => Trouble::theirs(FailureKind::Wrong, format!("{url}: {other}")),
    }
}
