//! Parts of a stored body (RFC 9110, 14.2).

use crate::codec::{Fields, Once, decimal};
use std::ops::Range;

/// Which part of a body is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Bytes(Range<usize>),
    /// None of what is asked for is there.
    Outside,
    /// Several parts, another unit, or nothing that is understood: a replica may know better.
    Unclear,
}

/// Reads what a request asks for, of a body of so many bytes.
pub(crate) fn part(request: &Fields, length: usize) -> Part {
    match request.once("range") {
        Once::Absent => Part::Whole,
        Once::Single(value) => bytes(value, length).unwrap_or(Part::Unclear),
        Once::Several => Part::Unclear,
    }
}

fn bytes(value: &[u8], length: usize) -> Option<Part> {
    let unit = value.get(..6).filter(|unit| unit.eq_ignore_ascii_case(b"bytes="))?;
    let spec = &value[unit.len()..];
    let dash = spec.iter().position(|b| *b == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        let suffix = place(last)?;
        return Some(if suffix == 0 { Part::Outside } else { within(length.saturating_sub(suffix)..length) });
    }
    let first = place(first)?;
    let end = if last.is_empty() { length } else { place(last)?.saturating_add(1) };
    // An end before the beginning is a mistake, and not a part that is not there.
    if end <= first && !last.is_empty() {
        return None;
    }
    Some(if first >= length { Part::Outside } else { within(first..end.min(length)) })
}

fn within(range: Range<usize>) -> Part {
    if range.is_empty() { Part::Outside } else { Part::Bytes(range) }
}

fn place(digits: &[u8]) -> Option<usize> {
    decimal(digits).and_then(|n| usize::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::testing::fields;

    #[test]
    fn parts_of_ten_bytes() {
        let table = [
            ("bytes=0-1", Part::Bytes(0..2)),
            ("Bytes=9-", Part::Bytes(9..10)),
            ("bytes=-1", Part::Bytes(9..10)),
            ("bytes=-99", Part::Bytes(0..10)),
            ("bytes=5-99", Part::Bytes(5..10)),
            ("bytes=5-18446744073709551615", Part::Bytes(5..10)),
            ("bytes=10-", Part::Outside),
            ("bytes=10-12", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-4", Part::Unclear),
            ("bytes=0-1,3-4", Part::Unclear),
            ("bytes=a-", Part::Unclear),
            ("bytes=", Part::Unclear),
            ("bytes=-", Part::Unclear),
            ("lines=0-1", Part::Unclear),
            ("bytes=0-1|Range: bytes=2-3", Part::Unclear),
        ];
        for (value, expected) in table {
            assert_eq!(part(&fields(&format!("Range: {value}")), 10), expected, "{value}");
        }
        assert_eq!(part(&fields("Host: h"), 10), Part::Whole);
        assert_eq!(part(&fields("Range: bytes=0-"), 0), Part::Outside);
    }
}
