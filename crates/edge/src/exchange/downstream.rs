//! The client as an exchange sees it: a request's body comes from it, one answer goes to it.
//!
//! What the client speaks (`door`) is its own business: here an answer is a head, pieces, and an end. They are put into
//! a backlog at once and sent while the exchange waits for other things; the exchange looks at the backlog and reads
//! no further while it is long.

use crate::codec::{AnswerHead, Persistence, Refusal, Trailers};
use crate::door::caller::Caller;
use crate::door::outbox::Behind;
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A body that comes more slowly than this, on average and after [`SLOW_GRACE`], holds a place that others need
/// (invariant H3).
const FLOOR_BYTES_A_SECOND: u64 = 240;
/// For so long a body may come as slowly as it likes.
const SLOW_GRACE: Duration = Duration::from_secs(10);

/// Bytes read ahead of a client that has its connection for itself.
pub(crate) const READ_AHEAD: usize = 256 * 1024;

/// What a request's body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTerms {
    /// Most bytes.
    pub(crate) room: u64,
    /// Longest silence.
    pub(crate) patience: Duration,
    /// When it began.
    pub(crate) since: Instant,
}

impl BodyTerms {
    /// The next bytes have to come by then, `taken` having come already.
    pub(crate) fn deadline(&self, taken: u64, now: Instant) -> Instant {
        let earned = Duration::from_secs(taken / FLOOR_BYTES_A_SECOND);
        (now + self.patience).min(self.since + SLOW_GRACE + earned)
    }
}

/// Why a request's body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyTrouble {
    Refused(Refusal),
    /// The client went away in the middle of it.
    Gone,
}

/// Something that bytes go both ways through.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// A client that waits for an answer.
pub(crate) trait Downstream {
    /// Who it is.
    fn caller(&self) -> Caller;

    /// Tells the client to go on with its body, unless it already has.
    async fn invite_body(&mut self) -> io::Result<()>;

    /// The next bytes of the request's body; `None` when it is whole. May be dropped while it waits; nothing is lost.
    async fn next_piece(&mut self, terms: BodyTerms) -> Result<Option<Bytes>, BodyTrouble>;

    /// The trailers behind the request's body, once it is whole.
    fn trailers(&mut self) -> Trailers;

    /// Puts the answer's head into the backlog. `then` is what becomes of the connection.
    fn begin(&mut self, head: &AnswerHead, then: Persistence);

    /// Puts a piece of the answer's body into the backlog.
    fn piece(&mut self, data: Bytes);

    /// Puts the end of the answer into the backlog, with trailers where the client's way has a place for them.
    fn end(&mut self, trailers: Trailers);

    /// Bytes that wait to be sent.
    fn backlog(&self) -> usize;

    /// The socket, where the bytes of the body go out as they are.
    fn bare(&self) -> Option<&TcpStream> {
        None
    }

    /// The connection itself, for a tunnel, with what was read off it already.
    fn raw(&mut self) -> Option<(&mut dyn Duplex, BytesMut)> {
        None
    }

    /// How long the backlog may become before no more is read for it.
    fn read_ahead(&self) -> usize {
        READ_AHEAD
    }

    /// Sends some of the backlog, waiting for the client for at most `patience`. May be dropped while it waits.
    async fn send(&mut self, patience: Duration, behind: Behind) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_a_body_may_be_silent_for_a_while_and_slow_for_a_while() {
        let since = Instant::now();
        let terms = BodyTerms { room: 1, patience: Duration::from_secs(60), since };
        let table = [(0, 0, 10), (240, 0, 11), (24_000, 0, 60), (24_000, 100, 110), (2_400_000, 100, 160)];
        for (taken, now, deadline) in table {
            let (now, deadline) = (since + Duration::from_secs(now), since + Duration::from_secs(deadline));
            assert_eq!(terms.deadline(taken, now), deadline, "{taken} bytes");
        }
    }
}
