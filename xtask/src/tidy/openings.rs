//! Every file of ours says in its first line what it is for.

use super::Finding;
use super::tree::TextFile;

/// Finds a file that starts without saying what it is for.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let Some(openers) = openers(file) else { return Vec::new() };
    let line = opening_line(&file.text);
    if openers.iter().any(|opener| speaks(line, opener)) {
        return Vec::new();
    }
    let hint = format!("start with `{} …`", openers.join(" …` or `"));
    vec![Finding::new(&file.path, 1, "the first line does not say what the file is for", hint)]
}

/// How the first line of such a file starts; none for a file that need not explain itself.
fn openers(file: &TextFile) -> Option<&'static [&'static str]> {
    match file.extension() {
        "rs" => Some(&["//!"]),
        // A crate's manifest has its `description`.
        "toml" if file.name() == "Cargo.toml" && file.path.contains('/') => None,
        "toml" | "sh" => Some(&["#"]),
        "html" => Some(&["<!--", "{#"]),
        "css" => Some(&["/*"]),
        "js" => Some(&["//", "/*"]),
        "sql" => Some(&["--"]),
        _ if is_shell_script(&file.text) => Some(&["#"]),
        _ => None,
    }
}

fn is_shell_script(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && first.ends_with("sh")
}

/// The first line; the second one where a shebang or a doctype must come first.
fn opening_line(text: &str) -> &str {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let forced = first.starts_with("#!") || first.to_ascii_lowercase().starts_with("<!doctype");
    if forced { lines.next().unwrap_or_default() } else { first }
}

/// Whether the line is the comment sign and something after it; a comment may open here and speak on the next line.
fn speaks(line: &str, opener: &str) -> bool {
    let rest = line.strip_prefix(opener).map(|rest| rest.trim_start_matches(['*', '-', '!', '#']).trim());
    rest.is_some_and(|rest| !rest.is_empty() || opener == "/*" || opener == "<!--")
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn files_that_introduce_themselves_pass() {
        for (path, text) in [
            ("src/a.rs", "//! What a is for.\nfn a() {}\n"),
            ("deny.toml", "# What we depend on.\n"),
            ("crates/core/Cargo.toml", "[package]\n"),
            ("Cargo.lock", "version = 4\n"),
            (".ci/run", "#!/usr/bin/env bash\n# Runs everything.\n"),
            ("x.sh", "#!/bin/sh\n# Runs everything.\n"),
            ("a.html", "{# The status page. #}\n{% extends \"base.html\" %}"),
            ("b.html", "<!DOCTYPE html>\n<!-- The status page. -->"),
            ("c.css", "/* Colours. */"),
            ("d.css", "/*\n * Colours. */"),
            ("e.js", "// The player."),
            ("f.sql", "-- The log of events."),
            ("g.md", "Prose."),
            ("LICENSE-MIT", "MIT License"),
        ] {
            assert_eq!(check(&file(path, text)), [], "{path}");
        }
    }

    #[test]
    fn files_that_start_cold_are_found() {
        for (path, text) in [
            ("src/a.rs", "fn a() {}\n"),
            ("src/a.rs", "// Not a module's comment.\n"),
            ("src/a.rs", "//!\n//! Late.\n"),
            ("src/empty.rs", ""),
            ("rustfmt.toml", "max_width = 120\n"),
            ("Cargo.toml", "[workspace]\n"),
            (".ci/run", "#!/usr/bin/env bash\nset -e\n"),
            ("b.html", "<!DOCTYPE html>\n<html>"),
            ("c.css", "body {}"),
            ("e.js", "start();"),
            ("f.sql", "CREATE TABLE a (b);"),
        ] {
            assert_eq!(check(&file(path, text)).len(), 1, "{path}: {text}");
        }
    }
}
