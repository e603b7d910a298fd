//! The end of a connection, so that the client gets to read why.

use super::outgoing::Outgoing;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Longest wait until a client has taken the last words.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Longest wait for it to close then.
const LINGER: Duration = Duration::from_secs(2);
/// Most bytes dropped meanwhile.
const LINGER_BYTES: usize = 256 * 1024;

/// Says what is still to be said, and waits for the client to close: a close of ours with bytes unread would be a reset,
/// and could take the last words with it.
pub(super) async fn part(mut wire: impl AsyncRead + AsyncWrite + Unpin, out: Outgoing) {
    // Whatever goes wrong here, the connection ends with the drop.
    if let Ok(Ok(())) = timeout(LAST_WORDS, say(&mut wire, out)).await {
        let _ = timeout(LINGER, linger(&mut wire)).await;
    }
}

async fn say(wire: &mut (impl AsyncWrite + Unpin), mut out: Outgoing) -> io::Result<()> {
    while !out.is_empty() {
        let sent = wire.write_vectored(&out.slices()).await?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        out.drop_front(sent);
    }
    wire.shutdown().await
}

/// Drops what the client still sends, until it closes.
async fn linger(wire: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let (mut scrap, mut left) = ([0; 1024], LINGER_BYTES);
    while left > 0 {
        match wire.read(&mut scrap).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
