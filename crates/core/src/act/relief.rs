//! Did it help, and may the next step back be taken? Reads the counts since an action.

use crate::model::{FailureKind, Ledger, Moment, Name, Remedy, Route, Tally, Topology, TrafficPlan};

/// A crowd is turned away when more than this share of its requests fails.
const SHED_FROM: f64 = 0.5;
/// Users count as served while no more than this share of their requests fails.
const FAILED_MAX: f64 = 0.02;
/// And while no more than this share of the attempts fails at the replicas that are left.
const ATTEMPTS_MAX: f64 = 0.05;
/// And while no more than this share of the answers is slow.
const SLOW_MAX: f64 = 0.25;
/// A step of the way back has failed when more than this share of what its targets did has failed in a way that only
/// the service can cause; one failure alone is none.
const STEP_HARD: (u64, f64) = (2, 0.05);
/// The same for what a busy machine can cause: late, stalled, unreachable.
const STEP_SOFT: (u64, f64) = (5, 0.15);
/// A network that asks less than this many times its cap floods no more.
const FLOOD_OVER: f64 = 2.0;
/// A crowd below this many times the usual is none any more.
const CROWD_OVER: f64 = 1.5;
/// A shed that turns away no more than this share of the requests turns nobody away.
const TURNED_AWAY_MAX: f64 = 0.02;

/// What was seen since an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Too little was seen to tell.
    Open,
    /// Users are served.
    Relief(String),
    /// They are not.
    None(String),
}

/// Judges what clients and the remaining replicas met within `[from, to)` under a plan.
pub fn effect(ledger: &Ledger, from: Moment, to: Moment, plan: &TrafficPlan) -> Effect {
    let clients = owed_to_clients(ledger, from, to, plan, |_| true);
    let mut attempts = Tally::default();
    for ((component, replica), tally) in ledger.attempts(from, to).iter() {
        if plan.share(replica, component).as_ratio() > 0.0 {
            attempts.add(tally);
        }
    }
    if clients.total == 0 {
        return Effect::Open;
    }
    let share = |bad: u64, total: u64| bad as f64 / total.max(1) as f64;
    let (failed, broken) = (share(clients.failed(), clients.total), share(attempts.failed(), attempts.total));
    let slow = share(attempts.slow, attempts.total);
    let seen = format!(
        "{:.1} % of {} requests failed, {:.1} % of {} attempts, {:.0} % slow",
        failed * 100.0,
        clients.total,
        broken * 100.0,
        attempts.total,
        slow * 100.0
    );
    // What a shed lets in fills all that there is: answers are slow then, and replicas that are full send some on to others.
    let at_ease = broken <= ATTEMPTS_MAX && slow <= SLOW_MAX;
    let good = failed <= FAILED_MAX && (at_ease || !plan.sheds.is_empty());
    if good { Effect::Relief(seen) } else { Effect::None(seen) }
}

/// True when so many clients of some components fail within `[from, to)` that turning some away can only help: edges see by
/// themselves to it that what can be served is. Found in the simulated world: from a third to a half of them is best, and with
/// a fiftieth sheds did more harm than good there.
pub fn most_clients_fail(
    ledger: &Ledger,
    from: Moment,
    to: Moment,
    plan: &TrafficPlan,
    wanted: impl Fn(&Name) -> bool,
) -> bool {
    let clients = owed_to_clients(ledger, from, to, plan, wanted);
    clients.failed() as f64 > SHED_FROM * clients.total as f64
}

/// What clients of some components met, but for networks under a limit.
fn owed_to_clients(
    ledger: &Ledger,
    from: Moment,
    to: Moment,
    plan: &TrafficPlan,
    wanted: impl Fn(&Name) -> bool,
) -> Tally {
    let mut clients = Tally::default();
    for ((component, network), tally) in ledger.clients(from, to).iter() {
        if wanted(component) && !plan.limits.iter().any(|l| l.network == *network) {
            clients.add(&served(tally, plan.sheds.iter().any(|s| s.component == *component)));
        }
    }
    clients
}

/// What the service owed: refused credentials and what a remedy refuses on purpose are not failures of it.
fn served(tally: &Tally, shed: bool) -> Tally {
    let mut owed = tally.owed();
    if shed {
        owed.total -= owed.failures.remove(FailureKind::Shed);
    }
    owed
}

/// What the targets of a remedy did within `[from, to)`: attempts, checks, look-ups or admitted requests.
pub fn targets(ledger: &Ledger, from: Moment, to: Moment, remedy: &Remedy, topology: &Topology) -> Tally {
    let mut sum = Tally::default();
    match &remedy.route {
        Route::Away { replicas, .. } => sum = of_replicas(ledger, from, to, replicas),
        Route::Admit { components, .. } => {
            let clients = ledger.clients(from, to);
            clients.iter().filter(|((c, _), _)| components.contains(c)).for_each(|(_, t)| sum.add(&served(t, true)));
        }
        Route::Cap { network, .. } => {
            let clients = ledger.clients(from, to);
            clients.iter().filter(|((_, n), _)| n == network).for_each(|(_, t)| sum.add(&served(t, false)));
        }
        Route::Hold { hosts } => {
            let in_hold =
                |region: &Name| topology.in_region(region).any(|r| r.host.as_ref().is_some_and(|h| hosts.contains(h)));
            ledger.lookups(from, to).iter().filter(|(region, _)| in_hold(region)).for_each(|(_, t)| sum.add(t));
        }
    }
    sum
}

/// Attempts at some replicas, and checks of them.
fn of_replicas(ledger: &Ledger, from: Moment, to: Moment, replicas: &[Name]) -> Tally {
    let mut sum = Tally::default();
    ledger.attempts(from, to).iter().filter(|((_, r), _)| replicas.contains(r)).for_each(|(_, t)| sum.add(t));
    ledger.checks(from, to).iter().filter(|((_, r), _)| replicas.contains(r)).for_each(|(_, t)| sum.add(t));
    sum
}

/// True when a step of the way back has gone wrong.
pub fn step_failed(seen: &Tally) -> bool {
    let soft: u64 = seen.failures.iter().filter(|(kind, _)| kind.is_soft()).map(|(_, n)| n).sum();
    let too_many = |n: u64, (least, share): (u64, f64)| n >= least && n as f64 > share * seen.total as f64;
    too_many(seen.failed() - soft, STEP_HARD) || too_many(seen.failed(), STEP_SOFT)
}

/// Is what made the remedy necessary over, judged within `[from, to)`?
pub fn healed(ledger: &Ledger, from: Moment, to: Moment, remedy: &Remedy, topology: &Topology) -> bool {
    let seen = targets(ledger, from, to, remedy, topology);
    let seconds = to.since(from).as_secs_f64().max(1.0);
    let came = |matches: &dyn Fn(&Name, &Name) -> bool| {
        let mut sum = Tally::default();
        ledger.clients(from, to).iter().filter(|((c, n), _)| matches(c, n)).for_each(|(_, t)| sum.add(t));
        sum
    };
    match &remedy.route {
        Route::Away { replicas, .. } => {
            // Of several, each: what answers, but mostly late, is not well yet.
            let late = |replica: &Name| {
                let seen = of_replicas(ledger, from, to, std::slice::from_ref(replica));
                seen.total > 0 && 2 * seen.slow >= seen.total
            };
            seen.total >= 3 && seen.failed() == 0 && !replicas.iter().any(late)
        }
        Route::Hold { .. } => seen.total >= 2 && seen.failed() == 0,
        Route::Cap { network, per_second: cap, .. } => {
            came(&|_, n| n == network).total as f64 / seconds <= FLOOD_OVER * f64::from(*cap)
        }
        Route::Admit { components, usual, .. } => {
            let crowd = came(&|c, _| components.contains(c));
            let turned_away = crowd.failures.of(FailureKind::Shed);
            // Where nobody knows what is usual, it has to be tried, step by step.
            turned_away as f64 <= TURNED_AWAY_MAX * crowd.total as f64
                || usual.is_none_or(|usual| crowd.total as f64 / seconds <= f64::from(usual) * CROWD_OVER + 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CauseKind, IncidentId, RemedyId, RemedyKind, Slice, Strength};
    use std::time::Duration;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn ledger(clients: &[(&str, u64, FailureKind, u64)]) -> Ledger {
        let mut ledger = Ledger::new(Duration::from_secs(60));
        for (component, total, kind, bad) in clients {
            let failures = if *bad == 0 { Default::default() } else { [(*kind, *bad)].into() };
            let tally = Tally { total: *total, slow: 0, failures };
            ledger.at(Moment::from_millis(0)).clients.of((name(component), name("n"))).add(&tally);
        }
        ledger
    }

    fn said(clients: &[(&str, u64, FailureKind, u64)], plan: &TrafficPlan) -> &'static str {
        match effect(&ledger(clients), Moment::from_millis(0), Moment::from_millis(1_000), plan) {
            Effect::Open => "open",
            Effect::Relief(_) => "relief",
            Effect::None(_) => "none",
        }
    }

    #[test]
    fn relief_is_what_users_meet() {
        let idle = TrafficPlan::default();
        assert_eq!(said(&[], &idle), "open");
        assert_eq!(said(&[("login", 100, FailureKind::Status, 1)], &idle), "relief");
        assert_eq!(said(&[("login", 100, FailureKind::Status, 9)], &idle), "none");
        assert_eq!(said(&[("login", 100, FailureKind::Denied, 60)], &idle), "relief", "a wrong password is no fault");
    }

    #[test]
    fn what_is_shed_on_purpose_is_no_failure() {
        let shed = crate::model::Shed {
            component: name("search"),
            admitted: crate::model::Strength::NONE,
            ttl_ms: 1,
            of: None,
        };
        let plan = TrafficPlan { sheds: vec![shed], ..TrafficPlan::default() };
        let crowd = [("search", 1_000, FailureKind::Shed, 900), ("login", 50, FailureKind::Shed, 0)];
        assert_eq!(said(&crowd, &plan), "relief");
        assert_eq!(said(&crowd, &TrafficPlan::default()), "none");
    }

    #[test]
    fn a_shed_is_over_when_it_turns_nobody_away_or_the_crowd_is_gone() {
        let shed = |usual| Remedy {
            id: RemedyId { incident: IncidentId(1), count: 1 },
            kind: RemedyKind::Shed,
            answers: CauseKind::Overload,
            slice: Slice::everywhere(),
            route: Route::Admit {
                components: vec![name("search")],
                floor: Strength::percent(20),
                of: None,
                usual,
                features: vec![],
            },
            actuation: None,
            predicted: String::new(),
            undo: String::new(),
            check_after: Duration::from_secs(6),
        };
        let over = |came, turned_away, usual| {
            let ledger = ledger(&[("search", came, FailureKind::Shed, turned_away)]);
            let (from, to) = (Moment::from_millis(0), Moment::from_millis(1_000));
            healed(&ledger, from, to, &shed(usual), &Topology::default())
        };
        assert!(!over(1_000, 700, Some(100)), "the crowd is there");
        assert!(over(1_000, 10, Some(100)), "it is there, and served");
        assert!(over(150, 70, Some(100)), "it is gone");
        assert!(over(1_000, 700, None), "nobody knows what is usual: it has to be tried");
    }

    #[test]
    fn one_failure_is_no_failed_step() {
        let seen = |total, kind, bad| Tally { total, slow: 0, failures: [(kind, bad)].into() };
        assert!(!step_failed(&seen(3, FailureKind::Reset, 1)));
        assert!(step_failed(&seen(30, FailureKind::Reset, 3)));
        assert!(!step_failed(&seen(300, FailureKind::Reset, 3)));
        assert!(!step_failed(&seen(27, FailureKind::Late, 2)), "a busy machine is late now and then");
        assert!(step_failed(&seen(27, FailureKind::Late, 9)));
    }
}
