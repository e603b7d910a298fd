//! Whether a replica is fit to be asked.
//!
//! Two kinds of evidence. *Checks* are asked of a replica as a whole, `fall` bad ones in a row take it out, `rise` good
//! ones bring it back. *Attempts* are counted for each component apart, because a failing log-in says nothing about
//! playback: so many failures in a row eject the replica for a while that doubles each time; after it, a single
//! failure ejects it again and a single success brings it back.
//!
//! A replica that gives checks no answer at all is [`Standing::Dead`]; one that answers badly, or failed its
//! requests, is [`Standing::Suspect`]. When more than half of those that live are suspect, the observer is the likelier
//! culprit and suspicion is ignored (panic threshold, invariant A4): see [`admitted`].

use downbeat_core::model::FailureKind;
use std::time::{Duration, Instant};

/// First ejection; doubles with each one in a row.
const EJECTION_FIRST: Duration = Duration::from_secs(1);
/// Longest ejection.
const EJECTION_MAX: Duration = Duration::from_secs(30);
/// Above this share of suspects among the living, suspicion is ignored.
const PANIC_SHARE: f64 = 0.5;

/// How a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing speaks against it.
    Fit,
    /// It answers, but badly.
    Suspect,
    /// It does not answer at all.
    Dead,
}

/// What checks say of a replica.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    standing: Standing,
    bad_in_a_row: u32,
    good_in_a_row: u32,
}

impl Default for Checks {
    fn default() -> Self {
        // A replica that was never checked is asked: an edge that starts serves at once.
        Self { standing: Standing::Fit, bad_in_a_row: 0, good_in_a_row: 0 }
    }
}

impl Checks {
    /// Takes the outcome of one check, and says when the standing changed by it.
    pub(crate) fn ended(&mut self, failure: Option<FailureKind>, fall: u32, rise: u32) -> Option<Standing> {
        let before = self.standing;
        match failure {
            None => {
                (self.bad_in_a_row, self.good_in_a_row) = (0, self.good_in_a_row.saturating_add(1));
                if self.good_in_a_row >= rise {
                    self.standing = Standing::Fit;
                }
            }
            Some(kind) => {
                (self.bad_in_a_row, self.good_in_a_row) = (self.bad_in_a_row.saturating_add(1), 0);
                if self.bad_in_a_row >= fall {
                    self.standing = standing_after(kind);
                }
            }
        }
        (self.standing != before).then_some(self.standing)
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }
}

fn standing_after(kind: FailureKind) -> Standing {
    match kind {
        FailureKind::Status | FailureKind::Wrong | FailureKind::Denied => Standing::Suspect,
        _ => Standing::Dead,
    }
}

/// What attempts for one component say of a replica.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts {
    /// Failures before the first byte, in a row.
    heads_failed: u32,
    /// Bodies broken off, in a row; a good head does not clear them, or a replica that always breaks
    /// its bodies would never be found out.
    bodies_failed: u32,
    ejections: u32,
    ejected_until: Option<Instant>,
}

/// What part of an exchange an outcome is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Head,
    Body,
}

impl Attempts {
    /// A part went well.
    pub(crate) fn good(&mut self, part: Part) {
        match part {
            Part::Head => self.heads_failed = 0,
            Part::Body => self.bodies_failed = 0,
        }
        if self.heads_failed == 0 && self.bodies_failed == 0 {
            (self.ejections, self.ejected_until) = (0, None);
        }
    }

    /// A part failed. Says for how long the replica is ejected, when it is ejected by this.
    pub(crate) fn bad(&mut self, part: Part, consecutive: u32, now: Instant) -> Option<Duration> {
        let count = match part {
            Part::Head => &mut self.heads_failed,
            Part::Body => &mut self.bodies_failed,
        };
        *count = count.saturating_add(1);
        let (enough, returning) = (*count >= consecutive, self.ejections > 0);
        if self.is_ejected(now) || !(enough || returning) {
            return None;
        }
        let span = EJECTION_FIRST.saturating_mul(1 << self.ejections.min(10)).min(EJECTION_MAX);
        self.ejections = self.ejections.saturating_add(1);
        self.ejected_until = Some(now + span);
        Some(span)
    }

    /// True when the newest attempt failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.heads_failed > 0 || self.bodies_failed > 0
    }

    pub(crate) fn is_ejected(&self, now: Instant) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }

    /// Both kinds of evidence together.
    pub(crate) fn standing(&self, checks: Standing, now: Instant) -> Standing {
        if self.is_ejected(now) { checks.max(Standing::Suspect) } else { checks }
    }
}

/// The worst standing that is still admitted among these: panic threshold and last resort in one place.
pub(crate) fn admitted(standings: impl Iterator<Item = Standing>) -> Standing {
    let (mut fit, mut suspect) = (0_u32, 0_u32);
    for standing in standings {
        match standing {
            Standing::Fit => fit += 1,
            Standing::Suspect => suspect += 1,
            Standing::Dead => {}
        }
    }
    match (fit, suspect) {
        (0, 0) => Standing::Dead,
        _ if f64::from(suspect) > PANIC_SHARE * f64::from(fit + suspect) => Standing::Suspect,
        _ => Standing::Fit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Dead, Fit, Suspect};

    #[test]
    fn checks_fall_and_rise() {
        let (mut checks, good) = (Checks::default(), None);
        let (silent, answers_badly) = (Some(FailureKind::Late), Some(FailureKind::Status));
        let steps = [
            (silent, None),
            (good, None),
            (silent, None),
            (silent, Some(Dead)),
            (silent, None),
            (good, None),
            (good, Some(Fit)),
            (answers_badly, None),
            (answers_badly, Some(Suspect)),
        ];
        for (i, (outcome, change)) in steps.into_iter().enumerate() {
            assert_eq!(checks.ended(outcome, 2, 2), change, "step {i}");
        }
    }

    #[test]
    fn attempts_eject_for_longer_and_longer() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..4 {
            assert_eq!(attempts.bad(Part::Head, 5, start), None);
        }
        assert_eq!(attempts.bad(Part::Head, 5, start), Some(Duration::from_secs(1)));
        assert_eq!(attempts.standing(Fit, start), Suspect);
        let later = start + Duration::from_millis(1_001);
        assert_eq!(attempts.standing(Fit, later), Fit);
        assert_eq!(attempts.bad(Part::Head, 5, later), Some(Duration::from_secs(2)), "one failure is enough now");
        attempts.good(Part::Head);
        assert_eq!(attempts.standing(Fit, later), Fit);
        assert_eq!(attempts.bad(Part::Head, 5, later), None, "and it starts anew after a success");
    }

    #[test]
    fn good_heads_do_not_hide_broken_bodies() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let mut ejected = None;
        for _ in 0..5 {
            attempts.good(Part::Head);
            ejected = attempts.bad(Part::Body, 5, now);
        }
        assert!(ejected.is_some());
    }

    #[test]
    fn the_panic_threshold() {
        let table = [
            (vec![Fit, Fit, Fit], Fit),
            (vec![Fit, Suspect], Fit),
            (vec![Fit, Suspect, Suspect], Suspect),
            (vec![Fit, Dead, Dead, Dead], Fit),
            (vec![Suspect, Suspect], Suspect),
            (vec![Suspect, Dead], Suspect),
            (vec![Dead, Dead], Dead),
        ];
        for (standings, worst) in table {
            assert_eq!(admitted(standings.iter().copied()), worst, "{standings:?}");
        }
    }
}
