//! Whether a broken body may go on from another replica, and from which byte.
//!
//! Never two different bodies in one answer: a body goes on only where the other replica proves that it has the same
//! one. The proof is an answer 206 with the same strong ETag, the same content coding, and exactly the range that was
//! asked for out of the same total (RFC 9110, 13.1.5 and 14.4). Whatever is less ends the answer honestly.

use crate::codec::{AnswerHead, AnswerLength, Fields, Method};
use bytes::Bytes;

/// What is needed to go on elsewhere, and how far the body has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    etag: Bytes,
    coding: Option<Bytes>,
    /// The next byte wanted, counted in the whole representation.
    next: u64,
    /// The last byte wanted, inclusive.
    last: u64,
    /// Length of the whole representation.
    total: u64,
}

/// What an answer to a request for the rest is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the rest of the same body.
    Same,
    /// It is something else; this replica cannot help.
    Other,
    /// The replica failed; it may help later.
    Failed,
}

impl Proof {
    /// What the first answer promises; `None` when its body could not be resumed.
    pub(crate) fn of(method: &Method, head: &AnswerHead) -> Option<Self> {
        let AnswerLength::Known(length @ 1..) = head.length else { return None };
        let etag = head.fields.share("etag").filter(|tag| is_strong(tag))?;
        let (next, last, total) = match head.status {
            200 if head.fields.lists("accept-ranges", "bytes") => (0, length - 1, length),
            206 => content_range(&head.fields).filter(|(first, last, _)| last - first + 1 == length)?,
            _ => return None,
        };
        let coding = head.fields.share("content-encoding");
        (*method == Method::Get).then_some(Self { etag, coding, next, last, total })
    }

    /// So many more bytes have come.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.next += bytes;
    }

    /// The value of `Range` for the rest.
    pub(crate) fn range(&self) -> String {
        format!("bytes={}-{}", self.next, self.last)
    }

    /// The value of `If-Range`.
    pub(crate) fn etag(&self) -> &[u8] {
        &self.etag
    }

    /// Judges an answer to the request for the rest.
    pub(crate) fn judge(&self, head: &AnswerHead) -> Verdict {
        match head.status {
            206 if self.is_proven_by(head) => Verdict::Same,
            // Replicas may be behind each other for a moment, so a failure or a refusal may pass.
            404 | 408 | 425 | 429 | 500..=599 => Verdict::Failed,
            _ => Verdict::Other,
        }
    }

    fn is_proven_by(&self, head: &AnswerHead) -> bool {
        let same_etag = head.fields.get("etag") == Some(&self.etag[..]);
        let same_coding = head.fields.get("content-encoding") == self.coding.as_deref();
        let exact = content_range(&head.fields) == Some((self.next, self.last, self.total));
        // A body in chunks would be counted as it comes, but its end would not be known beforehand.
        let whole = head.length == AnswerLength::Known(self.last + 1 - self.next);
        same_etag && same_coding && exact && whole
    }
}

fn is_strong(etag: &[u8]) -> bool {
    etag.len() > 2 && etag.starts_with(b"\"") && etag.ends_with(b"\"")
}

/// `bytes FIRST-LAST/TOTAL`, and nothing that contradicts itself.
fn content_range(fields: &Fields) -> Option<(u64, u64, u64)> {
    let mut values = fields.all("content-range");
    let (value, None) = (values.next()?, values.next()) else { return None };
    let text = std::str::from_utf8(value).ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u64>().ok()).flatten();
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    (first <= last && last < total).then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{HeadScanner, parse_answer};
    use bytes::BytesMut;

    fn head(lines: &str) -> AnswerHead {
        let text = format!("HTTP/1.1 {}\r\n\r\n", lines.replace('|', "\r\n"));
        let parsed = parse_answer(&mut HeadScanner::default(), &mut BytesMut::from(text.as_str()), &Method::Get);
        parsed.expect("good").expect("whole")
    }

    const WHOLE: &str = "200 OK|ETag: \"a\"|Accept-Ranges: bytes|Content-Length: 100";

    #[test]
    fn what_can_be_resumed() {
        let table = [
            (WHOLE, Some("bytes=0-99")),
            ("206 P|ETag: \"a\"|Content-Range: bytes 10-29/100|Content-Length: 20", Some("bytes=10-29")),
            ("206 P|ETag: \"a\"|Content-Range: bytes 10-29/100|Content-Length: 19", None),
            ("206 P|ETag: \"a\"|Content-Range: bytes 10-29/*|Content-Length: 20", None),
            ("206 P|ETag: \"a\"|Content-Type: multipart/byteranges|Content-Length: 20", None),
            ("200 OK|ETag: \"a\"|Content-Length: 100", None),
            ("200 OK|ETag: W/\"a\"|Accept-Ranges: bytes|Content-Length: 100", None),
            ("200 OK|Accept-Ranges: bytes|Content-Length: 100", None),
            ("200 OK|ETag: \"a\"|Accept-Ranges: none|Content-Length: 100", None),
            ("200 OK|ETag: \"a\"|Accept-Ranges: bytes|Transfer-Encoding: chunked", None),
            ("404 No|ETag: \"a\"|Accept-Ranges: bytes|Content-Length: 100", None),
        ];
        for (lines, range) in table {
            assert_eq!(Proof::of(&Method::Get, &head(lines)).map(|p| p.range()).as_deref(), range, "{lines}");
        }
        assert_eq!(Proof::of(&Method::Post, &head(WHOLE)), None);
    }

    #[test]
    fn what_goes_on_with_it() {
        let mut proof = Proof::of(&Method::Get, &head(WHOLE)).expect("resumable");
        proof.advance(40);
        assert_eq!(proof.range(), "bytes=40-99");
        let table = [
            ("206 P|ETag: \"a\"|Content-Range: bytes 40-99/100|Content-Length: 60", Verdict::Same),
            ("206 P|ETag: \"b\"|Content-Range: bytes 40-99/100|Content-Length: 60", Verdict::Other),
            ("206 P|ETag: W/\"a\"|Content-Range: bytes 40-99/100|Content-Length: 60", Verdict::Other),
            ("206 P|Content-Range: bytes 40-99/100|Content-Length: 60", Verdict::Other),
            ("206 P|ETag: \"a\"|Content-Range: bytes 41-99/100|Content-Length: 59", Verdict::Other),
            ("206 P|ETag: \"a\"|Content-Range: bytes 40-98/100|Content-Length: 59", Verdict::Other),
            ("206 P|ETag: \"a\"|Content-Range: bytes 40-99/101|Content-Length: 60", Verdict::Other),
            ("206 P|ETag: \"a\"|Content-Range: bytes 40-99/100|Content-Length: 61", Verdict::Other),
            ("206 P|ETag: \"a\"|Content-Range: bytes 40-99/100|Transfer-Encoding: chunked", Verdict::Other),
            (
                "206 P|ETag: \"a\"|Content-Encoding: gzip|Content-Range: bytes 40-99/100|Content-Length: 60",
                Verdict::Other,
            ),
            (WHOLE, Verdict::Other),
            ("412 No|Content-Length: 0", Verdict::Other),
            ("416 No|Content-Length: 0", Verdict::Other),
            ("404 No|Content-Length: 0", Verdict::Failed),
            ("503 No|Content-Length: 0", Verdict::Failed),
        ];
        for (lines, verdict) in table {
            assert_eq!(proof.judge(&head(lines)), verdict, "{lines}");
        }
    }
}
