//! `downbeat edge hold` and `release`: the kill switch of one edge, a file in its data folder. It needs no hub and no
//! running edge, so it asks nobody.

use super::ConfigArgs;
use super::output;
use crate::config;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use downbeat_edge::HoldFile;
use std::path::PathBuf;

/// Where an edge's files lie in the data folder.
const FOLDER: &str = "edge";

pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat edge -c downbeat.toml                 run one
  downbeat edge hold --because \"plan 7 is wrong\"
  downbeat edge release
  downbeat edge hold --data /var/lib/downbeat    where the configuration itself cannot be read

Several edges can report to one hub; give each its own `name` in [edge].
SIGTERM stops it, SIGHUP makes it read its configuration again, SIGUSR2 hands over to the program at its path;
`downbeat reload` and `downbeat upgrade` do the same and say what became of it. `downbeat run --help` tells more.

A hold keeps automation from asking more of this edge: it takes no plan that gives a replica less, limits, sheds or
pins. It works within a second, without a hub, and stays over restarts until it is released. The plan in force stays: a
divert holds, a shed lapses by its own time, and a plan that only gives back is taken. Retries and the edge's own
ejections go on. It is the file edge/hold in the data folder: `touch` and `rm` do as well. To hold all edges while the
hub is alive: `downbeat automation hold`.";

/// An edge, or what is to be done with it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct EdgeArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Take no plan that asks for more, until released
    #[command(after_help = EXAMPLES)]
    Hold {
        #[command(flatten)]
        which: Which,
        /// For those who look later: on `downbeat top` and in the hub's log
        #[arg(long, value_name = "TEXT", default_value = "")]
        because: String,
    },
    /// Take the hub's plans again
    #[command(after_help = EXAMPLES)]
    Release {
        #[command(flatten)]
        which: Which,
    },
}

/// Which edge of this machine.
#[derive(Debug, Args)]
pub(super) struct Which {
    #[command(flatten)]
    config: ConfigArgs,
    /// The data folder itself, instead of the one that the configuration names
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
}

impl Which {
    fn file(self) -> anyhow::Result<HoldFile> {
        let folder = match self.data {
            Some(data) => data.join(FOLDER),
            None => config::load(&self.config.config)?.edge.data,
        };
        ensure!(folder.is_dir(), "no edge has ever run with its data in {}", folder.display());
        Ok(HoldFile::of(&folder))
    }
}

/// Does it.
pub(super) fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Hold { which, because } => {
            let file = which.file()?;
            file.write(&because).with_context(|| format!("cannot write {}", file.path().display()))?;
            output::write(&format!("{}: this edge takes no plan that asks for more\n", file.path().display()))
        }
        Verb::Release { which } => {
            let file = which.file()?;
            let there = file.remove().with_context(|| format!("cannot remove {}", file.path().display()))?;
            let done = if there { "removed; this edge takes the hub's plans again" } else { "there was no hold" };
            output::write(&format!("{}: {done}\n", file.path().display()))
        }
    }
}
