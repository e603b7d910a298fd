//! One door for working on Downbeat: `cargo xtask test`, `check`, `tidy`, `fuzz`, `sim`, `kill-loop` and `bench`.
//!
//! A module per verb. A verb prints its own results and answers with an [`Outcome`]; an error means that the verb
//! could not be carried out at all.

mod bench;
mod check;
mod fuzz;
mod kill_loop;
mod process;
mod sim;
mod steps;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

/// One door for working on Downbeat.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build everything, run every test, then live through every drill.
    Test(test::Options),
    /// Check format, lints, docs, tidiness and licences.
    Check,
    /// Check the repository itself: arrows between crates, words, links, opening lines.
    Tidy,
    /// Feed the edge's readers what no client sends; needs a nightly compiler.
    Fuzz(fuzz::Options),
    /// Run simulated worlds: `worlds` for many, `world SEED` for one; see `cargo xtask sim help`.
    #[command(disable_help_flag = true)]
    Sim(sim::Options),
    /// Kill a real hub under load, again and again, and look whether anything was lost or done twice.
    KillLoop(kill_loop::Options),
    /// Measure, side by side with others, and write the tables.
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// How a verb that was carried out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

impl Outcome {
    fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let workspace = Workspace::find()?;
    let outcome = match arguments.verb {
        Verb::Test(options) => test::run(&workspace, &options),
        Verb::Check => check::run(&workspace),
        Verb::Tidy => tidy::run(&workspace),
        Verb::Fuzz(options) => fuzz::run(&workspace, &options),
        Verb::Sim(options) => sim::run(&workspace, &options),
        Verb::KillLoop(options) => kill_loop::run(&workspace, &options),
        Verb::Bench(bench) => bench::run(&workspace, &bench),
    }?;
    Ok(outcome.into())
}
