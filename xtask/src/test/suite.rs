//! Runs `cargo test` and counts what it says, passing every line on.
//!
//! The runner prints `Running …` before each suite and `test result: …` after it. A suite that begins and never gives a
//! result has crashed, which counts as one failure.

use super::outside::Outside;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::time::Duration;

/// How long all tests together may take: ten times what they need on two slow cores.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// What the runner has said so far.
#[derive(Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    /// What is worth repeating at the end: failed tests, and the result of each suite.
    closing: Vec<String>,
    /// The suite that has begun and not given its result.
    open: Option<String>,
}

/// Runs every test whose name contains one of the filters; all of them when there is none.
pub(super) fn run(workspace: &Workspace, outside: &Outside, filters: &[String]) -> Result<Tally> {
    let mut command = workspace.cargo(&["test", "--release", "--workspace", "--no-fail-fast", "--"]);
    command.args(filters).env("CARGO_TERM_COLOR", "never");
    outside.tell(&mut command);
    let mut tally = Tally::default();
    let status = process::follow(command, LIMIT, |line| {
        println!("{line}");
        tally.hear(line);
    })
    .context("run the tests")?;
    tally.end(status.success());
    Ok(tally)
}

impl Tally {
    pub(super) fn passed(&self) -> usize {
        self.passed
    }

    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// The result of every suite that ran a test, after the names of its failed tests; a line each.
    pub(super) fn closing_lines(&self) -> String {
        self.closing.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Takes in one line of the runner.
    fn hear(&mut self, line: &str) {
        if let Some(suite) = suite_name(line) {
            self.crashed();
            self.open = Some(suite);
        } else if let (Some((passed, failed)), Some(suite)) = (counts(line), self.open.as_deref()) {
            if passed + failed > 0 {
                self.closing.push(format!("{line} ({suite})"));
            }
            self.passed += passed;
            self.failed += failed;
            self.open = None;
        } else if self.open.is_some() && line.starts_with("test ") && line.ends_with(" ... FAILED") {
            self.closing.push(line.to_owned());
        }
    }

    /// The runner has ended.
    fn end(&mut self, success: bool) {
        self.crashed();
        if !success && self.failed == 0 {
            self.fail("cargo test failed without a failed test".to_owned());
        }
    }

    fn crashed(&mut self) {
        if let Some(suite) = self.open.take() {
            self.fail(format!("test result: CRASHED, no result ({suite})"));
        }
    }

    fn fail(&mut self, closing: String) {
        self.failed += 1;
        self.closing.push(closing);
    }
}

/// The suite that begins with this line.
fn suite_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let name = |rest: &str| rest.split(" (").next().unwrap_or(rest).to_owned();
    match (line.strip_prefix("Running "), line.strip_prefix("Doc-tests ")) {
        // The binary's own name, without cargo's hash, says which crate `src/lib.rs` belongs to.
        (Some(rest), _) => Some(format!("{}{}", binary(rest), name(rest))),
        (_, Some(rest)) => Some(format!("{rest}: examples in the docs")),
        _ => None,
    }
}

/// `hub: ` out of `… (target/release/deps/hub-0123456789abcdef)`.
fn binary(rest: &str) -> String {
    let file = rest.rsplit_once('/').map(|(_, file)| file.trim_end_matches(')'));
    let name = file.and_then(|file| file.rsplit_once('-')).map(|(name, _)| name);
    name.map_or_else(String::new, |name| format!("{name}: "))
}

/// Passed and failed, out of `test result: ok. 3 passed; 0 failed; …`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |what: &str| {
        numbers.split("; ").find_map(|part| part.strip_suffix(what)).and_then(|number| number.trim().parse().ok())
    };
    Some((number("passed")?, number("failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &str, success: bool) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.hear(line));
        tally.end(success);
        tally
    }

    const OK: &str = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.02s";
    const BAD: &str = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
    const RUNNING: &str = "     Running unittests src/lib.rs (target/release/deps/downbeat_core-7e62e8cdb4aa8eb9)";
    const DOCS: &str = "   Doc-tests downbeat_core";

    #[test]
    fn results_are_added_up() {
        let bad = "test a ... ok\ntest b ... FAILED";
        let tally = tally(&format!("{RUNNING}\nrunning 12 tests\n\n{OK}\n\n{DOCS}\n{bad}\n{BAD}\n"), false);
        assert_eq!((tally.passed(), tally.failed()), (15, 2));
        let core = format!("{OK} (downbeat_core: unittests src/lib.rs)");
        let docs = format!("{BAD} (downbeat_core: examples in the docs)");
        assert_eq!(tally.closing_lines(), format!("{core}\ntest b ... FAILED\n{docs}\n"));
    }

    #[test]
    fn a_crash_is_a_failure() {
        for lines in [format!("{RUNNING}\nrunning 1 test\n{DOCS}\n{OK}"), format!("{DOCS}\n{OK}\n{RUNNING}")] {
            let tally = tally(&lines, false);
            assert_eq!((tally.passed(), tally.failed()), (12, 1));
            assert!(tally.closing_lines().contains("CRASHED, no result (downbeat_core"), "{}", tally.closing_lines());
        }
    }

    #[test]
    fn a_failure_nobody_explains_is_a_failure() {
        assert_eq!(tally("error: could not compile", false).failed(), 1);
        assert_eq!(tally("", true).failed(), 0);
    }

    #[test]
    fn what_a_test_prints_is_not_a_result() {
        let tally = tally(&format!("{OK}\nthe Running man\ntest result: ok. many passed; no failed"), true);
        assert_eq!((tally.passed(), tally.failed()), (0, 0));
    }
}
