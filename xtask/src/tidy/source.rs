//! Rust without its comments, strings and characters, for rules that are about code alone.
//!
//! Not a parser: a scanner that knows where text starts and ends. Everything opaque becomes spaces, line breaks stay,
//! so that a place in the result is the same line in the file.

/// The code of a Rust text, everything else blanked out.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.chars().next_back().is_some_and(is_word);
        let length = match opaque_length(rest, in_word) {
            Some(length) => {
                code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                length
            }
            None => {
                code.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    code
}

/// Whether this character can be part of a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The line, counted from 1, of a place in a text.
pub(super) fn line_at(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

/// Where `needle` stands in `text`, neither end of it in the middle of a longer word.
pub(super) fn word_places<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let cuts =
        |outside: Option<char>, inside: Option<char>| !(outside.is_some_and(is_word) && inside.is_some_and(is_word));
    text.match_indices(needle).map(|(place, _)| place).filter(move |&place| {
        let before = text[..place].chars().next_back();
        let after = text[place + needle.len()..].chars().next();
        cuts(before, needle.chars().next()) && cuts(after, needle.chars().next_back())
    })
}

/// How many bytes of opaque text start here: a comment, a string, a character.
fn opaque_length(rest: &str, in_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted_length(rest));
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    if in_word { None } else { raw_string_length(rest) }
}

/// Block comments nest in Rust.
fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut place) = (0_usize, 0);
    while place < rest.len() {
        let here = &rest[place..];
        if here.starts_with("/*") {
            depth += 1;
            place += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            place += 2;
        } else {
            place += here.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return place;
        }
    }
    rest.len()
}

/// From the opening quote to the first of the same kind that no backslash escapes.
fn quoted_length(rest: &str) -> usize {
    let quote = rest.chars().next();
    let mut escaped = false;
    for (place, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if Some(c) == quote => return place + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// A character between quotes; none for a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut inside = rest.chars().skip(1);
    let (first, second) = (inside.next()?, inside.next());
    (first == '\\' || second == Some('\'')).then(|| quoted_length(rest))
}

/// `r"…"`, `br#"…"#` and their like; none for a name that begins so.
fn raw_string_length(rest: &str) -> Option<usize> {
    let after_kind = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let after_hashes = after_kind.trim_start_matches('#');
    let hashes = after_kind.len() - after_hashes.len();
    let body = after_hashes.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |place| opening + place + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_code_is_blanked() {
        for (text, code) in [
            ("let a = 1; // note", "let a = 1;"),
            ("/* a /* b */ c */ d", "                  d"),
            (r#"f("a \" b", x)"#, "f(        , x)"),
            ("f(r#\"a \" b\"#, x)", "f(          , x)"),
            ("f(br\"\\\", x)", "f(     , x)"),
            ("for<'a> F<'a>", "for<'a> F<'a>"),
            (r"['x', '\'', 'é']", "[   ,     ,    ]"),
            ("r#type + bar\"b\"", "r#type + bar"),
            ("/// crate::x\nuse y;", "            \nuse y;"),
            ("\"never closed", ""),
        ] {
            assert_eq!(code_only(text).trim_end(), code, "{text}");
        }
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "a\n/* b\nc */ d\n\"e\nf\" g\n";
        let code = code_only(text);
        assert_eq!(code.matches('\n').count(), text.matches('\n').count());
        assert_eq!(code.find('g').map(|place| line_at(&code, place)), Some(5));
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(word_places("unsafe_code unsafe", "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(word_places("my_dbg!(x) dbg!(y)", "dbg!(").collect::<Vec<_>>(), [11]);
    }
}
