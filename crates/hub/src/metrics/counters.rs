//! Counters become counts: what came within a step.

use super::{Found, Growth};
use downbeat_core::model::{Labels, LookOutcome};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the counters of one metric were at the last look.
#[derive(Debug)]
pub(super) struct Counters {
    every: Duration,
    last: BTreeMap<Labels, f64>,
    looked_at: Option<Instant>,
}

impl Counters {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, last: BTreeMap::new(), looked_at: None }
    }

    /// What a look comes to: figures as they are, counters by how much they grew since the last look, as if that had been one step
    /// ago. Nothing at the first look at counters, which only shows where they stand; one that has started anew is left out once.
    pub(super) fn figures(&mut self, now: Instant, found: &Found) -> Option<LookOutcome> {
        let left_out = found.left_out;
        if found.growth == Growth::Free || found.figures.is_empty() {
            return Some(LookOutcome::Read { figures: found.figures.clone(), left_out });
        }
        let before = std::mem::replace(&mut self.last, found.figures.iter().cloned().collect());
        let elapsed = self.looked_at.replace(now).map(|at| now.duration_since(at))?;
        let steps = elapsed.as_secs_f64() / self.every.as_secs_f64().max(0.001);
        let grew = |(labels, value): &(Labels, f64)| {
            let growth = value - before.get(labels)?;
            (growth >= 0.0 && steps > 0.0).then(|| (labels.clone(), growth / steps))
        };
        let figures: Vec<(Labels, f64)> = found.figures.iter().filter_map(grew).collect();
        // All of them are new: there is something, and nothing to be said of it yet.
        (!figures.is_empty()).then_some(LookOutcome::Read { figures, left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(60);

    fn look(counters: &mut Counters, seconds: u64, start: Instant, figures: &[(&str, f64)]) -> Option<Vec<f64>> {
        let figures = figures.iter().map(|(labels, value)| (Labels::new(labels), *value)).collect();
        let found = Found { figures, left_out: 0, growth: Growth::Counter };
        match counters.figures(start + Duration::from_secs(seconds), &found)? {
            LookOutcome::Read { figures, .. } => Some(figures.into_iter().map(|(_, value)| value).collect()),
            LookOutcome::Unknown { why } => unreachable!("{why}"),
        }
    }

    #[test]
    fn growth_counts_as_if_a_step_had_passed() {
        let (mut counters, start) = (Counters::new(STEP), Instant::now());
        assert_eq!(look(&mut counters, 0, start, &[("a", 1_000.0)]), None);
        assert_eq!(look(&mut counters, 60, start, &[("a", 1_030.0)]), Some(vec![30.0]));
        assert_eq!(look(&mut counters, 180, start, &[("a", 1_090.0)]), Some(vec![30.0]), "two steps");
        assert_eq!(look(&mut counters, 240, start, &[("a", 5.0), ("b", 7.0)]), None, "it started anew");
        assert_eq!(look(&mut counters, 300, start, &[("a", 35.0), ("b", 7.0)]), Some(vec![30.0, 0.0]));
    }

    #[test]
    fn what_is_no_counter_stays_as_it_is() {
        let mut counters = Counters::new(STEP);
        let found = Found { figures: vec![(Labels::default(), 7.0)], left_out: 3, growth: Growth::Free };
        let read = LookOutcome::Read { figures: found.figures.clone(), left_out: 3 };
        assert_eq!(counters.figures(Instant::now(), &found), Some(read));
    }
}
