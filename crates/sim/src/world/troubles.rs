//! What a story's steps do to the world, and the troubles that go on by themselves once a step has begun them.

use crate::fault::Defect;
use crate::script::{Act, Healing, Hearing, Mending, NameAnswer, ScriptError, Sight, Trouble, unknown};
use crate::shape::{GOOD, GRAIN, LOGIN, PLAYBACK, name};
use crate::span;
use crate::time::Time;
use crate::world::crowd::Who;
use crate::world::edge::State;
use crate::world::{Happening, World};
use downbeat_core::incident::Command;
use downbeat_core::model::{Change, ChangeKind, Dimension, FailureKind, Name, Slice};
use downbeat_edge::policy::Network;
use std::time::Duration;

/// A lease that could not be renewed is asked for again after this share of its length.
const LEASE_RETRY: f64 = 0.1;

/// Troubles that go on.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    changes: usize,
    publisher: Option<Publisher>,
    supervisor: Option<Supervisor>,
    leases: Option<Leases>,
    rumour: Option<Rumour>,
    /// By replica: for how long its checks fail and pass in turn.
    flaps: Vec<Option<Duration>>,
    /// Channels, each with the component whose fate it shares.
    shared_fates: Vec<(Name, usize)>,
}

/// Makes a file anew and sends it everywhere.
#[derive(Debug)]
struct Publisher {
    to: Name,
    every: Duration,
    bad: f64,
    defects: Vec<Defect>,
}

/// Starts dead processes again.
#[derive(Debug)]
struct Supervisor {
    after: Duration,
    at_once: Option<usize>,
    /// By replica: since when it has been dead.
    dead_since: Vec<Option<Time>>,
}

#[derive(Debug)]
struct Leases {
    component: usize,
    every: Duration,
}

#[derive(Debug)]
struct Rumour {
    component: usize,
    networks: u32,
    per_second: f64,
}

impl World {
    /// Does what a step says.
    pub(crate) fn act(&mut self, act: &Act) -> Result<(), ScriptError> {
        match act {
            Act::Kill(replica) => {
                let replica = self.named_replica(replica)?;
                self.service.replica_mut(replica).die();
            }
            Act::Stop(replica) | Act::Continue(replica) => {
                let replica = self.named_replica(replica)?;
                self.service.replica_mut(replica).hung = matches!(act, Act::Stop(_));
            }
            Act::Deploy { replica, version, from, defects } => {
                let (n, defects) = (self.named_replica(replica)?, self.defects(defects)?);
                let region = self.shape.regions[self.shape.replicas[n].region].clone();
                let slice = Slice::of(Dimension::Region, region).with(Dimension::Replica, replica.clone());
                self.tell_step(ChangeKind::Deploy, slice, version, from);
                self.bring_out(n, version, &defects);
            }
            Act::Configure { region, to, from, defects } => {
                let (n, defects) = (self.named_region(region)?, self.defects(defects)?);
                self.tell_step(ChangeKind::Config, Slice::of(Dimension::Region, region.clone()), to, from);
                for replica in self.shape.in_region(n).collect::<Vec<_>>() {
                    self.set_config(replica, to, &defects);
                }
            }
            Act::Blackhole(region) => {
                let region = self.named_region(region)?;
                self.lines.cut[region] = true;
            }
            Act::Thin(region, delay) => {
                let region = self.named_region(region)?;
                self.lines.farther[region] = *delay;
            }
            Act::Names(region, answer) => {
                let region = self.named_region(region)?;
                self.outside.names_fail.resize(self.shape.regions.len(), None);
                self.outside.names_fail[region] = match answer {
                    NameAnswer::Right => None,
                    NameAnswer::Wrong => Some(FailureKind::Misdirected),
                    NameAnswer::None => Some(FailureKind::Unresolved),
                };
            }
            Act::Surge(component, rate) => {
                let component = self.named_component(component)?;
                let usual = self.shape.demand * self.shape.wants[component] * f64::from(GRAIN);
                self.crowd.surge[component] = 1.0 + rate / usual;
            }
            Act::Attack(network, rate) => {
                let usual = self.shape.demand * self.shape.wants[LOGIN] * f64::from(GRAIN);
                self.ids.attacker = Network::of((*network).into());
                self.crowd.attack = rate / usual;
                self.queue.plan(self.now, Happening::Attack);
            }
            Act::KillHub => {
                self.hub.kept_away = true;
                self.kill_hub();
            }
            Act::StartHub => self.let_hub_start(),
            Act::Heal(what) => self.heal(*what),
            Act::Trouble(trouble) => self.trouble(trouble)?,
        }
        Ok(())
    }

    fn trouble(&mut self, trouble: &Trouble) -> Result<(), ScriptError> {
        match trouble {
            Trouble::DeployAll { version, from, defects, hub } => {
                let defects = self.defects(defects)?;
                if *hub == Hearing::Told {
                    self.tell_step(ChangeKind::Deploy, Slice::everywhere(), version, from);
                }
                (0..self.shape.replicas.len()).for_each(|n| self.bring_out(n, version, &defects));
            }
            Trouble::ConfigureAll { to, from, defects, hub } => {
                let defects = self.defects(defects)?;
                if *hub == Hearing::Told {
                    self.tell_step(ChangeKind::Config, Slice::everywhere(), to, from);
                }
                (0..self.shape.replicas.len()).for_each(|n| self.set_config(n, to, &defects));
            }
            Trouble::Publish { to, from, every, bad, defects } => {
                let defects = self.defects(defects)?;
                self.tell_step(ChangeKind::Config, Slice::everywhere(), to, from);
                let publisher = Publisher { to: to.clone(), every: *every, bad: *bad, defects };
                self.stage.troubles.publisher = Some(publisher);
                self.queue.plan(self.now, Happening::Publish);
            }
            Trouble::Memory { per_second } => {
                self.service.strains.crowded_above = Some(per_second / f64::from(GRAIN));
            }
            Trouble::Supervise { after, at_once } => {
                let dead_since = vec![None; self.shape.replicas.len()];
                self.stage.troubles.supervisor = Some(Supervisor { after: *after, at_once: *at_once, dead_since });
            }
            Trouble::Dependency { component } => {
                let component = self.named_component(component)?;
                self.service.dependency_gone[component] = true;
            }
            Trouble::Distance { component, delay } => {
                let component = self.named_component(component)?;
                self.service.strains.later[component] = *delay;
            }
            Trouble::Leases { component, holders, every } => self.lease(component, *holders, *every)?,
            Trouble::Flap { replica, every } => {
                let replica = self.named_replica(replica)?;
                self.stage.troubles.flaps.resize(self.shape.replicas.len(), None);
                self.stage.troubles.flaps[replica] = Some(*every);
                self.queue.plan(self.now, Happening::Flap(replica));
            }
            Trouble::Blind { eyes } => self.blind(*eyes),
            Trouble::ShareFate { channel, component } => {
                let component = self.named_component(component)?;
                self.stage.troubles.shared_fates.push((channel.clone(), component));
            }
            Trouble::Reports { component, networks, per_second } => {
                let component = self.named_component(component)?;
                self.stage.troubles.rumour = Some(Rumour { component, networks: *networks, per_second: *per_second });
                self.queue.plan(self.now, Happening::Rumour);
            }
            Trouble::LoseEdge { edge } => {
                let found = self.edges.iter().position(|it| it.name == *edge).ok_or_else(|| unknown("edge", edge))?;
                self.edge_ends(found, State::Gone);
            }
            Trouble::Disk => self.hub.disk.fails = true,
            Trouble::Mend { what } => self.mend(*what),
        }
        Ok(())
    }

    // --- Changes

    fn bring_out(&mut self, replica: usize, version: &Name, defects: &[Defect]) {
        let now = self.now;
        self.service.replica_mut(replica).run(version.clone(), defects.to_vec(), now);
    }

    fn set_config(&mut self, replica: usize, to: &Name, defects: &[Defect]) {
        let it = self.service.replica_mut(replica);
        (it.config, it.misconfigured) = (Some(to.clone()), defects.to_vec());
    }

    /// Whoever changes something tells the hub; one that is dead has to find out without.
    fn tell_step(&mut self, kind: ChangeKind, slice: Slice, to: &Name, from: &Name) {
        self.stage.troubles.changes += 1;
        let id = name(&format!("change-{}", self.stage.troubles.changes));
        let (to, from) = (to.clone(), Some(from.clone()));
        let change = Change { id, kind, slice, to, from, summary: String::new(), one_way: false };
        let _ = self.command(Command::Tell(change));
    }

    /// The actuator takes a configuration back, wherever it is; a publisher goes on with the last good file.
    pub(crate) fn take_back(&mut self, from: &Name, to: &Name) {
        if self.stage.troubles.publisher.as_ref().is_some_and(|publisher| publisher.to == *from) {
            self.stage.troubles.publisher = None;
        }
        for replica in 0..self.shape.replicas.len() {
            if self.service.replica(replica).config.as_ref() == Some(from) {
                self.set_config(replica, to, &[]);
            }
        }
    }

    /// A file is made, good or bad by which node makes it, and is everywhere at once.
    pub(crate) fn publish(&mut self) {
        let Some(Publisher { to, every, bad, defects }) = &self.stage.troubles.publisher else { return };
        let (to, every) = (to.clone(), *every);
        let defects = if self.stage.dice.chance(*bad) { defects.clone() } else { Vec::new() };
        (0..self.shape.replicas.len()).for_each(|n| self.set_config(n, &to, &defects));
        self.queue.plan(self.now + every, Happening::Publish);
    }

    // --- Processes

    /// Once a second: who is dead for long enough is started again, without looking.
    pub(crate) fn supervise(&mut self) {
        let now = self.now;
        let Some(supervisor) = &mut self.stage.troubles.supervisor else { return };
        for (n, since) in supervisor.dead_since.iter_mut().enumerate() {
            *since = if self.service.replica(n).up { None } else { since.or(Some(now)) };
        }
        let due = |since: &Option<Time>| since.is_some_and(|since| now.since(since) >= supervisor.after);
        let starting: Vec<usize> =
            (0..supervisor.dead_since.len()).filter(|n| due(&supervisor.dead_since[*n])).collect();
        let stampede = supervisor.at_once.is_some_and(|most| starting.len() > most);
        for n in starting {
            supervisor.dead_since[n] = None;
            if !stampede {
                self.service.replica_mut(n).start(now);
            }
        }
    }

    pub(crate) fn flap(&mut self, replica: usize) {
        let every = self.stage.troubles.flaps.get(replica).copied().flatten();
        let checks = &mut self.service.strains.checks_fail[replica];
        *checks = every.is_some() && !*checks;
        if let Some(every) = every {
            self.queue.plan(self.now + every, Happening::Flap(replica));
        }
    }

    // --- Users

    fn lease(&mut self, component: &Name, holders: u32, every: Duration) -> Result<(), ScriptError> {
        let component = self.named_component(component)?;
        self.stage.troubles.leases = Some(Leases { component, every });
        for holder in 0..holders {
            let after = every.mul_f64(self.stage.dice.share());
            self.queue.plan(self.now + after, Happening::Renew(holder));
        }
        Ok(())
    }

    pub(crate) fn renew(&mut self, holder: u32) {
        if let Some(leases) = &self.stage.troubles.leases {
            let component = leases.component;
            self.ask(Who::Holder(holder), component);
        }
    }

    /// A machine hears what became of its lease: it comes again long before it would have, when it was not renewed.
    pub(crate) fn renewal_ends(&mut self, holder: u32, times: u32, outcome: Result<(), FailureKind>) {
        let who = Who::Holder(holder);
        let Some(leases) = &self.stage.troubles.leases else { return };
        let after = if outcome.is_ok() { leases.every } else { leases.every.mul_f64(LEASE_RETRY) };
        self.queue.plan(self.now + after, Happening::Renew(holder));
        match outcome {
            Ok(()) => self.toll.serve(who, times),
            Err(_) => self.toll.lose(who, times),
        }
    }

    /// Somebody reports what nothing measures.
    pub(crate) fn rumour(&mut self) {
        let Some(Rumour { component, networks, per_second }) = self.stage.troubles.rumour else { return };
        let nth = self.stage.dice.below(networks as usize);
        let network = name(&format!("172.{}.{}.0/24", 16 + nth / 256, nth % 256));
        self.report(network, Some(component));
        let after = self.stage.dice.wait(Duration::from_secs_f64(1.0 / per_second.max(0.001)));
        self.queue.plan(self.now + after, Happening::Rumour);
    }

    // --- The hub and its channels

    fn blind(&mut self, eyes: Sight) {
        if eyes != Sight::Probes {
            self.edges.iter_mut().for_each(|edge| edge.line.cut = true);
        }
        if eyes != Sight::Edges {
            self.stage.probes_blind = true;
        }
    }

    fn let_hub_start(&mut self) {
        self.hub.kept_away = false;
        self.start_hub();
    }

    /// True while a channel cannot carry what it is to tell of, since it hangs on the same thing.
    pub(crate) fn shares_fate(&self, channel: &Name) -> bool {
        let fates = self.stage.troubles.shared_fates.iter().filter(|(shared, _)| shared == channel);
        let mut components = fates.map(|(_, component)| *component);
        components.any(|component| {
            let dead = |n: usize| self.service.check(n).is_err() || self.lines.cut[self.shape.replicas[n].region];
            self.service.dependency_gone[component] || (0..self.shape.replicas.len()).all(dead)
        })
    }

    // --- Mending

    fn mend(&mut self, what: Mending) {
        match what {
            Mending::Dependencies => {
                self.service.dependency_gone.fill(false);
                self.service.strains.later.fill(Duration::ZERO);
            }
            Mending::Publish | Mending::Configuration => {
                self.stage.troubles.publisher = None;
                for n in 0..self.shape.replicas.len() {
                    let it = self.service.replica_mut(n);
                    it.config = None;
                    it.misconfigured.clear();
                }
            }
            Mending::Leases => self.stage.troubles.leases = None,
            Mending::Flaps => self.stage.troubles.flaps.fill(None),
            Mending::Sight => {
                self.edges.iter_mut().for_each(|edge| edge.line.cut = false);
                self.stage.probes_blind = false;
            }
            Mending::Reports => self.stage.troubles.rumour = None,
            Mending::Disk => self.hub.disk.fails = false,
        }
    }

    fn heal(&mut self, what: Healing) {
        let all = what == Healing::Everything;
        if all || what == Healing::Network {
            self.lines.cut.fill(false);
            self.lines.farther.fill(Duration::ZERO);
        }
        if all || what == Healing::Names {
            self.outside.names_fail.fill(None);
        }
        if all || what == Healing::Surge {
            self.crowd.surge.fill(1.0);
        }
        if all || what == Healing::Attack {
            self.crowd.attack = 0.0;
        }
        if all || what == Healing::Replicas {
            self.heal_replicas();
        }
        if all {
            self.let_hub_start();
            use Mending::{Configuration, Dependencies, Disk, Flaps, Leases, Reports, Sight};
            [Configuration, Dependencies, Disk, Flaps, Leases, Reports, Sight].into_iter().for_each(|it| self.mend(it));
        }
    }

    fn heal_replicas(&mut self) {
        let now = self.now;
        for n in 0..self.shape.replicas.len() {
            let it = self.service.replica_mut(n);
            it.hung = false;
            (it.config, it.misconfigured) = (None, Vec::new());
            if !it.up || it.version.as_str() != GOOD {
                it.run(name(GOOD), Vec::new(), now);
            }
        }
    }

    // --- Names

    fn named_replica(&self, it: &Name) -> Result<usize, ScriptError> {
        self.shape.replica(it).ok_or_else(|| unknown("replica", it))
    }

    fn named_region(&self, it: &Name) -> Result<usize, ScriptError> {
        self.shape.regions.iter().position(|known| known == it).ok_or_else(|| unknown("region", it))
    }

    fn named_component(&self, it: &Name) -> Result<usize, ScriptError> {
        self.shape.components.iter().position(|known| known == it).ok_or_else(|| unknown("component", it))
    }

    /// Encore's words, and two of our own: `errors=SHARE` of everything, and `cost=TIMES` the usual work for each request.
    fn defects(&self, words: &[String]) -> Result<Vec<Defect>, ScriptError> {
        let mut defects = Vec::new();
        for word in words {
            let bad = || ScriptError::Defect(word.clone());
            let (kind, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<f64>().map_err(|_| bad());
            let percent = |share: f64| (share.clamp(0.0, 1.0) * 100.0).round() as u8;
            match kind {
                "login-errors" => defects.push(Defect::Fails(LOGIN, percent(number()?))),
                "errors" => {
                    let share = percent(number()?);
                    defects.extend((0..self.shape.components.len()).map(|c| Defect::Fails(c, share)));
                }
                "slow" => {
                    let late = span::parse(value).map_err(|_| bad())?;
                    defects.push(Defect::Slow(u64::try_from(late.as_millis()).unwrap_or(u64::MAX)));
                }
                "stream-stall" => defects.push(Defect::Stalls(PLAYBACK)),
                "crash-after" => defects.push(Defect::Crashes(number()?.clamp(1.0, 255.0) as u8)),
                "cost" => defects.push(Defect::Costs(number()?.clamp(1.0, 255.0) as u8)),
                _ => return Err(bad()),
            }
        }
        Ok(defects)
    }
}
