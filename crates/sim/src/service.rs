//! The protected service: replicas with a queue, a speed, a warmth, a version, and what is wrong with them.
//!
//! A replica has so much work a second in it, and does many things at once: what comes waits only when more work lies there
//! than it does side by side. Work goes on for a request that nobody waits for any more, which is how overload feeds on itself. A
//! cold replica does a third of what a warm one does.

use crate::dice::Dice;
use crate::fault::Defect;
use crate::shape::{GOOD, Shape, name};
use crate::strains::Strains;
use crate::time::Time;
use downbeat_core::model::{FailureKind, Name};
use std::time::Duration;

/// A replica turns away what would have to wait for longer.
const QUEUE_MAX: Duration = Duration::from_millis(1_500);
/// From the first byte of a request to that of its answer, when nothing waits: at least this, and up to twice as much.
const BASE: Duration = Duration::from_millis(4);
/// So many bundles a replica serves side by side, and at least half a second's work.
const AT_ONCE: f64 = 8.0;
/// An edge gives a connection up after so long.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// An edge gives an answer up after so long.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// What a cold replica can do, of what a warm one can.
const COLD: f64 = 0.33;
/// Bundles until two thirds of the way from cold to warm.
const WARM_UP: f64 = 60.0;

/// The replicas.
#[derive(Debug)]
pub(crate) struct Service {
    replicas: Vec<Replica>,
    /// By component: true while what it needs is gone.
    pub(crate) dependency_gone: Vec<bool>,
    /// What stories bring about besides.
    pub(crate) strains: Strains,
    capacity: f64,
    at_once: Duration,
    dice: Dice,
}

/// One process.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) up: bool,
    /// Counts its starts.
    pub(crate) boot: u32,
    pub(crate) hung: bool,
    pub(crate) later: Duration,
    /// By component: the share of requests that fails, from 0 to 1.
    pub(crate) fails: Vec<f64>,
    /// What is left of its strength, from 0 to 1.
    pub(crate) strength: f64,
    pub(crate) version: Name,
    /// What is wrong with the version.
    pub(crate) defects: Vec<Defect>,
    /// What is wrong with the configuration.
    pub(crate) misconfigured: Vec<Defect>,
    /// The name of the configuration.
    pub(crate) config: Option<Name>,
    /// It dies at so many more requests.
    pub(crate) crashes: u8,
    warmth: f64,
    busy_until: Time,
}

/// What an attempt came to, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) at: Time,
    pub(crate) outcome: Result<(), FailureKind>,
}

/// What a bundle of requests asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) component: usize,
    /// How much work it is, against the usual.
    pub(crate) work: f64,
    /// It is refused.
    pub(crate) wrong_password: bool,
}

impl Service {
    pub(crate) fn new(seed: u64, shape: &Shape) -> Self {
        let replica = Replica {
            up: true,
            boot: 1,
            hung: false,
            later: Duration::ZERO,
            fails: vec![0.0; shape.components.len()],
            strength: 1.0,
            version: name(GOOD),
            defects: Vec::new(),
            misconfigured: Vec::new(),
            config: None,
            crashes: 0,
            warmth: 1.0,
            busy_until: Time::ZERO,
        };
        Self {
            replicas: vec![replica; shape.replicas.len()],
            dependency_gone: vec![false; shape.components.len()],
            strains: Strains::none(shape),
            capacity: shape.capacity,
            at_once: Duration::from_secs_f64((AT_ONCE / shape.capacity).max(0.5)),
            dice: Dice::stream(seed, 3),
        }
    }

    pub(crate) fn replica(&self, replica: usize) -> &Replica {
        &self.replicas[replica]
    }

    pub(crate) fn replica_mut(&mut self, replica: usize) -> &mut Replica {
        &mut self.replicas[replica]
    }

    /// A bundle of requests comes to a replica that the line reaches.
    pub(crate) fn serve(&mut self, replica: usize, what: Asked, now: Time) -> Reply {
        let Asked { component, work, wrong_password } = what;
        let gone = self.dependency_gone[component];
        let capacity = self.capacity;
        let it = &mut self.replicas[replica];
        if !it.up {
            return Reply { at: now + Duration::from_millis(1), outcome: Err(FailureKind::Refused) };
        }
        if it.hung {
            return Reply { at: now + ANSWER_TIMEOUT, outcome: Err(FailureKind::Late) };
        }
        if it.crashes > 0
            || defects(it).any(|d| matches!(d, Defect::Crashes(n) if self.dice.chance(1.0 / f64::from(n))))
        {
            it.crashes = it.crashes.saturating_sub(1);
            it.die();
            return Reply { at: now + BASE, outcome: Err(FailureKind::Reset) };
        }
        if self.strains.is_crowded(replica, now) {
            it.die();
            return Reply { at: now + BASE, outcome: Err(FailureKind::Reset) };
        }
        let begins = it.busy_until.max(now);
        let waits = begins.since(now).saturating_sub(self.at_once);
        if waits > QUEUE_MAX {
            return Reply { at: now + BASE, outcome: Err(FailureKind::Status) };
        }
        let speed = capacity * it.strength * (COLD + (1.0 - COLD) * it.warmth);
        let work = work * defects(it).map(cost).product::<f64>();
        it.busy_until = begins + Duration::from_secs_f64(work / speed.max(0.01));
        it.warmth += (1.0 - it.warmth) / WARM_UP;
        let at = now
            + waits
            + BASE.mul_f64(1.0 + self.dice.share())
            + it.later
            + self.strains.later[component]
            + defects(it).fold(Duration::ZERO, |sum, d| sum + later(d));
        if at.since(now) > ANSWER_TIMEOUT || defects(it).any(|d| d == Defect::Stalls(component)) {
            return Reply { at: now + ANSWER_TIMEOUT, outcome: Err(FailureKind::Late) };
        }
        let share = defects(it).map(|d| fails(d, component)).fold(it.fails[component], f64::max);
        let outcome = if gone || self.dice.chance(share) {
            Err(FailureKind::Status)
        } else if wrong_password {
            Err(FailureKind::Denied)
        } else {
            Ok(())
        };
        Reply { at, outcome }
    }

    /// What a health check, or a probe that walks through all components, finds.
    pub(crate) fn check(&self, replica: usize) -> Result<(), FailureKind> {
        let it = &self.replicas[replica];
        match it {
            _ if !it.up => Err(FailureKind::Refused),
            _ if it.hung => Err(FailureKind::Late),
            _ if self.strains.checks_fail[replica] => Err(FailureKind::Status),
            _ => Ok(()),
        }
    }

    /// What a probe that logs in and plays finds: how it failed, and at which component.
    pub(crate) fn journey(&mut self, replica: usize, now: Time) -> Result<(), (FailureKind, Option<usize>)> {
        self.check(replica).map_err(|kind| (kind, None))?;
        let it = &self.replicas[replica];
        let waits = it.busy_until.since(now).saturating_sub(self.at_once)
            + it.later
            + defects(it).fold(Duration::ZERO, |sum, d| sum + later(d));
        for component in 0..it.fails.len() {
            let share = defects(it).map(|d| fails(d, component)).fold(it.fails[component], f64::max);
            if self.dependency_gone[component] || self.dice.chance(share) {
                return Err((FailureKind::Status, Some(component)));
            }
            if defects(it).any(|d| d == Defect::Stalls(component)) {
                return Err((FailureKind::Stalled, Some(component)));
            }
        }
        if waits > QUEUE_MAX { Err((FailureKind::Late, None)) } else { Ok(()) }
    }
}

impl Replica {
    /// The process dies, with all that it was about to do.
    pub(crate) fn die(&mut self) {
        self.up = false;
        self.hung = false;
    }

    /// A process starts: cold, and with an empty queue.
    pub(crate) fn start(&mut self, now: Time) {
        self.up = true;
        self.hung = false;
        self.boot += 1;
        self.warmth = 0.0;
        self.busy_until = now;
    }

    /// Its caches are empty.
    pub(crate) fn cool(&mut self) {
        self.warmth = 0.0;
    }

    /// Another version, in a new process.
    pub(crate) fn run(&mut self, version: Name, defects: Vec<Defect>, now: Time) {
        self.version = version;
        self.defects = defects;
        self.start(now);
    }
}

fn defects(it: &Replica) -> impl Iterator<Item = Defect> + '_ {
    it.defects.iter().chain(&it.misconfigured).copied()
}

fn cost(defect: Defect) -> f64 {
    if let Defect::Costs(times) = defect { f64::from(times) } else { 1.0 }
}

fn later(defect: Defect) -> Duration {
    match defect {
        Defect::Slow(ms) => Duration::from_millis(ms),
        _ => Duration::ZERO,
    }
}

fn fails(defect: Defect, component: usize) -> f64 {
    match defect {
        Defect::Fails(of, percent) if of == component => f64::from(percent) / 100.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Pace;

    impl Asked {
        fn plainly(component: usize) -> Self {
            Self { component, work: 1.0, wrong_password: false }
        }
    }

    fn service() -> Service {
        Service::new(1, &Shape::draw(1, Pace::Demo))
    }

    #[test]
    fn a_replica_is_quick_until_there_is_too_much_and_then_turns_away_what_would_wait_too_long() {
        let mut service = service();
        let replies: Vec<Reply> = (0..200).map(|_| service.serve(0, Asked::plainly(0), Time::ZERO)).collect();
        assert!(replies[0].at < Time::ZERO + BASE * 2);
        assert!(replies.iter().any(|r| r.outcome == Ok(()) && r.at > Time::from_secs(1)));
        assert_eq!(replies[0].outcome, Ok(()));
        assert!(replies.iter().any(|r| r.outcome == Err(FailureKind::Status)));
    }

    #[test]
    fn each_fault_shows_in_its_own_way() {
        let mut service = service();
        let ask = |service: &mut Service| service.serve(0, Asked::plainly(1), Time::from_secs(9)).outcome;
        service.replica_mut(0).fails[1] = 1.0;
        assert_eq!((ask(&mut service), service.check(0)), (Err(FailureKind::Status), Ok(())));
        assert_eq!(service.journey(0, Time::from_secs(9)), Err((FailureKind::Status, Some(1))));
        service.replica_mut(0).hung = true;
        assert_eq!(ask(&mut service), Err(FailureKind::Late));
        service.replica_mut(0).die();
        assert_eq!((ask(&mut service), service.check(0)), (Err(FailureKind::Refused), Err(FailureKind::Refused)));
        service.replica_mut(0).start(Time::from_secs(10));
        assert!(service.check(0).is_ok());
    }

    #[test]
    fn a_cold_replica_does_a_third() {
        let served = |service: &mut Service| {
            let ask = |_: &i32| service.serve(0, Asked::plainly(0), Time::ZERO).outcome.is_ok();
            (0..200).filter(ask).count()
        };
        let (mut warm, mut cold) = (service(), service());
        cold.replica_mut(0).cool();
        let (warm, cold) = (served(&mut warm), served(&mut cold));
        assert!(cold * 2 < warm, "{cold} of {warm}");
    }
}
