//! Makes a failing world small: takes faults away one after the other, as long as what failed still fails.

use crate::campaign::examine;
use crate::plan::Plan;

/// The fewest faults of a world, by their numbers, that still break an invariant.
pub(crate) fn shrink(plan: &Plan, invariant: &str) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..plan.faults.len()).collect();
    let fails = |kept: &[usize]| examine(&plan.keep(kept)).found.iter().any(|v| v.invariant == invariant);
    let mut n = kept.len();
    while n > 0 {
        n -= 1;
        let mut fewer = kept.clone();
        fewer.remove(n);
        if fails(&fewer) {
            kept = fewer;
        }
        n = n.min(kept.len());
    }
    kept
}
