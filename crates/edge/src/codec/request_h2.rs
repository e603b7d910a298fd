//! The head of an HTTP/2 request, understood: through the same checks as one of HTTP/1, into the same form.
//!
//! What goes on to a replica is HTTP/1.1, so whatever would be read in another way there is refused (invariant H1).
//! Source: RFC 9113, 8.2 (fields) and 8.3 (pseudo-fields).

use super::request::{Method, RequestHead, RequestLength, body_length, check_host, expectation, host};
use super::target::parse_target;
use super::{FIELDS_MAX, Fields, Persistence, Refusal, Version};
use bytes::{Bytes, BytesMut};
use http::request::Parts;

/// Fields that speak of a connection, which HTTP/2 has no use for: somebody takes them to another meaning.
const FORBIDDEN: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Whether a body follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    Body,
    Nothing,
}

/// Understands a head.
///
/// # Errors
/// When the request is refused.
pub(crate) fn request_from_parts(parts: &Parts, follows: Follows) -> Result<RequestHead, Refusal> {
    let method = Method::parse_owned(parts.method.as_str())?;
    if parts.headers.len() > FIELDS_MAX {
        return Err(Refusal::HeadTooLarge);
    }
    let fields = fields(parts)?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    // An absolute form has no place here: the authority has a pseudo-field of its own.
    if !path.starts_with('/') {
        return Err(Refusal::Malformed("no path"));
    }
    let target = parse_target(path)?;
    Ok(RequestHead {
        method,
        host: authority(parts, &fields)?,
        length: length(&fields, follows)?,
        version: Version::Http2,
        persistence: Persistence::Keep,
        expectation: expectation(Version::Http2, &fields)?,
        // HTTP/2 has no such wish; a tunnel would be an extended CONNECT, which is not offered.
        upgrade: None,
        path_length: target.path_length,
        target: target.path_and_query.into_owned().into(),
        fields,
    })
}

/// The host in `:authority` and the one in `Host`, where there are both, have to be the same.
fn authority(parts: &Parts, fields: &Fields) -> Result<Bytes, Refusal> {
    let Some(authority) = parts.uri.authority().map(|authority| authority.as_str()) else {
        return host(fields, None);
    };
    if fields.get("host").is_some() {
        return host(fields, Some(authority));
    }
    check_host(authority.as_bytes())?;
    Ok(Bytes::copy_from_slice(authority.as_bytes()))
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

fn fields(parts: &Parts) -> Result<Fields, Refusal> {
    let mut cookies = BytesMut::new();
    let mut pairs: Vec<(&[u8], &[u8])> = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let (name, value) = (name.as_str(), value.as_bytes());
        check_field(name, value)?;
        if name == "cookie" {
            // Cut into pieces for the sake of compression; HTTP/1.1 knows one field only (RFC 9113, 8.2.3).
            if !cookies.is_empty() {
                cookies.extend_from_slice(b"; ");
            }
            cookies.extend_from_slice(value);
        } else {
            pairs.push((name.as_bytes(), value));
        }
    }
    if !cookies.is_empty() {
        pairs.push((b"cookie", &cookies));
    }
    Ok(Fields::from_pairs(pairs))
}

fn check_field(name: &str, value: &[u8]) -> Result<(), Refusal> {
    if FORBIDDEN.contains(&name) || (name == "te" && value != b"trailers") {
        return Err(Refusal::Malformed("a field of HTTP/1 connections"));
    }
    if value.trim_ascii().len() != value.len() {
        return Err(Refusal::Malformed("blanks around a value"));
    }
    // The same as the parser of HTTP/1 lets through: a tab, and whatever is no control character.
    let honest = value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f));
    if honest { Ok(()) } else { Err(Refusal::Malformed("a control character in a value")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// `|` parts fields; the first is method, `:authority` (or `-`) and `:path`.
    fn understand(text: &str, follows: Follows) -> Result<RequestHead, Refusal> {
        let mut lines = text.split('|');
        let mut first = lines.next().expect("a first line").split(' ');
        let (method, authority, path) = (first.next(), first.next(), first.next());
        let mut uri = http::uri::Parts::default();
        uri.path_and_query = path.map(|p| p.parse().expect("a path"));
        if let Some(authority) = authority.filter(|a| *a != "-") {
            uri.scheme = Some(http::uri::Scheme::HTTPS);
            uri.authority = Some(authority.parse().expect("an authority"));
        }
        let mut request =
            Request::builder().method(method.expect("a method")).uri(http::Uri::from_parts(uri).expect("a URI"));
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field");
            request = request.header(name, value);
        }
        request_from_parts(&request.body(()).expect("a request").into_parts().0, follows)
    }

    #[test]
    fn heads_that_pass_and_heads_that_do_not() {
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
            (400, "OPTIONS a *"),
            (400, "GET a /../x"),
            (400, "GET a /x%2fy"),
            (400, "GET a /x;y"),
            (400, "GET a /|connection: close"),
            (400, "GET a /|keep-alive: 1"),
            (400, "GET a /|proxy-connection: close"),
            (400, "GET a /|upgrade: websocket"),
            (400, "GET a /|transfer-encoding: chunked"),
            (400, "GET a /|te: gzip"),
            (400, "GET a /|content-length: 5"),
            (400, "GET a /|content-length: +0"),
            (400, "GET a /|content-length: 0|content-length: 0"),
            (417, "GET a /|expect: tea"),
            (501, "CONNECT a /"),
            (501, "TRACE a /"),
        ];
        for (expected, text) in table {
            let status = understand(text, Follows::Nothing).map_or_else(|refusal| refusal.status(), |_| 200);
            assert_eq!(status, expected, "{text}");
        }
        let many = format!("GET a /{}", "|x: y".repeat(FIELDS_MAX + 1));
        assert_eq!(understand(&many, Follows::Nothing).expect_err("too many").status(), 431);
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
}
