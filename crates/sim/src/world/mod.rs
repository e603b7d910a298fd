//! The world: everything that is simulated, and the loop in which it happens.

pub(crate) mod crowd;
pub(crate) mod edge;
mod faults;
pub(crate) mod hub;
mod lines;
mod outside;
pub(crate) mod people;
pub(crate) mod requests;
mod stage;
mod sync;
mod troubles;

use crate::judge::Judge;
use crate::marks::Marks;
use crate::plan::{Automation, Plan};
use crate::service::Service;
use crate::shape::{Shape, name};
use crate::time::{Queue, Time};
use crate::world::crowd::{Crowd, Toll, Who};
use crate::world::edge::{Edge, Ids};
use crate::world::hub::Hub;
use crate::world::lines::Lines;
use crate::world::outside::Outside;
use crate::world::people::People;
use crate::world::requests::{Key, Requests};
use crate::world::stage::Stage;
use downbeat_core::incident::{EffectId, Event};
use downbeat_core::model::{Mode, Name, RemedyId, RollUp, TrafficPlan};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) shape: Shape,
    pub(crate) now: Time,
    /// What instants are counted from.
    pub(crate) base: Instant,
    pub(crate) queue: Queue<Happening>,
    pub(crate) service: Service,
    pub(crate) lines: Lines,
    pub(crate) edges: Vec<Edge>,
    pub(crate) ids: Ids,
    pub(crate) requests: Requests,
    pub(crate) crowd: Crowd,
    pub(crate) hub: Hub,
    pub(crate) outside: Outside,
    pub(crate) people: People,
    pub(crate) stage: Stage,
    /// Names of the hub's probes, by replica.
    pub(crate) probes: Vec<Name>,
    pub(crate) judge: Judge,
    pub(crate) toll: Toll,
    /// What users had lost by the end of each second.
    pub(crate) lost_by: Vec<u64>,
    pub(crate) marks: Marks,
}

/// What can happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Listen(usize),
    Wish(usize),
    Again(Who, usize),
    Attack,
    AttemptEnds(Key, u32),
    Silence(Key),
    WaitEnds(Key),
    /// An edge looks at its replicas, and tells the hub of the last second.
    EdgeTicks(usize),
    HubGets(usize, Box<RollUp>),
    EdgeGets(usize, Arc<TrafficPlan>),
    HubTicks,
    Probe,
    EffectEnds(u32, EffectId, Box<Event>),
    /// The actuator is done with what it does.
    Actuated(u32, RemedyId),
    HubStarts,
    Fault(usize),
    FaultEnds(usize),
    Brigade(usize),
    /// The next step of a story.
    Cue,
    Renew(u32),
    Publish,
    Rumour,
    Flap(usize),
    Second,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (seed, mut shape) = (plan.seed, plan.shape.clone());
        if plan.automation == Automation::Off {
            shape.mode = Mode::Observe;
        }
        let base = Instant::now();
        let edges: Vec<Edge> = (0..shape.edges.len()).map(|n| Edge::new(&shape, n, seed, base)).collect();
        let policy = shape.policy();
        let mut world = Self {
            now: Time::ZERO,
            base,
            queue: Queue::new(),
            service: Service::new(seed, &shape),
            lines: Lines::new(seed, &shape),
            ids: Ids::of(&shape, &edges[0].policy),
            edges,
            requests: Requests::default(),
            crowd: Crowd::new(seed, &shape),
            judge: Judge::new(&policy, shape.edges.len()),
            hub: Hub::new(policy),
            outside: Outside::default(),
            people: People::new(seed),
            stage: Stage::empty(seed),
            probes: shape.replicas.iter().map(|place| name(&format!("{}-journey", place.name))).collect(),
            toll: Toll::default(),
            lost_by: Vec::new(),
            marks: Marks::default(),
            plan: plan.clone(),
            shape,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.open_doors();
        self.start_hub();
        for edge in 0..self.edges.len() {
            self.queue.plan(self.now + Duration::from_millis(300 + 137 * edge as u64), Happening::EdgeTicks(edge));
        }
        self.queue.plan(self.now + Duration::from_millis(50), Happening::HubTicks);
        self.queue.plan(self.now + Duration::from_millis(700), Happening::Probe);
        self.queue.plan(self.now + Duration::from_secs(1), Happening::Second);
        if let Some(ordeal) = self.plan.ordeal {
            self.marks.reach(&format!("ordeal: {ordeal:?}"));
        }
        for (n, planned) in self.plan.faults.iter().enumerate() {
            self.queue.plan(planned.begins(), Happening::Fault(n));
            self.queue.plan(planned.ends(), Happening::FaultEnds(n));
        }
    }

    /// The present, as processes know it.
    pub(crate) fn instant(&self) -> Instant {
        self.now.instant(self.base)
    }

    /// Lets everything happen that happens before `end`.
    pub(crate) fn run_until(&mut self, end: Time) {
        while let Some((at, happening)) = self.queue.next_before(end) {
            self.now = at;
            self.happens(happening);
        }
        self.now = end;
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Listen(n) => self.listen(n),
            Happening::Wish(component) => self.wish(component),
            Happening::Again(who, component) => self.ask(who, component),
            Happening::Attack => self.attack(),
            Happening::AttemptEnds(key, nth) => self.attempt_ends(key, nth),
            Happening::Silence(key) => self.silence(key),
            Happening::WaitEnds(key) => self.wait_ends(key),
            Happening::EdgeTicks(edge) => self.edge_ticks(edge),
            Happening::HubGets(edge, roll_up) => self.hub_gets(edge, *roll_up),
            Happening::EdgeGets(edge, plan) => self.edge_gets(edge, &plan),
            Happening::HubTicks => self.hub_ticks(),
            Happening::Probe => self.probe(),
            Happening::EffectEnds(boot, id, event) => self.effect_ends(boot, &id, *event),
            Happening::Actuated(boot, remedy) => self.actuated(boot, remedy),
            Happening::HubStarts => self.start_hub(),
            Happening::Fault(n) => self.fault(n),
            Happening::FaultEnds(n) => self.fault_ends(n),
            Happening::Brigade(n) => self.brigade(n),
            Happening::Cue => self.cue(),
            Happening::Renew(n) => self.renew(n),
            Happening::Publish => self.publish(),
            Happening::Rumour => self.rumour(),
            Happening::Flap(n) => self.flap(n),
            Happening::Second => self.second(),
        }
    }

    fn second(&mut self) {
        self.queue.plan(self.now + Duration::from_secs(1), Happening::Second);
        self.judge_second();
        self.lost_by.push(self.toll.lost);
        self.people_look();
        self.supervise();
    }

    /// True when nothing of an outage is left: no open incident, nothing diverted, nothing to be carried out. An incident that
    /// began long after the last fault is a false one, and comes when it comes; unless it acts, nobody waits for it.
    pub(crate) fn is_settled(&self) -> bool {
        let Some(desk) = &self.hub.desk else { return false };
        let book = desk.engine().book();
        let idle = |plan: &TrafficPlan| plan.is_idle();
        let edges = self.edges.iter().filter(|edge| edge.is_up());
        let over = self.hub.clock(people::last_end(&self.plan.faults) + people::AFTERMATH);
        book.open().all(|incident| incident.suspected_at > over && incident.remedies.is_empty())
            && idle(&book.plan)
            && book.pending.keys().all(|id| matches!(id, EffectId::Review(_)))
            && edges.into_iter().all(|edge| idle(&edge.policy.plan()))
    }
}
