//! The head of an HTTP/2 request, understood field by field, into the same form as one of HTTP/1.
//!
//! What goes on to a replica is HTTP/1.1, so whatever would be read in another way there is refused (invariant H1).
//! Source: RFC 9113, 8.1 (malformed messages), 8.2 (fields), 8.3 (pseudo-fields).

use crate::codec::fields::{Aside, FieldsBuilder};
use crate::codec::request::{Method, RequestLength, body_length, check_host, expectation, host};
use crate::codec::target::parse_target;
use crate::codec::{FIELDS_MAX, Fields, Persistence, Refusal, RequestHead, Trailers, Version};
use bytes::Bytes;
use std::borrow::Cow;

/// Fields that speak of a connection, which HTTP/2 has no use for: somebody takes them to another meaning.
const FORBIDDEN: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
/// Bytes that each field counts besides its name and value (RFC 9113, 6.5.2).
const OVERHEAD: usize = 32;
/// Room for a usual head.
const ROOM: (usize, usize) = (512, 16);

/// Whether a body follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    Body,
    Nothing,
}

/// Why a head is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// HTTP/2 does not allow it: the stream is reset.
    Malformed,
    /// It is answered.
    Refused(Refusal),
}

impl From<Refusal> for BadHead {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A request's head as far as it has come.
#[derive(Debug)]
pub(crate) struct HeadBuilder {
    fields: FieldsBuilder,
    method: Option<Result<Method, Refusal>>,
    scheme: Option<Scheme>,
    authority: Option<Aside>,
    path: Option<Aside>,
    /// Cut into pieces for the sake of compression; HTTP/1.1 knows one field only (RFC 9113, 8.2.3).
    cookies: Vec<u8>,
    /// Bytes as HTTP/2 counts them.
    size: usize,
    part: HeadPart,
    fault: Option<BadHead>,
}

/// Which fields may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeadPart {
    /// Pseudo-fields, and others.
    Front,
    /// No more pseudo-fields.
    Fields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Spoken,
    Other,
}

impl HeadBuilder {
    pub(crate) fn new() -> Self {
        let (method, scheme, authority, path, cookies, size, fault) = Default::default();
        let fields = FieldsBuilder::with_room(ROOM.0, ROOM.1);
        Self { fields, method, scheme, authority, path, cookies, size, part: HeadPart::Front, fault }
    }

    /// Takes in the next field. `most` bytes may come, as HTTP/2 counts them.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8], most: usize) {
        self.size += name.len() + value.len() + OVERHEAD;
        if self.size > most {
            self.fault = Some(Refusal::HeadTooLarge.into());
        }
        // What is wrong already is not kept: the rest is read for the table's sake.
        if self.fault.is_none() {
            self.fault = self.take(name, value).err();
        }
    }

    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadHead> {
        if let [b':', ..] = name {
            return self.pseudo(name, value);
        }
        self.part = HeadPart::Fields;
        match name {
            _ if !is_name(name) => Err(BadHead::Malformed),
            b"cookie" => {
                check_value(value)?;
                if !self.cookies.is_empty() {
                    self.cookies.extend_from_slice(b"; ");
                }
                self.cookies.extend_from_slice(value);
                Ok(())
            }
            _ => {
                check_field(name, value)?;
                if self.fields.len() == FIELDS_MAX {
                    return Err(Refusal::HeadTooLarge.into());
                }
                self.fields.push(name, value);
                Ok(())
            }
        }
    }

    /// Pseudo-fields stand in front of all others, and each only once.
    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadHead> {
        if self.part == HeadPart::Fields {
            return Err(BadHead::Malformed);
        }
        match name {
            b":method" if self.method.is_none() && is_token(value) => {
                let token = std::str::from_utf8(value).map_err(|_| BadHead::Malformed)?;
                self.method = Some(Method::parse_owned(token));
            }
            b":scheme" if self.scheme.is_none() => {
                let spoken = value.eq_ignore_ascii_case(b"http") || value.eq_ignore_ascii_case(b"https");
                self.scheme = Some(if spoken { Scheme::Spoken } else { Scheme::Other });
            }
            b":authority" if self.authority.is_none() => self.authority = Some(self.fields.put(value)),
            b":path" if self.path.is_none() && !value.is_empty() => self.path = Some(self.fields.put(value)),
            // Twice, empty, of an answer, or of an extension that is not offered.
            _ => return Err(BadHead::Malformed),
        }
        Ok(())
    }

    /// Understands the head.
    ///
    /// # Errors
    /// When it is not taken.
    pub(crate) fn finish(mut self, follows: Follows) -> Result<RequestHead, BadHead> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        // Of a tunnel nothing but the host is said, so it is refused before anything is missed.
        let method = self.method.ok_or(BadHead::Malformed)??;
        let (Some(path), Some(scheme)) = (self.path, self.scheme) else { return Err(BadHead::Malformed) };
        if scheme == Scheme::Other {
            return Err(Refusal::Malformed("a scheme that is not spoken here").into());
        }
        if !self.cookies.is_empty() {
            self.fields.push(b"cookie", &self.cookies);
        }
        let fields = self.fields.finish();
        let path = fields.aside(path);
        let (target, path_length) = target(&path)?;
        Ok(RequestHead {
            method,
            host: match self.authority {
                Some(authority) => named_host(&fields, fields.aside(authority))?,
                None => host(&fields, None)?,
            },
            length: length(&fields, follows)?,
            version: Version::Http2,
            persistence: Persistence::Keep,
            expectation: expectation(Version::Http2, &fields)?,
            // HTTP/2 has no such wish; a tunnel would be an extended CONNECT, which is not offered.
            upgrade: None,
            path_length,
            target,
            fields,
        })
    }
}

/// An absolute form has no place here: the authority has a pseudo-field of its own.
fn target(path: &Bytes) -> Result<(Bytes, usize), Refusal> {
    let text = std::str::from_utf8(path).ok().filter(|path| path.starts_with('/'));
    let target = parse_target(text.ok_or(Refusal::Malformed("no path"))?)?;
    let text = match target.path_and_query {
        Cow::Borrowed(text) => path.slice_ref(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    };
    Ok((text, target.path_length))
}

/// The host in `:authority` and the one in `Host`, where there are both, have to be the same.
fn named_host(fields: &Fields, authority: Bytes) -> Result<Bytes, Refusal> {
    if fields.get("host").is_some() {
        // What is no text is no host either.
        return host(fields, Some(std::str::from_utf8(&authority).unwrap_or_default()));
    }
    check_host(&authority)?;
    Ok(authority)
}

fn length(fields: &Fields, follows: Follows) -> Result<RequestLength, Refusal> {
    let said = fields.get("content-length").is_some();
    match (body_length(Version::Http2, fields)?, follows) {
        (RequestLength::Known(1..), Follows::Nothing) => Err(Refusal::Malformed("a length and no body")),
        (_, Follows::Nothing) => Ok(RequestLength::Known(0)),
        (length, Follows::Body) if said => Ok(length),
        (_, Follows::Body) => Ok(RequestLength::Chunked),
    }
}

fn check_field(name: &[u8], value: &[u8]) -> Result<(), BadHead> {
    let forbidden = FORBIDDEN.iter().any(|field| name == field.as_bytes());
    if forbidden || (name == b"te" && value != b"trailers") {
        return Err(Refusal::Malformed("a field of HTTP/1 connections").into());
    }
    check_value(value)
}

fn check_value(value: &[u8]) -> Result<(), BadHead> {
    // The same as the parser of HTTP/1 lets through: a tab, and whatever is no control character.
    if !value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f)) {
        return Err(BadHead::Malformed);
    }
    let blank = |end: Option<&u8>| end.is_some_and(|b| *b == b' ' || *b == b'\t');
    if blank(value.first()) || blank(value.last()) {
        return Err(Refusal::Malformed("blanks around a value").into());
    }
    Ok(())
}

/// For each byte whether it may stand in a field's name: those of a token, less capitals.
static NAME: [bool; 256] = {
    let (mut name, mut byte) = ([false; 256], 0);
    while byte < 128 {
        name[byte] = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.')
            || matches!(byte as u8, b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    name
};

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| NAME[usize::from(*b)])
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_uppercase() || NAME[usize::from(*b)])
}

/// The fields behind a body, as far as they have come.
#[derive(Debug, Default)]
pub(crate) struct TrailersBuilder {
    trailers: Trailers,
    fault: bool,
}

impl TrailersBuilder {
    /// Takes in the next field.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        // A pseudo-field has no name of this kind either.
        self.fault = self.fault || !is_name(name) || self.trailers.take(name, value).is_err();
    }

    /// The trailers; `None` when they are none.
    pub(crate) fn finish(self) -> Option<Trailers> {
        (!self.fault).then_some(self.trailers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 32 * 1024;

    /// `|` parts fields; the first is method, `:authority` (or `-`) and `:path`.
    fn understand(text: &str, follows: Follows) -> Result<RequestHead, BadHead> {
        let (mut head, mut lines) = (HeadBuilder::new(), text.split('|'));
        let first: Vec<&str> = lines.next().expect("a first line").split(' ').collect();
        for (name, value) in [":method", ":authority", ":path"].into_iter().zip(first) {
            if value != "-" {
                head.field(name.as_bytes(), value.as_bytes(), MOST);
            }
        }
        head.field(b":scheme", b"https", MOST);
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field");
            head.field(name.as_bytes(), value.as_bytes(), MOST);
        }
        head.finish(follows)
    }

    #[test]
    fn heads_that_pass_and_heads_that_do_not() {
        // 0 for those that reset their stream.
        let table = [
            (200, "GET a /"),
            (200, "GET a:8443 /x?y"),
            (200, "GET - /|host: a"),
            (200, "GET A /|host: a"),
            (200, "GET a /|te: trailers"),
            (200, "GET a /|content-length: 0"),
            (400, "GET - /"),
            (400, "GET b /|host: a"),
            (400, "GET a /|host: a|host: a"),
            (400, "GET u@a /"),
            (400, "GET a *"),
            (400, "GET a http://a/"),
            (400, "OPTIONS a *"),
            (400, "GET a /../x"),
            (400, "GET a /x%2fy"),
            (400, "GET a /x;y"),
            (400, "GET a /\u{e4}"),
            (400, "GET a\u{e4} /|host: a"),
            (400, "GET a /|connection: close"),
            (400, "GET a /|keep-alive: 1"),
            (400, "GET a /|proxy-connection: close"),
            (400, "GET a /|upgrade: websocket"),
            (400, "GET a /|transfer-encoding: chunked"),
            (400, "GET a /|te: gzip"),
            (400, "GET a /|x:  y"),
            (400, "GET a /|cookie: y "),
            (400, "GET a /|content-length: 5"),
            (400, "GET a /|content-length: +0"),
            (400, "GET a /|content-length: 0|content-length: 0"),
            (400, "get a /"),
            (417, "GET a /|expect: tea"),
            (501, "CONNECT a -"),
            (501, "CONNECT a /"),
            (501, "TRACE a /"),
            (0, "GET a -"),
            (0, "- a /"),
            (0, "GET a "),
            (0, "G\u{e4}T a /"),
            (0, "GET a /|:path: /"),
            (0, "GET a /|x: y|:authority: b"),
            (0, "GET a /|cookie: y|:authority: b"),
            (0, "GET - /|x: y|:authority: b"),
            (0, "GET a /|:status: 200"),
            (0, "CONNECT a /|:protocol: websocket"),
            (0, "GET a /|X-Upper: y"),
            (0, "GET a /|x y: z"),
            (0, "GET a /|: z"),
            (0, "GET a /|x: y\0"),
            (0, "GET a /|x: y\r\nz"),
            (0, "GET a /|cookie: y\nz"),
        ];
        for (expected, text) in table {
            let status = match understand(text, Follows::Nothing) {
                Ok(_) => 200,
                Err(BadHead::Refused(refusal)) => refusal.status(),
                Err(BadHead::Malformed) => 0,
            };
            assert_eq!(status, expected, "{text}");
        }
        for many in ["|x: y".repeat(FIELDS_MAX + 1), format!("|x: {}", "y".repeat(MOST)), "|cookie: y".repeat(1_000)] {
            let refused = understand(&format!("GET a /{many}"), Follows::Nothing).expect_err("too much");
            assert_eq!(refused, BadHead::Refused(Refusal::HeadTooLarge));
        }
        let mut odd = HeadBuilder::new();
        for (name, value) in [(":method", "GET"), (":authority", "a"), (":path", "/"), (":scheme", "ftp")] {
            odd.field(name.as_bytes(), value.as_bytes(), MOST);
        }
        assert!(matches!(odd.finish(Follows::Nothing), Err(BadHead::Refused(Refusal::Malformed(_)))));
    }

    #[test]
    fn a_head_is_the_same_as_that_of_http_1() {
        let head = understand("POST a //%62?c|cookie: x=1|b: c|cookie: y=2|content-length: 5", Follows::Body);
        let head = head.expect("a good head");
        assert_eq!((&head.target[..], head.path(), &head.host[..]), (&b"/b?c"[..], &b"/b"[..], &b"a"[..]));
        assert_eq!((head.method.as_bytes(), head.length), (&b"POST"[..], RequestLength::Known(5)));
        assert_eq!(head.fields.all("cookie").collect::<Vec<_>>(), [b"x=1; y=2"]);
        let open = understand("PUT a /", Follows::Body).expect("a good head");
        assert_eq!(open.length, RequestLength::Chunked);
    }

    #[test]
    fn what_follows_a_body_is_fields_and_nothing_else() {
        let finish = |pairs: &[(&str, &str)]| {
            let mut trailers = TrailersBuilder::default();
            pairs.iter().for_each(|(name, value)| trailers.field(name.as_bytes(), value.as_bytes()));
            trailers.finish().map(|trailers| trailers.iter().count())
        };
        assert_eq!(finish(&[("x-sum", "1"), ("content-length", "9")]), Some(1));
        assert_eq!(finish(&[]), Some(0));
        for bad in [(":path", "/"), (":status", "200"), ("X-Sum", "1"), ("x sum", "1"), ("", "1"), ("x", "1\n")] {
            assert_eq!(finish(&[("a", "b"), bad]), None, "{bad:?}");
        }
    }
}
