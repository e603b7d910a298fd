//! Heads of answers: understood the same in whatever pieces they come, and written so that a client reads them alike.

use super::cuts::cuts;
use crate::codec::{
    AnswerHead, AnswerLength, BadAnswer, HeadScanner, Method, Persistence, Version, answer_bytes, parse_answer,
};
use bytes::BytesMut;

/// Reads an answer to GET and to HEAD, at once and in pieces, and what goes out to a client.
pub fn answer_head(data: &[u8]) {
    for method in [Method::Get, Method::Head] {
        let whole = in_pieces([data], &method);
        for pieces in cuts(data) {
            assert_eq!(told(&in_pieces(pieces, &method)), told(&whole), "cut in pieces, it is another answer");
        }
        if let Ok(Some(head)) = whole {
            written_anew(&head, &method);
        }
    }
}

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, method: &Method) -> Result<Option<AnswerHead>, BadAnswer> {
    let (mut scanner, mut buffer) = (HeadScanner::default(), BytesMut::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if let Some(head) = parse_answer(&mut scanner, &mut buffer, method)? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

fn told(outcome: &Result<Option<AnswerHead>, BadAnswer>) -> String {
    match outcome {
        Ok(Some(head)) => format!("{} {:?} {:?} {:?}", head.status, head.length, head.persistence, head.fields),
        Ok(None) => "incomplete".to_owned(),
        Err(_) => "refused".to_owned(),
    }
}

fn written_anew(head: &AnswerHead, method: &Method) {
    let (bytes, _) = answer_bytes(head, Version::Http11, Persistence::Keep);
    let again = match in_pieces([&bytes[..]], method) {
        Ok(Some(again)) => again,
        other => panic!("{other:?} from {}", String::from_utf8_lossy(&bytes)),
    };
    // What ends with the connection at the replica ends with a last chunk at the client.
    let expected = match (head.length, method) {
        (AnswerLength::UntilClose, _) => AnswerLength::Chunked,
        (length, _) => length,
    };
    assert_eq!((again.status, again.length), (head.status, expected), "written anew, it is another answer");
    assert_eq!(again.persistence, Persistence::Keep);
}
