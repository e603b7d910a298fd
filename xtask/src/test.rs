//! `cargo xtask test`: build everything, run every test, then live through the simulated worlds and every drill.
//!
//! Nothing is left out silently: a program from outside that cannot be had is named in a block of its own, and the last
//! line counts tests, the worlds (as one test) and drills together.

mod drills;
mod outside;
mod packages;
mod scorecard;
mod suite;
mod worlds;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{Outcome, process};
use anyhow::{Result, ensure};
use drills::Run;
use outside::Outside;
use suite::Tally;
use worlds::Worlds;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only tests and drills whose names contain one of these.
    filters: Vec<String>,
    /// Leave the simulated worlds and the live drills out; they take some minutes each.
    #[arg(long)]
    fast: bool,
}

/// Runs tests and drills, and prints what came of them last.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let (drills, worlds) = (drills::chosen(options), Worlds::chosen(options));
    let extra = usize::from(!drills.is_empty()) + usize::from(worlds == Worlds::LivedThrough);
    let mut steps = Steps::new(5 + extra);
    let outside = steps.step("looking for programs from outside", || Outside::provide(workspace));
    packages::provide(workspace);
    let skips = outside.skips();
    print!("{skips}");
    steps.step("building", || build(workspace, &["build", "--release", "--workspace"]))?;
    steps.step("building the tests", || build(workspace, &["test", "--release", "--workspace", "--no-run"]))?;
    // They are not run here; what is not built breaks unseen.
    steps
        .step("building the benchmarks", || build(workspace, &["bench", "--workspace", "--no-run", "--bench", "*"]))?;
    let tally = steps.step("testing", || suite::run(workspace, &outside, &options.filters))?;
    let held = match worlds {
        Worlds::LeftOut => None,
        Worlds::LivedThrough => Some(steps.step("living through simulated worlds", || worlds::run(workspace))?),
    };
    let runs = match drills.as_slice() {
        [] => Vec::new(),
        some => steps.step("living through the drills", || drills::run(workspace, &outside, some))?,
    };
    print!("\n{}\n{}{skips}", tally.closing_lines(), scorecard::table(&runs));
    Ok(close(&tally, held, &runs))
}

fn build(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    ensure!(process::succeeds(&mut workspace.cargo(arguments))?, "the build failed: nothing was tested");
    Ok(())
}

/// Prints the one line that says it all.
fn close(tally: &Tally, held: Option<bool>, runs: &[Run]) -> Outcome {
    let well = runs.iter().filter(|run| run.passed()).count();
    let (kept, broken) = (usize::from(held == Some(true)), usize::from(held == Some(false)));
    let (passed, failed) = (tally.passed() + well + kept, tally.failed() + runs.len() - well + broken);
    if passed + failed == 0 {
        println!("no test and no drill has such a name");
    }
    if broken > 0 {
        println!("simulated worlds: something did not hold, see above");
    }
    println!("{passed} passed, {failed} failed");
    Outcome::of(failed == 0 && passed > 0)
}
