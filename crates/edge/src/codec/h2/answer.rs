//! The head of an answer as it goes out in HTTP/2, and the fields behind its body.

use super::frame::{Last, begin_block, end_block};
use super::hpack::{Encoder, put_decimal_field, put_field, put_status};
use crate::codec::{AnswerHead, AnswerLength, Trailers, announced};
use bytes::BytesMut;

/// Room for a usual head.
const HEAD_ROOM: usize = 256;

/// Writes an answer's head on a stream.
pub(crate) fn put_answer(encoder: &mut Encoder, out: &mut BytesMut, stream: u32, head: &AnswerHead, last: Last) {
    out.reserve(HEAD_ROOM);
    let start = begin_block(out);
    encoder.begin(out);
    put_status(out, head.status);
    for field in head.fields.end_to_end() {
        put_field(out, field.name, field.value);
    }
    match head.length {
        AnswerLength::Known(bytes) | AnswerLength::Bodiless { would_be: Some(bytes) } => {
            put_decimal_field(out, "content-length", bytes);
        }
        AnswerLength::Chunked => announced(&head.fields).for_each(|names| put_field(out, b"trailer", names)),
        AnswerLength::Bodiless { would_be: None } | AnswerLength::UntilClose => {}
    }
    end_block(out, start, stream, last);
}

/// Tells a client to go on with its body.
pub(crate) fn put_continue(encoder: &mut Encoder, out: &mut BytesMut, stream: u32) {
    let start = begin_block(out);
    encoder.begin(out);
    put_status(out, 100);
    end_block(out, start, stream, Last::No);
}

/// Writes what follows a body, and ends the stream.
pub(crate) fn put_trailers(encoder: &mut Encoder, out: &mut BytesMut, stream: u32, trailers: &Trailers) {
    let start = begin_block(out);
    encoder.begin(out);
    for (name, value) in trailers.iter() {
        put_field(out, name, value);
    }
    end_block(out, start, stream, Last::Yes);
}
