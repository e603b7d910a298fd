//! From an accepted connection to a client that may speak: what a proxy in front says of it, and the TLS handshake.
//!
//! A handshake costs the edge a signature, which a client gets for a hello. So hellos are answered in turns: each round
//! of a thread's runtime answers a bounded number of them, and serves everybody else in between. Nobody holds a turn
//! while it waits for its client, so those who connect and say nothing, or stop in the middle, keep nobody out.

use crate::change::settings::{EdgeSettings, LimitSettings};
use crate::codec::{BadHeader, Progress, Source, parse_proxy_header};
use crate::door::tls::{ALPN_HTTP2, Tls};
use crate::door::wire::Wire;
use downbeat_core::model::AddressRange;
use rustls::server::Acceptor;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

/// A listener, and what is spoken there.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) listener: TcpListener,
    pub(crate) terms: Terms,
}

/// What is spoken at a listener before any HTTP.
#[derive(Debug)]
pub(crate) struct Terms {
    security: Security,
    /// Proxies that have to say whose connection it is; from others nothing of the kind is taken.
    proxies: Vec<AddressRange>,
    head_within: Duration,
}

#[derive(Debug)]
enum Security {
    Plain,
    Tls { tls: Arc<Tls>, turns: Semaphore, within: Duration },
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1, or HTTP/2 by prior knowledge: its first bytes tell.
    ByFirstBytes,
    /// HTTP/1, as agreed.
    Http1,
    /// HTTP/2, as agreed.
    Http2,
}

/// A client that may speak.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) wire: Wire,
    pub(crate) peer: IpAddr,
    pub(crate) protocol: Protocol,
}

/// Why a connection came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalFault {
    #[error(transparent)]
    Proxy(#[from] BadHeader),
    #[error("the proxy in front said nothing in time")]
    SilentProxy,
    #[error("no TLS handshake: {0}")]
    Handshake(#[source] io::Error),
    #[error("the TLS handshake was not over in time")]
    SlowHandshake,
    #[error(transparent)]
    Connection(#[from] io::Error),
}

impl Terms {
    /// Terms of the listener without TLS.
    pub(crate) fn plain(settings: &EdgeSettings) -> Self {
        let proxies = if settings.proxies.protocol.on_plain() { settings.proxies.trusted.clone() } else { Vec::new() };
        Self { security: Security::Plain, proxies, head_within: settings.limits.head }
    }

    /// Terms of the listener with TLS.
    pub(crate) fn tls(settings: &EdgeSettings, tls: Arc<Tls>) -> Self {
        let proxies = if settings.proxies.protocol.on_tls() { settings.proxies.trusted.clone() } else { Vec::new() };
        let LimitSettings { handshakes, handshake, head, .. } = settings.limits;
        let security = Security::Tls { tls, turns: Semaphore::new(handshakes), within: handshake };
        Self { security, proxies, head_within: head }
    }

    /// The same listener's terms under other settings.
    pub(crate) fn under(&self, settings: &EdgeSettings) -> Self {
        match &self.security {
            Security::Plain => Self::plain(settings),
            Security::Tls { tls, .. } => Self::tls(settings, tls.clone()),
        }
    }

    /// True when a client can be told something without a handshake.
    pub(crate) const fn is_plain(&self) -> bool {
        matches!(self.security, Security::Plain)
    }

    /// Hears the proxy out and shakes hands, where that has to be.
    pub(crate) async fn arrive(&self, mut stream: TcpStream, peer: IpAddr) -> Result<Arrival, ArrivalFault> {
        let peer = if self.proxies.iter().any(|range| range.contains(peer)) {
            let source = timeout(self.head_within, read_source(&mut stream)).await;
            match source.map_err(|_| ArrivalFault::SilentProxy)?? {
                Source::Client(address) => address,
                Source::Unknown => peer,
            }
        } else {
            peer
        };
        match &self.security {
            Security::Plain => Ok(Arrival { wire: Wire::Plain(stream), peer, protocol: Protocol::ByFirstBytes }),
            Security::Tls { tls, turns, within } => {
                let shaken = timeout(*within, shake_hands(stream, tls, turns)).await;
                let (wire, protocol) = shaken.map_err(|_| ArrivalFault::SlowHandshake)??;
                Ok(Arrival { wire, peer, protocol })
            }
        }
    }
}

/// Reads the header byte for byte as far as it goes: what follows is the client's.
async fn read_source(stream: &mut TcpStream) -> Result<Source, ArrivalFault> {
    let mut header = Vec::new();
    loop {
        match parse_proxy_header(&header)? {
            Progress::Whole(source) => return Ok(source),
            Progress::Needs(more) => {
                let read = header.len();
                header.resize(read + more, 0);
                stream.read_exact(&mut header[read..]).await?;
            }
        }
    }
}

async fn shake_hands(stream: TcpStream, tls: &Tls, turns: &Semaphore) -> Result<(Wire, Protocol), ArrivalFault> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(ArrivalFault::Handshake)?;
    let mut shaking = pin!(hello.into_stream(tls.config.clone()));
    let answered = {
        // The semaphore is never closed; if it were, nobody would have to wait.
        let _turn = turns.acquire().await.ok();
        // The hello is at hand, so the first poll answers it; what is left then is to wait for the client.
        let answered = poll_fn(|cx| Poll::Ready(shaking.as_mut().poll(cx))).await;
        // The turn lasts for this round: whoever else is ready is served before the next hello is answered.
        yield_now().await;
        answered
    };
    let shaken = match answered {
        Poll::Ready(shaken) => shaken,
        Poll::Pending => shaking.await,
    };
    let stream = shaken.map_err(ArrivalFault::Handshake)?;
    let agreed = stream.get_ref().1.alpn_protocol();
    let protocol = if agreed == Some(ALPN_HTTP2) { Protocol::Http2 } else { Protocol::Http1 };
    Ok((Wire::encrypted(stream), protocol))
}
