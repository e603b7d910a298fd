//! The repository tests itself: what no compiler checks, but every reader relies on.
//!
//! Each rule is a pure function from texts to findings, in a file of its own; only [`tree`] reads the disk. A finding is
//! one line, `path:line: what, hint`. A rule that must name a forbidden word builds it by `concat!`, so that tidy does
//! not find itself.

mod arrows;
mod clocks;
mod code_map;
mod documents;
mod leftovers;
mod links;
mod openings;
mod size;
mod source;
mod stages;
mod tree;
mod words;

use crate::Outcome;
use crate::workspace::Workspace;
use anyhow::Result;
use std::fmt;
use tree::{TextFile, Tree};

/// One thing that is not as it should be, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1; 1 as well for what concerns the file as a whole.
    line: usize,
    what: String,
    hint: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}, {}", self.path, self.line, self.what, self.hint)
    }
}

/// The rules that need one file at a time; each passes over the files that are not its business.
const FILE_RULES: [fn(&TextFile) -> Vec<Finding>; 7] =
    [stages::check, clocks::check, words::check, openings::check, leftovers::check, size::check, documents::check];

/// The rules that need the whole tree.
const TREE_RULES: [fn(&Tree) -> Vec<Finding>; 4] =
    [arrows::check, code_map::check, links::check, documents::check_presence];

/// Prints what is not tidy, a line each.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    let tree = tree::read(workspace)?;
    let findings = examine(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", tree.paths().len(), findings.len());
    Ok(Outcome::of(findings.is_empty()))
}

/// All findings of all rules, by path and line.
fn examine(tree: &Tree) -> Vec<Finding> {
    let by_file = tree.texts().iter().flat_map(|file| FILE_RULES.iter().flat_map(move |rule| rule(file)));
    let by_tree = TREE_RULES.iter().flat_map(|rule| rule(tree));
    let mut findings: Vec<Finding> = by_file.chain(by_tree).collect();
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding::new("a/b.rs", 3, "this is wrong", "do that");
        assert_eq!(finding.to_string(), "a/b.rs:3: this is wrong, do that");
    }

    #[test]
    fn findings_come_by_path_and_line() {
        let tree = Tree::of(&[("b.rs", "fn b() {}\n"), ("a.rs", "fn a() {\n    dbg!(1)\n}\n")]);
        let found: Vec<_> = examine(&tree).iter().map(|finding| (finding.path.clone(), finding.line)).collect();
        let of_rust: Vec<_> = found.iter().filter(|(path, _)| path.ends_with(".rs") && path.len() == 4).collect();
        assert_eq!(of_rust, [&("a.rs".to_owned(), 1), &("a.rs".to_owned(), 2), &("b.rs".to_owned(), 1)]);
    }
}
