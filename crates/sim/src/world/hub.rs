//! The hub of the world: the production desk, on a disk that may fail, in a process that may die between any two steps.

use crate::shape::name;
use crate::time::Time;
use crate::world::{Happening, World};
use downbeat_core::incident::{
    Batch, Channel, Command, CommandRefused, Desk, Effect, EffectId, Engine, Event, Record, Unwritten,
};
use downbeat_core::model::{
    Audience, Moment, Name, Policy, ProbeKind, ProbeOutcome, ProbeResult, Report, Signal, Slice,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// The desk is asked what follows at least this often.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// Times the desk is asked what follows before others get a turn.
const STEPS_MAX: usize = 100;
/// For so long, another report of the same kind from the same network counts for nothing.
const REPORT_WINDOW: Duration = Duration::from_secs(60);
/// A supervisor starts a hub again that has died.
const RESTART_AFTER: Duration = Duration::from_secs(3);
/// Where pages and public words go.
pub(crate) const CHANNELS: [(&str, Audience); 2] = [("pager", Audience::OnCall), ("status-page", Audience::Public)];

/// The hub's machine.
#[derive(Debug)]
pub(crate) struct Hub {
    policy: Policy,
    /// The process, while it lives.
    pub(crate) desk: Option<Desk>,
    /// Counts its starts.
    pub(crate) boot: u32,
    pub(crate) disk: Disk,
    /// What its clock shows beyond the world's time, in milliseconds.
    offset_ms: i64,
    /// What the wall clock shows beyond the world's time, in seconds.
    pub(crate) wall_s: i64,
    /// It dies after so many more steps towards an effect.
    pub(crate) fuse: Option<u8>,
    /// True while it is to stay away.
    pub(crate) kept_away: bool,
    heard: BTreeMap<(Name, Option<usize>), Time>,
}

/// What survives the process.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) records: Vec<Record>,
    /// Nothing can be written.
    pub(crate) fails: bool,
}

impl Hub {
    pub(crate) fn new(policy: Policy) -> Self {
        let disk = Disk::default();
        Self {
            policy,
            desk: None,
            boot: 0,
            disk,
            offset_ms: 0,
            wall_s: 0,
            fuse: None,
            kept_away: false,
            heard: BTreeMap::new(),
        }
    }

    /// What the hub's own clock shows.
    pub(crate) fn clock(&self, now: Time) -> Moment {
        Moment::from_millis(now.wall().as_millis().saturating_add_signed(self.offset_ms))
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Messages go to these.
pub(crate) fn channels() -> Vec<Channel> {
    CHANNELS.map(|(channel, audience)| Channel { name: name(channel), audience }).into()
}

impl World {
    /// A process starts: it reads the log, and goes on from there.
    pub(crate) fn start_hub(&mut self) {
        if self.hub.desk.is_some() || self.hub.kept_away {
            return;
        }
        let wall = self.now.wall().as_millis().saturating_add_signed(self.hub.wall_s * 1_000);
        let last = self.hub.disk.records.last().map_or(0, |record| record.at.as_millis());
        self.hub.offset_ms = wall.max(last) as i64 - self.now.wall().as_millis() as i64;
        let mut engine = Engine::new(self.hub.policy.clone(), channels());
        for record in &self.hub.disk.records {
            if let Err(misfit) = engine.apply(record) {
                self.judge.find("D4", format!("the log cannot be replayed: {misfit}"));
            }
        }
        self.judge.replayed(engine.book());
        self.hub.boot += 1;
        self.judge.hub_starts(self.hub.clock(self.now));
        self.hub.desk = Some(Desk::new(engine, "simulated".into()));
        if self.hub.boot > 1 {
            self.marks.reach("hub: starts again");
        }
        self.hub_turns();
    }

    /// The process dies, wherever it is.
    pub(crate) fn kill_hub(&mut self) {
        if let Some(desk) = self.hub.desk.take() {
            self.judge.hub_died(desk.engine().book(), &self.hub.disk.records);
            self.hub.fuse = None;
            self.hub.heard.clear();
            self.queue.plan(self.now + RESTART_AFTER, Happening::HubStarts);
        }
    }

    /// One step nearer to an effect; false when the process died here.
    fn boundary(&mut self, where_: &str) -> bool {
        match &mut self.hub.fuse {
            Some(0) => {
                self.marks.reach(where_);
                self.kill_hub();
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.hub.desk.is_some()
    }

    pub(crate) fn hub_ticks(&mut self) {
        self.queue.plan(self.now + TICK, Happening::HubTicks);
        self.hub_turns();
    }

    /// Everything that follows now: written, applied, carried out.
    pub(crate) fn hub_turns(&mut self) {
        for _ in 0..STEPS_MAX {
            let now = self.hub.clock(self.now);
            let Some(desk) = self.hub.desk.as_mut().filter(|desk| desk.may_write(now)) else { break };
            let Some(batch) = desk.next(now) else { break };
            if !self.write(&batch) {
                break;
            }
        }
        self.carry_out();
    }

    /// Writes a batch and applies it; false when it is not in the log, or nobody is there to go on.
    fn write(&mut self, batch: &Batch) -> bool {
        let now = self.hub.clock(self.now);
        if !self.boundary("hub: dies before a write") {
            return false;
        }
        if self.hub.disk.fails {
            self.marks.reach("hub: cannot write");
            if let Some(desk) = &mut self.hub.desk {
                desk.not_written(now, batch, Unwritten::ForNow);
            }
            return false;
        }
        let first = self.hub.disk.records.len();
        for event in &batch.events {
            let seq = self.hub.disk.records.len() as u64 + 1;
            self.hub.disk.records.push(Record { seq, at: now, event: event.clone() });
        }
        if !self.boundary("hub: dies between a write and what follows") {
            return false;
        }
        let Some(desk) = &mut self.hub.desk else { return false };
        desk.wrote(batch, &self.hub.disk.records[first..]);
        self.judge_records();
        true
    }

    fn carry_out(&mut self) {
        let Some(desk) = &mut self.hub.desk else { return };
        for (id, effect) in desk.due() {
            if !self.boundary("hub: dies before an effect") {
                return;
            }
            self.begin_effect(id, effect);
            if !self.boundary("hub: dies right after an effect began") {
                return;
            }
        }
    }

    fn begin_effect(&mut self, id: EffectId, effect: Effect) {
        let boot = self.hub.boot;
        match (&id, effect) {
            (EffectId::Actuate(remedy), Effect::Actuate(actuation)) => self.actuate(*remedy, &actuation, boot),
            (EffectId::Deliver(id, channel), Effect::Deliver(notice)) => {
                self.judge.sends(&notice);
                self.deliver(*id, channel.clone(), boot);
            }
            (EffectId::Tell(memo, channel), _) => self.tell(*memo, channel.clone(), boot),
            (EffectId::Review(incident), _) => {
                let event = Event::Reviewed { incident: *incident, path: format!("reviews/{incident}.md") };
                self.queue.plan(self.now + Duration::from_millis(5), Happening::EffectEnds(boot, id, Box::new(event)));
            }
            (id, effect) => unreachable!("{id:?} does not ask for {effect:?}"),
        }
    }

    /// The outcome of an effect reaches the process that began it, if it still lives.
    pub(crate) fn effect_ends(&mut self, boot: u32, id: &EffectId, event: Event) {
        if boot != self.hub.boot {
            self.marks.reach("hub: an outcome came after its death");
            return;
        }
        if let Some(desk) = &mut self.hub.desk {
            let _ = desk.outcome(id, event);
            self.hub_turns();
        }
    }

    /// A signal reaches the hub.
    pub(crate) fn hub_hears(&mut self, signal: &Signal) {
        let now = self.hub.clock(self.now);
        let Some(desk) = &mut self.hub.desk else { return };
        match desk.observe(now, signal) {
            Ok(()) => self.hub_turns(),
            Err(_) => self.marks.reach("hub: a signal is refused"),
        }
    }

    /// A person's command. What is acknowledged is in the log.
    pub(crate) fn command(&mut self, command: Command) -> Option<Result<(), CommandRefused>> {
        loop {
            let backlog = self.hub.desk.as_ref()?.backlog();
            let Some(batch) = backlog else { break };
            if !self.write(&batch) {
                return None;
            }
        }
        let now = self.hub.clock(self.now);
        let desk = self.hub.desk.as_mut()?;
        if !desk.may_write(now) {
            return None;
        }
        match desk.decide(now, &name("anna"), command) {
            Ok(batch) if batch.events.is_empty() || self.write(&batch) => {
                self.judge.acknowledged(self.hub.disk.records.len());
                self.hub_turns();
                Some(Ok(()))
            }
            Ok(_) => None,
            Err(refused) => Some(Err(refused)),
        }
    }

    /// Somebody reports; another word of the same kind from the same network within a minute counts for nothing.
    pub(crate) fn report(&mut self, network: Name, component: Option<usize>) {
        let key = (network.clone(), component);
        if self.hub.heard.get(&key).is_some_and(|at| self.now.since(*at) < REPORT_WINDOW) {
            return;
        }
        self.hub.heard.insert(key, self.now);
        self.marks.reach("hub: a report counts");
        let component = component.map(|c| self.shape.components[c].clone());
        let category = name("no-sound");
        let report = Report {
            category,
            component,
            region: None,
            network,
            system: None,
            usual_per_minute: None,
            usual_of_100k: None,
        };
        if self.hub.desk.is_some() {
            self.judge.reported(self.hub.clock(self.now));
        }
        self.hub_hears(&Signal::Report(report));
    }

    /// The hub's own probes: one walks through each replica, a second apart.
    pub(crate) fn probe(&mut self) {
        self.queue.plan(self.now + Duration::from_secs(1), Happening::Probe);
        if self.hub.desk.is_none() {
            return;
        }
        for replica in 0..self.shape.replicas.len() {
            let place = &self.shape.replicas[replica];
            let found = if self.stage.probes_blind || self.lines.cut[place.region] {
                Err((downbeat_core::model::FailureKind::Unreachable, None))
            } else {
                self.service.journey(replica, self.now)
            };
            let outcome = match found {
                Ok(()) => ProbeOutcome::Passed { latency_ms: 9, heard: None },
                Err((failure, component)) => ProbeOutcome::Failed {
                    failure,
                    detail: String::new(),
                    component: component.map(|c| self.shape.components[c].clone()),
                },
            };
            let slice = Slice::of(downbeat_core::model::Dimension::Replica, place.name.clone());
            let probe = self.probes[replica].clone();
            let result = ProbeResult { probe, kind: ProbeKind::Journey, vantage: name("hub"), slice, outcome };
            let now = self.hub.clock(self.now);
            self.judge.probed(now, &place.name, &result);
            if let Some(desk) = &mut self.hub.desk {
                let _ = desk.observe(now, &Signal::Probe(result));
            }
        }
        self.hub_turns();
    }
}
