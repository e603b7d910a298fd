//! The fields of a head, in the order in which they came; slices of the head's own bytes.
//!
//! A head is asked for some thirty names and has most of them not. So it keeps a [`mark`] for each name that it has, and
//! what is not marked is not looked for. Which fields end at this hop is found out once, when the head is read.

use bytes::{Bytes, BytesMut};

/// One field. The name keeps its case, comparisons ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    reach: Reach,
}

/// How far a field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It speaks of this connection alone, or `Connection` names it: it ends here.
    Hop,
    /// To the other end.
    End,
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
    marks: u64,
}

/// Where a field lies. Heads are far shorter than what 32 bits count.
#[derive(Debug, Clone, Copy)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
    reach: Reach,
}

/// Fields that come one after the other; names and values have to be good already.
#[derive(Debug, Default)]
pub(super) struct FieldsBuilder {
    block: BytesMut,
    spans: Vec<Span>,
}

/// A part of the block that is no field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aside(u32, u32);

impl FieldsBuilder {
    /// With room for so many bytes and fields, so that a usual head moves nothing.
    pub(super) fn with_room(bytes: usize, fields: usize) -> Self {
        Self { block: BytesMut::with_capacity(bytes), spans: Vec::with_capacity(fields) }
    }

    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let (Aside(start, middle), Aside(_, end)) = (self.put(name), self.put(value));
        self.spans.push(Span { name: (start, middle), value: (middle, end), reach: Reach::End });
    }

    /// Keeps something with the fields that is none.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Aside {
        let start = self.block.len() as u32;
        self.block.extend_from_slice(bytes);
        Aside(start, self.block.len() as u32)
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn finish(self) -> Fields {
        Fields::of(self.block.freeze(), self.spans)
    }
}

/// How often a field that may stand only once does stand there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Once<'a> {
    Absent,
    Single(&'a [u8]),
    Several,
}

/// Fields that speak of a connection (RFC 9110, 7.6.1), and lengths, which are written anew.
pub(super) const HOP: [&str; 11] = [
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

const HOP_MARKS: u64 = {
    let (mut marks, mut i) = (0, 0);
    while i < HOP.len() {
        marks |= mark(HOP[i].as_bytes());
        i += 1;
    }
    marks
};

/// One of 64 bits for a name, whatever its case: two names may share one, a name never has another.
const fn mark(name: &[u8]) -> u64 {
    // The factor is odd, so that lengths spread over all bits.
    let first = if name.is_empty() { 0 } else { name[0] | 0x20 };
    1 << ((name.len() * 11 + first as usize) % 64)
}

impl Fields {
    /// Takes what the parser found in `head`, without copying.
    pub(crate) fn from_parsed(head: &Bytes, parsed: &[httparse::Header<'_>]) -> Self {
        let span = |h: &httparse::Header<'_>| Span {
            name: place(head, h.name.as_bytes()),
            value: if h.value.is_empty() { (0, 0) } else { place(head, h.value) },
            reach: Reach::End,
        };
        Self::of(head.clone(), parsed.iter().map(span).collect())
    }

    /// Fields that came in another way; names and values have to be good already.
    pub(crate) fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut fields = FieldsBuilder::default();
        for (name, value) in pairs {
            fields.push(name, value);
        }
        fields.finish()
    }

    fn of(block: Bytes, mut spans: Vec<Span>) -> Self {
        let mut marks = 0;
        for span in &mut spans {
            let name = part(&block, span.name);
            let mark = mark(name);
            marks |= mark;
            if HOP_MARKS & mark != 0 && HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop.as_bytes())) {
                span.reach = Reach::Hop;
            }
        }
        let mut fields = Self { block, spans, marks };
        if fields.has_mark("connection") {
            fields.end_nominated();
        }
        fields
    }

    /// Ends here what `Connection` names.
    fn end_nominated(&mut self) {
        let Self { block, spans, .. } = self;
        for at in 0..spans.len() {
            let (name, value) = (part(block, spans[at].name), part(block, spans[at].value));
            if !name.eq_ignore_ascii_case(b"connection") {
                continue;
            }
            for word in words(value) {
                let named = |span: &&mut Span| part(block, span.name).eq_ignore_ascii_case(word);
                spans.iter_mut().filter(named).for_each(|span| span.reach = Reach::Hop);
            }
        }
    }

    const fn has_mark(&self, name: &str) -> bool {
        self.marks & mark(name.as_bytes()) != 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let field = |span: &Span| Field {
            name: part(&self.block, span.name),
            value: part(&self.block, span.value),
            reach: span.reach,
        };
        self.spans.iter().map(field)
    }

    /// The fields that do not end here: all but those that speak of this connection alone or that `Connection` names.
    pub(crate) fn end_to_end(&self) -> impl Iterator<Item = Field<'_>> {
        self.iter().filter(|field| field.reach == Reach::End)
    }

    /// Every value of a name (in lower case).
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let spans: &[Span] = if self.has_mark(name) { &self.spans } else { &[] };
        let here = |span: &&Span| part(&self.block, span.name).eq_ignore_ascii_case(name.as_bytes());
        spans.iter().filter(here).map(|span| part(&self.block, span.value))
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let spans: &[Span] = if self.has_mark(name) { &self.spans } else { &[] };
        let here = |span: &&Span| part(&self.block, span.name).eq_ignore_ascii_case(name.as_bytes());
        spans.iter().find(here).map(|span| part(&self.block, span.value))
    }

    /// The first value of a name, to be kept: a slice of the head's own bytes.
    pub(crate) fn share(&self, name: &str) -> Option<Bytes> {
        self.get(name).map(|value| self.keep(value))
    }

    /// A value of one of these fields as bytes of its own.
    pub(crate) fn keep(&self, value: &[u8]) -> Bytes {
        if value.is_empty() { Bytes::new() } else { self.block.slice_ref(value) }
    }

    /// What was kept with the fields when they were built.
    pub(super) fn aside(&self, Aside(start, end): Aside) -> Bytes {
        self.block.slice(start as usize..end as usize)
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
        let is_word = |text: &[u8]| text.eq_ignore_ascii_case(word.as_bytes());
        self.all(name).any(|value| is_word(value) || words(value).any(is_word))
    }
}

/// The elements of a comma-separated value.
fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

fn part(block: &Bytes, (start, end): (u32, u32)) -> &[u8] {
    &block[start as usize..end as usize]
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

    fn fields(lines: &[&'static str]) -> Fields {
        let pair = |line: &&'static str| line.split_once(": ").map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        Fields::from_pairs(lines.iter().filter_map(pair))
    }

    #[test]
    fn what_ends_here_and_what_goes_on() {
        let table: [(&[&str], &[&str]); 5] = [
            (&["Accept: a", "ETag: b"], &["Accept", "ETag"]),
            (&["TE: trailers", "Upgrade: x", "Trailer: y", "content-LENGTH: 3", "X: y"], &["X"]),
            (&["Connection: close", "Close: a", "X: y"], &["X"]),
            (&["X-A: 1", "Connection: keep-alive, x-a", "X-B: 2", "Connection: X-B"], &[]),
            (&["Transfer-Encodinx: 1", "Connectiom: X-B", "X-B: 2"], &["Transfer-Encodinx", "Connectiom", "X-B"]),
        ];
        for (lines, expected) in table {
            let fields = fields(lines);
            let on: Vec<&[u8]> = fields.end_to_end().map(|field| field.name).collect();
            assert_eq!(on, expected.iter().map(|name| name.as_bytes()).collect::<Vec<_>>(), "{lines:?}");
        }
    }

    #[test]
    fn a_field_is_found_whatever_its_case_and_its_marks_neighbours() {
        let names: Vec<String> = (0..200).map(|i| format!("{}-{i}", "x".repeat(i % 9))).collect();
        let pairs = names.iter().map(|name| (name.as_bytes(), name.as_bytes()));
        let fields = Fields::from_pairs(pairs.step_by(2));
        for (i, name) in names.iter().enumerate() {
            let expected = (i % 2 == 0).then_some(name.as_bytes());
            assert_eq!(fields.get(name), expected, "{name}");
            assert_eq!(fields.all(name).next(), expected, "{name}");
            assert_eq!(fields.get(&name.to_uppercase()), expected, "{name}");
        }
    }

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
