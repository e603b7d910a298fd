//! A world with people in it, and the hands that break and mend it.

use crate::crowd::{Crowd, Demand};
use crate::hub::Hub;
use crate::link;
use crate::listener::Audience;
use crate::names::Answer;
use crate::place::{Region, ReplicaId};
use crate::progress::Progress;
use crate::story::{Action, Condition, Deed, Healing, Step};
use crate::world::{Exit, ProcessError, Release, World};
use downbeat_core::model::{Change, ChangeKind, Name, NameError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why something could not be done to the world.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// A process does not run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The name of a change is too long.
    #[error("name the change")]
    Name(#[from] NameError),
    /// Only the simulated world has it.
    #[error("only the simulated world can do this: run the story with --sim")]
    OnlySimulated,
}

/// A world with people in it.
#[derive(Debug)]
pub struct Scene {
    /// The processes.
    pub world: Arc<World>,
    /// The crowd.
    pub crowd: Crowd,
    /// The listeners.
    pub audience: Audience,
    progress: Arc<Progress>,
    changes: AtomicU64,
}

impl Scene {
    /// People come to a world.
    pub fn open(world: Arc<World>, listeners: usize, seed: u64, progress: Arc<Progress>) -> Self {
        let edge = world.ports.edge();
        let audience = Audience::gather(edge, listeners, seed);
        Self { crowd: Crowd::gather(edge, seed), audience, world, progress, changes: AtomicU64::new(1) }
    }

    /// Does the steps of a story, each at its time after `fault`; `begun` is called when the first one is done.
    ///
    /// # Errors
    /// When one of them cannot be done; the rest is then left out.
    pub async fn play(&self, steps: &[Step], begun: impl FnOnce()) -> Result<(), ActionError> {
        let mut begun = Some(begun);
        let mut fault = Instant::now();
        for step in steps {
            tokio::time::sleep_until(fault + step.time).await;
            if let Some(condition) = step.once {
                self.wait_for(condition).await;
            }
            tokio::time::sleep(step.pause).await;
            let Deed::Action(action) = &step.deed else { return Err(ActionError::OnlySimulated) };
            self.perform(action).await?;
            if let Some(begun) = begun.take() {
                fault = Instant::now();
                begun();
            }
            self.progress.say(&format!("{}", step.deed));
        }
        Ok(())
    }

    async fn wait_for(&self, condition: Condition) {
        while !self.holds(condition).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn holds(&self, condition: Condition) -> bool {
        let incidents = match condition {
            Condition::AllUp => return self.all_up().await,
            // A hub that does not answer tells nothing.
            Condition::Confirmed | Condition::Mitigated => self.hub().incidents().await.unwrap_or_default(),
        };
        incidents.iter().filter(|incident| incident.is_open()).any(|incident| match condition {
            Condition::Confirmed => incident.confirmed_at_ms.is_some(),
            Condition::Mitigated => incident.mitigated_at_ms.is_some(),
            Condition::AllUp => true,
        })
    }

    async fn all_up(&self) -> bool {
        for id in ReplicaId::ALL {
            if !self.world.fleet.is_up(id).await {
                return false;
            }
        }
        true
    }

    fn hub(&self) -> Hub {
        Hub::at(self.world.ports.console())
    }

    /// Does one thing to the world.
    async fn perform(&self, action: &Action) -> Result<(), ActionError> {
        let fleet = &self.world.fleet;
        match action {
            Action::Kill { replica } => fleet.kill(*replica).await,
            Action::Stop { replica } => fleet.hold(*replica).await,
            Action::Continue { replica } => fleet.go_on(*replica).await,
            Action::Deploy { replica, version, from, defects } => {
                self.deploy(*replica, version, from, defects).await?;
            }
            Action::Configure { region, to, from, defects } => self.configure(*region, to, from, defects).await?,
            Action::Blackhole { region } => fleet.set_line(*region, link::Condition::Blackholed),
            Action::Thin { region, delay, bytes_per_second } => {
                fleet.set_line(*region, thin(*delay, *bytes_per_second));
            }
            Action::Names { region, answer } => self.world.names.tell(*region, *answer),
            Action::Surge { component, rate } => self.crowd.ask(|d| d.surge = Some((*component, *rate))),
            Action::Attack { network, rate } => self.crowd.ask(|d| d.attack = Some((*network, *rate))),
            Action::KillHub => self.world.hub.kill().await,
            Action::StartHub => self.world.hub.start().await?,
            Action::Heal { what } => self.heal(*what).await?,
        }
        Ok(())
    }

    async fn deploy(&self, id: ReplicaId, version: &Name, from: &Name, defects: &[String]) -> Result<(), ActionError> {
        let summary = format!("{version} goes to {id}");
        self.tell_change(ChangeKind::Deploy, id.slice(), version, from, summary).await?;
        let before = self.world.fleet.release(id).await;
        let release = Release { version: version.clone(), defects: defects.to_vec(), ..before };
        Ok(self.world.fleet.replace(id, release, Exit::Gracefully).await?)
    }

    async fn configure(&self, region: Region, to: &Name, from: &Name, defects: &[String]) -> Result<(), ActionError> {
        let summary = format!("configuration {to} goes to {region}");
        self.tell_change(ChangeKind::Config, region.slice(), to, from, summary).await?;
        for id in ReplicaId::ALL.into_iter().filter(|id| id.region() == region) {
            let before = self.world.fleet.release(id).await;
            let release = Release { config: to.clone(), defects: defects.to_vec(), ..before };
            self.world.fleet.replace(id, release, Exit::Gracefully).await?;
        }
        Ok(())
    }

    /// Tells the hub of a change, as whoever deploys does. A hub that does not answer has to find out without.
    async fn tell_change(
        &self,
        kind: ChangeKind,
        slice: downbeat_core::model::Slice,
        to: &Name,
        from: &Name,
        summary: String,
    ) -> Result<(), ActionError> {
        let id = Name::new(&format!("change-{}", self.changes.fetch_add(1, Ordering::Relaxed)))?;
        let (to, from) = (to.clone(), Some(from.clone()));
        let change = Change { id, kind, slice, to, from, summary, one_way: false };
        if let Err(error) = self.hub().tell(&change).await {
            self.progress.warn(&format!("the hub was not told of the change: {error}"));
        }
        Ok(())
    }

    /// Mends something from outside.
    ///
    /// # Errors
    /// When a process does not run.
    pub async fn heal(&self, what: Healing) -> Result<(), ActionError> {
        let all = what == Healing::Everything;
        if all || what == Healing::Network {
            Region::ALL.into_iter().for_each(|region| self.world.fleet.set_line(region, link::Condition::Healthy));
        }
        if all || what == Healing::Names {
            Region::ALL.into_iter().for_each(|region| self.world.names.tell(region, Answer::Right));
        }
        if all || what == Healing::Surge {
            self.crowd.ask(|demand| demand.surge = None);
        }
        if all || what == Healing::Attack {
            self.crowd.ask(|demand| demand.attack = None);
        }
        if all || what == Healing::Replicas {
            self.heal_replicas().await?;
        }
        if all {
            self.world.hub.start().await?;
        }
        Ok(())
    }

    async fn heal_replicas(&self) -> Result<(), ActionError> {
        for id in ReplicaId::ALL {
            self.world.fleet.go_on(id).await;
            let good = self.world.fleet.is_up(id).await && self.world.fleet.release(id).await == Release::good();
            if !good {
                self.world.fleet.replace(id, Release::good(), Exit::Gracefully).await?;
            }
        }
        Ok(())
    }

    /// What is wrong with the world at the moment, in words; empty when nothing is.
    pub async fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = Region::ALL.into_iter().flat_map(|region| self.faults_of(region)).collect();
        for id in ReplicaId::ALL {
            faults.extend(self.world.fleet.fault(id).await);
        }
        if !self.world.hub.runs() {
            faults.push("the hub is dead".to_owned());
        }
        let Demand { surge, attack } = self.crowd.demand();
        faults.extend(surge.map(|(component, rate)| format!("{rate} more requests a second for {component}")));
        faults.extend(attack.map(|(network, rate)| format!("{rate} wrong passwords a second from {network}")));
        faults
    }

    fn faults_of(&self, region: Region) -> Vec<String> {
        let line = match self.world.fleet.line(region) {
            link::Condition::Healthy => None,
            link::Condition::Blackholed => Some(format!("nothing gets through to {region}")),
            link::Condition::Delayed(_) | link::Condition::Limited(_) => Some(format!("the line to {region} is thin")),
        };
        let name = match self.world.names.answer(region) {
            Answer::Right => None,
            Answer::Wrong => Some(format!("the name of {region} leads astray")),
            Answer::None | Answer::Broken | Answer::Silent => Some(format!("the name of {region} does not resolve")),
        };
        line.into_iter().chain(name).collect()
    }
}

fn thin(delay: Option<Duration>, bytes_per_second: Option<u64>) -> link::Condition {
    match (delay, bytes_per_second) {
        (Some(by), _) => link::Condition::Delayed(by),
        (None, Some(bytes)) => link::Condition::Limited(bytes),
        (None, None) => link::Condition::Healthy,
    }
}
