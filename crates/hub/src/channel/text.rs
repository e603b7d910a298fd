//! Text within limits, and text that stays text: nothing that somebody wrote becomes a mention, a link or a format.

/// Cut marks that something is missing.
const ELLIPSIS: char = '…';
/// Joins two words without being seen: behind an `@`, what follows is no name.
const WORD_JOINER: char = '\u{2060}';

/// The text, or its beginning and an ellipsis, within so many UTF-16 code units: what most services count.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let enough = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        enough
    };
    let kept: String = text.chars().take_while(fits).collect();
    let mut kept = kept.trim_end().to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// The text without what no message needs: control characters, and those that turn the direction of writing around.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| (!c.is_control() || *c == '\n') && !turns(*c)).collect()
}

/// The same in one line.
pub(crate) fn line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// No `@` in it names anybody.
pub(crate) fn without_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        out.push(c);
        if c == '@' {
            out.push(WORD_JOINER);
        }
    }
    out
}

/// Markdown that shows the text as it is.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\`*_{}[]()<>#+-.!|~:>".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// HTML that shows the text as it is.
pub(crate) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, most, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("a bcd", 3, "a…"),
            ("😀😀😀", 6, "😀😀😀"),
            ("😀😀😀", 5, "😀😀…"),
            ("😀😀😀", 4, "😀…"),
            ("ab", 0, "…"),
        ] {
            assert_eq!(cut(text, most), expected, "{text:?} {most}");
        }
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(plain("a\u{202e}b\r\n\u{7}c"), "ab\nc");
        assert_eq!(line(" a\r\nBcc: b "), "a Bcc: b");
        assert_eq!(without_mentions("@everyone"), "@\u{2060}everyone");
        assert_eq!(escape_markdown("[x](y) *b*"), r"\[x\]\(y\) \*b\*");
        assert_eq!(escape_html("<a href='x'>&"), "&lt;a href=&#39;x&#39;&gt;&amp;");
    }
}
