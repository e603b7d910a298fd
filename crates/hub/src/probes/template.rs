//! Texts with places for values: `Bearer {token}`. A place is a name in braces; braces around anything else are braces, so that
//! JSON can be written as it is.

use std::borrow::Cow;
use std::ops::Range;

/// The longest name of a value.
const NAME_MAX: usize = 32;

/// True for what can stand in braces: small letters, digits and `_`, a letter first.
pub fn is_value_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= NAME_MAX
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The names of the values that a text has places for, in order.
pub fn value_names(text: &str) -> impl Iterator<Item = &str> {
    places(text).map(|place| &text[place])
}

/// The name, of a text that is one place and nothing else.
pub(super) fn only_value(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}').filter(|name| is_value_name(name))
}

/// The text with its places filled.
pub(super) fn fill<'v>(text: &str, value: impl Fn(&str) -> Cow<'v, str>) -> String {
    let (mut filled, mut end) = (String::with_capacity(text.len()), 0);
    for place in places(text) {
        filled.push_str(&text[end..place.start - 1]);
        filled.push_str(&value(&text[place.clone()]));
        end = place.end + 1;
    }
    filled.push_str(&text[end..]);
    filled
}

/// Where the names stand, without their braces.
fn places(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find('{')? + 1;
            from = start;
            let end = text.as_bytes()[start..].iter().take(NAME_MAX + 1).position(|byte| *byte == b'}');
            if let Some(length) = end.filter(|length| is_value_name(&text[start..start + length])) {
                from = start + length + 1;
                return Some(start..start + length);
            }
        }
    })
}

/// A value as it stands in a URL or a form: whatever is not unreserved (RFC 3986) in percents.
pub(super) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_other_braces_stay() {
        let table = [
            ("", ""),
            ("Bearer {token}", "Bearer <token>"),
            ("{a}{b_2}", "<a><b_2>"),
            ("{\"token\": \"{token}\"}", "{\"token\": \"<token>\"}"),
            ("{}{ a }{A}{a b}{{a}}{2}{", "{}{ a }{A}{a b}{<a>}{2}{"),
            ("ü{a}ü", "ü<a>ü"),
        ];
        for (text, expected) in table {
            assert_eq!(fill(text, |name| format!("<{name}>").into()), expected);
        }
        assert_eq!(value_names("{a} {\"b\": {c}}").collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!((only_value("{media}"), only_value("{media}/x"), only_value("{a}{b}")), (Some("media"), None, None));
        assert_eq!(escaped("a/b ü?&="), "a%2Fb%20%C3%BC%3F%26%3D");
    }
}
