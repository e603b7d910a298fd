//! The configuration file as text: where in it something stands, and how a fault in it is shown.

use super::fault::Fault;
use std::fmt::Write as _;
use std::ops::Range;

/// A file's name, as the user gave it, and what is in it.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    text: String,
}

/// A place in a text, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// Where a byte of a text stands.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..floor(text, offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl Source {
    pub(crate) fn new(name: String, text: String) -> Self {
        Self { name, text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// `downbeat.toml:12`: for a hint that points back to something earlier.
    pub(crate) fn line(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.name, Place::of(&self.text, span.start).line)
    }

    /// The fault with its place, its line, a caret under it, and its hint.
    pub(crate) fn render(&self, fault: &Fault) -> String {
        let place = Place::of(&self.text, fault.span.start);
        let line = self.text.lines().nth(place.line - 1).unwrap_or_default();
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        let mut out = format!("{}:{number}:{}: {}\n", self.name, place.column, fault.message);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", format!("  {number} | {}", printable(line)).trim_end());
        let _ = write!(out, "  {gutter} | {}", underline(line, place.column, self.width(&fault.span)));
        if let Some(hint) = &fault.hint {
            let _ = write!(out, "\nhint: {hint}");
        }
        out
    }

    /// How many characters a span covers on its first line.
    fn width(&self, span: &Range<usize>) -> usize {
        let covered = &self.text[floor(&self.text, span.start)..floor(&self.text, span.end)];
        covered.lines().next().map_or(0, |line| line.chars().count())
    }
}

/// Carets below the `width` characters from `column` on; tabs stay tabs, so that the carets stand right.
fn underline(line: &str, column: usize, width: usize) -> String {
    let indent: String = line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    indent + &"^".repeat(width.max(1))
}

/// The line without anything that could drive a terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The nearest character boundary at or before an offset.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        let fault = Fault { span, message: "wrong".into(), hint: None };
        Source::new("a.toml".into(), text.into()).render(&fault)
    }

    #[test]
    fn carets_stand_under_the_fault() {
        let table = [
            ("x = 1\nyy = 2\n", 6..8, "a.toml:2:1: wrong\n  2 | yy = 2\n    | ^^"),
            ("é = ü\n", 5..7, "a.toml:1:5: wrong\n  1 | é = ü\n    |     ^"),
            ("\tx = 1", 1..2, "a.toml:1:2: wrong\n  1 | \tx = 1\n    | \t^"),
            ("a = [1,\n2]", 4..10, "a.toml:1:5: wrong\n  1 | a = [1,\n    |     ^^^"),
            ("", 0..0, "a.toml:1:1: wrong\n  1 |\n    | ^"),
            ("x\u{1b}y", 9..99, "a.toml:1:4: wrong\n  1 | x\u{fffd}y\n    |    ^"),
        ];
        for (text, span, expected) in table {
            assert_eq!(shown(text, span), expected, "{text:?}");
        }
    }
}
