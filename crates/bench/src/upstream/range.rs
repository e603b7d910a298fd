//! Which part of a body a request gets (RFC 9110, 14): one range, kept to only under the right `If-Range`.

use super::content::Content;
use super::request::Request;

/// The part that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Whole,
    /// From the first byte to the last one, inclusive.
    Part(usize, usize),
    Unsatisfiable,
}

impl Span {
    pub(super) fn of(request: &Request, content: &Content) -> Self {
        let fits = request.if_range.as_deref().is_none_or(|etag| etag == content.etag);
        match request.range.as_deref().filter(|_| fits) {
            Some(range) => Self::parse(range, content.bytes.len()),
            None => Self::Whole,
        }
    }

    /// What is not understood is passed over, as the RFC allows.
    fn parse(range: &str, length: usize) -> Self {
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|set| set.split_once('-')) else {
            return Self::Whole;
        };
        match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first > last => Self::Whole,
            (Ok(first), _) if first >= length => Self::Unsatisfiable,
            (Ok(first), Ok(last)) => Self::Part(first, last.min(length - 1)),
            (Ok(first), Err(_)) if last.is_empty() => Self::Part(first, length - 1),
            (Err(_), Ok(0)) if first.is_empty() => Self::Unsatisfiable,
            (Err(_), Ok(tail)) if first.is_empty() => Self::Part(length - tail.min(length), length - 1),
            _ => Self::Whole,
        }
    }

    pub(super) fn bytes(self, body: &[u8]) -> &[u8] {
        match self {
            Self::Whole => body,
            Self::Part(first, last) => &body[first..=last],
            Self::Unsatisfiable => &[],
        }
    }

    /// The status line's end, the body's length, and the line that says which part it is.
    pub(super) fn status(self, total: usize) -> (&'static str, usize, String) {
        match self {
            Self::Whole => ("200 OK", total, String::new()),
            Self::Part(first, last) => {
                ("206 Partial Content", last - first + 1, format!("Content-Range: bytes {first}-{last}/{total}\r\n"))
            }
            Self::Unsatisfiable => ("416 Range Not Satisfiable", 0, format!("Content-Range: bytes */{total}\r\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (range, span) in [
            ("bytes=0-9", Span::Part(0, 9)),
            ("bytes=90-", Span::Part(90, 99)),
            ("bytes=90-200", Span::Part(90, 99)),
            ("bytes=-10", Span::Part(90, 99)),
            ("bytes=-200", Span::Part(0, 99)),
            ("bytes=-0", Span::Unsatisfiable),
            ("bytes=100-", Span::Unsatisfiable),
            ("bytes=9-0", Span::Whole),
            ("bytes=0-1,5-6", Span::Whole),
            ("lines=0-9", Span::Whole),
        ] {
            assert_eq!(Span::parse(range, 100), span, "{range}");
        }
    }
}
