//! The fields that tell a replica by which way a request came: `X-Forwarded-*`, `Forwarded`, `Via`.
//!
//! Whose word counts is decided elsewhere (`door::caller`); here it is carried out. What a client claims goes on only
//! from a proxy that is trusted, with one exception: where no proxies are named at all, its `X-Forwarded-For` goes on
//! in front of our own entry, which is then the last one and the only one to be believed.
//! Source: RFC 7239 (`Forwarded`), RFC 9110, 7.6.3 (`Via`).

use super::fields::{Field, Fields, Once};
use super::request::RequestHead;
use super::serialise::{put_address, put_display, put_field};
use super::{Scheme, Version};
use bytes::{BufMut, BytesMut};
use std::net::IpAddr;

/// By which way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Who is at the other end of the connection, or whom a proxy named in the PROXY protocol.
    pub(crate) peer: IpAddr,
    /// What the client speaks, as far as anybody to be believed knows.
    pub(crate) scheme: Scheme,
    /// What is spoken to us.
    pub(crate) hop: Scheme,
    /// What becomes of the fields it sent itself.
    pub(crate) claims: Claims,
    /// The fields to write.
    pub(crate) fields: TraceFields,
}

/// What becomes of what a client says of the way before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// `X-Forwarded-For` goes on, with our entry behind it; the rest is replaced.
    Kept,
    /// All of it is replaced.
    Dropped,
    /// It is a trusted proxy's word: it goes on, but for the host.
    Trusted,
}

/// Which fields tell a replica by which way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceFields {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwarded,
    /// `Forwarded` of RFC 7239.
    Forwarded,
    /// All of them.
    Both,
}

const X_FORWARDED: [&str; 3] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
const FORWARDED: &str = "forwarded";

impl TraceFields {
    const fn has_x_forwarded(self) -> bool {
        matches!(self, Self::XForwarded | Self::Both)
    }

    const fn has_forwarded(self) -> bool {
        matches!(self, Self::Forwarded | Self::Both)
    }
}

impl Trace {
    /// True for a field of the client's that ends here, for it is written anew or not to be believed.
    pub(super) fn replaces(self, field: &Field<'_>) -> bool {
        let written = (X_FORWARDED.iter().any(|name| field.is(name)), field.is(FORWARDED));
        match written {
            (true, _) => self.fields.has_x_forwarded() || self.claims != Claims::Trusted,
            (_, true) => self.fields.has_forwarded() || self.claims != Claims::Trusted,
            _ => false,
        }
    }

    /// Writes the fields.
    pub(super) fn put(self, out: &mut BytesMut, head: &RequestHead) {
        if self.fields.has_x_forwarded() {
            self.put_x_forwarded(out, head);
        }
        if self.fields.has_forwarded() {
            self.put_forwarded(out, head);
        }
        put_field(out, b"Via", via(head.version));
    }

    fn put_x_forwarded(self, out: &mut BytesMut, head: &RequestHead) {
        out.put(&b"X-Forwarded-For: "[..]);
        if self.claims != Claims::Dropped {
            put_list(out, &head.fields, "x-forwarded-for");
        }
        put_address(out, self.peer);
        out.put(&b"\r\n"[..]);
        put_field(out, b"X-Forwarded-Proto", self.scheme.as_str().as_bytes());
        // Always the host by which we route and store answers, whoever claims another.
        put_field(out, b"X-Forwarded-Host", &head.host);
    }

    /// A client's own elements go on from trusted proxies only: an open quotation mark in one would hide ours.
    fn put_forwarded(self, out: &mut BytesMut, head: &RequestHead) {
        out.put(&b"Forwarded: "[..]);
        if self.claims == Claims::Trusted {
            put_list(out, &head.fields, FORWARDED);
        }
        match self.peer.to_canonical() {
            IpAddr::V4(ip) => put_display(out, format_args!("for={ip}")),
            IpAddr::V6(ip) => put_display(out, format_args!("for=\"[{ip}]\"")),
        }
        // A host has none of the characters that end a quoted string.
        out.put(&b";host=\""[..]);
        out.put(&head.host[..]);
        put_display(out, format_args!("\";proto={}\r\n", self.hop.as_str()));
    }
}

/// What hops before us have said, each entry with a comma behind it.
fn put_list(out: &mut BytesMut, fields: &Fields, name: &str) {
    for hop in fields.all(name).filter(|hop| !hop.is_empty()) {
        out.put(hop);
        out.put(&b", "[..]);
    }
}

/// What our hop calls itself in `Via`, behind the version in which it was asked.
const fn via(version: Version) -> &'static [u8] {
    match version {
        Version::Http10 => b"1.0 downbeat",
        Version::Http11 => b"1.1 downbeat",
        Version::Http2 => b"2.0 downbeat",
    }
}

/// What a trusted proxy says that the client speaks, when it says it once and well.
pub(crate) fn scheme_told(fields: &Fields) -> Option<Scheme> {
    match fields.once(X_FORWARDED[1]) {
        Once::Single(b"http") => Some(Scheme::Http),
        Once::Single(b"https") => Some(Scheme::Https),
        _ => None,
    }
}

/// The last address that a list of trusted proxies' entries names and that is no trusted proxy itself: the client's,
/// as far as anybody to be believed knows. `None` when a proxy says something that is no address.
pub(crate) fn client_behind(fields: &Fields, trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut last = None;
    let entries: Vec<&[u8]> = fields.all(X_FORWARDED[0]).flat_map(|value| value.split(|b| *b == b',')).collect();
    for entry in entries.iter().rev() {
        let address: IpAddr = std::str::from_utf8(entry.trim_ascii()).ok()?.parse().ok()?;
        last = Some(address);
        if !trusted(address) {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{HeadScanner, parse_request};

    fn head(lines: &str) -> RequestHead {
        let text = format!("GET / HTTP/1.1\r\nHost: a:8\r\n{}\r\n", lines.replace('|', "\r\n"));
        parse_request(&mut HeadScanner::default(), &mut BytesMut::from(text.as_str())).expect("good").expect("whole")
    }

    fn written(claims: Claims, fields: TraceFields, peer: &str) -> String {
        let head = head(
            "X-Forwarded-For: 9.9.9.9|X-Forwarded-Proto: https|X-Forwarded-Host: b|Forwarded: for=9.9.9.9|Accept: */*|",
        );
        let scheme = if claims == Claims::Trusted { Scheme::Https } else { Scheme::Http };
        let peer = peer.parse().expect("an address");
        let trace = Trace { peer, scheme, hop: Scheme::Http, claims, fields };
        let mut out = BytesMut::new();
        for field in head.fields.iter().filter(|f| !f.is("host") && !trace.replaces(f)) {
            put_field(&mut out, field.name, field.value);
        }
        trace.put(&mut out, &head);
        String::from_utf8(out.to_vec()).expect("text").replace("\r\n", "|")
    }

    #[test]
    fn whose_word_goes_on() {
        use TraceFields::{Both, Forwarded, XForwarded};
        let ours = "X-Forwarded-Proto: http|X-Forwarded-Host: a:8|Via: 1.1 downbeat|";
        let table = [
            (Claims::Kept, XForwarded, format!("Accept: */*|X-Forwarded-For: 9.9.9.9, 10.0.0.1|{ours}")),
            (Claims::Dropped, XForwarded, format!("Accept: */*|X-Forwarded-For: 10.0.0.1|{ours}")),
            (
                Claims::Trusted,
                XForwarded,
                "Forwarded: for=9.9.9.9|Accept: */*|X-Forwarded-For: 9.9.9.9, 10.0.0.1|X-Forwarded-Proto: https|\
                 X-Forwarded-Host: a:8|Via: 1.1 downbeat|"
                    .into(),
            ),
            (
                Claims::Kept,
                Forwarded,
                "Accept: */*|Forwarded: for=10.0.0.1;host=\"a:8\";proto=http|Via: 1.1 downbeat|".into(),
            ),
            (
                Claims::Dropped,
                Both,
                "Accept: */*|X-Forwarded-For: 10.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: a:8|\
                 Forwarded: for=10.0.0.1;host=\"a:8\";proto=http|Via: 1.1 downbeat|"
                    .into(),
            ),
        ];
        for (claims, fields, expected) in table {
            assert_eq!(written(claims, fields, "10.0.0.1"), expected, "{claims:?} {fields:?}");
        }
        let trusted = written(Claims::Trusted, Both, "2001:db8::1");
        assert!(
            trusted.contains("Forwarded: for=9.9.9.9, for=\"[2001:db8::1]\";host=\"a:8\";proto=http|"),
            "{trusted}"
        );
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxy() {
        let table = [
            ("X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.2|", Some("2.2.2.2")),
            ("X-Forwarded-For: 1.1.1.1|X-Forwarded-For: 10.0.0.2,10.0.0.3|", Some("1.1.1.1")),
            ("X-Forwarded-For: 10.0.0.2|", Some("10.0.0.2")),
            ("X-Forwarded-For: 1.1.1.1, unknown|", None),
            ("X-Forwarded-For: unknown, 1.1.1.1|", Some("1.1.1.1")),
            ("", None),
        ];
        for (lines, expected) in table {
            let found = client_behind(&head(lines).fields, |ip| ip.to_string().starts_with("10."));
            assert_eq!(found.map(|ip| ip.to_string()).as_deref(), expected, "{lines}");
        }
    }
}
