//! The head of a replica's answer, understood.

use super::fields::{Once, decimal};
use super::{BodyDecoder, FIELDS_MAX, Fields, HeadScanner, Method, Persistence, Version};
use bytes::{Bytes, BytesMut};
use std::mem::MaybeUninit;

/// An answer's head. The reason phrase is dropped: ours is written instead.
#[derive(Debug, Clone)]
pub(crate) struct AnswerHead {
    /// 200 to 599, or 101; other informational answers are skipped.
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) length: AnswerLength,
    pub(crate) persistence: Persistence,
}

/// How long an answer's body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerLength {
    /// None follows; a HEAD may still say how long it would be.
    Bodiless { would_be: Option<u64> },
    /// So many bytes.
    Known(u64),
    /// In chunks, until the last.
    Chunked,
    /// Until the replica closes; a cut cannot be told from an end.
    UntilClose,
}

/// Why an answer is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAnswer {
    #[error("the answer's head is not HTTP, or too large")]
    Head,
    #[error("the answer's length can be read in two ways")]
    Length,
}

impl AnswerHead {
    /// An answer that no replica gave: a status with an empty body.
    pub(crate) fn bare(status: u16) -> Self {
        let (length, persistence) = (AnswerLength::Known(0), Persistence::Close);
        Self { status, fields: Fields::default(), length, persistence }
    }

    /// A fresh decoder for the body.
    pub(crate) fn decoder(&self) -> BodyDecoder {
        match self.length {
            AnswerLength::Bodiless { .. } => BodyDecoder::length(0),
            AnswerLength::Known(bytes) => BodyDecoder::length(bytes),
            AnswerLength::Chunked => BodyDecoder::chunked(),
            AnswerLength::UntilClose => BodyDecoder::until_close(),
        }
    }
}

/// Takes one final head off the front of `buffer`, skipping informational ones; `None` while it is incomplete.
///
/// # Errors
/// When the answer is not understood; the connection is then of no more use.
pub(crate) fn parse_answer(
    scanner: &mut HeadScanner,
    buffer: &mut BytesMut,
    method: &Method,
) -> Result<Option<AnswerHead>, BadAnswer> {
    loop {
        let Some(length) = scanner.scan(buffer).map_err(|_| BadAnswer::Head)? else { return Ok(None) };
        let head = understand(&buffer.split_to(length).freeze(), method)?;
        match head.status {
            100 | 102..200 => {}
            _ => return Ok(Some(head)),
        }
    }
}

fn understand(head: &Bytes, method: &Method) -> Result<AnswerHead, BadAnswer> {
    // Filling them beforehand would cost as much as the parsing.
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    config.parse_response_with_uninit_headers(&mut parsed, head, &mut slots).map_err(|_| BadAnswer::Head)?;
    let status = parsed.code.filter(|code| (100..600).contains(code)).ok_or(BadAnswer::Head)?;
    let version = Version::from_minor(parsed.version);
    let fields = Fields::from_parsed(head, parsed.headers);
    let length = body_length(status, method, &fields)?;
    let persistence = match length {
        AnswerLength::UntilClose => Persistence::Close,
        _ => version.persistence(&fields),
    };
    Ok(AnswerHead { status, fields, length, persistence })
}

fn body_length(status: u16, method: &Method, fields: &Fields) -> Result<AnswerLength, BadAnswer> {
    let known = match fields.once("content-length") {
        Once::Absent => None,
        Once::Single(value) => Some(decimal(value).ok_or(BadAnswer::Length)?),
        Once::Several => return Err(BadAnswer::Length),
    };
    let coding = match fields.once("transfer-encoding") {
        Once::Absent => None,
        Once::Single(value) => Some(value),
        Once::Several => return Err(BadAnswer::Length),
    };
    match (known, coding) {
        (Some(_), Some(_)) => Err(BadAnswer::Length),
        _ if *method == Method::Head => Ok(AnswerLength::Bodiless { would_be: known }),
        _ if matches!(status, 100..200 | 204 | 304) => Ok(AnswerLength::Bodiless { would_be: None }),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(AnswerLength::Chunked),
        (None, Some(_)) => Err(BadAnswer::Length),
        (Some(bytes), None) => Ok(AnswerLength::Known(bytes)),
        (None, None) => Ok(AnswerLength::UntilClose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(method: &Method, lines: &str) -> Result<AnswerLength, BadAnswer> {
        let text = format!("{}\r\n\r\n", lines.replace('|', "\r\n"));
        let head = parse_answer(&mut HeadScanner::default(), &mut BytesMut::from(text.as_str()), method)?;
        Ok(head.expect("whole").length)
    }

    #[test]
    fn how_long_a_body_is() {
        let table = [
            ("HTTP/1.1 200 OK|Content-Length: 5", Ok(AnswerLength::Known(5))),
            ("HTTP/1.1 200 OK|Transfer-Encoding: chunked", Ok(AnswerLength::Chunked)),
            ("HTTP/1.0 200 OK", Ok(AnswerLength::UntilClose)),
            ("HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 5", Ok(AnswerLength::Known(5))),
            ("HTTP/1.1 204 No Content", Ok(AnswerLength::Bodiless { would_be: None })),
            ("HTTP/1.1 304 Not Modified|Content-Length: 5", Ok(AnswerLength::Bodiless { would_be: None })),
            ("HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5", Err(BadAnswer::Length)),
            ("HTTP/1.1 200 OK|Content-Length: 5|Transfer-Encoding: chunked", Err(BadAnswer::Length)),
            ("HTTP/1.1 200 OK|Transfer-Encoding: gzip", Err(BadAnswer::Length)),
            ("HTTP/1.1 101 Switching Protocols", Ok(AnswerLength::Bodiless { would_be: None })),
            ("SSH-2.0-OpenSSH", Err(BadAnswer::Head)),
        ];
        for (lines, expected) in table {
            assert_eq!(length(&Method::Get, lines), expected, "{lines}");
        }
        let head = length(&Method::Head, "HTTP/1.1 200 OK|Content-Length: 5");
        assert_eq!(head, Ok(AnswerLength::Bodiless { would_be: Some(5) }));
    }
}
