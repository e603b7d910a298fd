//! Did it shift? A small error that stays is evidence too, and evidence that no single point gives.
//!
//! Picture a scale on which each error of the forecast is laid, less what is usual; when the pan is empty again, a new weighing
//! begins (Page's CUSUM, 1954), one for too much and one for too little. How heavy a weighing gets while all is well nobody can
//! say in advance, for errors of real series follow each other; so the heaviest moment of each weighing that ended is kept by its
//! tail ([`super::tail`]), and the evidence of the present one is how seldom a weighing gets so heavy, times how seldom one
//! begins. In N healthy points so many weighings reach b bits as N / 2^b says: weighings begin anew at an empty pan, and so do
//! not depend on each other (a renewal argument, as in Siegmund, Sequential Analysis, 1985), however the points do.
//!
//! Cost: 96 bytes, some 5 ns a point. Rejected: thresholds from the normal law (autocorrelated errors exceed them daily),
//! e-values multiplied point by point (the same; a burst wins any bet).

use super::tail::{SELDOM, Tail};
use crate::model::Moment;

/// So much of an error is usual, in usual errors: half of the smallest shift that is looked for.
const USUAL: f32 = 0.8;
/// An error counts for so much at most: a single point is judged elsewhere.
const CLIP: f32 = 4.0;

/// One weighing.
#[derive(Debug, Clone, PartialEq, Default)]
struct Weighing {
    weight: f32,
    heaviest: f32,
    since: Moment,
    /// Of the weighings that ended.
    tail: Tail,
    ended: u32,
}

/// Evidence of a shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// Powers of ten of its rarity.
    pub(super) rarity: f32,
    /// The estimated start.
    pub(super) since: Moment,
}

/// Both weighings of one series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sustained {
    points: u32,
    sides: [Weighing; 2],
}

impl Sustained {
    /// Lays an error on; in usual errors.
    pub(super) fn see(&mut self, at: Moment, error: f32) -> Shift {
        self.points = self.points.saturating_add(1);
        let error = error.clamp(-CLIP, CLIP);
        let points = self.points as f32;
        let [more, less] = &mut self.sides;
        let (more, less) = (more.lay(at, error, points), less.lay(at, -error, points));
        if more.rarity >= less.rarity { more } else { less }
    }

    /// Empties the pans: what was on them has been dealt with. It counts as a weighing like any other, for what is found often is
    /// not as strange as it seems.
    pub(super) fn reset(&mut self) {
        self.sides.iter_mut().for_each(Weighing::end);
    }
}

impl Weighing {
    fn lay(&mut self, at: Moment, error: f32, points: f32) -> Shift {
        if self.weight == 0.0 {
            self.since = at;
        }
        self.weight = (self.weight + error - USUAL).max(0.0);
        self.heaviest = self.heaviest.max(self.weight);
        if self.weight == 0.0 {
            self.end();
        }
        let rarity = if self.weight > 0.0 { self.tail.ask(self.weight, &SELDOM) } else { 0.0 };
        let apart = if rarity > 0.0 { (points / self.ended.max(1) as f32).log10() } else { 0.0 };
        Shift { rarity: rarity + apart, since: self.since }
    }
    fn end(&mut self) {
        if self.heaviest > 0.0 {
            self.tail.surprise(self.heaviest, &SELDOM);
            self.ended = self.ended.saturating_add(1);
        }
        (self.weight, self.heaviest) = (0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dice;
    use super::*;

    fn at(minute: u32) -> Moment {
        Moment::from_millis(u64::from(minute) * 60_000)
    }

    /// After so many errors of a healthy series; an error is one in the mean, so the scatter is a quarter more.
    fn healthy(points: u32, memory: f32) -> (Sustained, f32) {
        let (mut dice, mut sustained, mut error, mut most) = (Dice::new(9), Sustained::default(), 0.0, 0.0f32);
        for n in 0..points {
            error = memory * error + 1.25 * (1.0 - memory * memory).sqrt() * dice.normal();
            most = most.max(sustained.see(at(n), error).rarity);
        }
        (sustained, most)
    }

    #[test]
    fn health_is_as_rare_as_is_said() {
        for memory in [0.0, 0.5, 0.9] {
            let (_, most) = healthy(100_000, memory);
            assert!((3.0..6.0).contains(&most), "{memory}: {most}");
        }
    }

    #[test]
    fn a_shift_is_evidence_from_its_first_point_on() {
        let (mut sustained, most) = healthy(10_000, 0.0);
        sustained.reset();
        let shifts: Vec<Shift> = (10_000..10_010).map(|n| sustained.see(at(n), -3.0)).collect();
        assert!(shifts[9].rarity > most + 2.0 && shifts[9].since == at(10_000), "{most} {shifts:?}");
    }

    #[test]
    fn the_second_of_two_rare_events_is_no_miracle() {
        let mut sustained = Sustained::default();
        let error = |n: u32| if n.is_multiple_of(100) || n == 20_050 { 50.0 } else { -0.01 };
        let most = (0..20_100).map(|n| sustained.see(at(n), error(n)).rarity).fold(0.0, f32::max);
        assert!(most < 4.0, "{most}");
    }
}
