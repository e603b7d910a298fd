//! Chunked bodies: the same data and trailers in whatever pieces they come, never more than came, and the same again when
//! coded anew.

use super::cuts::cuts;
use crate::codec::{BodyDecoder, BodyEncoder, Piece, Trailers};
use bytes::{Bytes, BytesMut};

/// What a decoder made of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The body, its trailers, and how many bytes lie behind it all.
    Whole(Vec<u8>, Vec<Line>, usize),
    /// More has to come.
    Incomplete(Vec<u8>),
    Refused,
}

/// Name and value of a trailer.
type Line = (Vec<u8>, Vec<u8>);

/// Reads a chunked body, at once and in pieces, and codes it anew.
pub fn chunked_body(data: &[u8]) {
    let whole = decode([data]);
    for pieces in cuts(data) {
        assert_eq!(decode(pieces), whole, "cut in pieces, it is another body");
    }
    if let Outcome::Whole(body, lines, behind) = whole {
        let trailing: usize = lines.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(body.len() + trailing + behind <= data.len(), "more than came");
        assert_eq!(
            decode([&encode(&body, &lines)[..]]),
            Outcome::Whole(body, lines, 0),
            "coded anew, it is another body"
        );
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
                let trailers = decoder.take_trailers();
                let lines = trailers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                return Outcome::Whole(body, lines, behind);
            }
            Ok(Piece::More) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None => return Outcome::Incomplete(body),
            },
            Err(_) => return Outcome::Refused,
        }
    }
}

fn encode(body: &[u8], lines: &[Line]) -> Vec<u8> {
    let mut wire = Vec::new();
    // Pieces are never empty: an empty one would be the last.
    for piece in body.chunks(7) {
        BodyEncoder::Chunked.piece(Bytes::copy_from_slice(piece), |part| wire.extend_from_slice(&part));
    }
    let mut trailers = Trailers::default();
    for (name, value) in lines {
        trailers.take(name, value).expect("what went on goes on again");
    }
    wire.extend_from_slice(&BodyEncoder::Chunked.end(&trailers));
    wire
}
