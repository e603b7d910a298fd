//! Many worlds: each with its twin, on as many threads as there are, and what they come to together.

use crate::apart::Counted;
use crate::harm::{self, Finding};
use crate::judge::Violation;
use crate::marks::Marks;
use crate::plan::Plan;
use crate::run::{Outcome, run, run_twin};
use crate::shrink::shrink;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Failing worlds that are made small; the others are counted.
const SHRUNK_MAX: usize = 12;

/// How many worlds.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// The first seed.
    pub from: u64,
    /// So many seeds.
    pub worlds: u64,
    /// On so many threads.
    pub threads: usize,
}

/// What many worlds came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Worlds, each of which also ran without automation.
    pub worlds: u64,
    /// Simulated time, twins included.
    pub simulated: Duration,
    /// Processor time that it took.
    pub took: Duration,
    /// Planned faults, in worlds and twins.
    pub faults: u64,
    /// What was reached.
    pub marks: Marks,
    /// Incidents that were opened.
    pub incidents: u64,
    /// How often as many incidents were told of as there were outages, where the world's truth leaves no doubt of that.
    pub counted: Counted,
    /// What users lost, with automation and without.
    pub lost: (f64, f64),
    /// Worlds in which users fared worse with automation than without, by it or by chance.
    pub suspected: u64,
    /// Of these, those that fare worse whatever the dice, because of what came after the automation acted.
    pub unlucky: u64,
    /// Worlds in which something did not hold, by seed.
    pub failures: Vec<Failure>,
}

/// A world in which something did not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What did not hold first.
    pub violation: Violation,
    /// The fewest faults that bring it about, by their numbers; `None` where it was not made small.
    pub keep: Option<Vec<usize>>,
}

/// A world that was looked at.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) world: Outcome,
    pub(crate) twin: Outcome,
    /// What the pair says of automation.
    pub(crate) finding: Finding,
    /// What did not hold, the first of each kind.
    pub(crate) found: Vec<Violation>,
}

impl Failure {
    /// The line that runs it again.
    pub fn replay(&self) -> String {
        let keep = self.keep.as_ref().map(|kept| {
            let kept: Vec<String> = kept.iter().map(usize::to_string).collect();
            format!(" --keep {}", if kept.is_empty() { "none".into() } else { kept.join(",") })
        });
        format!("cargo xtask sim world {}{}", self.seed, keep.unwrap_or_default())
    }
}

impl Tally {
    /// Simulated seconds in a second of one processor.
    pub fn speed(&self) -> f64 {
        self.simulated.as_secs_f64() / self.took.as_secs_f64().max(1e-9)
    }

    fn add(&mut self, plan: &Plan, examined: Examined) {
        let Examined { world, twin, finding, found } = examined;
        self.worlds += 1;
        self.suspected += u64::from(finding != Finding::NoWorse);
        self.unlucky += u64::from(matches!(finding, Finding::Unlucky(_)));
        self.simulated += world.simulated + twin.simulated;
        self.faults += (world.faults + twin.faults) as u64;
        self.incidents += world.incidents as u64;
        self.counted.add(plan, &world);
        self.lost.0 += world.lost();
        self.lost.1 += twin.lost();
        self.marks.add(&world.marks);
        self.marks.add(&twin.marks);
        self.failures.extend(found.into_iter().map(|violation| Failure { seed: plan.seed, violation, keep: None }));
    }
}

/// What does not hold in a world and its twin, the first of each kind.
pub(crate) fn examine(plan: &Plan) -> Examined {
    let world = run(plan);
    let twin = run_twin(plan, world.simulated);
    let mut found: Vec<Violation> = Vec::new();
    let finding = harm::finding(plan, &world, &twin);
    let harm = if let Finding::Harm(violation) = &finding { Some(violation) } else { None };
    for violation in world.violations.iter().chain(&twin.violations).chain(harm).cloned() {
        if !found.iter().any(|known| known.invariant == violation.invariant) {
            found.push(violation);
        }
    }
    Examined { world, twin, finding, found }
}

/// Runs worlds; `progress` is told how many are done, now and then.
pub fn campaign(extent: Extent, progress: &(dyn Fn(u64, &Tally) + Sync)) -> Tally {
    let next = AtomicU64::new(extent.from);
    let stop = AtomicBool::new(false);
    let all = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..extent.threads.max(1) {
            scope.spawn(|| work(extent, &next, &stop, &all, progress));
        }
    });
    let mut tally = all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.failures.sort_by_key(|failure| failure.seed);
    for failure in tally.failures.iter_mut().take(SHRUNK_MAX) {
        failure.keep = Some(shrink(&Plan::of(failure.seed), &failure.violation.invariant));
    }
    tally
}

/// Processor time of this thread: what else the machine does is left out.
pub(crate) fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    // Neither is ever below zero.
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

fn work(
    extent: Extent,
    next: &AtomicU64,
    stop: &AtomicBool,
    all: &Mutex<Tally>,
    progress: &(dyn Fn(u64, &Tally) + Sync),
) {
    while !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= extent.from + extent.worlds {
            return;
        }
        let start = processor_time();
        let plan = Plan::of(seed);
        let examined = examine(&plan);
        let took = processor_time().saturating_sub(start);
        let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.add(&plan, examined);
        all.took += took;
        progress(all.worlds, &all);
    }
}
