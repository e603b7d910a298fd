//! Reads requests without a body from a connection.

use std::io::{Error, ErrorKind};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Largest head that is read.
const HEAD_MAX: usize = 16 * 1024;
/// Most fields of a head.
const FIELDS_MAX: usize = 64;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) is_head: bool,
    pub(super) path: String,
    /// Bytes a second, when the body is to be sent slowly.
    pub(super) pace: Option<u64>,
    pub(super) range: Option<String>,
    pub(super) if_range: Option<String>,
}

/// The next request; none when the client has closed.
pub(super) async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
    loop {
        if let Some((request, used)) = parse(buffer)? {
            buffer.drain(..used);
            return Ok(Some(request));
        }
        if buffer.len() > HEAD_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "the head is too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// The request at the start of the buffer, when it is whole, and its length.
fn parse(buffer: &[u8]) -> std::io::Result<Option<(Request, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let status = head.parse(buffer).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(used) = status else { return Ok(None) };
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let field = |name: &str| {
        let found = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    let request = Request {
        is_head: head.method == Some("HEAD"),
        path: path.to_owned(),
        pace: query.strip_prefix("pace=").and_then(|pace| pace.parse().ok()),
        range: field("range"),
        if_range: field("if-range"),
    };
    Ok(Some((request, used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = b"HEAD /10m?pace=99 HTTP/1.1\r\nHost: a\r\nRANGE: bytes=1-2\r\nIf-Range: \"e\"\r\n\r\nGET";
        let (request, used) = parse(text).expect("a good head").expect("a whole head");
        let expected = Request {
            is_head: true,
            path: "/10m".into(),
            pace: Some(99),
            range: Some("bytes=1-2".into()),
            if_range: Some("\"e\"".into()),
        };
        assert_eq!((request, used), (expected, text.len() - 3));
        assert_eq!(parse(&text[..40]).expect("a good beginning"), None);
        assert!(parse(b"\0\r\n\r\n").is_err());
    }
}
