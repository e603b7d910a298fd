//! A folder with a hub in it that has so many components, and what is asked of it.

use super::Options;
use crate::process::{Process, free_ports};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Components of a large service.
const LARGE: usize = 1_000;
/// One probe that waits: those that a hub has by default would be a load of their own.
const QUIET: &str = "\
[[probe]]
name = \"job\"
kind = \"heartbeat\"
every = \"1d\"
key = \"aKeyThatNobodyCalls\"
";

/// Where one section measures, and how much.
pub(super) struct Site<'a> {
    /// Downbeat's program.
    pub(super) program: &'a Path,
    /// For nothing but this section, and empty at first.
    pub(super) folder: PathBuf,
    /// Rounds in which those that are compared take turns.
    pub(super) rounds: usize,
    /// Of load in each round.
    pub(super) each: Duration,
}

/// A hub that runs.
pub(super) struct Hub {
    /// The process; it ends with this.
    pub(super) process: Process,
    /// Where the public asks.
    pub(super) status: u16,
    /// Where operators ask.
    pub(super) console: u16,
}

/// A hub that can be started, again and again.
pub(super) struct Setup {
    program: PathBuf,
    folder: PathBuf,
    config: PathBuf,
    status: u16,
    console: u16,
    /// Its data folder.
    pub(super) data: PathBuf,
}

impl<'a> Site<'a> {
    /// The place of a section; what an earlier run has left there is removed.
    pub(super) fn new(options: &'a Options, section: &str) -> Result<Self> {
        let folder = options.folder.join(section);
        // A folder that is not there is as good as removed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let each = Duration::from_secs(options.seconds);
        Ok(Self { program: &options.program, folder, rounds: options.rounds, each })
    }

    /// A hub of a large service: 1,000 components, each with ninety days.
    pub(super) fn large(&self, more: &str) -> Result<Setup> {
        let setup = self.setup(LARGE, more)?;
        // The first start makes the data folder.
        setup.start().map(drop)?;
        setup.fill_days()?;
        Ok(setup)
    }

    /// A hub of a service with so many components, none of which can be reached; `more` is put into its configuration.
    pub(super) fn setup(&self, components: usize, more: &str) -> Result<Setup> {
        let ports = free_ports(4)?;
        let (edge, console, status, nobody) = (ports[0], ports[1], ports[2], ports[3]);
        let data = self.folder.join("data");
        let parts: String = (0..components)
            .map(|number| {
                format!(
                    "[[component]]\nname = \"part-{number}\"\ntitle = \"Part {number}\"\npaths = [\"/{number}/\"]\n\
                     replicas = [\"http://127.0.0.1:{nobody}\"]\n"
                )
            })
            .collect();
        let config = format!(
            "data = \"{}\"\n[service]\nname = \"Bench\"\n[edge]\nlisten = \"127.0.0.1:{edge}\"\n\
             hub = \"http://127.0.0.1:{console}\"\n[hub]\nconsole = \"127.0.0.1:{console}\"\n\
             status = \"127.0.0.1:{status}\"\n{parts}{QUIET}{more}\n",
            data.display()
        );
        let path = self.folder.join("downbeat.toml");
        fs::write(&path, config).with_context(|| format!("write {}", path.display()))?;
        Ok(Setup { program: self.program.to_owned(), folder: self.folder.clone(), config: path, status, console, data })
    }
}

impl Setup {
    /// Starts the hub, and waits until the public can ask.
    pub(super) fn start(&self) -> Result<Hub> {
        let log = self.folder.join("hub.log");
        let mut process =
            Process::start(Command::new(&self.program).args(["hub", "--config"]).arg(&self.config), &log)?;
        process.listens(self.status, &log).context("start the hub")?;
        Ok(Hub { process, status: self.status, console: self.console })
    }

    /// Gives every component ninety days of history, trouble on each tenth, the hub being down: what it would have written in that time.
    pub(super) fn fill_days(&self) -> Result<()> {
        let script = "\
import sqlite3, sys, time
path, parts = sys.argv[1], int(sys.argv[2])
today = int(time.time()) // 86400
def day(part, ago):
    degraded, down = (part % 7 * 20, part % 3 * 40) if (part + ago) % 10 == 0 else (0, 0)
    return f'part-{part}', today - ago, 86000 - part % 60, degraded, down
rows = [day(part, ago) for part in range(parts) for ago in range(90)]
with sqlite3.connect(path) as log:
    log.executemany('REPLACE INTO component_days VALUES (?, ?, ?, ?, ?)', rows)
";
        let parts = fs::read_to_string(&self.config)?.matches("[[component]]").count();
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(self.data.join("hub.db")).arg(parts.to_string());
        let output = python.output().context("run python3")?;
        ensure!(output.status.success(), "fill the days: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }
}
