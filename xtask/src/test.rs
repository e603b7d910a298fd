//! `cargo xtask test`: build everything, run every test, then live through every drill.
//!
//! Nothing is left out silently: a program from outside that cannot be had is named in a block of its own, and the last
//! line counts tests and drills together.

mod drills;
mod outside;
mod packages;
mod scorecard;
mod suite;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{Outcome, process};
use anyhow::{Result, ensure};
use drills::Run;
use outside::Outside;
use suite::Tally;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only tests and drills whose names contain one of these.
    filters: Vec<String>,
    /// Leave the live drills out; they take some minutes.
    #[arg(long)]
    fast: bool,
}

/// Runs tests and drills, and prints what came of them last.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let drills = drills::chosen(options);
    let mut steps = Steps::new(if drills.is_empty() { 4 } else { 5 });
    let outside = steps.step("looking for programs from outside", || Outside::provide(workspace));
    packages::provide(workspace);
    let skips = outside.skips();
    print!("{skips}");
    steps.step("building", || build(workspace, &["build", "--release", "--workspace"]))?;
    steps.step("building the tests", || build(workspace, &["test", "--release", "--workspace", "--no-run"]))?;
    let tally = steps.step("testing", || suite::run(workspace, &outside, &options.filters))?;
    let runs = match drills.as_slice() {
        [] => Vec::new(),
        some => steps.step("living through the drills", || drills::run(workspace, &outside, some))?,
    };
    print!("\n{}\n{}{skips}", tally.closing_lines(), scorecard::table(&runs));
    Ok(close(&tally, &runs))
}

fn build(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    ensure!(process::succeeds(&mut workspace.cargo(arguments))?, "the build failed: nothing was tested");
    Ok(())
}

/// Prints the one line that says it all.
fn close(tally: &Tally, runs: &[Run]) -> Outcome {
    let well = runs.iter().filter(|run| run.passed()).count();
    let (passed, failed) = (tally.passed() + well, tally.failed() + runs.len() - well);
    if passed + failed == 0 {
        println!("no test and no drill has such a name");
    }
    println!("{passed} passed, {failed} failed");
    Outcome::of(failed == 0 && passed > 0)
}
