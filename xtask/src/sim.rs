//! `cargo xtask sim`: builds the simulation and hands everything on to it.

use crate::workspace::Workspace;
use crate::{Outcome, process};
use anyhow::{Result, ensure};

/// What to simulate.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed on to the simulation.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the simulation and runs it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let built =
        process::succeeds(&mut workspace.cargo(&["build", "--quiet", "--release", "--package", "downbeat-sim"]))?;
    ensure!(built, "the build failed: nothing was simulated");
    let mut command = workspace.command(workspace.built("downbeat-sim"));
    Ok(Outcome::of(process::succeeds(command.args(&options.arguments))?))
}
