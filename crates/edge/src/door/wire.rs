//! The way to a client: TCP, or TLS over TCP.
//!
//! The plain way stays what it is: a socket that is read, written and reached directly. TLS keeps what it has
//! encrypted until the socket takes it, so bytes may wait in it that no longer wait in the outbox.

use crate::codec::Scheme;
use crate::door::outbox::{Behind, Outbox};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// The way to a client.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<Encrypted>),
}

/// TLS over TCP, after its handshake.
#[derive(Debug)]
pub(crate) struct Encrypted {
    stream: TlsStream<TcpStream>,
    flushed: Flushed,
}

/// Whether everything that was encrypted has gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Yes,
    No,
}

impl Wire {
    pub(crate) fn encrypted(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(Encrypted { stream, flushed: Flushed::Yes }))
    }

    /// What the client speaks on it.
    pub(crate) const fn scheme(&self) -> Scheme {
        if self.plain().is_some() { Scheme::Http } else { Scheme::Https }
    }

    /// The socket, when nothing stands between it and the client's bytes.
    pub(crate) const fn plain(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(_) => None,
        }
    }

    /// Bytes that wait to be sent, those in `outbox` first; at least 1 while anything waits.
    pub(crate) fn backlog(&self, outbox: &Outbox) -> usize {
        match self {
            Self::Plain(_) => outbox.len(),
            Self::Tls(tls) => outbox.len().max(usize::from(tls.flushed == Flushed::No)),
        }
    }

    /// Sends some of an outbox, waiting for the client for at most `patience`. May be dropped while it waits.
    pub(crate) async fn send(&mut self, outbox: &mut Outbox, patience: Duration, behind: Behind) -> io::Result<()> {
        match self {
            Self::Plain(stream) => outbox.send(stream, patience, behind).await,
            Self::Tls(tls) => timeout(patience, tls.send(outbox)).await.map_err(|_| io::ErrorKind::TimedOut)?,
        }
    }

    /// Makes the close of the socket a reset.
    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.set_zero_linger(),
            Self::Tls(tls) => tls.stream.get_ref().0.set_zero_linger(),
        }
    }
}

impl Encrypted {
    /// Dropped before the write, nothing has been taken from the outbox; dropped after it, the flush is still owed.
    async fn send(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        if !outbox.is_empty() {
            let taken = self.stream.write_vectored(&outbox.slices()).await?;
            if taken == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.flushed = Flushed::No;
            outbox.drop_front(taken);
        }
        self.stream.flush().await?;
        self.flushed = Flushed::Yes;
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_shutdown(cx),
        }
    }
}
