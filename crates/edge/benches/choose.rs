//! What the edge's decisions cost, with all replicas well: time and allocations for choosing one (with its seat taken and
//! given back), for all that a request that goes well asks of them, and for a roll-up of a second in which every component
//! asked every replica. `cargo bench -p downbeat-edge`.

use divan::{AllocProfiler, Bencher, black_box};
use downbeat_core::model::Name;
use downbeat_edge::policy::{Answered, Attempt, Choice, ComponentId, EdgePolicy, Network, Repetition, Told, What};
use downbeat_edge::{Balance, ComponentSettings, EdgeSettings, MAX_IN_FLIGHT, ReplicaSettings, SLOW, WEIGHT};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const CLIENTS: Network = Network::V4([127, 66, 6]);
const FIRST_BYTE: Duration = Duration::from_micros(400);

fn main() {
    divan::main();
}

/// An edge, and the time that it is told.
struct World {
    edge: EdgePolicy,
    components: Vec<ComponentId>,
    now: Instant,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

impl World {
    /// So many replicas in three regions serve so many components; each has answered already.
    fn of(replicas: usize, components: usize) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut settings = EdgeSettings::new(name("bench"), listen, std::env::temp_dir());
        settings.replicas = (0..replicas).map(replica).collect();
        let names: Vec<Name> = settings.replicas.iter().map(|r| r.name.clone()).collect();
        settings.components = (0..components).map(|i| component(i, &names)).collect();
        let now = Instant::now();
        let edge = EdgePolicy::new(settings, 7, now).expect("good settings");
        let components = (0..components).filter_map(|i| edge.component(&name(&format!("c{i}")))).collect();
        let mut world = Self { edge, components, now };
        world.ask_everybody();
        world
    }

    fn ask_everybody(&mut self) {
        for component in self.components.clone() {
            for replica in self.edge.serving(component).to_vec() {
                let attempt = Attempt { component, replica, times: 1 };
                self.edge.head_came(attempt, FIRST_BYTE, 200, self.now);
                self.edge.answered(self.answer(component), self.now);
            }
        }
    }

    fn answer(&self, component: ComponentId) -> Answered {
        Answered { component, network: CLIENTS, told: Told::answer(200), took: FIRST_BYTE, retried: false, times: 1 }
    }

    /// All that is asked for a request that goes well, and that stands for so many.
    fn request(&mut self, times: u32) {
        let component = self.components[0];
        self.now += Duration::from_micros(50);
        black_box(self.edge.admit(What { component, feature: None }, CLIENTS, times, self.now));
        self.edge.requested(component, times, self.now);
        if let Choice::Replica(seat) = self.edge.choose(component, 1, (&[], Repetition::Allowed), times, self.now) {
            let attempt = Attempt { component, replica: seat.replica(), times };
            self.edge.head_came(attempt, FIRST_BYTE, 200, self.now);
            self.edge.answered(Answered { times, ..self.answer(component) }, self.now);
            self.edge.give_back(seat, self.now);
        }
    }
}

fn replica(i: usize) -> ReplicaSettings {
    ReplicaSettings {
        name: name(&format!("r{i}")),
        region: name(["eu", "us", "ap"][i % 3]),
        version: None,
        url: format!("http://127.0.0.1:{}", 9_000 + i),
        weight: WEIGHT,
        max_in_flight: MAX_IN_FLIGHT,
    }
}

fn component(i: usize, replicas: &[Name]) -> ComponentSettings {
    ComponentSettings {
        name: name(&format!("c{i}")),
        priority: 0,
        slow: SLOW,
        replicas: replicas.to_vec(),
        balance: Balance::LeastLoaded,
        per_second: None,
        network_per_second: None,
        cache: None,
        features: Vec::new(),
    }
}

#[divan::bench(args = [3, 6, 20])]
fn pick(bencher: Bencher<'_, '_>, replicas: usize) {
    let mut world = World::of(replicas, 1);
    bencher.bench_local(|| {
        let (edge, component, now) = (&mut world.edge, world.components[0], world.now);
        if let Choice::Replica(seat) = edge.choose(component, black_box(1), (&[], Repetition::Allowed), 1, now) {
            edge.give_back(seat, now);
        }
    });
}

#[divan::bench]
fn answer(bencher: Bencher<'_, '_>) {
    let mut world = World::of(3, 1);
    let (component, now) = (world.components[0], world.now);
    let replica = world.edge.serving(component)[1];
    bencher.bench_local(|| {
        world.edge.head_came(Attempt { component, replica, times: 1 }, black_box(FIRST_BYTE), 200, now);
    });
}

#[divan::bench(args = [1, 10, 100])]
fn request(bencher: Bencher<'_, '_>, times: u32) {
    let mut world = World::of(6, 5);
    bencher.bench_local(|| world.request(times));
}

#[divan::bench]
fn roll_up(bencher: Bencher<'_, '_>) {
    let world = std::cell::RefCell::new(World::of(6, 5));
    let input = || world.borrow_mut().ask_everybody();
    bencher.with_inputs(input).bench_local_values(|()| {
        let mut world = world.borrow_mut();
        let now = world.now;
        world.edge.roll_up(now)
    });
}
