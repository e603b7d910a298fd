//! `cargo xtask kill-loop [--kills N] [--seed N]`: a real hub under load, killed at random instants and restarted at once.
//!
//! The loop is a test of the hub, which runs a few dozen kills among all others; this asks it for thousands, of several hubs side
//! by side.

use crate::workspace::Workspace;
use crate::{Outcome, process};
use anyhow::Result;

/// How often, and with which luck.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask kill-loop                    2,000 kills; some minutes on a quiet machine
  cargo xtask kill-loop --kills 100        a first look
  cargo xtask kill-loop --seed 7           other instants

Progress goes to standard error, the result is its last line. It fails where an acknowledged command is not in the log, an
effect was lost or sent twice other than in doubt, or the chain of the log is broken after a kill.")]
pub(crate) struct Options {
    /// How often the hub is killed.
    #[arg(long, default_value_t = 2_000)]
    kills: u32,
    /// Where the instants come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the loop.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let test = ["test", "--release", "--quiet", "--package", "downbeat-hub", "--test", "kill", "--"];
    let mut command = workspace.cargo(&test);
    command.args(["--exact", "a_killed_hub_loses_nothing_and_repeats_nothing", "--nocapture"]);
    command.env("DOWNBEAT_KILLS", options.kills.to_string()).env("DOWNBEAT_SEED", options.seed.to_string());
    Ok(Outcome::of(process::succeeds(&mut command)?))
}
