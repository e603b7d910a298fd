//! `cargo xtask check`: format, lints, docs, tidiness and licences; all of them, whatever fails before.

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{Outcome, process, tidy};
use anyhow::Result;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What `cargo deny` looks at. Advisories need a database from the network; `deny.toml` says more.
const DENY: [&str; 4] = ["check", "licenses", "bans", "sources"];

/// How one of the checks went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Verdict {
    fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// Carries every check out and sums them up in one closing line.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    let mut steps = Steps::new(5);
    let results = [
        ("format", steps.step("checking the format", || format(workspace))?),
        ("lints", steps.step("checking the lints", || lints(workspace))?),
        ("docs", steps.step("building the docs", || docs(workspace))?),
        ("tidy", steps.step("checking tidiness", || tidiness(workspace))?),
        ("licences", steps.step("checking licences, bans and sources", || licences(workspace))?),
    ];
    println!("{}", closing_line(&results));
    Ok(Outcome::of(results.iter().all(|(_, verdict)| *verdict != Verdict::Failed)))
}

/// What passed, failed and was skipped, each by name.
fn closing_line(results: &[(&str, Verdict)]) -> String {
    let named = |wanted: Verdict| {
        let names: Vec<_> = results.iter().filter(|(_, verdict)| *verdict == wanted).map(|(name, _)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let (passed, failed, skipped) = (named(Verdict::Passed), named(Verdict::Failed), named(Verdict::Skipped));
    format!("check: passed: {passed}; failed: {failed}; skipped: {skipped}")
}

fn format(workspace: &Workspace) -> Result<Verdict> {
    process::succeeds(&mut workspace.cargo(&["fmt", "--all", "--check"])).map(Verdict::of)
}

fn lints(workspace: &Workspace) -> Result<Verdict> {
    let arguments = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::succeeds(&mut workspace.cargo(&arguments)).map(Verdict::of)
}

fn docs(workspace: &Workspace) -> Result<Verdict> {
    let mut command = workspace.cargo(&["doc", "--release", "--workspace", "--no-deps"]);
    process::succeeds(command.env("RUSTDOCFLAGS", "-D warnings")).map(Verdict::of)
}

fn tidiness(workspace: &Workspace) -> Result<Verdict> {
    Ok(Verdict::of(tidy::run(workspace)? == Outcome::Passed))
}

fn licences(workspace: &Workspace) -> Result<Verdict> {
    match cargo_deny(workspace)? {
        Some(program) => process::succeeds(workspace.command(program).args(DENY)).map(Verdict::of),
        None => {
            println!("SKIP: cargo-deny could not be installed; licences, bans and sources were NOT checked");
            Ok(Verdict::Skipped)
        }
    }
}

/// The cargo-deny on the path, else our own below `target`, installed at need.
fn cargo_deny(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let tools = workspace.target().join("tools");
    for program in [PathBuf::from("cargo-deny"), tools.join("bin/cargo-deny")] {
        if answers(workspace.command(&program)) {
            return Ok(Some(program));
        }
    }
    eprintln!("cargo-deny is missing: installing it below {}, once, which takes some minutes", tools.display());
    let mut install = workspace.cargo(&["install", "--locked", "cargo-deny", "--root"]);
    let installed = process::succeeds(install.arg(&tools))?;
    Ok(installed.then(|| tools.join("bin/cargo-deny")))
}

fn answers(mut program: Command) -> bool {
    program.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_names_every_check() {
        let results = [("format", Verdict::Passed), ("docs", Verdict::Failed), ("tidy", Verdict::Passed)];
        assert_eq!(closing_line(&results), "check: passed: format, tidy; failed: docs; skipped: none");
    }

    #[test]
    fn a_missing_program_does_not_answer() {
        assert!(!answers(Command::new("no-such-program")));
        assert!(answers(Command::new("ls")));
    }
}
