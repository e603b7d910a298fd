//! Mitigations that work against one another (A19): diverting, restarting, shedding and trying again, around replicas whose load
//! is what is left for them.
//!
//! Stands for the hub's remedies (`crates/core/src/act`, `incident/{cure,restore}.rs`) and the edge's extra attempts
//! (`crates/edge/src/choose/budget.rs`). The core's own guards are asked. Outside input is bounded: replicas fall ill, and demand
//! changes. Everything else is a controller's step; of those alone no run may go round.
//!
//! Left out, so that nothing rests on it: what only time and counting hold up (A10, and A11 but for its last two in vain). Time
//! passes as anybody likes between two steps, and evidence agrees at once. Only the restarts of A9 are counted.

use downbeat_core::act::guards::{self, Accusers, Action, Present, Situation};
use downbeat_core::model::{
    ActPolicy, Actuation, CauseKind, Component, Moment, Name, Priority, Remedy, RemedyId, RemedyKind, Replica, Route,
    SourceClass, Strength, Topology,
};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

const REPLICAS: usize = 4;
/// What a replica carries, and has proven to carry, in requests a second.
const CAPACITY: u32 = 100;
/// Requests a second that clients may ask for. With the second, one of four may be out; the third is more than all can carry.
const DEMAND: [u32; 3] = [150, 250, 500];
/// What a shed lets in: the usual and three tenths on top.
const SHED_TO: u32 = 325;

/// How much of the load extra attempts come to at most, of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extra(u32);

/// How the controllers are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Design {
    /// As the product is.
    AsBuilt,
    /// Nobody asks what the rest can carry (A1), nor whether most look bad (A4), nor counts restarts (A9).
    DivertsBlindly,
    /// What fails after its way back is out again without a guard.
    RelapsesForEver,
    /// Each failure is tried again once.
    RetriesAll,
    /// A shed is lifted when those who are let in are served.
    ShedsByEffect,
}

/// Where a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stand {
    /// It gets its share.
    In,
    /// It gets nothing, and is about to be restarted.
    Away,
    /// It was restarted, and gets nothing yet.
    Mended,
    /// It gets a first hundredth.
    Lifting,
}

/// A replica: the same as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    stand: Stand,
    /// Whether it fails whatever its load is.
    ill: bool,
    restarts: u8,
}

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    hosts: [Host; REPLICAS],
    demand: usize,
    tries_again: bool,
    sheds: bool,
    /// What may still come from outside.
    inputs: u8,
}

/// A step of a controller, or from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// From outside: it falls ill.
    FallIll(usize),
    /// From outside: clients ask for that much.
    Ask(usize),
    /// It is taken out of the traffic, to be restarted.
    Divert(usize),
    /// It is restarted, and well.
    Restart(usize),
    /// It is restarted, and as ill as before.
    RestartInVain(usize),
    /// It gets a first hundredth, or all at once.
    Lift(usize, Stand),
    /// What was lifted is in force again.
    Relapse(usize),
    /// Failed attempts are tried again, or no longer.
    TryAgain(bool),
    /// Some clients are turned away, or nobody any more.
    Shed(bool),
}

impl Step {
    const fn is_from_outside(self) -> bool {
        matches!(self, Self::FallIll(_) | Self::Ask(_))
    }
}

/// The controllers together, in a design.
#[derive(Debug, Clone, Copy)]
pub struct Loops {
    /// How they are built.
    pub design: Design,
    /// How much may come from outside.
    pub inputs: u8,
}

impl World {
    const fn new(inputs: u8) -> Self {
        let well = Host { stand: Stand::In, ill: false, restarts: 0 };
        Self { hosts: [well; REPLICAS], demand: 1, tries_again: false, sheds: false, inputs }
    }

    /// Requests a second that each of those in the traffic gets, the extra attempts included.
    fn load(&self, extra: Extra) -> u32 {
        let asked = DEMAND[self.demand];
        let let_in = if self.sheds { asked.min(SHED_TO) } else { asked };
        let tried = if self.tries_again { let_in * (100 + extra.0) / 100 } else { let_in };
        let serving = self.hosts.iter().filter(|host| host.stand == Stand::In).count();
        tried / u32::try_from(serving.max(1)).unwrap_or(1)
    }

    fn fails(&self, n: usize, extra: Extra) -> bool {
        let host = self.hosts[n];
        match host.stand {
            Stand::In => host.ill || self.load(extra) > CAPACITY,
            // What comes with a hundredth is too little to matter.
            Stand::Lifting => host.ill,
            Stand::Away | Stand::Mended => false,
        }
    }

    fn users_suffer(&self, extra: Extra) -> bool {
        (0..REPLICAS).any(|n| self.hosts[n].stand == Stand::In && self.fails(n, extra))
    }
}

impl Design {
    const fn extra(self) -> Extra {
        match self {
            Self::RetriesAll => Extra(100),
            // The larger share, of one replica's trouble alone.
            _ => Extra(20),
        }
    }
}

fn name(n: usize) -> Name {
    Name::new(&format!("r{n}")).expect("a good name")
}

fn topology() -> Topology {
    let replica = |n: usize| Replica {
        name: name(n),
        region: Name::new(if n < REPLICAS / 2 { "eu" } else { "us" }).expect("a good name"),
        version: None,
        host: None,
        proven_per_second: Some(f64::from(CAPACITY)),
    };
    let replicas: BTreeMap<Name, Replica> = (0..REPLICAS).map(|n| (name(n), replica(n))).collect();
    let component = Name::new("playback").expect("a good name");
    let served = replicas.keys().cloned().collect();
    let it = Component {
        name: component.clone(),
        title: "Playback".into(),
        priority: Priority(0),
        replicas: served,
        features: vec![],
    };
    Topology { components: [(component, it)].into(), replicas, ..Topology::default() }
}

fn restart(n: usize) -> Remedy {
    Remedy {
        id: RemedyId { incident: downbeat_core::model::IncidentId(1), count: 1 },
        kind: RemedyKind::Restart,
        answers: CauseKind::Host,
        slice: downbeat_core::model::Slice::everywhere(),
        route: away(n),
        actuation: Some(Actuation::Restart { replica: name(n) }),
        predicted: String::new(),
        undo: String::new(),
        check_after: Duration::from_secs(10),
    }
}

fn away(n: usize) -> Route {
    Route::Away { replicas: vec![name(n)], component: None }
}

fn shed() -> Remedy {
    let components = vec![Name::new("playback").expect("a good name")];
    let route = Route::Admit { components, floor: Strength::percent(10), of: None, usual: None, features: vec![] };
    Remedy { kind: RemedyKind::Shed, answers: CauseKind::Overload, route, actuation: None, ..restart(0) }
}

impl Loops {
    /// What the product's guards say, all evidence agreeing and all the time in the world having passed.
    fn allows(&self, world: &World, remedy: &Remedy) -> bool {
        let (policy, topology) = (ActPolicy::default(), topology());
        let now = Moment::from_millis(100_000_000);
        let numbers = |what: &dyn Fn(usize) -> bool| (0..REPLICAS).filter(|n| what(*n)).map(name).collect();
        let held_out: BTreeSet<Name> = numbers(&|n| world.hosts[n].stand != Stand::In);
        let out_now: BTreeSet<Name> = numbers(&|n| matches!(world.hosts[n].stand, Stand::Away | Stand::Mended));
        let bad: BTreeSet<Name> = numbers(&|n| world.fails(n, self.design.extra()));
        let restarted = |n: usize| {
            let kind = RemedyKind::Restart;
            let action = Action { at: now, kind, restarted: Some(name(n)), helped: Some(true) };
            std::iter::repeat_n(action, usize::from(world.hosts[n].restarts))
        };
        // Long enough ago for the budget of A11, which is not what is looked at.
        let actions: Vec<Action> = (0..REPLICAS)
            .flat_map(restarted)
            .map(|action| Action { at: now.before(policy.budget_window), ..action })
            .collect();
        let routes = (0..REPLICAS).filter(|n| world.hosts[*n].stand != Stand::In).map(away);
        let in_force: Vec<Route> = routes.chain(world.sheds.then(|| shed().route)).collect();
        let suffer = world.users_suffer(self.design.extra());
        let situation = Situation {
            now,
            topology: &topology,
            policy: &policy,
            started_at: Moment::default(),
            held_by: None,
            untried: None,
            deaf_for: None,
            demand: &[(Name::new("playback").expect("a good name"), f64::from(DEMAND[world.demand]))].into(),
            held_out: &held_out,
            out_now: &out_now,
            bad: &bad,
            classes: &[SourceClass::Edge, SourceClass::Probe].into(),
            accusers: Accusers { seeing: 1, live: 1 },
            sustained: Duration::from_secs(60),
            change: None,
            changes: 0,
            actions: &actions,
            removals: &[],
            present: Present { users_suffer: suffer, targets_ail: suffer },
            in_force: &in_force,
        };
        match guards::allow(remedy, &situation) {
            Ok(()) => true,
            Err(no) => self.design == Design::DivertsBlindly && matches!(no.guard, "A1" | "A4" | "A9"),
        }
    }

    fn inputs(world: &World, steps: &mut Vec<Step>) {
        if world.inputs > 0 {
            steps.extend((0..REPLICAS).filter(|n| !world.hosts[*n].ill).map(Step::FallIll));
            steps.extend((0..DEMAND.len()).filter(|level| *level != world.demand).map(Step::Ask));
        }
    }

    fn controllers(&self, world: &World, steps: &mut Vec<Step>) {
        (0..REPLICAS).for_each(|n| self.of_host(world, n, steps));
        self.of_load(world, steps);
    }

    fn of_host(&self, world: &World, n: usize, steps: &mut Vec<Step>) {
        let (host, extra) = (world.hosts[n], self.design.extra());
        let suffer = world.users_suffer(extra);
        match host.stand {
            Stand::In => {
                let diverts = world.fails(n, extra) && self.allows(world, &restart(n));
                steps.extend(diverts.then_some(Step::Divert(n)));
            }
            Stand::Away => {
                steps.extend([Step::Restart(n), Step::RestartInVain(n)].into_iter().take(1 + usize::from(host.ill)))
            }
            // See `relent`, `first_step` and `fell_ill_again` in the core's `restore.rs`.
            Stand::Mended if host.ill => steps.extend(Self::may_restart_again(host).then_some(Step::Relapse(n))),
            Stand::Mended => steps.push(Step::Lift(n, if suffer { Stand::In } else { Stand::Lifting })),
            Stand::Lifting if host.ill => steps.extend(Self::may_restart_again(host).then_some(Step::Relapse(n))),
            // Step by step while users are served (`next_step` there), else at once, for it is needed (`relapse`).
            Stand::Lifting => steps.push(Step::Lift(n, Stand::In)),
        }
        if self.design == Design::RelapsesForEver
            && host.stand == Stand::In
            && host.restarts > 0
            && world.fails(n, extra)
        {
            steps.push(Step::Relapse(n));
        }
    }

    /// A9, as the guard counts.
    fn may_restart_again(host: Host) -> bool {
        usize::from(host.restarts) < ActPolicy::default().restarts_per_hour
    }

    fn of_load(&self, world: &World, steps: &mut Vec<Step>) {
        let suffer = world.users_suffer(self.design.extra());
        // None while shedding (B5).
        let wanted = suffer && !world.sheds;
        steps.extend((wanted != world.tries_again).then_some(Step::TryAgain(wanted)));
        if !world.sheds {
            let surges = DEMAND[world.demand] > SHED_TO;
            steps.extend((surges && suffer && self.allows(world, &shed())).then_some(Step::Shed(true)));
        } else {
            // See `healed` in the core's `relief.rs`: what clients ask for has to be about the usual again.
            let over = DEMAND[world.demand] <= DEMAND[1] * 3 / 2;
            let lifts = if self.design == Design::ShedsByEffect { !suffer } else { over };
            steps.extend(lifts.then_some(Step::Shed(false)));
        }
    }
}

impl Model for Loops {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.inputs)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        Self::inputs(world, steps);
        self.controllers(world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.inputs -= u8::from(step.is_from_outside());
        match step {
            Step::FallIll(n) => next.hosts[n].ill = true,
            Step::Ask(level) => next.demand = level,
            Step::Divert(n) | Step::Relapse(n) => next.hosts[n].stand = Stand::Away,
            Step::Restart(n) | Step::RestartInVain(n) => {
                let host = &mut next.hosts[n];
                let ill = host.ill && matches!(step, Step::RestartInVain(_));
                let restarts = host.restarts.saturating_add(1).min(3);
                *host = Host { stand: Stand::Mended, ill, restarts };
            }
            Step::Lift(n, stand) => next.hosts[n].stand = stand,
            Step::TryAgain(is_on) => next.tries_again = is_on,
            Step::Shed(is_on) => next.sheds = is_on,
        }
        // Which of a region's replicas is which does not matter.
        next.hosts[..REPLICAS / 2].sort_unstable();
        next.hosts[REPLICAS / 2..].sort_unstable();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SERVED, |model: &Self, world: &World| {
                let mut steps = vec![];
                model.controllers(world, &mut steps);
                let should_be_well = steps.is_empty() && world.demand <= 1 && world.hosts.iter().all(|host| !host.ill);
                !should_be_well || !world.users_suffer(model.design.extra())
            }),
            Property::sometimes("one is out while some clients are turned away", |_, world: &World| {
                world.sheds && world.hosts.iter().any(|host| host.stand != Stand::In)
            }),
            Property::sometimes("a replica has come back", |_, world: &World| {
                world.hosts.iter().any(|host| host.stand == Stand::In && host.restarts > 0)
            }),
        ]
    }
}

/// What may not be left behind either.
pub const SERVED: &str = "once nobody is ill, demand is usual and the controllers are at rest, users are served";

/// A round of controllers' steps that needs nothing from outside; `None` when there is none. Looks at every state.
pub fn round(model: Loops) -> Option<Vec<Step>> {
    let graph = Graph::of(model);
    let mut ends: Vec<usize> = (0..graph.steps.len()).filter(|n| graph.steps[*n].is_empty()).collect();
    // Kahn (1962), from the ends: whatever only leads to what ends, ends.
    let mut open: Vec<usize> = graph.steps.iter().map(Vec::len).collect();
    let mut endless = graph.steps.len();
    while let Some(end) = ends.pop() {
        endless -= 1;
        for before in &graph.before[end] {
            open[*before] -= 1;
            ends.extend((open[*before] == 0).then_some(*before));
        }
    }
    println!("{model:?}: {} states, {endless} of them without an end", graph.steps.len());
    let mut at = (endless > 0).then(|| open.iter().position(|left| *left > 0))??;
    let (mut way, mut been) = (vec![], BTreeMap::new());
    loop {
        if let Some(begin) = been.insert(at, way.len()) {
            return Some(way.split_off(begin));
        }
        let (step, next) = graph.steps[at].iter().find(|(_, next)| open[*next] > 0)?;
        way.push(*step);
        at = *next;
    }
}

/// All states there are, and the controllers' steps between them.
struct Graph {
    steps: Vec<Vec<(Step, usize)>>,
    before: Vec<Vec<usize>>,
}

impl Graph {
    fn of(model: Loops) -> Self {
        let (mut numbers, mut worlds) = (HashMap::new(), model.init_states());
        numbers.insert(worlds[0].clone(), 0);
        let mut graph = Self { steps: vec![], before: vec![vec![]] };
        while let Some(world) = worlds.get(graph.steps.len()).cloned() {
            let number = graph.steps.len();
            let (mut all, mut own) = (vec![], vec![]);
            model.actions(&world, &mut all);
            for step in all {
                let next = model.next_state(&world, step).expect("every step leads somewhere");
                let to = *numbers.entry(next.clone()).or_insert_with(|| {
                    worlds.push(next);
                    graph.before.push(vec![]);
                    worlds.len() - 1
                });
                if !step.is_from_outside() {
                    own.push((step, to));
                    graph.before[to].push(number);
                }
            }
            graph.steps.push(own);
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{prove, refute};

    const fn loops(design: Design) -> Loops {
        Loops { design, inputs: 3 }
    }

    #[test]
    fn a19_no_round_goes_on_without_anything_from_outside() {
        assert_eq!(round(loops(Design::AsBuilt)), None);
        prove("loops", loops(Design::AsBuilt));
    }

    #[test]
    fn wrong_designs_are_found() {
        for design in [Design::DivertsBlindly, Design::RelapsesForEver, Design::ShedsByEffect] {
            let round = round(Loops { design, inputs: 2 }).unwrap_or_else(|| panic!("{design:?} has no round"));
            println!("    {round:?}");
        }
        refute("loops, tries everything again", loops(Design::RetriesAll), SERVED);
    }
}
