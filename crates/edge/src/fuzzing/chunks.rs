//! Chunked bodies: the same data in whatever pieces they come, never more than came, and the same again when coded anew.

use super::cuts::cuts;
use crate::codec::{BodyDecoder, BodyEncoder, Piece};
use bytes::{Bytes, BytesMut};

/// What a decoder made of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The body, and how many bytes lie behind it.
    Whole(Vec<u8>, usize),
    /// More has to come.
    Incomplete(Vec<u8>),
    Refused,
}

/// Reads a chunked body, at once and in pieces, and codes it anew.
pub fn chunked_body(data: &[u8]) {
    let whole = decode([data]);
    for pieces in cuts(data) {
        assert_eq!(decode(pieces), whole, "cut in pieces, it is another body");
    }
    if let Outcome::Whole(body, behind) = whole {
        assert!(body.len() + behind <= data.len(), "more than came");
        assert_eq!(decode([&encode(&body)[..]]), Outcome::Whole(body, 0), "coded anew, it is another body");
    }
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut decoder, mut buffer, mut body) = (BodyDecoder::chunked(), BytesMut::new(), Vec::new());
    let mut pieces = pieces.into_iter();
    loop {
        match decoder.take(&mut buffer) {
            Ok(Piece::Data(data)) => {
                assert!(!data.is_empty(), "an empty piece is no piece");
                body.extend_from_slice(&data);
            }
            Ok(Piece::End) => {
                let behind = buffer.len() + pieces.map(<[u8]>::len).sum::<usize>();
                return Outcome::Whole(body, behind);
            }
            Ok(Piece::More) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None => return Outcome::Incomplete(body),
            },
            Err(_) => return Outcome::Refused,
        }
    }
}

fn encode(body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    // Pieces are never empty: an empty one would be the last.
    for piece in body.chunks(7) {
        BodyEncoder::Chunked.piece(Bytes::copy_from_slice(piece), |part| wire.extend_from_slice(&part));
    }
    wire.extend_from_slice(&BodyEncoder::Chunked.end());
    wire
}
