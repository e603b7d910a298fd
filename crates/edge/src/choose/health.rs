//! Whether a replica is fit to be asked.
//!
//! Two kinds of evidence. *Checks* are asked of a replica as a whole, `fall` bad ones in a row take it out, `rise` good
//! ones bring it back. *Attempts* are counted for each component apart, because a failing log-in says nothing about
//! playback: so many failures in a row eject the replica for a while that doubles each time; after it, a single
//! failure ejects it again and a single success brings it back.
//!
//! Attempts eject by errors, by hangs (a replica that stays silent while others answer) and by latency ([`is_outlier`]).
//!
//! A replica that gives checks no answer at all is [`Standing::Dead`]; one that answers badly, or failed its
//! requests, is [`Standing::Suspect`]. Suspicion never leaves fewer than half of the replicas: when it would, the
//! observer is the likelier culprit, or what is left could not carry the load, and suspicion is ignored (panic
//! threshold A4, minimum set A2): see [`admitted`].

use crate::run::sync::Ticks;
use downbeat_core::model::FailureKind;
use std::time::Duration;

/// First ejection; doubles with each one in a row.
const EJECTION_FIRST: Duration = Duration::from_secs(1);
/// Longest ejection.
const EJECTION_MAX: Duration = Duration::from_secs(30);
/// A replica is an outlier whose mean first byte takes so many times its peers' median.
const OUTLIER_FACTOR: u32 = 4;
/// And at least this: no distance between two places takes as long.
pub(crate) const OUTLIER_MIN: Duration = Duration::from_millis(300);
/// After so many answers its mean says something.
pub(crate) const OUTLIER_ANSWERS: u32 = 20;

/// How a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing speaks against it.
    Fit,
    /// It answers, but badly.
    Suspect,
    /// It does not answer at all.
    Dead,
}

impl Standing {
    /// As it is kept in an atomic.
    pub(crate) const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The other way round.
    pub(crate) const fn of(number: u8) -> Self {
        match number {
            0 => Self::Fit,
            1 => Self::Suspect,
            _ => Self::Dead,
        }
    }
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
    ejected_until: Option<Ticks>,
    cause: Cause,
}

/// Why a replica was ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cause {
    /// It failed: one success brings it back.
    #[default]
    Failures,
    /// It was too slow: what it answers until the ejection is over says nothing new.
    Slowness,
}

/// What part of an exchange an outcome is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its head, and all that comes before it.
    Head,
    /// Its body.
    Body,
}

impl Attempts {
    /// A part went well.
    pub(crate) fn good(&mut self, part: Part, now: Ticks) {
        match part {
            Part::Head => self.heads_failed = 0,
            Part::Body => self.bodies_failed = 0,
        }
        let serving_time = self.cause == Cause::Slowness && self.is_ejected(now);
        if self.heads_failed == 0 && self.bodies_failed == 0 && !serving_time {
            (self.ejections, self.ejected_until) = (0, None);
        }
    }

    /// A part failed so many times. Says for how long the replica is ejected, when it is ejected by this.
    pub(crate) fn bad(&mut self, part: Part, times: u32, consecutive: u32, now: Ticks) -> Option<Duration> {
        let count = match part {
            Part::Head => &mut self.heads_failed,
            Part::Body => &mut self.bodies_failed,
        };
        *count = count.saturating_add(times);
        let (enough, returning) = (*count >= consecutive, self.ejections > 0);
        if enough || returning { self.eject(Cause::Failures, now) } else { None }
    }

    /// The replica is far slower than its peers. Says for how long it is ejected, unless it is already.
    pub(crate) fn too_slow(&mut self, now: Ticks) -> Option<Duration> {
        self.eject(Cause::Slowness, now)
    }

    fn eject(&mut self, cause: Cause, now: Ticks) -> Option<Duration> {
        if self.is_ejected(now) {
            return None;
        }
        let span = EJECTION_FIRST.saturating_mul(1 << self.ejections.min(10)).min(EJECTION_MAX);
        self.ejections = self.ejections.saturating_add(1);
        (self.ejected_until, self.cause) = (Some(now.after(span)), cause);
        Some(span)
    }

    /// True when the newest attempt failed, or an ejection is not yet lived down.
    pub(crate) fn is_failing(&self) -> bool {
        self.heads_failed > 0 || self.bodies_failed > 0 || self.ejections > 0
    }

    pub(crate) fn is_ejected(&self, now: Ticks) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }

    pub(crate) fn ejected_until(&self) -> Option<Ticks> {
        self.ejected_until
    }
}

/// How many replicas stand how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Census {
    fit: u32,
    suspect: u32,
    dead: u32,
}

impl Census {
    pub(crate) fn count(&mut self, standing: Standing) {
        match standing {
            Standing::Fit => self.fit += 1,
            Standing::Suspect => self.suspect += 1,
            Standing::Dead => self.dead += 1,
        }
    }

    /// The worst standing that is still admitted: panic threshold, minimum set and last resort in one place.
    pub(crate) fn admitted(self) -> Standing {
        let enough = 2 * self.fit >= self.fit + self.suspect + self.dead;
        match (self.fit, self.suspect) {
            (0, 0) => Standing::Dead,
            (_, 0) => Standing::Fit,
            _ if enough => Standing::Fit,
            _ => Standing::Suspect,
        }
    }
}

/// The worst standing that is still admitted among these.
pub(crate) fn admitted(standings: impl Iterator<Item = Standing>) -> Standing {
    let mut census = Census::default();
    standings.for_each(|standing| census.count(standing));
    census.admitted()
}

/// True when a replica with this mean first byte is far slower than its peers. One of two may be the quick one as well
/// as the slow one the culprit, hence the floor.
pub(crate) fn is_outlier(mean: Duration, peers: &mut [Duration]) -> bool {
    if mean < OUTLIER_MIN || peers.is_empty() {
        return false;
    }
    peers.sort_unstable();
    mean > peers[(peers.len() - 1) / 2] * OUTLIER_FACTOR
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
        let (mut attempts, begin) = (Attempts::default(), std::time::Instant::now());
        let start = Ticks::at(begin, begin);
        for _ in 0..4 {
            assert_eq!(attempts.bad(Part::Head, 1, 5, start), None);
        }
        assert_eq!(attempts.bad(Part::Head, 1, 5, start), Some(Duration::from_secs(1)));
        assert!(attempts.is_ejected(start));
        let later = start.after(Duration::from_millis(1_001));
        assert!(!attempts.is_ejected(later));
        assert_eq!(attempts.bad(Part::Head, 1, 5, later), Some(Duration::from_secs(2)), "one failure is enough now");
        attempts.good(Part::Head, later);
        assert!(!attempts.is_ejected(later));
        assert_eq!(attempts.bad(Part::Head, 1, 5, later), None, "and it starts anew after a success");
    }

    #[test]
    fn good_heads_do_not_hide_broken_bodies() {
        let (mut attempts, begin) = (Attempts::default(), std::time::Instant::now());
        let now = Ticks::at(begin, begin);
        let mut ejected = None;
        for _ in 0..5 {
            attempts.good(Part::Head, now);
            ejected = attempts.bad(Part::Body, 1, 5, now);
        }
        assert!(ejected.is_some());
    }

    #[test]
    fn slowness_is_served_out() {
        let (mut attempts, begin) = (Attempts::default(), std::time::Instant::now());
        let now = Ticks::at(begin, begin);
        assert_eq!(attempts.too_slow(now), Some(Duration::from_secs(1)));
        attempts.good(Part::Head, now);
        assert!(attempts.is_ejected(now), "an answer that was under way brings nobody back");
        attempts.good(Part::Head, now.after(Duration::from_secs(2)));
        assert_eq!(attempts.bad(Part::Head, 1, 5, now.after(Duration::from_secs(2))), None, "it starts anew");
    }

    #[test]
    fn the_panic_threshold() {
        let table = [
            (vec![Fit, Fit, Fit], Fit),
            (vec![Fit, Suspect], Fit),
            (vec![Fit, Suspect, Suspect], Suspect),
            (vec![Fit, Dead, Dead, Dead], Fit),
            (vec![Fit, Fit, Suspect, Dead], Fit),
            (vec![Fit, Suspect, Dead, Dead], Suspect),
            (vec![Suspect, Suspect], Suspect),
            (vec![Suspect, Dead], Suspect),
            (vec![Dead, Dead], Dead),
        ];
        for (standings, worst) in table {
            assert_eq!(admitted(standings.iter().copied()), worst, "{standings:?}");
        }
    }

    #[test]
    fn who_is_an_outlier() {
        let table: [(u64, &[u64], bool); 6] = [
            (1_000, &[10, 12], true),
            (290, &[1, 1], false),
            (1_000, &[300, 900, 1_000], false),
            (1_300, &[300, 300, 9_000], true),
            (1_000, &[], false),
            (2_000, &[100], true),
        ];
        for (mean, peers, outlier) in table {
            let mut peers: Vec<Duration> = peers.iter().map(|ms| Duration::from_millis(*ms)).collect();
            assert_eq!(is_outlier(Duration::from_millis(mean), &mut peers), outlier, "{mean} among {peers:?}");
        }
    }
}
