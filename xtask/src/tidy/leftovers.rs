//! What must not stay behind: unfinished code, notes to oneself, sleeping tests, silent exceptions, `unsafe`.

use super::Finding;
use super::source::{code_only, line_at, word_places};
use super::tree::TextFile;

/// What no Rust of ours contains, outside strings and comments, and what to do instead.
const CODE: [(&str, &str); 5] = [
    ("todo!(", "write it, or leave it out"),
    ("unimplemented!(", "write it, or leave it out"),
    ("dbg!(", "trace it, or leave it out"),
    ("#[ignore", "make the test run, or delete it"),
    ("unsafe", "find the safe way"),
];

/// The one file that has no safe way: SQLite asks for its files through a table of C functions, and the disk that tests put
/// in their place has to be one. No program of ours contains it.
const UNSAFE_HERE: &str = "crates/disk/src/shim.rs";

/// Notes to oneself, which nobody else can read.
const NOTES: [&str; 3] = [concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];

/// Finds leftovers.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = notes(file);
    if file.extension() == "rs" {
        let code = code_only(&file.text);
        findings.extend(forbidden_code(&file.path, &code));
        findings.extend(silent_exceptions(&file.path, &code));
    }
    findings
}

fn notes(file: &TextFile) -> Vec<Finding> {
    let finding = |note, place| {
        let line = line_at(&file.text, place);
        Finding::new(&file.path, line, format!("`{note}` is a note to oneself"), "do it, or say what is so and why")
    };
    NOTES.iter().flat_map(|note| word_places(&file.text, note).map(move |place| finding(note, place))).collect()
}

fn forbidden_code(path: &str, code: &str) -> Vec<Finding> {
    let finding = |what: &str, hint: &str, place| {
        let name = what.trim_end_matches('(').trim_start_matches("#[");
        Finding::new(path, line_at(code, place), format!("`{name}` stays out of the repository"), hint)
    };
    let is_forbidden = |what: &str| what != "unsafe" || path != UNSAFE_HERE;
    let forbidden = CODE.iter().filter(|(what, _)| is_forbidden(what));
    forbidden.flat_map(|&(what, hint)| word_places(code, what).map(move |place| finding(what, hint, place))).collect()
}

/// An `allow` must say why.
fn silent_exceptions(path: &str, code: &str) -> Vec<Finding> {
    let attributes = ["#[allow(", "#![allow("].into_iter().flat_map(|start| code.match_indices(start));
    let silent = attributes.filter(|(place, _)| !has_reason(&code[*place..]));
    let finding = |place| Finding::new(path, line_at(code, place), "`allow` without a reason", "add `reason = \"…\"`");
    silent.map(|(place, _)| finding(place)).collect()
}

/// Whether the attribute that starts here gives a reason before it ends.
fn has_reason(attribute: &str) -> bool {
    let end = attribute.find(']').unwrap_or(attribute.len());
    word_places(&attribute[..end], "reason").any(|place| attribute[place + 6..end].trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn finished_code_passes() {
        for text in [
            "//! No unsafe code, no dbg!(x).\n#![forbid(unsafe_code)]\n",
            "fn f() { say(\"todo!( unsafe #[ignore\") }",
            "#[allow(dead_code, reason = \"the other feature uses it\")]\nfn f() {}",
            "#[allow(\n    dead_code,\n    reason = \"the other feature uses it\",\n)]\nfn f() {}",
            "let my_todo = todos(); // mktemp XXXXXX",
        ] {
            assert_eq!(check(&file("src/a.rs", text)), [], "{text}");
        }
    }

    #[test]
    fn leftovers_are_found() {
        for text in [
            "todo!()",
            "unimplemented!(\"later\")",
            "let x = dbg!(y);",
            "#[ignore = \"slow\"]",
            "unsafe { *p }",
            "#[allow(dead_code)]",
            "#![allow(dead_code)] // reason = \"none\"",
            concat!("// FIX", "ME: later"),
            concat!("// XX", "X later"),
            concat!("// TO", "DO(ada) later"),
        ] {
            let findings = check(&file("src/a.rs", &format!("\n{text}\n")));
            assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2], "{text}");
        }
    }

    #[test]
    fn one_file_may_be_unsafe_and_nothing_else() {
        let code = "unsafe { *p }; todo!()";
        assert_eq!(check(&file(UNSAFE_HERE, code)).len(), 1);
        assert_eq!(check(&file("crates/disk/src/lib.rs", code)).len(), 2);
    }

    #[test]
    fn only_notes_are_looked_for_in_prose() {
        assert_eq!(check(&file("a.md", "nothing unsafe, no todo!()")), []);
        assert_eq!(check(&file("a.md", concat!("FIX", "ME"))).len(), 1);
    }
}
