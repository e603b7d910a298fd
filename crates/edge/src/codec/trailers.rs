//! Trailers: fields behind a body, both ways and in both versions.
//!
//! They are fields that a sender learns only while it sends: a checksum, the time that it took. What decides how a
//! message is framed, routed, cached, authenticated or understood has to stand in front of it: somebody would take such a
//! field, where it comes behind, for one that came before. So these end here, and all others go on.
//! Source: RFC 9110, 6.5 (trailer fields); RFC 9112, 7.1.2 (behind chunks); RFC 9113, 8.1 (behind DATA frames).

use super::Fields;
use super::fields::HOP;
use bytes::{Bytes, BytesMut};

/// Most fields behind a body.
const FIELDS_MAX: usize = 32;
/// Most bytes of them, names and values together.
const BYTES_MAX: usize = 32 * 1024;

/// Fields that mean nothing good behind a body, besides those that speak of one connection: routing, conditions and
/// other wishes of a request, credentials, control data of an answer, and what says how a body is to be read.
const FORBIDDEN: [&str; 38] = [
    "accept-ranges",
    "age",
    "authentication-info",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authentication-info",
    "proxy-status",
    "range",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-real-ip",
];

/// The trailer is too long, or no field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trailer is malformed")]
pub(crate) struct BadTrailer;

/// The fields behind one body that go on; bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trailers {
    pairs: Vec<(Bytes, Bytes)>,
    seen: usize,
    bytes: usize,
}

impl Trailers {
    /// Takes in a line of a chunked body, without its end.
    pub(crate) fn take_line(&mut self, line: &[u8]) -> Result<(), BadTrailer> {
        let colon = line.iter().position(|b| *b == b':').ok_or(BadTrailer)?;
        self.take(&line[..colon], line[colon + 1..].trim_ascii())
    }

    /// Takes in a field. Whether it goes on or not, it counts.
    ///
    /// # Errors
    /// When it is no field, or one too many.
    pub(crate) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadTrailer> {
        self.seen += 1;
        self.bytes += name.len() + value.len();
        if self.seen > FIELDS_MAX || self.bytes > BYTES_MAX || !is_name(name) || !is_value(value) {
            return Err(BadTrailer);
        }
        if may_follow(name) {
            self.pairs.push((Bytes::copy_from_slice(name), Bytes::copy_from_slice(value)));
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(name, value)| (&name[..], &value[..]))
    }

    /// The lines behind the last chunk.
    pub(super) fn put(&self, out: &mut BytesMut) {
        for (name, value) in self.iter() {
            super::serialise::put_field(out, name, value);
        }
    }
}

/// What a head says of trailers to come, where nothing but those that go on is announced.
pub(crate) fn announced(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.all("trailer").filter(|names| names.split(|b| *b == b',').all(|name| may_follow(name.trim_ascii())))
}

/// True when a field may stand behind a body.
fn may_follow(name: &[u8]) -> bool {
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    let imitates =
        name.contains(&b'_') || name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded"));
    is_name(name) && !imitates && !HOP.iter().chain(&FORBIDDEN).any(is)
}

fn is_name(name: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(token)
}

/// The same as in a head: a tab, and whatever is no control character.
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_in_front_of_a_body_does_not_go_on_behind_it() {
        let table = [
            ("Digest: sha-256=x", true),
            ("x-checksum:1", true),
            ("grpc-status: 0", true),
            ("Server-Timing: db;dur=5", true),
            ("Content-Length: 5", false),
            ("Transfer-Encoding: chunked", false),
            ("Connection: close", false),
            ("Trailer: x", false),
            ("TE: trailers", false),
            ("Host: b", false),
            ("AUTHORIZATION: b", false),
            ("Set-Cookie: a=b", false),
            ("Content-Encoding: gzip", false),
            ("Content-Range: bytes 0-1/2", false),
            ("Cache-Control: no-store", false),
            ("X-Forwarded-For: 10.0.0.1", false),
            ("content_length: 5", false),
        ];
        for (line, goes_on) in table {
            let mut trailers = Trailers::default();
            trailers.take_line(line.as_bytes()).expect(line);
            assert_eq!(!trailers.is_empty(), goes_on, "{line}");
        }
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for line in ["", "no colon", ": no name", "a b: c", "a: b\0", "a: b\rc", "a\u{e4}: b"] {
            assert_eq!(Trailers::default().take_line(line.as_bytes()), Err(BadTrailer), "{line:?}");
        }
    }

    #[test]
    fn b7_trailers_are_bounded_in_number_and_bytes() {
        let mut many = Trailers::default();
        assert_eq!((0..100).take_while(|_| many.take(b"host", b"b").is_ok()).count(), FIELDS_MAX);
        let (mut long, value) = (Trailers::default(), [b'x'; 4095]);
        assert_eq!((0..100).take_while(|_| long.take(b"a", &value).is_ok()).count(), BYTES_MAX / 4096);
    }

    #[test]
    fn only_what_goes_on_is_announced() {
        let of = |names: &[&str]| {
            let pairs = names.iter().map(|names| (&b"Trailer"[..], names.as_bytes()));
            announced(&Fields::from_pairs(pairs)).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        assert_eq!(of(&["x-sum, Server-Timing", "x-sum, content-length", "host"]), [b"x-sum, Server-Timing"]);
        assert!(of(&[]).is_empty());
    }
}
