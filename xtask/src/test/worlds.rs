//! The simulated worlds: the desk and the edge's policy as they are, lived through in virtual time, 20,000 times with all that
//! can go wrong and as many times without automation (`docs/simulation.md`).

use super::Options;
use crate::process;
use crate::workspace::Workspace;
use anyhow::Result;
use std::time::Duration;

/// How many worlds: about a thousand hours.
const COUNT: u32 = 20_000;
/// So many of them may fare worse with automation than without. The goal is none; three are known, and what is wrong with them
/// stands in `docs/simulation.md`.
const HARMFUL_MAX: u32 = 3;
/// How long they may take; seven minutes on two cores.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Whether the worlds are lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worlds {
    LivedThrough,
    LeftOut,
}

impl Worlds {
    /// Left out when speed matters, or when only others were asked for.
    pub(super) fn chosen(options: &Options) -> Self {
        let wanted = options.filters.is_empty() || options.filters.iter().any(|part| "worlds".contains(part.as_str()));
        if wanted && !options.fast { Self::LivedThrough } else { Self::LeftOut }
    }
}

/// Lives through them; true when everything held. What they came to is printed.
pub(super) fn run(workspace: &Workspace) -> Result<bool> {
    let mut command = workspace.command(workspace.built("downbeat-sim"));
    command.args(["worlds", "--count", &COUNT.to_string(), "--harmful-max", &HARMFUL_MAX.to_string()]);
    let status = process::follow(command, LIMIT, |line| println!("{line}"))?;
    Ok(status.success())
}
