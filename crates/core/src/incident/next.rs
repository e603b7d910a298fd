//! What becomes of a remedy in force in the next traffic plan.

use super::book::RemedyCase;
use crate::act::InForce;
use crate::model::{FeatureId, Strength};

/// What the next plan makes of a remedy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next<'a> {
    /// It stays as it is.
    Stays,
    /// It leaves no trace.
    Gone,
    /// It is at its full effect again, with all its features out.
    Anew,
    /// Its targets get this share, and its features stay as they are.
    Share(Strength),
    /// So much of one of its features is admitted.
    Feature(&'a FeatureId, Strength),
}

impl Next<'_> {
    /// What is in force of a remedy then; nothing when all of it is back.
    pub(super) fn of<'a>(self, case: &'a RemedyCase) -> Option<InForce<'a>> {
        let admitted = |id: &FeatureId, now| match self {
            Self::Feature(this, admitted) if this == id => admitted,
            _ => now,
        };
        let route = &case.remedy.route;
        let features: Vec<_> = case.features.iter().map(|f| (&f.id, admitted(&f.id, f.admitted))).collect();
        let share = match self {
            Self::Stays | Self::Feature(..) => case.share,
            Self::Share(share) => share,
            Self::Anew => return Some(InForce::fully(route)),
            Self::Gone => return None,
        };
        let is_back = share == Strength::FULL && features.iter().all(|(_, admitted)| *admitted == Strength::FULL);
        (!is_back).then_some(InForce { route, share, features })
    }
}
