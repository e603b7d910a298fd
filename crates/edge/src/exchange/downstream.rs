//! The client as an exchange sees it: a request's body comes from it, one answer goes to it.
//!
//! What the client speaks (`door`) is its own business: here an answer is a head, pieces, and an end. They are put into
//! a backlog at once and sent while the exchange waits for other things; the exchange looks at the backlog and reads
//! no further while it is long.

use crate::codec::{AnswerHead, Persistence, Refusal};
use crate::door::caller::Caller;
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// What a request's body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTerms {
    /// Most bytes.
    pub(crate) room: u64,
    /// Longest silence.
    pub(crate) patience: Duration,
}

/// Why a request's body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyTrouble {
    Refused(Refusal),
    /// The client went away in the middle of it.
    Gone,
}

/// A client that waits for an answer.
pub(crate) trait Downstream {
    /// Who it is.
    fn caller(&self) -> Caller;

    /// Tells the client to go on with its body, unless it already has.
    async fn invite_body(&mut self) -> io::Result<()>;

    /// The next bytes of the request's body; `None` when it is whole. May be dropped while it waits; nothing is lost.
    async fn next_piece(&mut self, terms: BodyTerms) -> Result<Option<Bytes>, BodyTrouble>;

    /// Puts the answer's head into the backlog. `then` is what becomes of the connection.
    fn begin(&mut self, head: &AnswerHead, then: Persistence);

    /// Puts a piece of the answer's body into the backlog.
    fn piece(&mut self, data: Bytes);

    /// Puts the end of the answer into the backlog.
    fn end(&mut self);

    /// Bytes that wait to be sent.
    fn backlog(&self) -> usize;

    /// The socket, where the bytes of the body go out as they are.
    fn bare(&self) -> Option<&TcpStream> {
        None
    }

    /// Sends some of the backlog, waiting for the client for at most `patience`. May be dropped while it waits.
    async fn send(&mut self, patience: Duration) -> io::Result<()>;
}
