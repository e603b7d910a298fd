//! Did automation do harm (A18)? Users must not lose more with it than without.
//!
//! Two worlds in which the very same things go wrong differ by chance as well: who asks when, which request meets the failing
//! one of two replicas, whether a queue tips over. Without any automation, one pair of throws in twenty-five differs by
//! more than 1 % of what was asked for. So a pair only raises the suspicion. What it comes to is said by sixteen more pairs: the
//! same outage with other throws of the dice; users fare worse when the mean loss is above 1 % of what they asked for by more
//! than twice its standard error.
//!
//! Then there are the blows that fall after an action, and of which nobody could know when it was taken: the last other replica
//! dies a second after a restart was begun. Among many worlds are some in which they fall just so. An action is taken for what
//! may come, not for what comes, so it is judged once more with what goes wrong after it at other moments. Is it no
//! worse then, the world was an *unlucky* one; else automation did harm.

use crate::judge::Violation;
use crate::plan::Plan;
use crate::run::{Outcome, run, run_twin};
use std::time::Duration;

/// Automation may cost users no more than this share of all that they asked for.
const SHARE: f64 = 0.01;
/// And one pair of worlds no more than so many requests besides.
const FLOOR: f64 = 30.0;
/// So many other throws decide.
const THROWS: u64 = 16;
/// The mean has to be above what is allowed by so many standard errors.
const ERRORS: f64 = 2.0;

/// What one pair of worlds came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    /// Users lost so many requests with automation; a second of silence counts as one.
    pub(crate) with: f64,
    /// And so many without.
    pub(crate) without: f64,
    /// Of so many that they asked for.
    pub(crate) asked: f64,
}

/// What a world and its twin say of automation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Users fared no worse with it.
    NoWorse,
    /// They fared worse in this one pair, and not with other throws of the dice.
    Chance,
    /// They fare worse when all falls just so after it acted, and not when it falls at other moments.
    Unlucky(String),
    /// It does harm.
    Harm(Violation),
}

impl Pair {
    /// The pair of a world and its twin.
    pub(crate) fn of(world: &Outcome, twin: &Outcome) -> Self {
        let asked = (twin.toll.served + twin.toll.lost) as f64;
        Self { with: world.lost(), without: twin.lost(), asked }
    }

    /// True when users fared so much worse that it has to be looked into.
    pub(crate) fn is_suspicious(self) -> bool {
        self.with > self.without + SHARE * self.asked + FLOOR
    }

    fn excess(self) -> f64 {
        self.with - self.without - SHARE * self.asked
    }

    /// The same in words.
    pub(crate) fn says(self) -> String {
        let Self { with, without, asked } = self;
        format!("users lost {with:.0} with automation and {without:.0} without, of {asked:.0}")
    }
}

/// What is to be said of a world and its twin.
pub(crate) fn finding(plan: &Plan, world: &Outcome, twin: &Outcome) -> Finding {
    if !Pair::of(world, twin).is_suspicious() {
        return Finding::NoWorse;
    }
    let Some(same) = worse((1..=THROWS).map(|throw| plan.with_other_dice(throw))) else { return Finding::Chance };
    // Where nothing was begun, nothing is later.
    let acted = world.acted_at.unwrap_or(Duration::MAX);
    match worse((1..=THROWS).map(|throw| plan.with_other_dice(throw).with_other_moments(acted, throw))) {
        None => Finding::Unlucky(same.says()),
        Some(_) => Finding::Harm(Violation {
            invariant: "A18".into(),
            at_s: world.simulated.as_secs(),
            what: format!("in {THROWS} throws of the dice, {} on average", same.says()),
        }),
    }
}

/// The same outage with other throws of the dice, each with automation and without.
pub(crate) fn throws(plan: &Plan) -> impl Iterator<Item = (Outcome, Outcome)> {
    (1..=THROWS).map(|throw| pair(&plan.with_other_dice(throw)))
}

fn pair(plan: &Plan) -> (Outcome, Outcome) {
    let world = run(plan);
    let twin = run_twin(plan, world.simulated);
    (world, twin)
}

/// What these worlds come to on average, when users fare worse with automation.
fn worse(plans: impl Iterator<Item = Plan>) -> Option<Pair> {
    let pairs: Vec<Pair> = plans.map(|plan| pair(&plan)).map(|(world, twin)| Pair::of(&world, &twin)).collect();
    let n = pairs.len() as f64;
    let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let middle = mean(&|pair| pair.excess());
    let error = (mean(&|pair| (pair.excess() - middle).powi(2)) / (n - 1.0)).sqrt();
    let average = Pair { with: mean(&|p| p.with), without: mean(&|p| p.without), asked: mean(&|p| p.asked) };
    (middle > ERRORS * error).then_some(average)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_suspected_beyond_one_in_a_hundred() {
        let pair = |with, without| Pair { with, without, asked: 5_000.0 };
        assert!(!pair(180.0, 100.0).is_suspicious());
        assert!(pair(181.0, 100.0).is_suspicious());
        assert!(!pair(10.0, 900.0).is_suspicious());
    }
}
