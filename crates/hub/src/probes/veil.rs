//! What nobody is shown: secrets, and what answers gave in exchange for them. Wherever words about a walk go, to the console, the
//! log, the evidence or a terminal, they go through here first.
//!
//! A secret is found as it stands and as it stands in a URL, and however often it was put between quotes on its way: backslashes
//! within it count for nothing.

use super::template::escaped;
use std::borrow::Cow;
use std::ops::Range;

/// What came from answers is hidden from this length on: shorter, it is a number or a word and no credential, and hiding each
/// "1" would leave nothing to read.
const HIDDEN_MIN: usize = 8;

/// Hides values behind their names.
#[derive(Debug, Default)]
pub(super) struct Veil(Vec<Hidden>);

#[derive(Debug)]
struct Hidden {
    /// One way to write it.
    form: String,
    /// What is shown instead.
    name: String,
}

impl Veil {
    /// Hides a secret, whatever its length.
    pub(super) fn hide(&mut self, name: &str, secret: &str) {
        for form in [secret.to_owned(), escaped(secret)] {
            if !form.is_empty() && !self.0.iter().any(|hidden| hidden.form == form) {
                self.0.push(Hidden { form, name: name.into() });
            }
        }
        // Longest first: what contains another goes before it.
        self.0.sort_by_key(|hidden| std::cmp::Reverse(hidden.form.len()));
    }

    /// Hides what an answer gave, unless it is too short to be a credential.
    pub(super) fn hide_given(&mut self, name: &str, value: &str) {
        if value.len() >= HIDDEN_MIN {
            self.hide(name, value);
        }
    }

    /// The text with names instead of what is hidden.
    pub(super) fn over<'t>(&self, text: impl Into<Cow<'t, str>>) -> Cow<'t, str> {
        self.0.iter().fold(text.into(), |text, hidden| match hidden.cover(&text) {
            Some(covered) => covered.into(),
            None => text,
        })
    }
}

impl Hidden {
    /// The text without it, when it is in there.
    fn cover(&self, text: &str) -> Option<String> {
        let (mut covered, mut end) = (String::new(), 0);
        while let Some(place) = find(text.as_bytes(), self.form.as_bytes(), end) {
            covered.push_str(&text[end..place.start]);
            covered.push_str(&format!("{{{}}}", self.name));
            end = place.end;
        }
        (end > 0).then(|| covered + &text[end..])
    }
}

/// Where a secret stands in a text, from a place on.
fn find(text: &[u8], secret: &[u8], from: usize) -> Option<Range<usize>> {
    (from..text.len()).find_map(|start| end_of(text, secret, start).map(|end| start..end))
}

/// Where a secret that begins here ends.
fn end_of(text: &[u8], secret: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for (index, byte) in secret.iter().enumerate() {
        while index > 0 && *byte != b'\\' && text.get(at) == Some(&b'\\') {
            at += 1;
        }
        if text.get(at) != Some(byte) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_shows_in_no_form() {
        let mut veil = Veil::default();
        veil.hide("password", "a \"b\\\"/cü");
        veil.hide("pin", "7");
        veil.hide_given("token", "a-token-of-some-length");
        veil.hide_given("id", "list-1");
        let table = [
            ("user=me a \"b\\\"/cü.", "user=me {password}."),
            ("?p=a%20%22b%5C%22%2Fc%C3%BC&q=1", "?p={password}&q=1"),
            (r#"it is "{\"p\":\"x\"}" a \"b\\\"/cü"#, r#"it is "{\"p\":\"x\"}" {password}"#),
            ("pin 7, 77", "pin {pin}, {pin}{pin}"),
            ("Bearer a-token-of-some-length", "Bearer {token}"),
            ("/lists/list-1", "/lists/list-1"),
        ];
        for (text, expected) in table {
            assert_eq!(veil.over(text), expected);
            // However often it is quoted.
            let quoted = format!("{:?}", format!("{text:?}"));
            assert!(!veil.over(quoted).contains("/cü"), "{text}");
        }
        assert!(matches!(veil.over("nothing here"), Cow::Borrowed(_)));
    }
}
