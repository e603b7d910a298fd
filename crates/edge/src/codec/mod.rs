//! HTTP without sockets: bytes in, heads and body pieces out, and the way back.
//!
//! What goes on to a replica is always written anew from what was understood, never passed through as
//! received (invariant H1). So whatever is ambiguous (two lengths, a length and chunks, folded lines, bare line
//! feeds, hidden slashes) is refused here and reaches nobody.
//! Source: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2, in `h2`), RFC 3986 (targets).

mod answer;
mod body;
mod chunked;
mod fields;
pub(crate) mod h2;
mod host;
mod lines;
#[cfg(test)]
mod properties;
mod proxy;
mod refusal;
mod request;
mod serialise;
mod target;
mod trace;
mod trailers;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use answer::BadAnswer;
pub(crate) use answer::{AnswerHead, AnswerLength, parse_answer};
pub(crate) use body::{BodyDecoder, BodyEncoder, Piece};
pub(crate) use fields::{Field, Fields, Once, decimal};
pub(crate) use lines::HeadScanner;
pub(crate) use proxy::{BadHeader, Progress, Source, parse_proxy_header};
pub(crate) use refusal::Refusal;
pub(crate) use request::{Expectation, Method, RequestHead, RequestLength, parse_request};
pub(crate) use serialise::{Onward, Outgoing, answer_bytes, reason, request_bytes, switch_bytes};
pub(crate) use target::parse_target;
pub use trace::TraceFields;
pub(crate) use trace::{Claims, Trace, client_behind, scheme_told};
pub(crate) use trailers::{Trailers, announced};

/// Most bytes of a head, request line and fields together.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most fields in a head. With those that the edge adds there are fewer than the 101 that haproxy takes by default: what
/// is let in here is not refused by the next server for its number of fields.
pub(crate) const FIELDS_MAX: usize = 90;

/// Whether a connection serves another exchange after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It may.
    Keep,
    /// It ends with this exchange.
    Close,
}

/// What a client speaks to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Without encryption.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The versions spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0: no chunks, one exchange a connection.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2, to clients only.
    Http2,
}

impl Version {
    fn from_minor(minor: Option<u8>) -> Self {
        if minor == Some(0) { Self::Http10 } else { Self::Http11 }
    }

    /// A 1.0 connection ends with its exchange, a 1.1 one goes on unless a side says `close`.
    fn persistence(self, fields: &Fields) -> Persistence {
        let stays = self == Self::Http11 && !fields.lists("connection", "close");
        if stays { Persistence::Keep } else { Persistence::Close }
    }
}
