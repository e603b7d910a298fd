//! The fields of a head, in the order in which they came; slices of the head's own bytes.

use bytes::{BufMut, Bytes, BytesMut};

/// One field. The name keeps its case, comparisons ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl Field<'_> {
    /// True when this is the field of that name (in lower case).
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// All fields of a head: where each lies in one block of bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    block: Bytes,
    spans: Vec<Span>,
}

/// Where a field lies. Heads are far shorter than what 32 bits count.
#[derive(Debug, Clone, Copy)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
}

/// How often a field that may stand only once does stand there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Once<'a> {
    Absent,
    Single(&'a [u8]),
    Several,
}

impl Fields {
    /// Takes what the parser found in `head`, without copying.
    pub(crate) fn from_parsed(head: &Bytes, parsed: &[httparse::Header<'_>]) -> Self {
        let span = |h: &httparse::Header<'_>| Span {
            name: place(head, h.name.as_bytes()),
            value: if h.value.is_empty() { (0, 0) } else { place(head, h.value) },
        };
        Self { block: head.clone(), spans: parsed.iter().map(span).collect() }
    }

    /// Fields that came in another way; names and values have to be good already.
    pub(crate) fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let (mut block, mut spans) = (BytesMut::new(), Vec::new());
        let mut put = |bytes: &[u8]| {
            let start = block.len() as u32;
            block.put(bytes);
            (start, block.len() as u32)
        };
        for (name, value) in pairs {
            spans.push(Span { name: put(name), value: put(value) });
        }
        Self { block: block.freeze(), spans }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let part = |(start, end): (u32, u32)| &self.block[start as usize..end as usize];
        self.spans.iter().map(move |span| Field { name: part(span.name), value: part(span.value) })
    }

    /// Every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |f| f.is(name)).map(|f| f.value)
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|f| f.is(name)).map(|f| f.value)
    }

    /// The first value of a name, to be kept: a slice of the head's own bytes.
    pub(crate) fn share(&self, name: &str) -> Option<Bytes> {
        self.get(name).map(|value| self.keep(value))
    }

    /// A value of one of these fields as bytes of its own.
    pub(crate) fn keep(&self, value: &[u8]) -> Bytes {
        if value.is_empty() { Bytes::new() } else { self.block.slice_ref(value) }
    }

    /// The value of a name that may stand only once.
    pub(crate) fn once<'a>(&'a self, name: &'a str) -> Once<'a> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (None, _) => Once::Absent,
            (Some(value), None) => Once::Single(value),
            (Some(_), Some(_)) => Once::Several,
        }
    }

    /// True when a comma-separated field lists a word (in lower case).
    pub(crate) fn lists(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|v| v.split(|b| *b == b',').any(|w| w.trim_ascii().eq_ignore_ascii_case(word.as_bytes())))
    }

    /// True for fields that speak of this connection alone, or that `Connection` names: they end here.
    pub(crate) fn is_hop_by_hop(&self, field: &Field<'_>) -> bool {
        const HOP: [&str; 11] = [
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "proxy-authorization",
            "te",
            "trailer",
            "transfer-encoding",
            "content-length",
            "upgrade",
            "http2-settings",
        ];
        let nominated = || std::str::from_utf8(field.name).is_ok_and(|name| self.lists("connection", name));
        HOP.iter().any(|name| field.is(name)) || nominated()
    }
}

/// Where a part lies in a head.
fn place(head: &Bytes, part: &[u8]) -> (u32, u32) {
    let start = part.as_ptr().addr() - head.as_ptr().addr();
    assert!(start + part.len() <= head.len(), "the parser gives parts of what it was given");
    (start as u32, (start + part.len()) as u32)
}

/// A length in decimal digits and nothing else; `None` for everything else, also for what does not fit.
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_digits_only() {
        let table: [(&str, Option<u64>); 9] = [
            ("0", Some(0)),
            ("0042", Some(42)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 2", None),
            ("0x10", None),
        ];
        for (text, expected) in table {
            assert_eq!(decimal(text.as_bytes()), expected, "{text:?}");
        }
    }
}
