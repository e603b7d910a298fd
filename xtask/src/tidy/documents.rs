//! Documents that others rely on have their shape: the changelog exists, drills have titles, decisions four sections.

use super::tree::{TextFile, Tree};
use super::{Finding, links};

const CHANGELOG: &str = "CHANGELOG.md";

/// What a record of a decision says, in this order.
const DECISION_SECTIONS: [&str; 4] = ["Context", "Choice", "What we gave up", "What would change our mind"];

/// Finds that the changelog is missing.
pub(super) fn check_presence(tree: &Tree) -> Vec<Finding> {
    match tree.text(CHANGELOG) {
        Some(_) => Vec::new(),
        None => vec![Finding::new(CHANGELOG, 1, "there is no changelog", "tell users what changes for them")],
    }
}

/// Finds drills and decisions that lack a part.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    match file.path.rsplit_once('/') {
        Some(("drills", name)) if name.ends_with(".md") => check_drill(file),
        Some(("docs/decisions", name)) if name.ends_with(".md") && name != "README.md" => check_decision(file),
        _ => Vec::new(),
    }
}

fn check_drill(file: &TextFile) -> Vec<Finding> {
    let titled = file.text.lines().any(|line| links::heading(line).is_some());
    let finding = || Finding::new(&file.path, 1, "a drill without a heading", "start with `# ` and its title");
    if titled { Vec::new() } else { vec![finding()] }
}

fn check_decision(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !is_numbered(file.name()) {
        findings.push(Finding::new(&file.path, 1, "a decision without a number", "name it `NNNN-title.md`"));
    }
    let headings: Vec<_> = file.text.lines().filter_map(links::heading).collect();
    for section in DECISION_SECTIONS {
        if !headings.contains(&(2, section)) {
            findings.push(Finding::new(
                &file.path,
                1,
                format!("no section `{section}`"),
                format!("add `## {section}`"),
            ));
        }
    }
    findings
}

/// Whether a file is called `NNNN-title.md`.
fn is_numbered(name: &str) -> bool {
    let number = name.split('-').next().unwrap_or_default();
    number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()) && name.len() > "NNNN-.md".len()
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    const WHOLE: &str =
        "# 1. SQLite\n\n## Context\n\n## Choice\n\n## What we gave up\n\n## What would change our mind\n";

    #[test]
    fn whole_documents_pass() {
        for (path, text) in [
            ("drills/dns.md", "---\nseed = 1\n---\n# A name that lies\n"),
            ("docs/decisions/0001-sqlite.md", WHOLE),
            ("docs/decisions/README.md", "An index."),
            ("docs/other.md", "no heading"),
        ] {
            assert_eq!(check(&file(path, text)), [], "{path}");
        }
    }

    #[test]
    fn missing_parts_are_found() {
        for (path, text, count) in [
            ("drills/dns.md", "no heading\n#neither\n", 1),
            ("docs/decisions/0001-sqlite.md", "# 1\n## Context\n## Choice\n", 2),
            ("docs/decisions/sqlite.md", WHOLE, 1),
            ("docs/decisions/1-sqlite.md", WHOLE, 1),
        ] {
            assert_eq!(check(&file(path, text)).len(), count, "{path}");
        }
    }

    #[test]
    fn the_changelog_is_missed() {
        assert_eq!(check_presence(&Tree::of(&[(CHANGELOG, "# Changes\n")])), []);
        assert_eq!(check_presence(&Tree::of(&[])).len(), 1);
    }
}
