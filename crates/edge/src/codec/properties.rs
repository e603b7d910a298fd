//! What holds for all bytes: no panic, no second reading, and one form that stays the same.

use super::{
    BodyDecoder, Claims, HeadScanner, Method, Onward, Outgoing, Piece, RequestHead, RequestLength, Scheme, Trace,
    TraceFields, Trailers, Version, answer_bytes, parse_answer, parse_request, request_bytes,
};
use crate::codec::{BodyEncoder, Persistence};
use bytes::BytesMut;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn request(bytes: &[u8]) -> Option<RequestHead> {
    parse_request(&mut HeadScanner::default(), &mut BytesMut::from(bytes)).ok().flatten()
}

fn onward(head: &RequestHead) -> Vec<u8> {
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
    request_bytes(head, Onward { trace, length, rest: None }).to_vec()
}

/// Fragments out of which both good and nearly good requests are made.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("GET / HTTP/1.1"),
        Just("POST //a/%62/%C3%a4?x=%2f HTTP/1.1"),
        Just("PUT http://h:1/x HTTP/1.1"),
        Just("HEAD /..%2f HTTP/1.1"),
        Just("MKCOL /a HTTP/1.0"),
    ];
    let field = prop_oneof![
        Just("Host: h:1".to_owned()),
        Just("Content-Length: 5".to_owned()),
        Just("Transfer-Encoding: chunked".to_owned()),
        Just("Connection: keep-alive, x-a".to_owned()),
        Just("X-Forwarded-For: 10.0.0.1".to_owned()),
        "[a-zA-Z_-]{1,8}:[ -~\t]{0,12}",
        "[ -~\r\n\t\0]{0,16}",
    ];
    (line, prop::collection::vec(field, 0..6)).prop_map(|(line, fields)| {
        let host = "Host: h:1\r\n";
        format!("{line}\r\n{host}{}\r\n\r\n", fields.join("\r\n")).into_bytes()
    })
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = request(&bytes);
        let _ = parse_answer(&mut HeadScanner::default(), &mut BytesMut::from(&bytes[..]), &Method::Get);
        for mut decoder in [BodyDecoder::chunked(), BodyDecoder::length(9), BodyDecoder::until_close()] {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Piece::Data(data)) = decoder.take(&mut buffer) {
                prop_assert!(!data.is_empty());
            }
        }
    }

    #[test]
    fn what_goes_on_is_read_the_same_again(bytes in heads()) {
        if let Some(head) = request(&bytes) {
            let canonical = onward(&head);
            let again = request(&canonical).expect("the canonical form is a request");
            prop_assert_eq!(&again.method, &head.method);
            prop_assert_eq!(&again.target, &head.target);
            prop_assert_eq!(&again.host, &head.host);
            prop_assert_eq!(again.length, head.length);
            // Only the trace of the way grows with each hop.
            let without_trace = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let trace = |l: &str| l.starts_with("X-Forwarded-For:") || l.starts_with("Via:");
                text.split("\r\n").filter(|l| !trace(l)).map(str::to_owned).collect::<Vec<_>>()
            };
            prop_assert_eq!(without_trace(&onward(&again)), without_trace(&canonical));
        }
    }

    #[test]
    fn cutting_the_bytes_elsewhere_changes_nothing(bytes in heads(), cut in 0_usize..200) {
        let (mut scanner, mut buffer) = (HeadScanner::default(), BytesMut::new());
        let cut = cut.min(bytes.len());
        buffer.extend_from_slice(&bytes[..cut]);
        let early = parse_request(&mut scanner, &mut buffer);
        let at_once = parse_request(&mut HeadScanner::default(), &mut BytesMut::from(&bytes[..]));
        let in_parts = match early {
            Ok(None) => {
                buffer.extend_from_slice(&bytes[cut..]);
                parse_request(&mut scanner, &mut buffer)
            }
            other => other,
        };
        let told = |r: Result<Option<RequestHead>, super::Refusal>| r.map(|h| h.map(|h| (h.method, h.target))).ok();
        prop_assert_eq!(told(in_parts), told(at_once));
    }

    #[test]
    fn a_body_survives_its_own_coding(body in prop::collection::vec(any::<u8>(), 0..2000), step in 1_usize..300) {
        let mut wire = BytesMut::new();
        for piece in body.chunks(step) {
            BodyEncoder::Chunked.piece(bytes::Bytes::copy_from_slice(piece), |part| wire.extend_from_slice(&part));
        }
        wire.extend_from_slice(&BodyEncoder::Chunked.end(&Trailers::default()));
        let (mut decoder, mut out) = (BodyDecoder::chunked(), Vec::new());
        while let Ok(Piece::Data(data)) = decoder.take(&mut wire) {
            out.extend_from_slice(&data);
        }
        prop_assert_eq!(decoder.take(&mut wire), Ok(Piece::End));
        prop_assert_eq!((out, wire.len()), (body, 0));
    }

    #[test]
    fn an_answer_is_read_the_same_again(length in prop::option::of(0_u64..1000), status in 200_u16..600) {
        let field = length.map_or("Transfer-Encoding: chunked".to_owned(), |n| format!("Content-Length: {n}"));
        let text = format!("HTTP/1.1 {status} x\r\n{field}\r\nETag: \"a\"\r\nConnection: x-b\r\nX-B: c\r\n\r\n");
        let parse = |bytes: &[u8]| {
            parse_answer(&mut HeadScanner::default(), &mut BytesMut::from(bytes), &Method::Get).expect("good").expect("whole")
        };
        let head = parse(text.as_bytes());
        let (bytes, _) = answer_bytes(&head, Version::Http11, Persistence::Keep);
        let again = parse(&bytes);
        prop_assert_eq!((again.status, again.length), (head.status, head.length));
        prop_assert_eq!(again.fields.get("etag"), head.fields.get("etag"));
        prop_assert!(again.fields.get("x-b").is_none());
    }
}
