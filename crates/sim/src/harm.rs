//! Did automation do harm (A18)? Users must not lose more with it than without.
//!
//! Two worlds in which the very same things go wrong differ by chance as well: who asks when, which request meets the failing
//! one of two replicas, whether a queue tips over. Without any automation, one pair of throws in twenty-five differs by
//! more than 1 % of what was asked for. So a pair only raises the suspicion; the verdict is that of the same outage with sixteen other
//! throws of the dice, each with automation and without: harm is a mean loss above 1 % of what users asked for by more
//! than twice its standard error.

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

/// What one pair of worlds says of automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// Users fared no worse with it.
    None,
    /// They fared worse, by it or by chance.
    Harm,
}

impl Pair {
    /// The pair of a world and its twin.
    pub(crate) fn of(world: &Outcome, twin: &Outcome) -> Self {
        let asked = (twin.toll.served + twin.toll.lost) as f64;
        Self { with: world.lost(), without: twin.lost(), asked }
    }

    /// What it says by itself.
    pub(crate) fn suspicion(self) -> Suspicion {
        let allowed = self.without + SHARE * self.asked + FLOOR;
        if self.with > allowed { Suspicion::Harm } else { Suspicion::None }
    }

    /// The same in words.
    pub(crate) fn says(self) -> String {
        let Self { with, without, asked } = self;
        format!("users lost {with:.0} with automation and {without:.0} without, of {asked:.0}")
    }
}

/// The verdict on a suspected world.
pub(crate) fn verdict(plan: &Plan) -> Option<Violation> {
    let pairs: Vec<(Pair, Duration)> = (1..=THROWS)
        .map(|throw| {
            let plan = plan.with_other_dice(throw);
            let world = run(&plan);
            let twin = run_twin(&plan, world.simulated);
            (Pair::of(&world, &twin), world.simulated)
        })
        .collect();
    let n = pairs.len() as f64;
    let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(|(pair, _)| of(pair)).sum::<f64>() / n;
    let excess = |pair: &Pair| pair.with - pair.without - SHARE * pair.asked;
    let middle = mean(&excess);
    let error = (mean(&|pair| (excess(pair) - middle).powi(2)) / (n - 1.0)).sqrt();
    let average = Pair { with: mean(&|p| p.with), without: mean(&|p| p.without), asked: mean(&|p| p.asked) };
    (middle > ERRORS * error).then(|| Violation {
        invariant: "A18".into(),
        at_s: pairs.last().map_or(0, |(_, simulated)| simulated.as_secs()),
        what: format!("in {THROWS} throws of the dice, {} on average", average.says()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_suspected_beyond_one_in_a_hundred() {
        let pair = |with, without| Pair { with, without, asked: 5_000.0 };
        assert_eq!(pair(180.0, 100.0).suspicion(), Suspicion::None);
        assert_eq!(pair(181.0, 100.0).suspicion(), Suspicion::Harm);
        assert_eq!(pair(10.0, 900.0).suspicion(), Suspicion::None);
    }
}
