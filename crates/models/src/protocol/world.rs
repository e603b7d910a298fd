//! What there is in the protocol's world, and every step that it may take.

use super::{Content, Design, Fence, Plan, Protocol};
use stateright::{Model, Property};
use std::collections::BTreeSet;

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// A hub started.
    Started,
    /// Automation put a plan in force.
    Plan(Plan),
    /// The plan in force once more, under an epoch above all that edges have.
    Renewed(Plan),
    /// An operator holds the automation.
    Hold,
}

/// Whether a hub lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// It does not.
    Dead,
    /// It does.
    Up,
    /// It does, but does nothing: stopped, or its machine is.
    Paused,
}

/// A hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hub {
    /// Whether it lives.
    pub life: Life,
    /// So many lines of the log it has seen.
    pub read: u8,
    /// The plan in force by those lines: its book.
    pub plan: Plan,
    /// Whether those lines hold the automation.
    pub held: bool,
    /// Decided, but not written yet.
    pub draft: Option<Line>,
    /// Written, but not applied yet.
    pub unapplied: Option<Line>,
}

impl Hub {
    const DEAD: Hub = Hub { life: Life::Dead, read: 0, plan: Plan::NONE, held: false, draft: None, unapplied: None };

    fn apply(&mut self, line: Line) {
        match line {
            Line::Started => {}
            Line::Plan(plan) | Line::Renewed(plan) => self.plan = plan,
            Line::Hold => self.held = true,
        }
    }
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// In force.
    pub plan: Plan,
    /// Whether requests are turned away for it at present.
    pub sheds: bool,
    /// Whether somebody counts the shed's time.
    pub timed: bool,
    /// On the disk.
    pub disk: Plan,
    /// Everything that was ever in force here.
    pub had: BTreeSet<Plan>,
    /// By hub: the epoch that it knows of from this edge.
    pub told: [Option<u8>; 2],
    /// Only for the properties: a running edge went back, or took the same plan once more.
    pub went_back: bool,
}

impl Edge {
    fn new() -> Self {
        let had = [Plan::NONE].into();
        let (plan, disk) = (Plan::NONE, Plan::NONE);
        Self { plan, sheds: false, timed: true, disk, had, told: [None; 2], went_back: false }
    }

    /// See `apply` in the edge's `change/plan.rs`.
    fn would_take(&self, plan: Plan, design: Design) -> bool {
        let newer = match design {
            Design::TakesAnyEpoch => plan != self.plan,
            Design::TakesEqualEpochs => plan.epoch >= self.plan.epoch,
            _ => plan.whole().is_after(u64::from(self.plan.epoch)),
        };
        newer && (design == Design::ChecksNothing || plan.passes())
    }

    fn take(&mut self, plan: Plan) {
        self.went_back |= plan.epoch <= self.plan.epoch;
        self.plan = plan;
        self.had.insert(plan);
        self.sheds = plan.content == Content::Shed;
        self.timed = true;
    }

    /// See `resume` in the edge's `change/plan.rs`: the plan from the disk, without its sheds.
    fn restart(&mut self, design: Design) {
        self.plan = self.disk;
        self.sheds = design == Design::ShedsSurvive && self.disk.content == Content::Shed;
        self.timed = false;
    }
}

/// What may still go wrong, and be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Left {
    plans: u8,
    hub_deaths: u8,
    edge_deaths: u8,
    pauses: u8,
    restores: u8,
    hold: bool,
}

/// How long things may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weather {
    /// Anything may happen.
    Stormy,
    /// Nothing goes wrong any more, and nothing new is decided; there is a hub, or one starts.
    Calm,
    /// The same, but no hub runs ever again.
    Deserted,
}

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// What is on the hubs' disk.
    pub log: Vec<Line>,
    /// The hubs.
    pub hubs: [Hub; 2],
    /// The edges, in order: which is which does not matter.
    pub edges: Vec<Edge>,
    /// Every plan that ever was in an answer.
    pub published: BTreeSet<Plan>,
    /// How long things may go wrong.
    pub weather: Weather,
    /// An epoch above all that were ever decided, as time would give one.
    pub clock: u8,
    left: Left,
}

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A hub starts and reads the log.
    Start(usize),
    /// It decides on a plan.
    Decide(usize, Content),
    /// It puts its plan in force anew, for an edge has one that the log does not know.
    Renew(usize),
    /// An operator holds the automation.
    Hold(usize),
    /// It writes what was decided, or finds that somebody else wrote.
    Write(usize),
    /// It applies and shows what it has written.
    Apply(usize),
    /// It dies.
    Die(usize),
    /// It is paused.
    Pause(usize),
    /// It goes on.
    Wake(usize),
    /// It looks at the end of the log, finds lines of somebody else, and ends.
    Yield(usize),
    /// It takes a roll-up in, in which an edge says what epoch it has or had.
    Hear(usize, usize, u8),
    /// The log is replaced by its first lines.
    Restore(usize),
    /// An edge takes a plan that comes.
    Take(usize, Plan),
    /// Its plan gets to its disk.
    Keep(usize),
    /// Its shed lapses.
    Lapse(usize),
    /// It dies and starts again.
    Restart(usize),
    /// The weather changes.
    Turn(Weather),
}

impl World {
    fn new(protocol: &Protocol) -> Self {
        let b = &protocol.bounds;
        Self {
            log: vec![],
            hubs: [Hub::DEAD; 2],
            edges: vec![Edge::new(); b.edges],
            published: [Plan::NONE].into(),
            weather: Weather::Stormy,
            clock: 1,
            left: Left {
                plans: b.plans,
                hub_deaths: b.hub_deaths,
                edge_deaths: b.edge_deaths,
                pauses: b.pauses,
                restores: b.restores,
                hold: b.hold,
            },
        }
    }

    fn is_stormy(&self) -> bool {
        self.weather == Weather::Stormy
    }

    fn may_start(&self, hub: usize, fence: Fence) -> bool {
        let other = self.hubs[1 - hub].life;
        let free = other == Life::Dead || (other == Life::Paused && fence == Fence::Lost);
        // Which of two dead ones starts does not matter.
        let turn = self.is_stormy() || self.hubs.iter().all(|h| h.life != Life::Up);
        self.hubs[hub].life == Life::Dead && free && turn && (hub == 0 || self.hubs[0].life != Life::Dead)
    }

    fn hub_steps(&self, h: usize, protocol: &Protocol, steps: &mut Vec<Step>) {
        let hub = &self.hubs[h];
        if self.may_start(h, protocol.fence) {
            steps.push(Step::Start(h));
        }
        if hub.life == Life::Up {
            let idle = hub.draft.is_none() && hub.unapplied.is_none();
            if idle && self.is_stormy() && self.left.plans > 0 && !hub.held {
                steps.extend(protocol.bounds.contents.iter().map(|content| Step::Decide(h, *content)));
            }
            if idle && self.is_stormy() && self.left.hold && !hub.held {
                steps.push(Step::Hold(h));
            }
            if idle && protocol.design != Design::CountsEpochs && self.is_strange_to(h) {
                steps.push(Step::Renew(h));
            }
            let overtaken = usize::from(hub.read) != self.log.len();
            steps.extend((overtaken && protocol.design.looks()).then_some(Step::Yield(h)));
            steps.extend(hub.draft.map(|_| Step::Write(h)));
            steps.extend(hub.unapplied.map(|_| Step::Apply(h)));
            if idle && protocol.bounds.roll_ups {
                self.roll_ups(h, steps);
            }
        }
        if self.is_stormy() {
            let alive = hub.life != Life::Dead;
            steps.extend((alive && self.left.hub_deaths > 0).then_some(Step::Die(h)));
            steps.extend((hub.life == Life::Up && self.left.pauses > 0).then_some(Step::Pause(h)));
            steps.extend((hub.life == Life::Paused).then_some(Step::Wake(h)));
        }
    }

    /// In a storm any roll-up that was ever sent, then the present one.
    fn roll_ups(&self, h: usize, steps: &mut Vec<Step>) {
        for (e, edge) in self.edges.iter().enumerate() {
            let sent = edge.had.iter().filter(|plan| self.is_stormy() || **plan == edge.plan).map(|plan| plan.epoch);
            steps.extend(sent.filter(|epoch| edge.told[h] != Some(*epoch)).map(|epoch| Step::Hear(h, e, epoch)));
        }
    }

    fn edge_steps(&self, e: usize, protocol: &Protocol, steps: &mut Vec<Step>) {
        let edge = &self.edges[e];
        let takes = |plan: &&Plan| edge.would_take(**plan, protocol.design);
        let arrives = |plan: &&Plan| match self.weather {
            Weather::Stormy => true,
            Weather::Calm => self.hubs.iter().any(|hub| hub.life == Life::Up && hub.plan == **plan),
            Weather::Deserted => false,
        };
        steps.extend(self.published.iter().filter(arrives).filter(takes).map(|plan| Step::Take(e, *plan)));
        steps.extend((edge.disk != edge.plan).then_some(Step::Keep(e)));
        steps.extend((edge.sheds && edge.timed).then_some(Step::Lapse(e)));
        steps.extend((self.is_stormy() && self.left.edge_deaths > 0).then_some(Step::Restart(e)));
    }

    fn write(&mut self, h: usize, design: Design) {
        let at_end = usize::from(self.hubs[h].read) == self.log.len();
        let Some(line) = self.hubs[h].draft.take() else { return };
        if at_end || design == Design::WritesBlindly {
            self.log.push(line);
            self.hubs[h].read = u8::try_from(self.log.len()).unwrap_or(u8::MAX);
            self.hubs[h].unapplied = Some(line);
        }
    }

    fn start(&mut self, h: usize) {
        let mut hub = Hub { life: Life::Up, ..Hub::DEAD };
        self.log.iter().for_each(|line| hub.apply(*line));
        hub.read = u8::try_from(self.log.len()).unwrap_or(u8::MAX);
        hub.draft = Some(Line::Started);
        self.hubs[h] = hub;
        self.edges.iter_mut().for_each(|edge| edge.told[h] = None);
        self.published.insert(hub.plan);
    }

    /// True when an edge named an epoch that this hub's log has not reached.
    fn is_strange_to(&self, h: usize) -> bool {
        self.edges.iter().any(|edge| edge.told[h].is_some_and(|epoch| epoch > self.hubs[h].plan.epoch))
    }

    /// See `next_epoch` in `crates/core/src/incident/cure.rs`, and `renew_plan` in `engine.rs`.
    fn next_plan(&mut self, h: usize, design: Design, content: Content) -> Plan {
        let next = self.hubs[h].plan.epoch + 1;
        let epoch = if design == Design::CountsEpochs { next } else { next.max(self.clock) };
        self.clock = self.clock.max(epoch + 1);
        Plan { epoch, content }
    }

    fn turn(&mut self, h: usize, protocol: &Protocol, step: Step) {
        match step {
            Step::Start(_) => self.start(h),
            Step::Decide(_, content) => {
                self.left.plans -= 1;
                let plan = self.next_plan(h, protocol.design, content);
                self.hubs[h].draft = Some(Line::Plan(plan));
                if protocol.design == Design::SendsBeforeWriting {
                    self.published.insert(plan);
                }
            }
            Step::Renew(_) => {
                let plan = self.next_plan(h, protocol.design, self.hubs[h].plan.content);
                self.hubs[h].draft = Some(Line::Renewed(plan));
            }
            Step::Hold(_) => {
                self.left.hold = false;
                self.hubs[h].draft = Some(Line::Hold);
            }
            Step::Write(_) => self.write(h, protocol.design),
            Step::Apply(_) => {
                if let Some(line) = self.hubs[h].unapplied.take() {
                    self.hubs[h].apply(line);
                }
                self.published.insert(self.hubs[h].plan);
            }
            Step::Die(_) => {
                self.left.hub_deaths -= 1;
                self.hubs[h] = Hub::DEAD;
                self.edges.iter_mut().for_each(|edge| edge.told[h] = None);
            }
            Step::Pause(_) => {
                self.left.pauses -= 1;
                self.hubs[h].life = Life::Paused;
            }
            Step::Wake(_) => self.hubs[h].life = Life::Up,
            Step::Yield(_) => {
                self.hubs[h] = Hub::DEAD;
                self.edges.iter_mut().for_each(|edge| edge.told[h] = None);
            }
            Step::Hear(_, e, epoch) => self.edges[e].told[h] = Some(epoch),
            _ => {}
        }
    }

    fn turn_edge(&mut self, e: usize, design: Design, step: Step) {
        let edge = &mut self.edges[e];
        match step {
            Step::Take(_, plan) => edge.take(plan),
            Step::Keep(_) => edge.disk = edge.plan,
            Step::Lapse(_) => edge.sheds = false,
            Step::Restart(_) => {
                self.left.edge_deaths -= 1;
                edge.restart(design);
            }
            _ => {}
        }
    }

    fn change(&mut self, weather: Weather) {
        self.weather = weather;
        if weather == Weather::Deserted {
            self.hubs = [Hub::DEAD; 2];
            self.edges.iter_mut().for_each(|edge| edge.told = [None; 2]);
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.weather != Weather::Deserted {
            (0..world.hubs.len()).for_each(|h| world.hub_steps(h, self, steps));
        }
        (0..world.edges.len()).for_each(|e| world.edge_steps(e, self, steps));
        if world.is_stormy() {
            let none_lives = world.hubs.iter().all(|hub| hub.life == Life::Dead);
            if world.left.restores > 0 && none_lives {
                steps.extend((0..world.log.len()).map(Step::Restore));
            }
            steps.extend([Weather::Calm, Weather::Deserted].map(Step::Turn));
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        match step {
            Step::Start(h)
            | Step::Decide(h, _)
            | Step::Renew(h)
            | Step::Hold(h)
            | Step::Write(h)
            | Step::Apply(h)
            | Step::Die(h)
            | Step::Pause(h)
            | Step::Wake(h)
            | Step::Yield(h)
            | Step::Hear(h, ..) => next.turn(h, self, step),
            Step::Take(e, _) | Step::Keep(e) | Step::Lapse(e) | Step::Restart(e) => {
                next.turn_edge(e, self.design, step);
            }
            Step::Restore(lines) => {
                next.left.restores -= 1;
                next.log.truncate(lines);
            }
            Step::Turn(weather) => next.change(weather),
        }
        next.edges.sort();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = super::properties::all();
        all.retain(|property| !self.without.contains(&property.name));
        all
    }
}

impl World {
    /// Whether a hub takes its plan for applied by an edge; see `effect_since` in `crates/core/src/incident/cure.rs`.
    pub(super) fn believes(&self, h: usize, edge: &Edge, design: Design) -> bool {
        let own = self.hubs[h].plan.epoch;
        edge.told[h].is_some_and(|epoch| if design == Design::CountsEpochs { epoch >= own } else { epoch == own })
    }

    /// True while the log was never cut off.
    pub(super) const fn has_whole_log(&self, protocol: &Protocol) -> bool {
        self.left.restores == protocol.bounds.restores
    }
}
