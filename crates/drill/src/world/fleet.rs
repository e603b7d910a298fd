//! The six replicas: a door each, the process behind it, and what that process runs.

use super::config::GOOD_VERSION;
use super::logs::Log;
use super::nursery::Nursery;
use super::ports::Ports;
use super::process::{Process, ProcessError, Program};
use crate::link::{Condition, Door, DoorError};
use crate::place::{Region, ReplicaId};
use crate::progress::Progress;
use downbeat_core::model::{Dimension, Name, Slice};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A replica has to listen within so long.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Connections to a process that was replaced may take so long to end.
const DRAIN_WITHIN: Duration = Duration::from_secs(15);

/// The name of the configuration that everything starts with.
const FIRST_CONFIG: &str = "auth-42";

/// What a replica runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its version.
    pub version: Name,
    /// Its configuration.
    pub config: Name,
    /// What is wrong with it, in Encore's words.
    pub defects: Vec<String>,
}

impl Release {
    /// The one that works.
    pub fn good() -> Self {
        let name = |text| Name::new(text).expect("a literal name");
        Self { version: name(GOOD_VERSION), config: name(FIRST_CONFIG), defects: Vec::new() }
    }
}

/// How the old process leaves when a new one has taken its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It finishes what it does.
    Gracefully,
    /// It is killed.
    AtOnce,
}

/// One replica.
#[derive(Debug)]
struct Slot {
    door: Door,
    log: Arc<Log>,
    running: tokio::sync::Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    process: Option<Arc<Process>>,
    release: Release,
    stands_still: bool,
}

/// What is told about a replica.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ReplicaState {
    /// Where it is reached.
    pub door: String,
    /// What it runs.
    pub version: Name,
    /// With which configuration.
    pub config: Name,
    /// What is wrong with that.
    pub defects: Vec<String>,
    /// The process behind the door, when there is one.
    pub pid: Option<i32>,
}

/// How replicas are started.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) exe: PathBuf,
    pub(super) music: PathBuf,
    pub(super) logs: PathBuf,
}

/// The six replicas.
#[derive(Debug)]
pub struct Fleet {
    slots: BTreeMap<ReplicaId, Slot>,
    recipe: Recipe,
    nursery: Nursery,
    progress: Arc<Progress>,
    /// Every process that may still run, replaced ones included.
    started: Mutex<Vec<Arc<Process>>>,
}

/// Why a fleet cannot be put up.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A door cannot be opened.
    #[error("open the door of {0}")]
    Door(ReplicaId, #[source] DoorError),
    /// A log file cannot be made.
    #[error("create {}", .0.display())]
    Log(PathBuf, #[source] std::io::Error),
    /// A process does not run.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Fleet {
    /// Opens all doors; nobody stands behind them yet.
    pub(super) fn new(
        ports: Ports,
        recipe: Recipe,
        nursery: Nursery,
        progress: Arc<Progress>,
    ) -> Result<Self, FleetError> {
        let slot = |id| Ok((id, Slot::open(ports, id, &recipe.logs)?));
        let slots = ReplicaId::ALL.into_iter().map(slot).collect::<Result<_, FleetError>>()?;
        Ok(Self { slots, recipe, nursery, progress, started: Mutex::default() })
    }

    /// Puts a new process behind a door; the one before leaves as told.
    ///
    /// # Errors
    /// When the new process does not run; the old one then stays.
    pub async fn replace(&self, id: ReplicaId, release: Release, exit: Exit) -> Result<(), ProcessError> {
        let slot = self.slot(id);
        let mut running = slot.running.lock().await;
        let process = self.start(id, slot, &release).await?;
        let address = process.listening(READY_WITHIN).await?;
        let (alive, leaving) = slot.door.switch(address);
        let before = running.process.replace(Arc::clone(&process));
        running.release = release;
        running.stands_still = false;
        drop(running);
        tokio::spawn(async move {
            process.end().await;
            drop(alive);
        });
        let Some(before) = before else { return Ok(()) };
        before.expect_end();
        match exit {
            Exit::AtOnce => before.kill().await,
            Exit::Gracefully => {
                tokio::spawn(async move {
                    if let Some(leaving) = leaving {
                        leaving.drained(DRAIN_WITHIN).await;
                    }
                    before.stop().await;
                });
            }
        }
        Ok(())
    }

    /// Starts a new process with what the replica runs now, and kills the old one.
    ///
    /// # Errors
    /// When the new process does not run.
    pub async fn restart(&self, id: ReplicaId) -> Result<(), ProcessError> {
        let release = self.slot(id).running.lock().await.release.clone();
        self.replace(id, release, Exit::AtOnce).await
    }

    /// Takes a version or a configuration back where the slice says; answers with the replicas concerned.
    ///
    /// # Errors
    /// When a process of the release before does not run.
    pub async fn roll_back(&self, slice: &Slice, from: &Name, to: &Name) -> Result<Vec<ReplicaId>, ProcessError> {
        let mut concerned = Vec::new();
        for id in ReplicaId::ALL.into_iter().filter(|id| speaks_of(slice, *id)) {
            let release = self.slot(id).running.lock().await.release.clone();
            let back = match () {
                () if release.version == *from => Release { version: to.clone(), defects: Vec::new(), ..release },
                () if release.config == *from => Release { config: to.clone(), defects: Vec::new(), ..release },
                () => continue,
            };
            self.replace(id, back, Exit::Gracefully).await?;
            concerned.push(id);
        }
        Ok(concerned)
    }

    /// Ends a replica's process at once; nobody takes its place.
    pub async fn kill(&self, id: ReplicaId) {
        if let Some(process) = &self.slot(id).running.lock().await.process {
            process.expect_end();
            process.kill().await;
        }
    }

    /// Has a replica's process stand still.
    pub async fn hold(&self, id: ReplicaId) {
        self.signal(id, Signal::STOP, true).await;
    }

    /// Has a replica's process go on.
    pub async fn go_on(&self, id: ReplicaId) {
        self.signal(id, Signal::CONT, false).await;
    }

    async fn signal(&self, id: ReplicaId, signal: Signal, stands_still: bool) {
        let mut running = self.slot(id).running.lock().await;
        if let Some(process) = &running.process {
            process.signal(signal);
            running.stands_still = stands_still;
        }
    }

    /// Makes the line to a region so.
    pub fn set_line(&self, region: Region, condition: Condition) {
        let in_region = self.slots.iter().filter(|(id, _)| id.region() == region);
        in_region.for_each(|(_, slot)| slot.door.set(condition));
    }

    /// How the line to a region is.
    pub fn line(&self, region: Region) -> Condition {
        let mut slots = self.slots.iter().filter(|(id, _)| id.region() == region);
        slots.next().map_or(Condition::Healthy, |(_, slot)| slot.door.condition())
    }

    /// What a replica runs.
    pub async fn release(&self, id: ReplicaId) -> Release {
        self.slot(id).running.lock().await.release.clone()
    }

    /// True when a process of this replica runs; one that stands still does too.
    pub async fn is_up(&self, id: ReplicaId) -> bool {
        self.slot(id).running.lock().await.process.as_ref().is_some_and(|p| p.runs())
    }

    /// What is wrong with a replica's process, in words; nothing, mostly.
    pub async fn fault(&self, id: ReplicaId) -> Option<String> {
        let running = self.slot(id).running.lock().await;
        let Running { process, release, stands_still } = &*running;
        if !process.as_ref().is_some_and(|process| process.runs()) {
            return Some(format!("{id} is dead"));
        }
        if *stands_still {
            return Some(format!("{id} stands still"));
        }
        let Release { version, config, defects } = release;
        (!defects.is_empty()).then(|| format!("{id} runs {version} with {config} and {}", defects.join(", ")))
    }

    /// Everything about each of them.
    pub async fn states(&self) -> BTreeMap<String, ReplicaState> {
        let mut states = BTreeMap::new();
        for (id, slot) in &self.slots {
            let running = slot.running.lock().await;
            let Release { version, config, defects } = running.release.clone();
            let pid = running.process.as_ref().filter(|p| p.runs()).map(|p| p.pid());
            let door = slot.door.address().to_string();
            states.insert(id.to_string(), ReplicaState { door, version, config, defects, pid });
        }
        states
    }

    /// Processes that run and that nobody stops but us.
    pub(super) fn processes(&self) -> Vec<Arc<Process>> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain(|process| process.runs());
        started.clone()
    }

    fn slot(&self, id: ReplicaId) -> &Slot {
        self.slots.get(&id).expect("the fleet has a slot for every replica")
    }

    async fn start(&self, id: ReplicaId, slot: &Slot, release: &Release) -> Result<Arc<Process>, ProcessError> {
        let args = arguments(id, &self.recipe.music, release);
        let program = Program { name: id.to_string(), exe: self.recipe.exe.clone(), args, log: Arc::clone(&slot.log) };
        let process = Arc::new(Process::start(&self.nursery, program).await?);
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain(|process| process.runs());
        started.push(Arc::clone(&process));
        tokio::spawn(report_end(Arc::clone(&process), Arc::clone(&self.progress)));
        Ok(process)
    }
}

impl Slot {
    fn open(ports: Ports, id: ReplicaId, logs: &Path) -> Result<Self, FleetError> {
        let path = logs.join(format!("{id}.log"));
        let log = Arc::new(Log::create(&path).map_err(|e| FleetError::Log(path, e))?);
        let door = Door::open(ports.door(id)).map_err(|e| FleetError::Door(id, e))?;
        let running = tokio::sync::Mutex::new(Running { process: None, release: Release::good(), stands_still: false });
        Ok(Self { door, log, running })
    }
}

/// Tells of a process that ended without our doing.
async fn report_end(process: Arc<Process>, progress: Arc<Progress>) {
    let status = process.end().await;
    if !process.was_to_end() {
        progress.warn(&process.obituary(status));
    }
}

fn arguments(id: ReplicaId, music: &Path, release: &Release) -> Vec<String> {
    let music = music.display().to_string();
    let region = id.region().to_string();
    let (id, version) = (id.to_string(), release.version.to_string());
    let mut args: Vec<String> = ["encore", "serve", "--listen", "127.0.0.1:0", "--data", &music, "--region", &region]
        .into_iter()
        .chain(["--replica", &id, "--version", &version, "--db-pool", "1", "--db-latency", "10ms"])
        .chain(["--argon2-memory", "1MiB"])
        .map(str::to_owned)
        .collect();
    args.extend(release.defects.iter().flat_map(|defect| ["--defect".to_owned(), defect.clone()]));
    args
}

/// True when a slice's region and replica, as far as it names them, are this one's.
fn speaks_of(slice: &Slice, id: ReplicaId) -> bool {
    let place = id.slice();
    [Dimension::Region, Dimension::Replica]
        .into_iter()
        .all(|dimension| slice.get(dimension).is_none_or(|name| place.get(dimension) == Some(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_replicas_a_slice_speaks_of() {
        let table = [
            ("everywhere", 6),
            ("region=us", 2),
            ("component=login,region=us", 2),
            ("region=eu,replica=eu-2,version=1.5.0", 1),
            ("region=us,replica=eu-2", 0),
        ];
        for (slice, count) in table {
            let slice: Slice = slice.parse().expect("a good slice");
            assert_eq!(ReplicaId::ALL.into_iter().filter(|id| speaks_of(&slice, *id)).count(), count, "{slice}");
        }
    }

    #[test]
    fn defects_come_last_on_the_command_line() {
        let defects = vec!["slow=800ms".to_owned(), "stream-stall".to_owned()];
        let args = arguments(ReplicaId::ALL[1], Path::new("music"), &Release { defects, ..Release::good() });
        assert_eq!(args[..3], ["encore", "serve", "--listen"]);
        assert_eq!(args[args.len() - 4..], ["--defect", "slow=800ms", "--defect", "stream-stall"]);
    }
}
