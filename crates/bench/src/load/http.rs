//! What our own clients know of HTTP: the head of an answer.

use std::io::{Error, ErrorKind, Result};

/// Most fields of a head.
const FIELDS_MAX: usize = 64;

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head itself.
    pub(crate) bytes: usize,
    /// Bytes of the body.
    pub(crate) length: usize,
    /// The server closes the connection after this.
    pub(crate) closes: bool,
    /// Which upstream answered, by its port.
    pub(crate) upstream: Option<u16>,
}

/// The head at the start of a buffer, when it is whole.
pub(crate) fn head(buffer: &[u8]) -> Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let parsed = answer.parse(buffer).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(bytes) = parsed else { return Ok(None) };
    let field = |name: &str| {
        let found = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let length = field("content-length").and_then(|length| length.parse().ok());
    let length = length.ok_or_else(|| Error::new(ErrorKind::InvalidData, "a body of unknown length"))?;
    Ok(Some(Head {
        status: answer.code.unwrap_or_default(),
        bytes,
        length,
        closes: field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        upstream: field(crate::upstream::NAME_FIELD).and_then(|port| port.parse().ok()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Upstream: 9001\r\nConnection: close\r\n\r\nabc";
        let expected = Head { status: 200, bytes: text.len() - 3, length: 7, closes: true, upstream: Some(9001) };
        assert_eq!(head(text).expect("a good head"), Some(expected));
        assert_eq!(head(&text[..30]).expect("a good beginning"), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "the length is not known");
    }
}
