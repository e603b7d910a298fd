//! Requests: understood the same in whatever pieces they come, and understood the same again when written anew.

use super::cuts::cuts;
use crate::codec::{
    Claims, FIELDS_MAX, HEAD_BYTES_MAX, HeadScanner, Onward, Outgoing, Refusal, RequestHead, RequestLength, Scheme,
    Trace, TraceFields, parse_request, request_bytes,
};
use bytes::BytesMut;
use std::net::{IpAddr, Ipv4Addr};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Most fields that the edge adds of its own.
const FIELDS_ADDED_MAX: usize = 8;

/// Reads a head, at once and in pieces: the same comes out, and never from more bytes than allowed.
pub fn request_head(data: &[u8]) {
    let whole = told(&in_pieces([data]));
    for pieces in cuts(data) {
        let cut = told(&in_pieces(pieces));
        assert_eq!(cut, whole, "cut in pieces, it is another request");
    }
}

/// Reads a head, writes it and reads it again: the same request, in a form that `httparse` alone reads alike, and that
/// does not change any more.
pub fn round_trip(data: &[u8]) {
    let Ok(Some(head)) = in_pieces([data]) else { return };
    let canonical = onward(&head);
    let again = match in_pieces([&canonical[..]]) {
        Ok(Some(again)) => again,
        // Each hop adds to a head, and one that only just passed does not pass again.
        Err(Refusal::HeadTooLarge) => return,
        other => panic!("{other:?} from {}", String::from_utf8_lossy(&canonical)),
    };
    assert_eq!(meaning(&again), meaning(&head), "written anew, it is another request");
    compare_with_httparse(&head, &canonical);
    let settled = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        // The trace of the way grows with each hop.
        let trace = |l: &&str| ["X-Forwarded-", "Via:"].iter().any(|name| l.starts_with(name));
        text.split("\r\n").filter(|l| !trace(l)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(settled(&onward(&again)), settled(&canonical), "the canonical form changes");
}

pub(super) fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<RequestHead>, Refusal> {
    let (mut scanner, mut buffer) = (HeadScanner::default(), BytesMut::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let before = buffer.len();
        match parse_request(&mut scanner, &mut buffer)? {
            Some(head) => {
                let taken = before - buffer.len();
                assert!(taken <= before && head.target.len() <= HEAD_BYTES_MAX, "more than there was");
                return Ok(Some(head));
            }
            None => assert!(buffer.len() < HEAD_BYTES_MAX, "an endless head is waited for"),
        }
    }
    Ok(None)
}

/// What tells two outcomes apart.
fn told(outcome: &Result<Option<RequestHead>, Refusal>) -> String {
    match outcome {
        Ok(Some(head)) => format!("{:?}", meaning(head)),
        Ok(None) => "incomplete".to_owned(),
        // A longer look may find another reason first; that it is refused is what counts.
        Err(_) => "refused".to_owned(),
    }
}

/// Method, target, path, host, length, and what to switch to.
pub(super) type Meaning<'a> = (&'a [u8], &'a [u8], &'a [u8], &'a [u8], RequestLength, Option<&'a [u8]>);

pub(super) fn meaning(head: &RequestHead) -> Meaning<'_> {
    assert!(head.target.starts_with(head.path()) && head.path().starts_with(b"/"));
    (head.method.as_bytes(), &head.target, head.path(), &head.host, head.length, head.upgrade.as_deref())
}

pub(super) fn onward(head: &RequestHead) -> BytesMut {
    let length = match head.length {
        RequestLength::Known(0) => Outgoing::None,
        RequestLength::Known(bytes) => Outgoing::Known(bytes),
        RequestLength::Chunked => Outgoing::Chunked,
    };
    let trace = Trace {
        peer: PEER,
        scheme: Scheme::Http,
        hop: Scheme::Http,
        claims: Claims::Kept,
        fields: TraceFields::XForwarded,
    };
    request_bytes(head, Onward { trace, length, rest: None })
}

/// A reader that knows nothing of ours has to find the same, and one length at most.
fn compare_with_httparse(head: &RequestHead, canonical: &[u8]) {
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX + FIELDS_ADDED_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    let status = parsed.parse(canonical);
    assert_eq!(status, Ok(httparse::Status::Complete(canonical.len())), "{}", String::from_utf8_lossy(canonical));
    assert_eq!(parsed.method.map(str::as_bytes), Some(head.method.as_bytes()));
    assert_eq!(parsed.path.map(str::as_bytes), Some(&head.target[..]));
    assert_eq!(parsed.version, Some(1));
    let values = |name: &str| -> Vec<&[u8]> {
        parsed.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value).collect()
    };
    assert_eq!(values("host"), [&head.host[..]]);
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match head.length {
        RequestLength::Known(0) => assert!(lengths.is_empty() && codings.is_empty()),
        RequestLength::Known(bytes) => {
            assert_eq!((lengths, codings.len()), (vec![bytes.to_string().as_bytes()], 0));
        }
        RequestLength::Chunked => assert_eq!((lengths.len(), codings), (0, vec![&b"chunked"[..]])),
    }
    match &head.upgrade {
        None => assert!(
            values("connection") == values("te").iter().map(|_| b"TE").collect::<Vec<_>>()
                && values("upgrade").is_empty()
        ),
        Some(protocol) => {
            assert_eq!((values("connection"), values("upgrade")), (vec![&b"Upgrade"[..]], vec![&protocol[..]]));
        }
    }
    // Of a client's wishes for codings the only one that goes on is that for trailers.
    assert!(matches!(values("te")[..], [] | [b"trailers"]));
}
