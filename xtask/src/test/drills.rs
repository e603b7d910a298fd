//! The live drills: each outage is lived through by real processes of the built program, one drill after the other.
//!
//! What a drill prints goes to files below `target/drills`, so that a failed one can be looked into afterwards.

use super::Options;
use super::outside::Outside;
use super::scorecard::Scorecard;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The outages of the demo, each a story in `drills/`.
const NAMES: [&str; 8] = ["overload", "bad-deploy", "bad-config", "network", "dns", "attack", "host", "hub-dies"];

/// A drill measures seconds, on a machine that others may be using: one that failed is lived through once more, and
/// said to have been.
const TRIES: usize = 2;

/// How long one drill may take; it needs about a minute and a half.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// How much of a failed drill's log is shown, in lines.
const LOG_LINES: usize = 15;

/// One drill and what came of it.
pub(super) struct Run {
    pub(super) name: &'static str,
    /// The scorecard, whatever it says; an error when there is none to believe.
    pub(super) outcome: Result<Scorecard>,
}

impl Run {
    /// Whether the drill ended as its story demands.
    pub(super) fn passed(&self) -> bool {
        self.outcome.as_ref().is_ok_and(Scorecard::passed)
    }
}

/// The drills to run: none when speed matters, else those whose names contain a filter.
pub(super) fn chosen(options: &Options) -> Vec<&'static str> {
    let matches = |name: &str| options.filters.is_empty() || options.filters.iter().any(|part| name.contains(part));
    NAMES.into_iter().filter(|name| !options.fast && matches(name)).collect()
}

/// Runs the drills; a failure of one does not keep the others from running.
pub(super) fn run(workspace: &Workspace, outside: &Outside, names: &[&'static str]) -> Result<Vec<Run>> {
    let folder = workspace.target().join("drills");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(names.iter().map(|name| run_one(workspace, outside, name, &folder)).collect())
}

fn run_one(workspace: &Workspace, outside: &Outside, name: &'static str, folder: &Path) -> Run {
    let mut run = try_one(workspace, outside, name, folder);
    for again in 2..=TRIES {
        if run.passed() {
            break;
        }
        eprintln!("  drill {name}: try {again} of {TRIES}");
        run = try_one(workspace, outside, name, folder);
    }
    run
}

fn try_one(workspace: &Workspace, outside: &Outside, name: &'static str, folder: &Path) -> Run {
    let start = Instant::now();
    let outcome = live(workspace, outside, name, folder);
    let run = Run { name, outcome };
    let word = if run.passed() { "passed" } else { "FAILED" };
    eprintln!("  drill {name} {word}, {} s", start.elapsed().as_secs());
    if !run.passed() {
        show_log(&folder.join(format!("{name}.log")));
    }
    run
}

fn live(workspace: &Workspace, outside: &Outside, name: &str, folder: &Path) -> Result<Scorecard> {
    let [card, log] = ["json", "log"].map(|kind| folder.join(format!("{name}.{kind}")));
    let create = |path: &Path| File::create(path).with_context(|| format!("create {}", path.display()));
    let program = workspace.built("downbeat");
    let mut command = workspace.command(&program);
    command.args(["drill", "run", name, "--live", "--json"]).stdin(Stdio::null());
    command.stdout(create(&card)?).stderr(create(&log)?);
    outside.tell(&mut command);
    let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
    let status = process::wait(&mut child, LIMIT)?;
    let printed = fs::read_to_string(&card).with_context(|| format!("read {}", card.display()))?;
    let scorecard = Scorecard::parse(&printed).with_context(|| format!("ended with {status} and no scorecard"))?;
    ensure!(scorecard.drill() == name, "the scorecard is of another drill, {}", scorecard.drill());
    ensure!(status.success() || !scorecard.passed(), "ended with {status}, its scorecard says otherwise");
    Ok(scorecard)
}

fn show_log(path: &Path) {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    eprintln!("  the end of {}:", path.display());
    for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
        eprintln!("    {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(filters: &[&str], fast: bool) -> Options {
        Options { filters: filters.iter().map(|filter| (*filter).to_owned()).collect(), fast }
    }

    #[test]
    fn drills_are_chosen_by_name() {
        assert_eq!(chosen(&options(&[], false)), NAMES);
        assert_eq!(chosen(&options(&[], true)), [""; 0]);
        assert_eq!(chosen(&options(&["bad-", "dns"], false)), ["bad-deploy", "bad-config", "dns"]);
        assert_eq!(chosen(&options(&["parses_a_head"], false)), [""; 0]);
    }
}
