//! Many tails that see the same points: what most of them do with most points is done for all at once.
//!
//! Of a hundred points ninety-nine are below the bar, and all that happens is that the bar sinks a little. Kept side by side, the bars
//! of all questions sink in a few vector instructions, and only those exceeded are looked at one by one. The answers are those
//! of as many [`Tail`]s. Cost: 14 bytes a tail; two dozen take about as long as three by themselves.

use super::tail::{FIRST, LARGEST, Law, SAME, Tail, pace};

/// So many tails of one law.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tails<const N: usize> {
    bars: [f32; N],
    means: [f32; N],
    squares: [f32; N],
    beyond: [u16; N],
    seen: u16,
}

impl<const N: usize> Default for Tails<N> {
    fn default() -> Self {
        Self { bars: [0.0; N], means: [0.0; N], squares: [0.0; N], beyond: [0; N], seen: 0 }
    }
}

impl<const N: usize> Tails<N> {
    /// How surprising each statistic is to its tail ([`Tail::surprise`]); then learns them.
    pub(super) fn surprises(&mut self, statistics: &[f32; N], law: &Law) -> [f32; N] {
        let mut surprises = [0.0; N];
        // The first points are taken as they come, and full counts are halved.
        if self.seen < FIRST || self.seen + 1 == u16::MAX {
            let mut seen = 0;
            for k in 0..N {
                let mut tail = self.tail(k);
                surprises[k] = tail.surprise(statistics[k], law);
                seen = tail.seen;
                self.put(k, &tail);
            }
            self.seen = seen;
            return surprises;
        }
        self.seen += 1;
        let excesses = self.sink(statistics, law);
        // Most points exceed no bar; none of the excesses is below zero.
        if excesses.iter().sum::<f32>() == 0.0 {
            return surprises;
        }
        for (k, excess) in excesses.into_iter().enumerate().filter(|(_, excess)| *excess > 0.0) {
            let mut tail = self.tail(k);
            surprises[k] = tail.exceed(excess, law);
            self.put(k, &tail);
        }
        surprises
    }

    /// The excesses over the bars, zero where there is none; bars with room below them sink.
    fn sink(&mut self, statistics: &[f32; N], law: &Law) -> [f32; N] {
        let pace = pace(self.seen, law);
        let mut excesses = [0.0; N];
        for k in 0..N {
            let excess = statistics[k].clamp(-LARGEST, LARGEST) - self.bars[k];
            let same = SAME * self.means[k];
            excesses[k] = if excess > same { excess } else { 0.0 };
            self.bars[k] -= if excess < -same { self.means[k] * pace * law.beyond } else { 0.0 };
        }
        excesses
    }

    fn tail(&self, k: usize) -> Tail {
        Tail {
            bar: self.bars[k],
            mean: self.means[k],
            square: self.squares[k],
            seen: self.seen,
            beyond: self.beyond[k],
        }
    }

    fn put(&mut self, k: usize, tail: &Tail) {
        (self.bars[k], self.means[k], self.squares[k]) = (tail.bar, tail.mean, tail.square);
        self.beyond[k] = tail.beyond;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tail::STEADY;
    use super::super::testing::Dice;
    use super::*;

    #[test]
    fn the_answers_are_those_of_single_tails() {
        let mut dice = Dice::new(3);
        let mut many = Tails::<5>::default();
        let mut single = [Tail::default(); 5];
        // More than the counts hold, with figures that repeat, jump and stand still.
        for n in 0..140_000 {
            let statistics = [dice.normal(), (n % 7) as f32, -dice.share().ln(), 4.0, dice.normal().powi(5)];
            let expected: [f32; 5] = std::array::from_fn(|k| single[k].surprise(statistics[k], &STEADY));
            assert_eq!(many.surprises(&statistics, &STEADY), expected, "{n}");
        }
    }
}
