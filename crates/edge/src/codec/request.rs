//! The head of a request, understood.

use super::fields::{Once, decimal};
use super::host::is_host;
use super::target::parse_target;
use super::{FIELDS_MAX, Fields, HeadScanner, Persistence, Refusal, Version};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Options,
    Put,
    Delete,
    Post,
    /// Any other, passed on as it is and never repeated.
    Other(Bytes),
}

/// How long the body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestLength {
    /// So many bytes; 0 when nothing is said.
    Known(u64),
    /// In chunks, until the last.
    Chunked,
}

/// Whether the client waits for a word before it sends its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    None,
    Continue,
}

/// A request's head.
#[derive(Debug, Clone)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    /// Normalised path and query.
    pub(crate) target: Bytes,
    pub(super) path_length: usize,
    pub(crate) version: Version,
    /// The host asked for, from `Host`.
    pub(crate) host: Bytes,
    pub(crate) fields: Fields,
    pub(crate) length: RequestLength,
    pub(crate) persistence: Persistence,
    pub(crate) expectation: Expectation,
    /// The protocols to which the client asks to switch, as it names them.
    pub(crate) upgrade: Option<Bytes>,
}

impl Method {
    fn parse(head: &Bytes, token: &str) -> Result<Self, Refusal> {
        Self::of(token, || head.slice_ref(token.as_bytes()))
    }

    /// A method that does not lie in a head's bytes.
    pub(super) fn parse_owned(token: &str) -> Result<Self, Refusal> {
        Self::of(token, || Bytes::copy_from_slice(token.as_bytes()))
    }

    fn of(token: &str, keep: impl FnOnce() -> Bytes) -> Result<Self, Refusal> {
        Ok(match token {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "POST" => Self::Post,
            "CONNECT" | "TRACE" => return Err(Refusal::NotImplemented("this method")),
            other if is_plain(other) => Self::Other(keep()),
            _ => return Err(Refusal::Malformed("a method that servers disagree on")),
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Get => b"GET",
            Self::Head => b"HEAD",
            Self::Options => b"OPTIONS",
            Self::Put => b"PUT",
            Self::Delete => b"DELETE",
            Self::Post => b"POST",
            Self::Other(token) => token,
        }
    }

    /// True for methods that change nothing at the server.
    pub(crate) const fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }

    /// True for methods that may be carried out twice with the effect of once.
    pub(crate) const fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

/// True for methods in capitals. Others are tokens as well, but some servers refuse them, and one that took `get` for
/// `GET` would read a request that we do not know.
fn is_plain(method: &str) -> bool {
    method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_')
}

impl RequestHead {
    /// The normalised path without the query.
    pub(crate) fn path(&self) -> &[u8] {
        &self.target[..self.path_length]
    }

    /// True when the client goes on with a body that it has the beginning of: one range that starts behind the first byte.
    pub(crate) fn resumes(&self) -> bool {
        let Once::Single(value) = self.fields.once("range") else { return false };
        let first = value.strip_prefix(b"bytes=").and_then(|ranges| ranges.split(|b| *b == b'-').next());
        self.method == Method::Get && first.and_then(decimal).is_some_and(|first| first > 0)
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&[u8]> {
        let pairs = self.fields.all("cookie").flat_map(|line| line.split(|b| *b == b';'));
        pairs.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }

    /// The same request as a GET with other fields.
    pub(crate) fn as_get(&self, fields: Fields) -> Self {
        Self { method: Method::Get, fields, ..self.clone() }
    }

    /// True when a body follows.
    pub(crate) fn has_body(&self) -> bool {
        self.length != RequestLength::Known(0)
    }
}

/// Takes one head off the front of `buffer`; `None` while it is incomplete.
///
/// # Errors
/// When the request is refused; what is left in the buffer is then of no use.
pub(crate) fn parse_request(scanner: &mut HeadScanner, buffer: &mut BytesMut) -> Result<Option<RequestHead>, Refusal> {
    // Empty lines before a request are left over from an old client's last body (RFC 9112, 2.2). All of them go, so that
    // it does not matter in how many pieces they come.
    while buffer.starts_with(b"\r\n") {
        let _ = buffer.split_to(2);
        *scanner = HeadScanner::default();
    }
    match buffer.first() {
        Some(first) if !first.is_ascii_uppercase() && *first != b'\r' => return Err(Refusal::Malformed("no method")),
        _ => {}
    }
    let Some(length) = scanner.scan(buffer)? else { return Ok(None) };
    understand(&buffer.split_to(length).freeze()).map(Some)
}

fn understand(head: &Bytes) -> Result<RequestHead, Refusal> {
    // Filling them beforehand would cost as much as the parsing.
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    parsed.parse_with_uninit_headers(head, &mut slots).map_err(refusal)?;
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
        return Err(Refusal::Malformed("no request line"));
    };
    let version = Version::from_minor(parsed.version);
    let fields = Fields::from_parsed(head, parsed.headers);
    let target = parse_target(target)?;
    let length = body_length(version, &fields)?;
    Ok(RequestHead {
        method: Method::parse(head, method)?,
        version,
        host: host(&fields, target.authority)?,
        length,
        persistence: version.persistence(&fields),
        expectation: expectation(version, &fields)?,
        path_length: target.path_length,
        target: match target.path_and_query {
            Cow::Borrowed(text) if target.authority.is_none() => head.slice_ref(text.as_bytes()),
            text => text.into_owned().into(),
        },
        upgrade: upgrade(version, &fields).filter(|_| length == RequestLength::Known(0)),
        fields,
    })
}

fn refusal(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => Refusal::HeadTooLarge,
        httparse::Error::Version => Refusal::Version,
        _ => Refusal::Malformed("no HTTP head"),
    }
}

/// A wish to switch protocols, where we can follow it: nothing but a tunnel is needed. `h2c` is not such a wish, for who
/// forwards it hands the connection to whatever comes in it; it is ignored, as RFC 9110, 7.8 allows.
fn upgrade(version: Version, fields: &Fields) -> Option<Bytes> {
    let asked = version == Version::Http11 && fields.lists("connection", "upgrade");
    match fields.once("upgrade") {
        Once::Single(value) if asked && is_protocol(value) => Some(fields.keep(value)),
        _ => None,
    }
}

fn is_protocol(value: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(b);
    !value.is_empty()
        && value.iter().all(token)
        && !value.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"h2"))
}

/// The host asked for; where the target names one too, it has to be the same.
pub(super) fn host(fields: &Fields, authority: Option<&str>) -> Result<Bytes, Refusal> {
    let host = match fields.once("host") {
        Once::Single(host) => host,
        Once::Absent => return Err(Refusal::Malformed("no Host")),
        Once::Several => return Err(Refusal::Malformed("several Hosts")),
    };
    check_host(host)?;
    match authority {
        Some(authority) if !host.eq_ignore_ascii_case(authority.as_bytes()) => {
            Err(Refusal::Malformed("two different hosts"))
        }
        _ => Ok(fields.keep(host)),
    }
}

pub(super) fn check_host(host: &[u8]) -> Result<(), Refusal> {
    if is_host(host) { Ok(()) } else { Err(Refusal::Malformed("no host in Host")) }
}

pub(super) fn body_length(version: Version, fields: &Fields) -> Result<RequestLength, Refusal> {
    match (fields.once("transfer-encoding"), fields.once("content-length")) {
        (Once::Absent, Once::Absent) => Ok(RequestLength::Known(0)),
        (Once::Absent, Once::Single(value)) => {
            decimal(value).map(RequestLength::Known).ok_or(Refusal::Malformed("no number in Content-Length"))
        }
        (Once::Absent, Once::Several) => Err(Refusal::Malformed("several Content-Lengths")),
        (Once::Several, _) => Err(Refusal::Malformed("several Transfer-Encodings")),
        (Once::Single(_), Once::Single(_) | Once::Several) => {
            Err(Refusal::Malformed("both Content-Length and Transfer-Encoding"))
        }
        (Once::Single(_), _) if version == Version::Http10 => Err(Refusal::Malformed("Transfer-Encoding in HTTP/1.0")),
        (Once::Single(value), _) if value.eq_ignore_ascii_case(b"chunked") => Ok(RequestLength::Chunked),
        (Once::Single(_), _) if fields.lists("transfer-encoding", "chunked") => {
            Err(Refusal::Malformed("a Transfer-Encoding besides chunked"))
        }
        _ => Err(Refusal::NotImplemented("this Transfer-Encoding")),
    }
}

pub(super) fn expectation(version: Version, fields: &Fields) -> Result<Expectation, Refusal> {
    match fields.once("expect") {
        Once::Absent => Ok(Expectation::None),
        Once::Single(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(match version {
            Version::Http10 => Expectation::None,
            Version::Http11 | Version::Http2 => Expectation::Continue,
        }),
        _ => Err(Refusal::Expectation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<RequestHead>, Refusal> {
        parse_request(&mut HeadScanner::default(), &mut BytesMut::from(text))
    }

    fn status(lines: &str) -> u16 {
        match parse(&format!("{}\r\n\r\n", lines.replace('|', "\r\n"))) {
            Ok(_) => 200,
            Err(refusal) => refusal.status(),
        }
    }

    #[test]
    fn heads_that_pass_and_heads_that_do_not() {
        let table = [
            (200, "GET / HTTP/1.1|Host: a"),
            (200, "GET / HTTP/1.0|Host: a"),
            (200, "PROPFIND / HTTP/1.1|Host: a"),
            (200, "POST / HTTP/1.1|Host: a|Transfer-Encoding: Chunked"),
            (200, "GET http://a/x HTTP/1.1|Host: A"),
            (200, "GET / HTTP/1.1|Host: [::1]:8000"),
            (200, "GET / HTTP/1.1|Host: a|Upgrade: h2c"),
            (400, "GET / HTTP/1.1"),
            (400, "GET / HTTP/1.1|Host: a|Host: a"),
            (400, "GET / HTTP/1.1|Host:"),
            (400, "GET / HTTP/1.1|Host: a b"),
            (400, "GET / HTTP/1.1|Host: a/../b"),
            (400, "GET / HTTP/1.1|Host: a..b"),
            (400, "Get / HTTP/1.1|Host: a"),
            (400, "GET! / HTTP/1.1|Host: a"),
            (200, "||GET / HTTP/1.1|Host: a"),
            (400, "GET http://b/x HTTP/1.1|Host: a"),
            (400, "GET / HTTP/1.1|Host: a| folded: b"),
            (400, "GET / HTTP/1.1|Host: a|A : b"),
            (400, "GET / HTTP/1.1|Host: a|A b"),
            (400, "GET / HTTP/1.1|Host: a|: b"),
            (400, "GET  / HTTP/1.1|Host: a"),
            (400, "GET /"),
            (400, "POST / HTTP/1.1|Host: a|Content-Length: 1|Content-Length: 1"),
            (400, "POST / HTTP/1.1|Host: a|Content-Length: 1, 1"),
            (400, "POST / HTTP/1.1|Host: a|Content-Length: +1"),
            (400, "POST / HTTP/1.1|Host: a|Content-Length: 1|Transfer-Encoding: chunked"),
            (400, "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked"),
            (400, "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked"),
            (400, "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, identity"),
            (400, "POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked"),
            (501, "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip"),
            (501, "POST / HTTP/1.1|Host: a|Transfer-Encoding: xchunked"),
            (200, "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket"),
            (501, "TRACE / HTTP/1.1|Host: a"),
            (501, "CONNECT / HTTP/1.1|Host: a"),
            (505, "GET / HTTP/2.0|Host: a"),
            (505, "GET / HTTP/1.2|Host: a"),
            (417, "POST / HTTP/1.1|Host: a|Expect: tea"),
        ];
        for (expected, lines) in table {
            assert_eq!(status(lines), expected, "{lines}");
        }
    }

    #[test]
    fn which_switches_are_asked_for() {
        let table = [
            ("Connection: Upgrade|Upgrade: websocket", Some("websocket")),
            ("Connection: keep-alive, upgrade|Upgrade: WebSocket/13", Some("WebSocket/13")),
            ("Upgrade: websocket", None),
            ("Connection: Upgrade|Upgrade: h2c", None),
            ("Connection: Upgrade|Upgrade: websocket, h2c", None),
            ("Connection: Upgrade|Upgrade: websocket|Upgrade: h2c", None),
        ];
        for (lines, wanted) in table {
            let text = format!("GET / HTTP/1.1|Host: a|{lines}||").replace('|', "\r\n");
            let head = parse(&text).expect("good").expect("whole");
            assert_eq!(head.upgrade.as_deref(), wanted.map(str::as_bytes), "{lines}");
        }
    }

    #[test]
    fn which_requests_go_on_with_a_body() {
        let table =
            [("bytes=5-", true), ("bytes=5-9", true), ("bytes=0-", false), ("bytes=-5", false), ("lines=5-", false)];
        for (range, resumes) in table {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nRange: {range}\r\n\r\n");
            assert_eq!(parse(&text).expect("good").expect("whole").resumes(), resumes, "{range}");
        }
    }

    #[test]
    fn too_many_fields_are_refused() {
        let fields = "A: b|".repeat(FIELDS_MAX);
        assert_eq!(status(&format!("GET / HTTP/1.1|{fields}Host: a")), 431);
    }

    #[test]
    fn pipelined_heads_come_one_by_one() {
        let mut buffer = BytesMut::from("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut scanner = HeadScanner::default();
        let mut next = || parse_request(&mut scanner, &mut buffer).expect("good").map(|h| h.target);
        assert_eq!(next().as_deref(), Some(&b"/a"[..]));
        assert_eq!(next().as_deref(), Some(&b"/b"[..]));
        assert_eq!(next(), None);
    }
}
