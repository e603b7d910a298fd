//! `downbeat-bench confirm`: how soon, and how truly, Downbeat and others tell of a fault on one of three replicas.
//!
//! All of them watch the same three replicas in the same run, and each tells a receiver of ours by its own webhook: what
//! counts is when somebody would be called. The load comes through the edge. A fault is healed when all have called, or
//! after a while; then healthy traffic in bursts shows who calls for nothing.

mod course;
mod downbeat;
mod fault;
mod page;
mod prometheus;
mod receiver;
mod subject;
mod vigil;

use crate::load::tide::Tide;
use crate::measure::fleet::Fleet;
use crate::report::Machine;
use anyhow::{Context, Result, ensure};
use course::Course;
use fault::Fault;
use receiver::Receiver;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use subject::{Subject, Watcher};

/// Requests a second, but for bursts.
const RATE: u32 = 150;
/// An answer takes 5 to 15 ms: of one that takes none, what the machine adds by chance would be most, and the edge would
/// keep away from whoever was unlucky last.
const WORK_MS: u32 = 10;
/// Before the first fault everything gets to know what is usual, and the hub has looked for as long as it wants to.
const WARM_UP: Duration = Duration::from_secs(75);
/// A fault lasts at least so long, that one who calls again and again is seen.
const FAULT_MIN: Duration = Duration::from_secs(12);
/// Everybody has to be well again for so long before the next fault.
const CALM: Duration = Duration::from_secs(8);
/// After so long the next fault comes though somebody still calls the last one on; it is then not counted as cleared.
const CLEAR_MAX: Duration = Duration::from_secs(45);
/// A fault comes at any moment within this, so that it meets every phase of whoever looks once a second.
const PHASE_MS: u64 = 3000;
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);
/// A burst lasts so long, seconds.
const BURST_S: (u64, u64) = (1, 8);
/// A burst brings so many percent of the usual rate.
const BURST_PERCENT: (u64, u64) = (20, 400);

/// What to measure, and where everything is.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Times that each fault is done
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Minutes of healthy traffic in bursts, for false alarms
    #[arg(long, default_value_t = 2)]
    healthy_minutes: u64,
    /// Where the random phases and bursts begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Downbeat's program
    #[arg(long)]
    program: PathBuf,
    /// What it was built from
    #[arg(long, default_value = "of unknown origin")]
    revision: String,
    /// Vigil's program
    #[arg(long)]
    vigil: PathBuf,
    /// A folder for logs and configurations
    #[arg(long)]
    folder: PathBuf,
    /// The page to write; none is written without
    #[arg(long)]
    page: Option<PathBuf>,
}

/// What was measured.
struct Results {
    /// Who took part.
    subjects: Vec<(Subject, String)>,
    /// Who did not, and why.
    skipped: Vec<String>,
    /// Each fault in turn.
    faults: Vec<(Fault, Vec<Course>)>,
    /// Calls during health, by subject.
    false_alarms: Vec<(Subject, usize)>,
    healthy: Duration,
    /// Requests of the clients, and those that failed.
    clients: (u64, u64),
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0, "nothing comes of no rounds");
    std::fs::create_dir_all(&options.folder).context("create the folder")?;
    let machine = Machine::now(&options.revision);
    let mut world = World::start(options)?;
    eprintln!("warming up for {} s", WARM_UP.as_secs());
    sleep(WARM_UP);
    let mut faults = Vec::new();
    for round in 0..options.rounds {
        for fault in Fault::ALL {
            let courses = world.one(fault, round)?;
            eprintln!("round {}: {}: {}", round + 1, fault.words(), page::line(&world.subjects(), &courses));
            faults.push((fault, courses));
        }
    }
    world.settle()?;
    let healthy = Duration::from_secs(60 * options.healthy_minutes);
    eprintln!("{} minutes of health in bursts", options.healthy_minutes);
    let false_alarms = world.health(healthy);
    let results = Results {
        subjects: world.watchers.iter().map(|watcher| (watcher.subject, watcher.version.clone())).collect(),
        skipped: world.skipped.clone(),
        faults,
        false_alarms,
        healthy,
        clients: world.load.counts(),
    };
    let text = page::text(&results, &machine, &Machine::now(&options.revision).load);
    println!("{text}");
    options
        .page
        .as_ref()
        .map_or(Ok(()), |path| std::fs::write(path, text).with_context(|| format!("write {}", path.display())))
}

/// Replicas, those who watch them, and clients.
struct World {
    load: Tide,
    watchers: Vec<Watcher>,
    skipped: Vec<String>,
    receiver: Receiver,
    fleet: Fleet,
    /// The hub's address for operators.
    console: u16,
    chance: Chance,
}

impl World {
    fn start(options: &Options) -> Result<Self> {
        let fleet = Fleet::start_working(3, WORK_MS, &options.folder)?;
        let receiver = Receiver::start()?;
        let site = subject::Site { folder: &options.folder, replicas: fleet.ports(), receiver: receiver.port() };
        let ours = downbeat::start(&options.program, &site)?;
        let (mut watchers, mut skipped) = (vec![ours.watcher], Vec::new());
        let others = [prometheus::start(&site), vigil::start(&options.vigil, &site).map(|one| vec![one])];
        for (others, name) in others.into_iter().zip(["Prometheus and blackbox exporter", "Vigil"]) {
            match others {
                Ok(others) => watchers.extend(others),
                Err(error) => {
                    eprintln!("SKIP: {name}: {error:#}");
                    skipped.push(format!("{name}: {error:#}"));
                }
            }
        }
        let load = Tide::start(ours.edge, RATE)?;
        Ok(Self { load, watchers, skipped, receiver, fleet, console: ours.console, chance: Chance(options.seed) })
    }

    fn subjects(&self) -> Vec<Subject> {
        self.watchers.iter().map(|watcher| watcher.subject).collect()
    }

    /// One fault and its healing, as each of the watchers tells it.
    fn one(&mut self, fault: Fault, round: usize) -> Result<Vec<Course>> {
        self.settle()?;
        sleep(Duration::from_millis(self.chance.up_to(PHASE_MS)));
        let victim = round % self.fleet.ports().len();
        let subjects = self.subjects();
        let begun = Instant::now();
        fault.inflict(&mut self.fleet, victim)?;
        let all = |told: fn(&Course) -> bool| {
            let messages = self.receiver.messages();
            subjects.iter().all(|subject| told(&Course::of(*subject, &messages, begun, None)))
        };
        while begun.elapsed() < FAULT_MIN || (begun.elapsed() < fault.lasts() && !all(|course| course.called.is_some()))
        {
            sleep(POLL);
        }
        fault.heal(&mut self.fleet, victim)?;
        let healed = Instant::now();
        let courses = || -> Vec<Course> {
            let messages = self.receiver.messages();
            subjects.iter().map(|subject| Course::of(*subject, &messages, begun, Some(healed))).collect()
        };
        // Those who flap clear and call again; so it is watched for a while after the last word.
        while healed.elapsed() < CLEAR_MAX && !courses().iter().all(Course::is_over) {
            sleep(POLL);
        }
        sleep(CALM);
        Ok(courses())
    }

    /// Closes what Downbeat still watches, so that the next fault is another incident, and waits until all is quiet.
    fn settle(&mut self) -> Result<()> {
        for incident in receiver::incidents(&self.receiver.messages()) {
            downbeat::resolve(self.console, incident)?;
        }
        let deadline = Instant::now() + CLEAR_MAX;
        while self.receiver.quiet_for() < CALM && Instant::now() < deadline {
            sleep(POLL);
        }
        Ok(())
    }

    /// Healthy traffic in bursts; every call is a false alarm.
    fn health(&mut self, lasts: Duration) -> Vec<(Subject, usize)> {
        let begun = Instant::now();
        while begun.elapsed() < lasts {
            let percent = BURST_PERCENT.0 + self.chance.up_to(BURST_PERCENT.1 - BURST_PERCENT.0);
            self.load.set((u64::from(RATE) * percent / 100) as u32);
            let burst = BURST_S.0 * 1000 + self.chance.up_to((BURST_S.1 - BURST_S.0) * 1000);
            sleep(Duration::from_millis(burst).min(lasts.saturating_sub(begun.elapsed())));
        }
        self.load.set(RATE);
        let messages = self.receiver.messages();
        let calls = |subject: Subject| Course::of(subject, &messages, begun, None).calls;
        self.subjects().into_iter().map(|subject| (subject, calls(subject))).collect()
    }
}

/// Numbers by chance from a seed: Marsaglia's xorshift64.
struct Chance(u64);

impl Chance {
    /// From 0 to below the bound.
    fn up_to(&mut self, bound: u64) -> u64 {
        // A state of zero would stay zero.
        let mut state = if self.0 == 0 { 1 } else { self.0 };
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0 = state;
        (state >> 24) % bound
    }
}
