//! The fields of a head, in the order in which they came; slices of the head's own bytes.

use bytes::Bytes;

/// One field. The name keeps its case, comparisons ignore it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Bytes,
    pub(crate) value: Bytes,
}

impl Field {
    /// True when this is the field of that name (in lower case).
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// All fields of a head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fields(Vec<Field>);

/// How often a field that may stand only once does stand there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Once<'a> {
    Absent,
    Single(&'a Bytes),
    Several,
}

impl Fields {
    /// Takes what the parser found in `head`, without copying.
    pub(crate) fn from_parsed(head: &Bytes, parsed: &[httparse::Header<'_>]) -> Self {
        let field = |h: &httparse::Header<'_>| Field {
            name: head.slice_ref(h.name.as_bytes()),
            value: if h.value.is_empty() { Bytes::new() } else { head.slice_ref(h.value) },
        };
        Self(parsed.iter().map(field).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// Every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.0.iter().filter(move |f| f.is(name)).map(|f| &f.value)
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().find(|f| f.is(name)).map(|f| &f.value)
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
    pub(crate) fn is_hop_by_hop(&self, field: &Field) -> bool {
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
        let nominated = || std::str::from_utf8(&field.name).is_ok_and(|name| self.lists("connection", name));
        HOP.iter().any(|name| field.is(name)) || nominated()
    }
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
