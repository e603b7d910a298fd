//! The relay: the server that takes mail, and our connections to it, which are kept between mails.
//!
//! `lettre` speaks SMTP; the connections are ours, for two reasons. A mail goes out in two writes, its text and the dot that ends
//! it: with Nagle's algorithm the dot waits until the text is acknowledged, and the other side delays that for 40 ms (RFC 896;
//! RFC 1122, 4.2.3.2). And the time-out of lettre's asynchronous transport ends with connecting: a relay that hangs later would
//! hold a connection, and all that waits for one, for ever.

use super::post::Refused;
use crate::outbound::{NamedBy, Outbound, causes};
use crate::settings::{MailSettings, MailTls};
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connections side by side: more than most relays take from one client would be refused.
const CONNECTIONS: usize = 16;
/// How long the relay may take, to let us in as well as for one mail: some look into a mail before they take it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection is kept that nobody needs.
const IDLE: Duration = Duration::from_secs(30);

/// A relay. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Relay(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: MailSettings,
    /// Who speaks.
    hello: ClientId,
    outbound: Outbound,
    patience: Duration,
    /// How it is spoken to; none before the first connection, and after one that failed.
    way: Mutex<Option<Way>>,
    /// Which of the relay's addresses is used.
    turn: AtomicUsize,
    places: Semaphore,
    idle: Mutex<Idle>,
}

/// How a relay is spoken to, and who is believed where that is within TLS.
#[derive(Clone)]
enum Way {
    Plain,
    Upgraded(TlsParameters),
    Wrapped(Arc<ClientConfig>, ServerName<'static>),
}

impl Way {
    /// By these settings. Whom the system believes is read from a disk, which blocks.
    fn read(settings: &MailSettings) -> Result<Self, String> {
        let host = settings.host.clone();
        let failed = |error: &dyn std::error::Error| format!("cannot set TLS up: {error}");
        Ok(match settings.tls {
            MailTls::Off => Self::Plain,
            MailTls::Required => Self::Upgraded(TlsParameters::new(host).map_err(|error| failed(&error))?),
            MailTls::Wrapped => {
                let name = ServerName::try_from(host).map_err(|error| failed(&error))?;
                Self::Wrapped(Arc::new(tls().map_err(|error| failed(&error))?), name)
            }
        })
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Upgraded(_) => "Upgraded",
            Self::Wrapped(..) => "Wrapped",
        })
    }
}

/// Connections that wait for a mail.
#[derive(Debug, Default)]
struct Idle {
    kept: Vec<Kept>,
    /// True while a task looks after them.
    is_watched: bool,
}

struct Kept {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("since", &self.since).finish_non_exhaustive()
    }
}

/// Why a mail was not taken.
#[derive(Debug)]
enum Fault {
    /// It was not let in, or the relay was not reached.
    Way(String),
    /// Nothing was handed over: the connection had ended while it was kept.
    Stale,
    /// The relay does not want it now, or anybody's.
    Relay(Error),
    /// The relay does not want it for this reader.
    Reader(Error),
    /// It took longer than it may.
    Late,
}

impl Relay {
    /// A relay by these settings, to which `own_host` speaks; one mail may take as long as `patience`.
    pub(super) fn new(settings: MailSettings, own_host: &str, outbound: Outbound, patience: Duration) -> Self {
        let (hello, turn) = (ClientId::Domain(own_host.to_owned()), AtomicUsize::new(0));
        let (places, idle, way) = (Semaphore::new(CONNECTIONS), Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { settings, hello, outbound, patience, way, turn, places, idle }))
    }

    /// Makes one attempt to hand a mail over.
    pub(super) async fn attempt(&self, from: &Address, to: &Address, text: &[u8]) -> Result<(), Refused> {
        // Nobody closes it.
        let _place = self.0.places.acquire().await;
        let fault = loop {
            match self.hand_over(from, to, text).await {
                Ok(()) => return Ok(()),
                Err(Fault::Stale) => {}
                Err(fault) => break fault,
            }
        };
        Err(match fault {
            Fault::Reader(error) if error.status().is_some_and(|code| is_about_the_reader(code.into())) => {
                Refused::ForGood(said(&error))
            }
            Fault::Reader(error) | Fault::Relay(error) => Refused::ForNow(said(&error)),
            Fault::Way(why) => Refused::ForNow(why),
            Fault::Late => Refused::ForNow(format!("the relay did not answer within {:?}", self.0.patience)),
            Fault::Stale => unreachable!("a stale connection is followed by another one"),
        })
    }

    async fn hand_over(&self, from: &Address, to: &Address, text: &[u8]) -> Result<(), Fault> {
        let kept = self.take_kept();
        let is_kept = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => timeout(self.0.patience, self.connect()).await.unwrap_or(Err(Fault::Late)).inspect_err(|_| {
                // A name may have addresses at which nobody listens: the next one has its turn. And who is believed may be others.
                self.0.turn.fetch_add(1, Relaxed);
                *self.known_way() = None;
            })?,
        };
        let said = timeout(self.0.patience, dictate(&mut connection, from, to, text, is_kept)).await;
        match said.unwrap_or(Err(Fault::Late)) {
            Ok(()) => {
                self.keep(connection);
                Ok(())
            }
            Err(Fault::Reader(error)) => {
                // It is well, and the next mail is another one's.
                if let Ok(Ok(_)) = timeout(self.0.patience, connection.command(Rset)).await {
                    self.keep(connection);
                }
                Err(Fault::Reader(error))
            }
            Err(fault) => Err(fault),
        }
    }

    /// A new connection to which we may hand mail over.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Fault> {
        let Shared { settings, hello, outbound, .. } = &*self.0;
        let found = outbound.look_up(&settings.host, settings.port, NamedBy::Service).await;
        let found = found.map_err(|error| Fault::Way(error.to_string()))?;
        let turn = self.0.turn.load(Relaxed) % found.len().max(1);
        let address = found.get(turn).ok_or_else(|| Fault::Way(format!("{} has no address", settings.host)))?;
        let way = self.way().await.map_err(Fault::Way)?;
        let stream = open(*address, &way).await.map_err(|error| Fault::Way(format!("{}: {error}", settings.host)))?;
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, hello).await.map_err(Fault::Relay)?;
        if let Way::Upgraded(parameters) = way {
            connection.starttls(parameters, hello).await.map_err(Fault::Relay)?;
        }
        if let Some((user, password)) = &settings.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(Fault::Relay)?;
        }
        Ok(connection)
    }

    async fn way(&self) -> Result<Way, String> {
        if let Some(way) = self.known_way().clone() {
            return Ok(way);
        }
        let settings = self.0.settings.clone();
        let read = tokio::task::spawn_blocking(move || Way::read(&settings)).await;
        let way = read.map_err(|error| error.to_string())??;
        Ok(self.known_way().insert(way).clone())
    }

    fn known_way(&self) -> MutexGuard<'_, Option<Way>> {
        self.0.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_kept(&self) -> Option<AsyncSmtpConnection> {
        self.idle().kept.pop().map(|kept| kept.connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle();
        idle.kept.push(Kept { connection, since: Instant::now() });
        if !std::mem::replace(&mut idle.is_watched, true) {
            tokio::spawn(watch(self.clone()));
        }
    }

    /// Takes out what has not been needed for long; `None` when nothing is left to look after.
    fn take_idle(&self) -> Option<Vec<Kept>> {
        let mut idle = self.idle();
        if idle.kept.is_empty() {
            idle.is_watched = false;
            return None;
        }
        Some(idle.kept.extract_if(.., |kept| kept.since.elapsed() >= IDLE).collect())
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that nobody needs, as long as there are any.
async fn watch(relay: Relay) {
    while let Some(idle) = relay.take_idle() {
        for mut kept in idle {
            // It says goodbye; who does not hear it is closed all the same.
            let _ = timeout(relay.0.patience, kept.connection.abort()).await;
        }
        tokio::time::sleep(IDLE / 2).await;
    }
}

/// One mail. A connection that was kept may have ended, which its first command shows.
async fn dictate(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    text: &[u8],
    is_kept: bool,
) -> Result<(), Fault> {
    let mut options = Vec::new();
    if !from.to_string().is_ascii() {
        options.push(MailParameter::SmtpUtfEight);
    }
    if !text.is_ascii() {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let first = connection.command(Mail::new(Some(from.clone()), options)).await;
    first.map_err(|error| if is_kept { Fault::Stale } else { Fault::Relay(error) })?;
    connection.command(Rcpt::new(to.clone(), vec![])).await.map_err(of_reader)?;
    connection.command(Data).await.map_err(Fault::Relay)?;
    connection.message(text).await.map(drop).map_err(Fault::Relay)
}

/// What was answered to a reader's name; without an answer, the connection is no good any more.
fn of_reader(error: Error) -> Fault {
    if error.status().is_some() { Fault::Reader(error) } else { Fault::Relay(error) }
}

/// The mailbox is not there or takes nothing (RFC 5321, 4.2.3). All other refusals are about us or the relay, and pass.
const fn is_about_the_reader(code: u16) -> bool {
    matches!(code, 550..=553)
}

fn said(error: &Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A stream to the relay, within TLS if it is spoken from the first byte on.
async fn open(address: SocketAddr, way: &Way) -> std::io::Result<Box<dyn AsyncTokioStream>> {
    let stream = dial(address).await?;
    Ok(match way {
        Way::Plain | Way::Upgraded(_) => Box::new(stream),
        Way::Wrapped(config, name) => {
            Box::new(Wrapped(TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await?))
        }
    })
}

async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth())
}

/// TLS from the first byte on, in the form that lettre takes.
#[derive(Debug)]
struct Wrapped(TlsStream<TcpStream>);

impl AsyncTokioStream for Wrapped {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Topology;
    use std::sync::atomic::AtomicU32;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    /// How the server behaves.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Manner {
        Good,
        /// Closes the connection after each mail, without a word.
        Curt,
        /// Answers nothing once a mail has come.
        Hangs,
    }

    #[derive(Debug, Default)]
    struct Seen {
        connections: AtomicU32,
        mails: AtomicU32,
    }

    /// An SMTP server that knows everybody but `gone@`.
    async fn server(manner: Manner) -> (u16, Arc<Seen>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let (port, seen) = (listener.local_addr().expect("bound").port(), Arc::new(Seen::default()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kept.connections.fetch_add(1, Relaxed);
                tokio::spawn(converse(stream, manner, Arc::clone(&kept)));
            }
        });
        (port, seen)
    }

    async fn converse(stream: TcpStream, manner: Manner, seen: Arc<Seen>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 relay\r\n").await?;
        let (mut line, mut is_text) = (String::new(), false);
        while stream.read_line(&mut line).await? > 0 {
            let answer: &[u8] = match line.trim_end() {
                "." if manner == Manner::Hangs => std::future::pending().await,
                "." => b"250 taken\r\n",
                _ if is_text => b"",
                "DATA" => b"354 go on\r\n",
                text if text.starts_with("RCPT TO:<gone@") => b"550 no such mailbox\r\n",
                _ => b"250 fine\r\n",
            };
            let has_ended = is_text && line == ".\r\n";
            seen.mails.fetch_add(has_ended.into(), Relaxed);
            stream.write_all(answer).await?;
            if has_ended && manner == Manner::Curt {
                return Ok(());
            }
            is_text = !has_ended && (is_text || line == "DATA\r\n");
            line.clear();
        }
        Ok(())
    }

    async fn relay(manner: Manner, patience: Duration) -> (Relay, Arc<Seen>) {
        let (port, seen) = server(manner).await;
        let from = "status@example.org".into();
        let settings = MailSettings { host: "127.0.0.1".into(), port, tls: MailTls::Off, login: None, from };
        (Relay::new(settings, "status.example", Outbound::new(vec![], &Topology::default()), patience), seen)
    }

    async fn send(relay: &Relay, to: &str) -> Result<(), Refused> {
        let address = |text: &str| text.parse::<Address>().expect("an address");
        relay.attempt(&address("status@example.org"), &address(to), b"Subject: x\r\n\r\nA text.\r\n").await
    }

    #[test]
    fn who_is_to_blame_for_a_refusal() {
        for (code, reader) in [(550, true), (553, true), (535, false), (530, false), (554, false), (421, false)] {
            assert_eq!(is_about_the_reader(code), reader, "{code}");
        }
    }

    #[tokio::test]
    async fn mails_share_a_connection_also_after_a_reader_who_is_gone() {
        let (relay, seen) = relay(Manner::Good, PATIENCE).await;
        assert_eq!(send(&relay, "anna@example.org").await, Ok(()));
        assert!(
            matches!(send(&relay, "gone@example.org").await, Err(Refused::ForGood(why)) if why.contains("mailbox"))
        );
        assert_eq!(send(&relay, "bob@example.org").await, Ok(()));
        assert_eq!((seen.connections.load(Relaxed), seen.mails.load(Relaxed)), (1, 2));
    }

    #[tokio::test]
    async fn a_connection_that_ended_while_it_was_kept_costs_no_attempt() {
        let (relay, seen) = relay(Manner::Curt, PATIENCE).await;
        for reader in ["anna@example.org", "bob@example.org", "cleo@example.org"] {
            assert_eq!(send(&relay, reader).await, Ok(()));
        }
        assert_eq!((seen.connections.load(Relaxed), seen.mails.load(Relaxed)), (3, 3));
    }

    #[tokio::test]
    async fn a_relay_that_hangs_is_given_up_and_its_place_is_free() {
        let (relay, _) = relay(Manner::Hangs, Duration::from_millis(200)).await;
        let why = send(&relay, "anna@example.org").await.expect_err("it never says that it has taken it");
        assert!(matches!(&why, Refused::ForNow(why) if why.contains("did not answer")), "{why:?}");
        assert_eq!(relay.0.places.available_permits(), CONNECTIONS);
    }

    #[tokio::test]
    async fn what_is_written_does_not_wait_for_what_was_written_before() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let stream = dial(listener.local_addr().expect("bound")).await.expect("connected");
        assert!(stream.nodelay().expect("asked"), "the dot that ends a mail waits for 40 ms");
    }
}
