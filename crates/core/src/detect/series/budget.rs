//! What a healthy series may cost: so many false findings a month, and the evidence that keeps to it.
//!
//! Evidence is counted in bits such that a healthy series reaches b bits at one point in 2^b (or, where points depend on each
//! other, in one stretch of them for each 2^b points). A month of n points then holds n / 2^b false findings, whether the points
//! depend on each other or not, for means add up; so the budget F needs log2(n / F) bits. The budget is shared by the
//! three questions that are asked of each point, and a question that has the share s pays log2(1 / s) bits for it. Real series shift more than invented ones: that question gets the least.
//!
//! The rarity of errors and of shifts is told by laws that know how little they were learnt from ([`super::tail`],
//! [`super::sustained`]). That of news is not told by a law: how the score falls off was measured on invented health
//! (`cargo xtask bench detect`), more slowly the less has been seen, and rounded to the safe side.

use crate::model::Bits;
use std::time::Duration;

const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// Bits in a power of ten.
const BITS: f32 = std::f32::consts::LOG2_10;
/// What the questions pay for their shares: a half for errors, an eighth for shifts (the rest is for news).
const ERROR_SHARE: f32 = 1.0;
const SHIFT_SHARE: f32 = 3.0;
/// News of this score comes to so many bits: the place where one threshold serves fine and coarse series alike.
const NEWS_AT: f32 = 2.38;
const NEWS_BITS: f32 = 7.0;
/// Beyond, so many bits a power of ten of score once much was seen,
const NEWS_MORE: f32 = 1.9;
/// and half of it at so many points.
const NEWS_YOUNG: f32 = 2_000.0;

/// How many false findings are bearable, in a healthy series and a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget(f64);

impl Budget {
    /// So many findings a healthy series and month; `None` for what is not above zero.
    pub fn new(findings: f64) -> Option<Self> {
        (findings > 0.0 && findings.is_finite()).then_some(Self(findings))
    }

    /// Findings a healthy series and month.
    pub fn findings(self) -> f64 {
        self.0
    }

    /// What a finding needs in a series with a point each `step`.
    pub fn bits(self, step: Duration) -> Bits {
        let points = MONTH.as_secs_f64() / step.as_secs_f64().max(0.001);
        Bits((points / self.0).log2().max(0.0))
    }
}

impl Default for Budget {
    /// One a month.
    fn default() -> Self {
        Self(1.0)
    }
}

/// The evidence of a forecast's error, from its rarity as a power of ten.
pub(super) fn of_error(rarity: f32) -> Bits {
    Bits(f64::from((BITS * rarity - ERROR_SHARE).max(0.0)))
}

/// The evidence of a shift, likewise.
pub(super) fn of_shift(rarity: f32) -> Bits {
    Bits(f64::from((BITS * rarity - SHIFT_SHARE).max(0.0)))
}

/// The evidence of news of this score, after so many points.
pub(super) fn of_news(score: f32, seen: u32) -> Bits {
    let seen = seen as f32;
    let more = NEWS_MORE * seen / (seen + NEWS_YOUNG);
    let bits = if score < NEWS_AT { NEWS_BITS * score / NEWS_AT } else { NEWS_BITS + more * (score - NEWS_AT) };
    Bits(f64::from(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(findings: f64) -> Budget {
        Budget::new(findings).expect("a good budget")
    }

    #[test]
    fn bits_follow_from_the_points_of_a_month() {
        let minute = Duration::from_secs(60);
        assert!((Budget::default().bits(minute).0 - 43_200f64.log2()).abs() < 1e-9);
        assert!((budget(0.5).bits(minute).0 - Budget::default().bits(minute).0 - 1.0).abs() < 1e-9);
        assert_eq!(budget(1e9).bits(minute), Bits(0.0));
    }

    #[test]
    fn a_budget_is_above_zero() {
        assert!([0.0, -1.0, f64::NAN, f64::INFINITY].into_iter().all(|findings| Budget::new(findings).is_none()));
    }

    #[test]
    fn more_news_is_more_evidence_and_less_while_young() {
        let bits = [0.0, 1.0, NEWS_AT, 4.0, 8.0].map(|score| of_news(score, 10_000).0);
        assert!(bits.is_sorted_by(|a, b| a < b), "{bits:?}");
        assert!(of_news(8.0, 500) < of_news(8.0, 5_000));
    }
}
