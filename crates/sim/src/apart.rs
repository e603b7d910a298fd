//! As many incidents as outages? Counted where the world's truth leaves no doubt of how many outages there are: where one thing
//! goes wrong, and where two things go wrong far apart in place and time.

use crate::ordeal::Ordeal;
use crate::plan::Plan;
use crate::run::Outcome;
use std::fmt;

/// Worlds of which it is known how many outages they had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Worlds in which one thing went wrong and was confirmed.
    pub one: u64,
    /// Those of them that told of several incidents.
    pub parted: u64,
    /// Worlds with two outages, of which one at least was confirmed.
    pub two: u64,
    /// Those of them in which each had an incident of its own.
    pub apart: u64,
    /// Those of them that told of more.
    pub shattered: u64,
}

impl Counted {
    pub(crate) fn add(&mut self, plan: &Plan, world: &Outcome) {
        if world.confirmed == 0 {
            return;
        }
        if plan.ordeal == Some(Ordeal::Apart) {
            self.two += 1;
            self.apart += u64::from(world.confirmed == 2);
            self.shattered += u64::from(world.confirmed > 2);
        } else if plan.faults.len() == 1 {
            self.one += 1;
            self.parted += u64::from(world.confirmed > 1);
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { one, parted, two, apart, shattered } = self;
        write!(
            f,
            "{apart} of {two} worlds with two outages far apart told of two ({shattered} of more), \
             {parted} of {one} with one told of several"
        )
    }
}
