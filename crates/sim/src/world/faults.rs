//! What a fault does to the world, and what its end does.

use crate::fault::{Defect, Fault, Verb};
use crate::shape::{COMPONENTS, GOOD, name};
use crate::world::edge::State;
use crate::world::outside::Actuator;
use crate::world::{Happening, World};
use downbeat_core::incident::{Command, Switch};
use downbeat_core::model::{Change, ChangeKind, Dimension, FailureKind, Name, Slice};
use std::time::Duration;

impl World {
    /// A planned fault begins.
    pub(crate) fn fault(&mut self, n: usize) {
        let fault = self.plan.faults[n].fault.clone();
        self.marks.reach(&format!("fault: {}", word(&fault)));
        let now = self.now;
        match fault {
            Fault::Kill(r) => self.service.replica_mut(r).die(),
            Fault::Hang(r) => self.service.replica_mut(r).hung = true,
            Fault::Slow(r, ms) => self.service.replica_mut(r).later = Duration::from_millis(ms),
            Fault::Fail(r, c, percent) => self.service.replica_mut(r).fails[c] = f64::from(percent) / 100.0,
            Fault::Tire(r, percent) => self.service.replica_mut(r).strength = f64::from(percent) / 100.0,
            Fault::Deploy(first, count, defect) => self.deploy(n, (first, count), defect, Way::Back),
            Fault::OneWay(first, count, defect) => self.deploy(n, (first, count), defect, Way::OneWay),
            Fault::Slip(first, count) => self.bring(n, (first, count), Defect::None),
            Fault::Configure(region, defect) => self.configure(n, region, defect),
            Fault::Cut(region) => self.lines.cut[region] = true,
            Fault::CutFrom(edge, region) => self.lines.cut_from[edge][region] = true,
            Fault::Thin(region, ms) => self.lines.farther[region] = Duration::from_millis(ms),
            Fault::Lossy(region, percent) => self.lines.lossy[region] = f64::from(percent) / 100.0,
            Fault::Names(region) => {
                self.outside.names_fail.resize(self.shape.regions.len(), None);
                self.outside.names_fail[region] = Some(FailureKind::Unresolved);
            }
            Fault::Dependency(c) => self.service.dependency_gone[c] = true,
            Fault::Surge(c, times) => self.crowd.surge[c] = f64::from(times),
            Fault::Attack(times) => {
                self.crowd.attack = f64::from(times);
                self.queue.plan(now, Happening::Attack);
            }
            Fault::ColdCaches(region) => {
                for r in self.shape.in_region(region).collect::<Vec<_>>() {
                    self.service.replica_mut(r).cool();
                }
            }
            Fault::CrashLoop(r, requests) => self.service.replica_mut(r).crashes = requests,
            Fault::KillHub => {
                self.hub.kept_away = true;
                self.kill_hub();
            }
            Fault::CrashHub(steps) => self.hub.fuse = Some(steps),
            Fault::DiskFull | Fault::DiskFails => self.hub.disk.fails = true,
            Fault::WallClock(seconds) => self.hub.wall_s = seconds,
            Fault::KillEdge(edge) => self.edge_ends(edge, State::Down),
            Fault::RetireEdge(edge) => self.edge_ends(edge, State::Gone),
            Fault::Part(edge) => self.edges[edge].line.cut = true,
            Fault::Garble(edge) => self.edges[edge].line.garbled = 0.35,
            Fault::ActuatorGone => self.outside.actuator = Actuator::Gone,
            Fault::ActuatorRefuses => self.outside.actuator = Actuator::Refuses,
            Fault::ActuatorLies => self.outside.actuator = Actuator::Lies,
            Fault::ChannelGone(channel) => self.outside.channel_gone[channel] = true,
            Fault::Brigade(..) => self.queue.plan(now, Happening::Brigade(n)),
            Fault::Operator(verb) => self.operate(verb),
            Fault::Drill(component) => self.pass_drill(component),
            Fault::KillSwitch(edge) => self.flip_kill_switch(edge, true),
            Fault::SwitchOff(component, feature) => self.switch(component, feature, Switch::Off),
        }
    }

    /// It is over: whoever looks after that part of the world has mended it.
    pub(crate) fn fault_ends(&mut self, n: usize) {
        let fault = self.plan.faults[n].fault.clone();
        let now = self.now;
        match fault {
            Fault::Kill(r) | Fault::Hang(r) | Fault::CrashLoop(r, _) => {
                let it = self.service.replica_mut(r);
                (it.hung, it.crashes) = (false, 0);
                if !it.up {
                    it.start(now);
                }
            }
            Fault::Slow(r, _) => self.service.replica_mut(r).later = Duration::ZERO,
            Fault::Fail(r, c, _) => self.service.replica_mut(r).fails[c] = 0.0,
            Fault::Tire(r, _) => self.service.replica_mut(r).strength = 1.0,
            Fault::Deploy(..) | Fault::OneWay(..) | Fault::Slip(..) => {
                for r in 0..self.shape.replicas.len() {
                    let it = self.service.replica_mut(r);
                    if it.version == version(n) {
                        it.run(name(GOOD), Vec::new(), now);
                    }
                    if !it.up && it.defects.is_empty() {
                        it.start(now);
                    }
                }
            }
            Fault::Configure(region, _) => {
                for r in self.shape.in_region(region).collect::<Vec<_>>() {
                    let it = self.service.replica_mut(r);
                    (it.config, it.misconfigured) = (None, Vec::new());
                    if !it.up {
                        it.start(now);
                    }
                }
            }
            Fault::Cut(region) => self.lines.cut[region] = false,
            Fault::CutFrom(edge, region) => self.lines.cut_from[edge][region] = false,
            Fault::Thin(region, _) => self.lines.farther[region] = Duration::ZERO,
            Fault::Lossy(region, _) => self.lines.lossy[region] = 0.0,
            Fault::Names(region) => self.outside.names_fail[region] = None,
            Fault::Dependency(c) => self.service.dependency_gone[c] = false,
            Fault::Surge(c, _) => self.crowd.surge[c] = 1.0,
            Fault::Attack(_) => self.crowd.attack = 0.0,
            Fault::KillHub => {
                self.hub.kept_away = false;
                self.start_hub();
            }
            Fault::CrashHub(_) => self.hub.fuse = None,
            Fault::DiskFull | Fault::DiskFails => self.hub.disk.fails = false,
            Fault::WallClock(_) => self.hub.wall_s = 0,
            Fault::KillEdge(edge) => self.edge_starts(edge),
            Fault::Part(edge) => self.edges[edge].line.cut = false,
            Fault::Garble(edge) => self.edges[edge].line.garbled = 0.0,
            Fault::ActuatorGone | Fault::ActuatorRefuses | Fault::ActuatorLies => {
                self.outside.actuator = Actuator::Well;
            }
            Fault::ChannelGone(channel) => self.outside.channel_gone[channel] = false,
            Fault::Operator(Verb::Hold) => drop(self.command(Command::Release)),
            Fault::Operator(Verb::TakeOver) => self.hand_back(),
            Fault::KillSwitch(edge) => self.flip_kill_switch(edge, false),
            Fault::SwitchOff(component, feature) => self.switch(component, feature, Switch::On),
            Fault::RetireEdge(_) | Fault::ColdCaches(_) | Fault::Brigade(..) | Fault::Operator(_) | Fault::Drill(_) => {
            }
        }
    }

    /// A version comes to so many replicas from a first one on, and the hub is told.
    fn deploy(&mut self, n: usize, (first, count): (usize, usize), defect: Defect, way: Way) {
        let from = self.service.replica(first).version.clone();
        self.bring(n, (first, count), defect);
        let slice = match count {
            1 => Slice::of(Dimension::Replica, self.shape.replicas[first].name.clone()),
            _ => Slice::everywhere(),
        };
        self.tell_change(Change {
            one_way: way == Way::OneWay,
            ..change(n, ChangeKind::Deploy, slice, version(n), from)
        });
    }

    fn bring(&mut self, n: usize, (first, count): (usize, usize), defect: Defect) {
        let (all, now) = (self.shape.replicas.len(), self.now);
        for r in (0..count).map(|k| (first + k) % all) {
            self.service.replica_mut(r).run(version(n), written(defect), now);
        }
    }

    fn configure(&mut self, n: usize, region: usize, defect: Defect) {
        let to = name(&format!("config-{n}"));
        for r in self.shape.in_region(region).collect::<Vec<_>>() {
            let it = self.service.replica_mut(r);
            (it.config, it.misconfigured) = (Some(to.clone()), written(defect));
        }
        let slice = Slice::of(Dimension::Region, self.shape.regions[region].clone());
        self.tell_change(change(n, ChangeKind::Config, slice, to, name("config-good")));
    }

    fn tell_change(&mut self, change: Change) {
        // Told twice: a repeat changes nothing (D7).
        for _ in 0..2 {
            let _ = self.command(Command::Tell(change.clone()));
        }
    }

    pub(crate) fn edge_ends(&mut self, edge: usize, state: State) {
        let up = self.edges.iter().filter(|e| e.state != State::Gone).count();
        if state == State::Gone && up < 2 {
            return;
        }
        if self.edges[edge].is_up() {
            self.drop_requests_of(edge);
        }
        if self.edges[edge].state != State::Gone {
            self.edges[edge].state = state;
        }
    }

    fn edge_starts(&mut self, edge: usize) {
        if self.edges[edge].state != State::Down {
            return;
        }
        let now = self.instant();
        let old = self.edges.remove(edge);
        let epoch = old.policy.plan().epoch;
        self.edges.insert(edge, old.restarted(now));
        self.judge.edge_restarted(edge, epoch, self.edges[edge].policy.plan().epoch);
        self.marks.reach("edge: starts again");
    }

    fn flip_kill_switch(&mut self, edge: usize, held: bool) {
        self.edges[edge].held = held;
        let policy = &mut self.edges[edge].policy;
        if held { policy.hold() } else { policy.release() }
    }
}

/// Whether a change can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Back,
    OneWay,
}

fn change(n: usize, kind: ChangeKind, slice: Slice, to: Name, from: Name) -> Change {
    let id = name(&format!("change-{n}"));
    Change { id, kind, slice, to, from: Some(from), summary: String::new(), one_way: false }
}

/// What is wrong, where anything is.
fn written(defect: Defect) -> Vec<Defect> {
    if defect == Defect::None { Vec::new() } else { vec![defect] }
}

fn version(n: usize) -> Name {
    name(&format!("1.5.{n}"))
}

/// The fault's kind, for marks.
fn word(fault: &Fault) -> String {
    let all = format!("{fault:?}");
    let kind = all.split(['(', ' ']).next().unwrap_or_default().to_owned();
    match fault {
        Fault::Deploy(_, _, defect) | Fault::OneWay(_, _, defect) | Fault::Configure(_, defect) => {
            let defect = format!("{defect:?}");
            format!("{kind} {}", defect.split('(').next().unwrap_or_default())
        }
        Fault::Fail(_, c, _) | Fault::Dependency(c) | Fault::Surge(c, _) => format!("{kind} {}", COMPONENTS[*c]),
        Fault::Operator(verb) => format!("{kind} {verb:?}"),
        _ => kind,
    }
}
