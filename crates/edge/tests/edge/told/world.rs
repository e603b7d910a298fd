//! A world in virtual time around one edge's decisions: three replicas that fare as they are told, and clients that ask.
//!
//! It does with events what the live edge does with sockets, in the order that `downbeat_edge::policy` asks for.

use downbeat_core::model::{FailureKind, Name, RollUp};
use downbeat_edge::policy::{
    Answered, Attempt, Choice, ComponentId, EdgePolicy, Network, Overtaken, Part, Repetition, ReplicaId, Seat, Silence,
    Silent, Told, Tries, What, is_passing,
};
use downbeat_edge::{Balance, ComponentSettings, EdgeSettings, MAX_IN_FLIGHT, ReplicaSettings, SLOW, WEIGHT};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

/// How a replica fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Well,
    /// Nobody listens.
    Dead,
    /// It takes requests and says nothing.
    Hanging,
    /// It answers after two seconds.
    Slow,
    /// It answers 500 to everything.
    Failing,
}

const REPLICAS: [&str; 3] = ["eu-1", "us-1", "ap-1"];
const COMPONENTS: [&str; 2] = ["playback", "login"];
const CLIENTS: Network = Network::V4([10, 0, 0]);
const SECOND: Duration = Duration::from_secs(1);
/// B5 is about this long.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Second,
    Arrival(usize),
    /// The end of an attempt, by the number of its request and its own.
    Ended(u64, u32),
    Hedge(u64),
    Deadline(u64),
    /// An overtaken attempt of a replica that began so long after the start is heard out.
    Straggler(u64),
}

#[derive(Debug)]
struct Lane {
    number: u32,
    attempt: Attempt,
    seat: Seat,
    since: Instant,
    silence: Option<Silence>,
}

#[derive(Debug)]
struct Request {
    component: ComponentId,
    client: u64,
    times: u32,
    since: Instant,
    deadline: Instant,
    hedge_after: Duration,
    tries: Tries,
    tried: Vec<ReplicaId>,
    lanes: Vec<Lane>,
    /// A bad answer, to be handed on for want of a better one.
    spare: Option<u16>,
    last: FailureKind,
}

/// What was seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) roll_ups: Vec<String>,
    pub(crate) newest: Option<RollUp>,
    /// Requests that failed for their clients, by the second since the start.
    pub(crate) failed: BTreeMap<u64, u32>,
    /// Attempts at each replica in the last second.
    pub(crate) chosen: BTreeMap<ReplicaId, u32>,
    requests: VecDeque<(Instant, u32)>,
    extras: VecDeque<(Instant, u32)>,
}

pub(crate) struct World {
    pub(crate) edge: EdgePolicy,
    pub(crate) health: [Health; 3],
    pub(crate) replicas: Vec<ReplicaId>,
    pub(crate) seen: Seen,
    components: Vec<ComponentId>,
    start: Instant,
    now: Instant,
    queue: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    requests: BTreeMap<u64, Request>,
    stragglers: BTreeMap<u64, Lane>,
    numbers: u64,
    chance: u64,
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

pub(crate) fn settings() -> EdgeSettings {
    let mut settings = EdgeSettings::new(name("edge"), "127.0.0.1:0".parse().expect("an address"), "data".into());
    settings.replicas = (REPLICAS.iter())
        .map(|replica| ReplicaSettings {
            name: name(replica),
            region: name(&replica[..2]),
            version: None,
            url: "http://127.0.0.1:9".into(),
            weight: WEIGHT,
            max_in_flight: MAX_IN_FLIGHT,
        })
        .collect();
    settings.components = (COMPONENTS.iter())
        .map(|component| ComponentSettings {
            name: name(component),
            priority: 0,
            slow: SLOW,
            replicas: REPLICAS.map(name).to_vec(),
            balance: Balance::LeastLoaded,
            per_second: None,
            network_per_second: None,
            cache: None,
            features: Vec::new(),
        })
        .collect();
    settings
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let start = Instant::now();
        let edge = EdgePolicy::new(settings(), seed, start).expect("good settings");
        let components = COMPONENTS.iter().map(|c| edge.component(&name(c)).expect("configured")).collect();
        let replicas = REPLICAS.iter().map(|r| edge.replica(&name(r)).expect("configured")).collect();
        let mut world = Self {
            edge,
            health: [Health::Well; 3],
            replicas,
            seen: Seen::default(),
            components,
            start,
            now: start,
            queue: BinaryHeap::new(),
            requests: BTreeMap::new(),
            stragglers: BTreeMap::new(),
            numbers: 0,
            chance: seed,
        };
        world.at(start + SECOND, Event::Second);
        for component in 0..COMPONENTS.len() {
            world.at(start, Event::Arrival(component));
        }
        world
    }

    /// The second since the start.
    pub(crate) fn second(&self) -> u64 {
        (self.now - self.start).as_secs()
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// The edge's process dies, and the next one starts. Its requests die with it.
    pub(crate) fn restart(mut self) -> Self {
        self.requests.clear();
        self.stragglers.clear();
        self.edge = self.edge.restart(self.now);
        self
    }

    /// Lives until another second is over.
    pub(crate) fn live_a_second(&mut self) {
        self.seen.chosen.clear();
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            self.now = at;
            match event {
                Event::Second => return self.second_over(),
                Event::Arrival(component) => self.arrival(component),
                Event::Ended(request, lane) => self.ended(request, lane),
                Event::Hedge(request) => self.hedge(request),
                Event::Deadline(request) => self.deadline(request),
                Event::Straggler(number) => self.hear_out(number),
            }
        }
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.numbers += 1;
        self.queue.push(Reverse((at, self.numbers, event)));
    }

    /// A number below `below`: Knuth's MMIX generator.
    fn draw(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % below
    }

    fn second_over(&mut self) {
        for (replica, health) in self.replicas.clone().into_iter().zip(self.health) {
            let outcome = match health {
                Health::Well | Health::Slow => Ok(200),
                Health::Dead => Err(FailureKind::Refused),
                Health::Hanging => Err(FailureKind::Late),
                Health::Failing => Err(FailureKind::Status),
            };
            self.edge.check_ended(replica, outcome, self.now);
        }
        let roll_up = self.edge.roll_up(self.now);
        self.seen.roll_ups.push(serde_json::to_string(&roll_up).expect("a roll-up can be written"));
        self.seen.newest = Some(roll_up);
        self.at(self.now + SECOND, Event::Second);
    }

    fn arrival(&mut self, which: usize) {
        let (component, client, times) = (self.components[which], self.draw(500), 1 + self.draw(4) as u32);
        let pause = Duration::from_millis(20 + self.draw(60));
        self.at(self.now + pause, Event::Arrival(which));
        let let_in = self.edge.admit(What { component, feature: None }, CLIENTS, times, self.now).granted;
        self.seen.requests.push_back((self.now, let_in));
        self.edge.requested(component, let_in, self.now);
        self.numbers += 1;
        let (number, deadline) = (self.numbers, self.now + self.edge.settings().retry.first_byte);
        let request = Request {
            component,
            client,
            times: let_in,
            since: self.now,
            deadline,
            hedge_after: self.edge.hedge_after(component),
            tries: self.edge.tries(),
            tried: Vec::new(),
            lanes: Vec::new(),
            spare: None,
            last: FailureKind::Unreachable,
        };
        self.requests.insert(number, request);
        self.at(deadline, Event::Deadline(number));
        self.start(number);
    }

    /// Begins an attempt, if there is anybody to ask. True when it did.
    fn start(&mut self, number: u64) -> bool {
        let Some(request) = self.requests.get_mut(&number) else { return false };
        let Request { component, client, times, .. } = *request;
        let Choice::Replica(seat) =
            self.edge.choose(component, client, (&request.tried, Repetition::Allowed), times, self.now)
        else {
            return false;
        };
        let replica = seat.replica();
        *self.seen.chosen.entry(replica).or_default() += times;
        request.tries.begin();
        request.tried.push(replica);
        let lane = request.tries.started();
        let attempt = Attempt { component, replica, times };
        request.lanes.push(Lane { number: lane, attempt, seat, since: self.now, silence: None });
        let hedge_at = self.now + request.hedge_after;
        let takes = match self.health[self.place(replica)] {
            Health::Well | Health::Failing => Some(Duration::from_millis(5 + self.draw(20))),
            Health::Dead => Some(Duration::from_millis(1)),
            Health::Slow => Some(Duration::from_secs(2)),
            Health::Hanging => None,
        };
        if let Some(takes) = takes {
            self.at(self.now + takes, Event::Ended(number, lane));
        }
        self.at(hedge_at, Event::Hedge(number));
        true
    }

    fn place(&self, replica: ReplicaId) -> usize {
        self.replicas.iter().position(|r| *r == replica).expect("one of the three")
    }

    fn ended(&mut self, number: u64, lane: u32) {
        let Some(request) = self.requests.get_mut(&number) else { return };
        let Some(at) = request.lanes.iter().position(|l| l.number == lane) else { return };
        let lane = request.lanes.remove(at);
        let took = self.now - lane.since;
        match self.health[self.place(lane.attempt.replica)] {
            Health::Dead => self.attempt_failed(number, lane, FailureKind::Refused),
            Health::Hanging => self.attempt_failed(number, lane, FailureKind::Reset),
            Health::Failing => self.head_came(number, lane, took, 500),
            Health::Well | Health::Slow => self.head_came(number, lane, took, 200),
        }
    }

    fn attempt_failed(&mut self, number: u64, lane: Lane, kind: FailureKind) {
        let attempt = lane.attempt;
        self.edge.attempt_failed(attempt, Part::Head, kind, self.now);
        self.over(lane);
        let Some(request) = self.requests.get_mut(&number) else { return };
        request.last = kind;
        if kind == FailureKind::Refused {
            request.tries.was_unsent();
            let goes_on = request.tries.may_go_on();
            if !(goes_on && self.start(number)) {
                self.conclude(number);
            }
        } else {
            self.retry(number, attempt);
        }
    }

    fn head_came(&mut self, number: u64, lane: Lane, first_byte: Duration, status: u16) {
        let attempt = lane.attempt;
        self.edge.head_came(attempt, first_byte, status, self.now);
        self.over(lane);
        let Some(request) = self.requests.get_mut(&number) else { return };
        if is_passing(status) {
            request.spare = Some(status);
            return self.retry(number, attempt);
        }
        let request = self.requests.remove(&number).expect("it is there");
        self.answer(&request, request.times, Told::answer(status));
        self.edge.body_good(attempt, 100_000, Duration::from_millis(3), self.now);
        for lane in request.lanes {
            let silent = Silent { lasted: self.now - lane.since, hedge_after: request.hedge_after };
            match self.edge.overtaken(lane.attempt, silent, first_byte, self.now) {
                Overtaken::Dropped => self.over(lane),
                Overtaken::HeardOut => {
                    self.numbers += 1;
                    let number = self.numbers;
                    self.at(lane.since + EdgePolicy::HEARD_OUT, Event::Straggler(number));
                    self.stragglers.insert(number, lane);
                }
            }
        }
    }

    fn hear_out(&mut self, number: u64) {
        let Some(lane) = self.stragglers.remove(&number) else { return };
        self.edge.attempt_failed(lane.attempt, Part::Head, FailureKind::Late, self.now);
        self.over(lane);
    }

    fn retry(&mut self, number: u64, failed: Attempt) {
        let Some(request) = self.requests.get(&number) else { return };
        let (deadline, times) = (request.deadline, request.times);
        let may = request.tries.may_go_on();
        let again = if may { self.edge.may_retry(failed, deadline, self.now) } else { 0 };
        self.go_on(number, times, again);
    }

    /// So many of a request's kind are tried again, the others are not.
    fn go_on(&mut self, number: u64, times: u32, again: u32) {
        self.seen.extras.push_back((self.now, again));
        if again > 0 && again < times {
            let mut request = self.requests.remove(&number).expect("it is there");
            self.answer(&request, times - again, told(&request));
            request.times = again;
            self.requests.insert(number, request);
        }
        if again == 0 || !self.start(number) {
            self.conclude(number);
        }
    }

    fn hedge(&mut self, number: u64) {
        let Some(request) = self.requests.get_mut(&number) else { return };
        let (hedge_after, deadline, tries) = (request.hedge_after, request.deadline, request.tries);
        let [lane] = &mut request.lanes[..] else { return };
        let silent = Silent { lasted: self.now - lane.since, hedge_after };
        if silent.lasted < hedge_after {
            return;
        }
        let attempt = lane.attempt;
        if lane.silence.is_none() {
            lane.silence = Some(self.edge.silent(attempt));
        }
        self.at(self.now + hedge_after, Event::Hedge(number));
        let may = if tries.may_go_on() { self.edge.may_hedge(attempt, silent, deadline, self.now) } else { 0 };
        self.seen.extras.push_back((self.now, may));
        if may == attempt.times && self.start(number) {
            let lane = self.requests.get(&number).and_then(|r| r.lanes.last()).expect("it has begun");
            self.edge.hedged(lane.attempt);
        }
    }

    fn deadline(&mut self, number: u64) {
        let Some(mut request) = self.requests.remove(&number) else { return };
        for lane in std::mem::take(&mut request.lanes) {
            self.edge.attempt_failed(lane.attempt, Part::Head, FailureKind::Late, self.now);
            self.over(lane);
        }
        request.last = FailureKind::Late;
        self.answer(&request, request.times, told(&request));
    }

    /// Answers a request for which nobody is asked any more.
    fn conclude(&mut self, number: u64) {
        if self.requests.get(&number).is_some_and(|request| request.lanes.is_empty()) {
            let request = self.requests.remove(&number).expect("it is there");
            self.answer(&request, request.times, told(&request));
        }
    }

    fn answer(&mut self, request: &Request, times: u32, told: Told) {
        let (took, retried) = (self.now - request.since, request.tries.started() > 1);
        let answered = Answered { component: request.component, network: CLIENTS, told, took, retried, times };
        self.edge.answered(answered, self.now);
        if told.failure.is_some() {
            *self.seen.failed.entry((self.now - self.start).as_secs()).or_default() += times;
        }
    }

    fn over(&mut self, lane: Lane) {
        if let Some(silence) = lane.silence {
            self.edge.heard(silence);
        }
        self.edge.give_back(lane.seat, self.now);
    }

    /// Requests and extra attempts of the last ten seconds.
    pub(crate) fn budget(&mut self) -> (u32, u32) {
        let now = self.now;
        let recent = |all: &mut VecDeque<(Instant, u32)>| {
            all.retain(|(at, _)| now - *at <= WINDOW);
            all.iter().map(|(_, times)| times).sum()
        };
        (recent(&mut self.seen.requests), recent(&mut self.seen.extras))
    }

    /// Replicas that the edge sends something to.
    pub(crate) fn left(&self) -> usize {
        self.replicas.iter().filter(|r| !self.edge.is_ejected(**r, self.now)).count()
    }
}

fn told(request: &Request) -> Told {
    request.spare.map_or(Told::unanswered(request.last), Told::answer)
}
