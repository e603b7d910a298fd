//! Why a drill or the demo came to nothing.

use crate::scene::ActionError;
use crate::supervisor::SupervisorError;
use crate::world::WorldError;
use std::time::Duration;

/// Why a drill or the demo came to nothing. What a drill finds is no error: it stands in the scorecard.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The world cannot be put up.
    #[error("put up the world")]
    World(#[from] WorldError),
    /// There is nobody to carry orders out.
    #[error("put up the supervisor")]
    Supervisor(#[from] SupervisorError),
    /// A step of the story cannot be done.
    #[error("act out the story")]
    Action(#[from] ActionError),
    /// The world was never well, so there was nothing to break.
    #[error("wait until everything is well: after {after:?} {missing}")]
    Unwell {
        /// How long was waited.
        after: Duration,
        /// What was still missing.
        missing: String,
    },
    /// The story's trouble is more than processes on one machine can have.
    #[error("run {0} with processes: only the simulated world has its trouble, so run it with --sim")]
    OnlySimulated(String),
    /// A step names what the simulated world does not have.
    #[error("act out the story in the simulated world")]
    Script(#[from] downbeat_sim::script::ScriptError),
    /// Somebody pressed Ctrl-C.
    #[error("stopped before the end")]
    Interrupted,
}
