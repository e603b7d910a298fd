//! `downbeat reload` and `downbeat upgrade`: ask a running edge, at its admin address, to change, and say what became of it.

use super::client::{ClientError, HubClient};
use super::output;
use clap::Args;
use serde::Deserialize;
use std::time::Duration;

/// A reload takes as long as its rehearsal: ten seconds at most, and certificates and disk on top.
const RELOAD_WITHIN: Duration = Duration::from_secs(30);
/// An upgrade has two steps of at most thirty seconds each, and a hub to stop and to start.
const UPGRADE_WITHIN: Duration = Duration::from_secs(120);
/// How often a trial is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) const RELOAD_EXAMPLES: &str = "\
Examples:
  downbeat reload                              the edge of this machine (or: kill -HUP its process)
  downbeat reload --wait                       and wait until its trial is over
  downbeat reload --edge http://10.0.0.1:8082  another one, by its admin address

The edge reads its own file again: first in a process of its own, then for good. No connection ends for it. It refuses
a faulty one whole, names every fault, and goes on with the old one. The addresses where it listens, its name, its data
folder and the number of its threads do not change this way; `downbeat upgrade` changes them.

Every new configuration is on trial for a minute (edge.trial_for). The edge goes back by itself when 20 requests or
more have failed under it, and more than twice the share of the minute before plus 1 %. It does not take the same bytes
again then; change the file.
Ends with 0 when the new configuration is in force (with --wait: has passed its trial), else with 1.";

pub(super) const UPGRADE_EXAMPLES: &str = "\
Examples:
  downbeat upgrade                              once the new program lies where the old one was started from
  downbeat upgrade --edge http://10.0.0.1:8082  another edge, by its admin address

The running process starts the program at its path with its own arguments and hands it the listening sockets: no
connection is refused. It serves on until the new one serves, finishes what is in flight, and ends. When the new one
does not come to serve, the old one goes on as if nothing had been asked.
Ends with 0 when the new process serves, else with 1.";

/// Which edge.
#[derive(Debug, Args)]
struct EdgeArgs {
    /// The edge's admin address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8082", env = "DOWNBEAT_EDGE")]
    edge: String,
}

/// What to reload.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    edge: EdgeArgs,
    /// Wait until the trial of the new configuration is over
    #[arg(long)]
    wait: bool,
}

/// What to upgrade.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    edge: EdgeArgs,
}

/// Why the edge is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// It went back.
    #[error("generation {from} did not pass its trial: {why}; the edge went back to the configuration before")]
    Returned {
        /// The bad generation.
        from: u64,
        /// What was wrong with it.
        why: String,
    },
    /// Somebody or something else changed it meanwhile.
    #[error("the edge has generation {now} by now, and generation {asked} was not tried to the end")]
    Overtaken {
        /// What was waited for.
        asked: u64,
        /// What there is.
        now: u64,
    },
}

impl ChangeError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Returned { .. } => Some("the same bytes are not taken again; mend the file and reload".into()),
            Self::Overtaken { .. } => None,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Reloaded {
    generation: u64,
}

#[derive(Debug, Deserialize)]
struct Upgraded {
    process: u32,
}

/// What is looked at of an edge's state.
#[derive(Debug, Deserialize)]
struct State {
    process: u32,
    generation: u64,
    /// An edge of an earlier release does not say it, and tries nothing.
    #[serde(default)]
    configuration: Footing,
}

#[derive(Debug, Default, Deserialize)]
#[serde(tag = "footing", rename_all = "snake_case")]
enum Footing {
    #[default]
    Proven,
    OnTrial,
    Returned {
        from: u64,
        why: String,
    },
}

/// Asks for a reload.
pub(crate) async fn reload(args: ReloadArgs) -> anyhow::Result<()> {
    let edge = HubClient::of_edge(args.edge.edge)?;
    let Reloaded { generation } = edge.ask("/v1/reload", RELOAD_WITHIN).await?;
    let trial = match look(&edge).await?.configuration {
        Footing::OnTrial => ", on trial",
        Footing::Returned { from, why } if from == generation => return Err(ChangeError::Returned { from, why }.into()),
        Footing::Proven | Footing::Returned { .. } => "",
    };
    output::write(&format!("generation {generation} is in force{trial}\n"))?;
    if args.wait {
        passed(&edge, generation).await?;
        output::write(&format!("generation {generation} has passed its trial\n"))?;
    }
    Ok(())
}

/// Waits until a generation has passed, or has not.
async fn passed(edge: &HubClient, generation: u64) -> anyhow::Result<()> {
    loop {
        let state = look(edge).await?;
        match state.configuration {
            Footing::Returned { from, why } if from == generation => {
                return Err(ChangeError::Returned { from, why }.into());
            }
            _ if state.generation != generation => {
                return Err(ChangeError::Overtaken { asked: generation, now: state.generation }.into());
            }
            Footing::OnTrial => tokio::time::sleep(LOOK_EVERY).await,
            Footing::Proven | Footing::Returned { .. } => return Ok(()),
        }
    }
}

/// Asks for an upgrade.
pub(crate) async fn upgrade(args: UpgradeArgs) -> anyhow::Result<()> {
    let edge = HubClient::of_edge(args.edge.edge)?;
    let before = look(&edge).await?.process;
    let Upgraded { process } = edge.ask("/v1/upgrade", UPGRADE_WITHIN).await?;
    output::write(&format!("process {process} serves; process {before} finishes what is in flight\n"))
}

async fn look(edge: &HubClient) -> Result<State, ClientError> {
    edge.read("/v1/state").await
}
