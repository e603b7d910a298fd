//! Invented healthy series: does the budget of false alarms hold, and how near is the delay to the least there can be?
//!
//! Counts by a negative binomial law (a Poisson count whose rate is drawn from a gamma law), a daily wave, five minutes a
//! step: five days to learn, then a month. The bound of the delay is the threshold in nats over the divergence of the
//! changed law from the healthy one (Lorden 1971), and one point at least.

use crate::dice::Dice;
use crate::page::{Goal, Page};
use downbeat_core::detect::series::{CountSeries, count_threshold};
use downbeat_core::model::Moment;
use std::time::Duration;

const STEP: Duration = Duration::from_secs(300);
const PER_DAY: u64 = 288;
const LEARNING: u64 = 5 * PER_DAY + 1;
const MONTH: u64 = 30 * PER_DAY;
/// False alarms in all series together, in the month.
const BUDGETS: [f64; 3] = [1_000.0, 100.0, 10.0];
/// What observed false alarms and delays may be of what was promised.
const ROOM: f64 = 1.5;
/// Changes of the rate whose delay is measured, each on so many series.
const CHANGES: [f64; 4] = [0.35, 0.7, 1.5, 3.0];
const CHANGED_SERIES: u64 = 200;
/// The longest wait for a change to be noticed.
const PATIENCE: u64 = 2 * PER_DAY;

/// A healthy series.
struct Healthy {
    dice: Dice,
    mean: f64,
    wave: f64,
    dispersion: f64,
}

impl Healthy {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mean = 20.0 * 30f64.powf(dice.share());
        let (wave, dispersion) = (0.6 * dice.share(), 1.2 + 2.0 * dice.share());
        Self { dice, mean, wave, dispersion }
    }

    fn usual(&self, n: u64) -> f64 {
        self.mean * (1.0 + self.wave * (n as f64 / PER_DAY as f64 * std::f64::consts::TAU).sin())
    }

    /// What makes the variance `dispersion` times the usual mean.
    fn size(&self, n: u64) -> f64 {
        self.usual(n) / (self.dispersion - 1.0)
    }

    fn count(&mut self, n: u64, change: f64) -> u64 {
        let size = self.size(n);
        let rate = self.dice.gamma(size) * self.usual(n) * change / size;
        self.dice.poisson(rate)
    }

    /// Nats that a point tells of the change, in the mean.
    fn divergence(&self, n: u64, change: f64) -> f64 {
        let (usual, size) = (self.usual(n), self.size(n));
        change * usual * change.ln() - (change * usual + size) * ((size + change * usual) / (size + usual)).ln()
    }
}

/// Measures both.
pub(crate) fn measure(series: u64, page: &mut Page) {
    page.title(&format!("{series} healthy invented series, a month"));
    page.text("False alarms of the sequential test on counts over the budget: 1 is as promised, less is better.");
    let months = series as f64 / 10_000.0;
    let thresholds = BUDGETS.map(|budget| count_threshold(series as f64 * MONTH as f64, budget * months).0);
    let alarms = false_alarms(series, thresholds);
    for ((budget, threshold), alarms) in BUDGETS.into_iter().zip(thresholds).zip(alarms) {
        let what = format!("false alarms of a budget of {} ({threshold:.1} bits)", budget * months);
        page.row(&what, alarms / (budget * months), "of it", Goal::AtMost(ROOM));
    }
    page.text("The mean delay after a change of the rate, over its bound, at the strictest of these thresholds.");
    for change in CHANGES {
        let (delay, bound) = delays(change, thresholds[BUDGETS.len() - 1]);
        let what = format!("{change} times the usual rate ({delay:.1} points, bound {bound:.1})");
        page.row(&what, delay / bound, "of it", Goal::AtMost(ROOM));
    }
}

fn at(n: u64) -> Moment {
    Moment::from_millis(n * STEP.as_millis() as u64)
}

fn false_alarms(series: u64, thresholds: [f64; 3]) -> [f64; 3] {
    let mut alarms = [0.0; 3];
    for seed in 0..series {
        let (mut healthy, mut test) = (Healthy::new(seed), CountSeries::new(STEP));
        let mut above = [false; 3];
        for n in 0..LEARNING + MONTH {
            let bits = test.add(at(n), healthy.count(n, 1.0)).bits.0;
            for ((threshold, above), alarms) in thresholds.iter().zip(&mut above).zip(&mut alarms) {
                *alarms += f64::from(u8::from(bits >= *threshold && !*above));
                // An alarm ends when half of its evidence is gone.
                *above = bits >= if *above { 0.5 * threshold } else { *threshold };
            }
        }
    }
    alarms
}

/// The mean delay in points, and the mean of its bound.
fn delays(change: f64, threshold: f64) -> (f64, f64) {
    let (mut delay, mut bound) = (0.0, 0.0);
    for seed in 0..CHANGED_SERIES {
        let (mut healthy, mut test) = (Healthy::new(1_000_000 + seed), CountSeries::new(STEP));
        let start = LEARNING + 5 * PER_DAY + seed % PER_DAY;
        for n in 0..start {
            test.add(at(n), healthy.count(n, 1.0));
        }
        let mut waited = 0;
        while waited < PATIENCE {
            let bits = test.add(at(start + waited), healthy.count(start + waited, change)).bits.0;
            waited += 1;
            if bits >= threshold {
                break;
            }
        }
        delay += waited as f64;
        bound += least(&healthy, start, change, threshold);
    }
    (delay / CHANGED_SERIES as f64, bound / CHANGED_SERIES as f64)
}

/// The points until the divergences, which differ over the day, add up to the threshold.
fn least(healthy: &Healthy, start: u64, change: f64, threshold: f64) -> f64 {
    let mut missing = threshold * std::f64::consts::LN_2;
    let mut points = 0.0;
    for n in start..start + PATIENCE {
        let nats = healthy.divergence(n, change);
        if nats >= missing {
            return f64::max(points + missing / nats, 1.0);
        }
        missing -= nats;
        points += 1.0;
    }
    points
}
