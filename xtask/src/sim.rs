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
    let mut build = workspace.cargo(&["build", "--quiet", "--release", "--package", "downbeat-sim"]);
    let mut program = workspace.built("downbeat-sim");
    if options.arguments.iter().any(|word| word == "mutations" || word == "--bug" || word.starts_with("--bug=")) {
        // With seeded bugs built in, and so in a folder of its own: nothing else may ever meet them.
        let folder = workspace.target().join("mutations");
        build.args(["--features", "mutations", "--target-dir"]).arg(&folder);
        program = folder.join("release/downbeat-sim");
    }
    ensure!(process::succeeds(&mut build)?, "the build failed: nothing was simulated");
    let mut command = workspace.command(program);
    Ok(Outcome::of(process::succeeds(command.args(&options.arguments))?))
}
