//! A plan: one world with its faults, complete enough to be run again and again with the same end.

use crate::dice::Dice;
use crate::fault::{self, Planned};
use crate::ordeal::Ordeal;
use crate::shape::{Pace, Shape};
use serde::Serialize;
use std::time::Duration;

/// The purpose of the dice that move what is planned.
const MOMENTS: u64 = 1_000;

/// One world, and what goes wrong in it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) faults: Vec<Planned>,
    /// What it puts to the test, where it was drawn to.
    pub(crate) ordeal: Option<Ordeal>,
    pub(crate) automation: Automation,
}

/// Whether Downbeat acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Automation {
    On,
    /// It watches, tells and proposes, and that is all.
    Off,
}

impl Plan {
    /// The world of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        if let Some(ordeal) = Ordeal::of(seed) {
            let (shape, faults) = ordeal.draw(seed, &Shape::draw(seed, Pace::Demo));
            return Self { seed, shape, faults, ordeal: Some(ordeal), automation: Automation::On };
        }
        // One world in two hundred has the figures of a real installation, which take half an hour.
        let (pace, window_s) = if seed % 200 == 199 { (Pace::Usual, 600.0) } else { (Pace::Demo, 30.0) };
        let shape = Shape::draw(seed, pace);
        let mut faults = fault::draw(seed, &shape, window_s);
        faults.extend(fault::switches(seed, &shape));
        Self { seed, shape, faults, ordeal: None, automation: Automation::On }
    }

    /// The same with only some of the faults, by their numbers.
    #[must_use]
    pub(crate) fn keep(&self, kept: &[usize]) -> Self {
        let faults = kept.iter().filter_map(|n| self.faults.get(*n)).cloned().collect();
        Self { faults, ..self.clone() }
    }

    /// The same outage with another throw of the dice: what is planned happens, and chance falls otherwise.
    #[must_use]
    pub(crate) fn with_other_dice(&self, throw: u64) -> Self {
        Self { seed: Dice::stream(self.seed, throw).roll(), ..self.clone() }
    }

    /// The same, but what goes wrong after `from` does so at another moment and for another time, on average as late and as long.
    #[must_use]
    pub(crate) fn with_other_moments(&self, from: Duration, throw: u64) -> Self {
        let (from, mut dice) = (from.as_secs_f64(), Dice::stream(self.seed, MOMENTS + throw));
        let mut other = self.clone();
        for planned in other.faults.iter_mut().filter(|planned| planned.at_s > from) {
            planned.at_s = from + (planned.at_s - from) * 2.0 * dice.share();
            planned.for_s *= 0.5 + dice.share();
        }
        other.faults.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        other
    }

    /// The same without automation.
    #[must_use]
    pub(crate) fn twin(&self) -> Self {
        Self { automation: Automation::Off, ..self.clone() }
    }
}
