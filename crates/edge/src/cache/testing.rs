//! Requests and answers for the tests of this room, written as text with `|` between lines.

use crate::codec::{AnswerHead, Fields, HeadScanner, Method, RequestHead, parse_answer, parse_request};
use bytes::BytesMut;

/// A request's head: `GET /a` and more lines.
pub(crate) fn request(line: &str, lines: &str) -> RequestHead {
    let more = if lines.is_empty() { String::new() } else { format!("{}\r\n", lines.replace('|', "\r\n")) };
    let text = format!("{line} HTTP/1.1\r\nHost: test\r\n{more}\r\n");
    let parsed = parse_request(&mut HeadScanner::default(), &mut BytesMut::from(text.as_str()));
    parsed.expect("a good request").expect("a whole one")
}

/// An answer's head to a GET.
pub(crate) fn answer(status: u16, lines: &str) -> AnswerHead {
    let more = if lines.is_empty() { String::new() } else { format!("{}\r\n", lines.replace('|', "\r\n")) };
    let text = format!("HTTP/1.1 {status} x\r\n{more}\r\n");
    let parsed = parse_answer(&mut HeadScanner::default(), &mut BytesMut::from(text.as_str()), &Method::Get);
    parsed.expect("a good answer").expect("a whole one")
}

/// The fields of such lines.
pub(crate) fn fields(lines: &str) -> Fields {
    answer(200, lines).fields
}
