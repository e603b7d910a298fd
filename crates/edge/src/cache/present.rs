//! What goes out to a client from a stored answer: all of it, a part, or word that the client has it already.

use crate::cache::ranges::{Part, part};
use crate::cache::stored::Stored;
use crate::cache::validate::{is_for_replicas, is_same_representation, is_unmodified};
use crate::codec::{AnswerHead, AnswerLength, Method, RequestHead};
use bytes::Bytes;
use std::time::Instant;

/// An answer out of the store.
#[derive(Debug)]
pub(crate) struct Presented {
    pub(crate) head: AnswerHead,
    pub(crate) body: Bytes,
}

/// What a request is answered with; `None` when only a replica can tell. `status_note` is the Cache-Status.
pub(crate) fn present(request: &RequestHead, stored: &Stored, status_note: &str, now: Instant) -> Option<Presented> {
    let fields = &request.fields;
    if is_for_replicas(fields) {
        return None;
    }
    let size = stored.body.len();
    let answer = |status, length, part_of: Option<String>, body| {
        let mut more = vec![("Cache-Status", status_note.to_owned())];
        more.extend(part_of.map(|part_of| ("Content-Range", part_of)));
        Presented { head: stored.head(status, length, &more, now), body }
    };
    if stored.status == 200 && is_unmodified(fields, stored) {
        return Some(answer(304, AnswerLength::Bodiless { would_be: None }, None, Bytes::new()));
    }
    if request.method == Method::Head {
        let would_be = (stored.status != 204).then_some(size as u64);
        return Some(answer(stored.status, AnswerLength::Bodiless { would_be }, None, Bytes::new()));
    }
    let asked = if stored.status == 200 { part(fields, size) } else { Part::Whole };
    // Whoever has another body than this one is not given a part of it, nor all of it in its place.
    if asked != Part::Whole && !is_same_representation(fields, stored) {
        return None;
    }
    match asked {
        Part::Unclear => None,
        Part::Whole if stored.status == 204 => {
            Some(answer(204, AnswerLength::Bodiless { would_be: None }, None, Bytes::new()))
        }
        Part::Whole => Some(answer(stored.status, AnswerLength::Known(size as u64), None, stored.body.clone())),
        Part::Outside => Some(answer(416, AnswerLength::Known(0), Some(format!("bytes */{size}")), Bytes::new())),
        Part::Bytes(range) => {
            let part_of = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let length = AnswerLength::Known(range.len() as u64);
            Some(answer(206, length, Some(part_of), stored.body.slice(range)))
        }
    }
}
