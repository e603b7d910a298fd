//! A whole service on one machine: Encore in three regions, hub, edge, names, and somebody to make it fail.
//! Every process is a child of ours and ends with us.

pub mod config;
mod fleet;
mod logs;
mod nursery;
mod parking;
mod ports;
mod process;
mod service;

pub use fleet::{Exit, Fleet, FleetError, Release, ReplicaState};
pub use parking::ParkingError;
pub use ports::{BASES, Ports, PortsError};
pub use process::ProcessError;
pub use service::Service;

use crate::names::{Names, NamesError};
use crate::place::ReplicaId;
use crate::progress::Progress;
use logs::Log;
use nursery::Nursery;
use parking::Parking;
use process::{Process, Program};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct WorldPlan {
    /// The program that has the verbs `encore`, `hub` and `edge`.
    pub exe: PathBuf,
    /// Base of all ports; the first free set when absent.
    pub port_base: Option<u16>,
    /// Where everything is kept; a folder that is removed at the end when absent.
    pub data: Option<PathBuf>,
    /// The name of this run within the data folder.
    pub run: String,
    /// Keeps a folder that would else be removed.
    pub keep: bool,
}

/// Why a world cannot be put up.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// No ports.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// A folder or file cannot be made.
    #[error("create {}", .0.display())]
    Create(PathBuf, #[source] io::Error),
    /// What an earlier run left cannot be removed.
    #[error("remove {}", .0.display())]
    Remove(PathBuf, #[source] io::Error),
    /// No thread.
    #[error("start a thread")]
    Thread(#[source] io::Error),
    /// No music.
    #[error("prepare the music")]
    Prepare(#[source] ProcessError),
    /// No names.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// No stranger.
    #[error(transparent)]
    Parking(#[from] ParkingError),
    /// No replicas.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// No hub or edge.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Where a world keeps its things: `music` is shared by all runs, `run` is this one's own.
#[derive(Debug)]
struct Folders {
    music: PathBuf,
    run: PathBuf,
    /// Removed with its content when dropped.
    _temporary: Option<tempfile::TempDir>,
}

/// A whole service on one machine.
#[derive(Debug)]
pub struct World {
    /// Where everything listens.
    pub ports: Ports,
    /// The replicas.
    pub fleet: Fleet,
    /// The name server.
    pub names: Names,
    /// The hub.
    pub hub: Arc<Service>,
    /// The edge.
    pub edge: Arc<Service>,
    _parking: Parking,
    folders: Folders,
}

impl World {
    /// Puts everything up and waits until it answers.
    ///
    /// # Errors
    /// When some part of it does not run; the parts that do are ended.
    pub async fn start(plan: WorldPlan, progress: &Arc<Progress>) -> Result<Arc<Self>, WorldError> {
        let ports = Ports::choose(plan.port_base)?;
        if !ports.is_usual() && plan.port_base.is_none() {
            progress.say(&format!("the usual ports are taken; this world listens from {} on", ports.base()));
        }
        let folders = Folders::make(&plan)?;
        let nursery = Nursery::open().map_err(WorldError::Thread)?;
        prepare(&plan.exe, &folders, &nursery, progress).await?;
        let config = folders.run.join("downbeat.toml");
        let text = config::write(ports, &folders.run.join("data"));
        std::fs::write(&config, text).map_err(|e| WorldError::Create(config.clone(), e))?;
        progress.say(&format!("configuration of hub and edge: {}", config.display()));
        let recipe = fleet::Recipe { exe: plan.exe.clone(), music: folders.music.clone(), logs: folders.run.clone() };
        let service = |name: &str, health| -> Result<Arc<Service>, WorldError> {
            let log = Arc::new(folders.log(name)?);
            let program = service::program(name, plan.exe.clone(), &config, log);
            Ok(Service::new(program, health, nursery.clone(), Arc::clone(progress)))
        };
        let world = Arc::new(Self {
            ports,
            fleet: Fleet::new(ports, recipe, nursery.clone(), Arc::clone(progress))?,
            names: Names::serve(ports.names()).await?,
            hub: service("hub", ports.console())?,
            edge: service("edge", ports.admin())?,
            _parking: Parking::open(ports).await?,
            folders,
        });
        let ready = world.start_processes(progress).await;
        if ready.is_err() {
            world.stop().await;
        }
        ready.map(|()| world)
    }

    async fn start_processes(&self, progress: &Progress) -> Result<(), WorldError> {
        for id in ReplicaId::ALL {
            self.fleet.replace(id, Release::good(), Exit::Gracefully).await?;
        }
        progress.say("six replicas of Encore listen");
        self.hub.start().await?;
        progress.say("the hub listens");
        self.edge.start().await?;
        progress.say("the edge listens");
        Ok(())
    }

    /// Where this run's logs, configuration and data are.
    pub fn folder(&self) -> &Path {
        &self.folders.run
    }

    /// Ends every process and waits until it has ended.
    pub async fn stop(&self) {
        tokio::join!(self.edge.stop(), self.hub.stop(), self.stop_fleet());
    }

    async fn stop_fleet(&self) {
        let mut ends = tokio::task::JoinSet::new();
        for process in self.fleet.processes() {
            process.expect_end();
            ends.spawn(async move { process.stop().await });
        }
        ends.join_all().await;
    }
}

impl Folders {
    fn make(plan: &WorldPlan) -> Result<Self, WorldError> {
        let (root, temporary) = match &plan.data {
            Some(data) => (std::path::absolute(data).map_err(|e| WorldError::Create(data.clone(), e))?, None),
            None => Self::temporary(plan.keep)?,
        };
        let folders =
            Self { music: root.join("encore"), run: root.join("runs").join(&plan.run), _temporary: temporary };
        folders.clear()?;
        for folder in [&folders.music, &folders.run.join("data")] {
            std::fs::create_dir_all(folder).map_err(|e| WorldError::Create(folder.clone(), e))?;
        }
        Ok(folders)
    }

    fn temporary(keep: bool) -> Result<(PathBuf, Option<tempfile::TempDir>), WorldError> {
        let made = tempfile::Builder::new().prefix("downbeat-").tempdir();
        let folder = made.map_err(|e| WorldError::Create(std::env::temp_dir(), e))?;
        if keep {
            return Ok((folder.keep(), None));
        }
        Ok((folder.path().to_owned(), Some(folder)))
    }

    /// A run begins with an empty log: incidents of an earlier one would be taken for its own.
    fn clear(&self) -> Result<(), WorldError> {
        match std::fs::remove_dir_all(&self.run) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(WorldError::Remove(self.run.clone(), e)),
            _ => Ok(()),
        }
    }

    fn log(&self, name: &str) -> Result<Log, WorldError> {
        let path = self.run.join(format!("{name}.log"));
        Log::create(&path).map_err(|e| WorldError::Create(path, e))
    }
}

/// Has Encore make its music, if it is not there yet.
async fn prepare(exe: &Path, folders: &Folders, nursery: &Nursery, progress: &Arc<Progress>) -> Result<(), WorldError> {
    let music = folders.music.display().to_string();
    let args = ["encore", "prepare", "--data", &music, "--argon2-memory", "1MiB"].map(str::to_owned).to_vec();
    let log = Arc::new(folders.log("prepare")?.aloud(progress));
    let program = Program { name: "encore prepare".to_owned(), exe: exe.to_owned(), args, log };
    let process = Process::start(nursery, program).await.map_err(WorldError::Prepare)?;
    match process.end().await {
        Some(status) if status.success() => Ok(()),
        status => Err(WorldError::Prepare(process.ended_early(status))),
    }
}
