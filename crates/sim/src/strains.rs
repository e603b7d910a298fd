//! What stories do to the whole service at once; in drawn worlds nothing of it happens.

use crate::shape::Shape;
use crate::time::Time;
use std::time::Duration;

/// What weighs on all replicas, or on what they need.
#[derive(Debug)]
pub(crate) struct Strains {
    /// By component: what it needs answers so much later.
    pub(crate) later: Vec<Duration>,
    /// By replica: true while its health checks fail, whatever it does for users.
    pub(crate) checks_fail: Vec<bool>,
    /// So many bundles in a second are more than a process survives.
    pub(crate) crowded_above: Option<f64>,
    /// By replica: the second, and the bundles that came in it.
    came: Vec<(u64, u32)>,
}

impl Strains {
    pub(crate) fn none(shape: &Shape) -> Self {
        Self {
            later: vec![Duration::ZERO; shape.components.len()],
            checks_fail: vec![false; shape.replicas.len()],
            crowded_above: None,
            came: vec![(0, 0); shape.replicas.len()],
        }
    }

    /// One more bundle comes to a replica: is it one more than its memory holds?
    pub(crate) fn is_crowded(&mut self, replica: usize, now: Time) -> bool {
        let Some(most) = self.crowded_above else { return false };
        let (second, came) = &mut self.came[replica];
        if *second != now.as_secs() {
            (*second, *came) = (now.as_secs(), 0);
        }
        *came += 1;
        f64::from(*came) > most
    }
}
