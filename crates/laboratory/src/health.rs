//! Healthy series of any kind: how many findings are there, and how many were promised?
//!
//! Invented ones of five kinds at three steps, each with days and weekends, a month and more from their very first point; and real
//! ones, where what is labelled, and what follows it closely, is left out. All findings in them are false.

use crate::dice::Dice;
use crate::pack::Series;
use crate::page::{Goal, Page};
use downbeat_core::detect::series::{Answer, Budget, Detector, Spell};
use downbeat_core::model::{FigureKind, Moment};
use std::f64::consts::TAU;
use std::time::Duration;

const DAY_S: f64 = 86_400.0;
const MONTH_S: f64 = 30.0 * DAY_S;
/// Seconds a step, days, and series of each sort.
const SHAPES: [(u64, u64, u64); 3] = [(60, 35, 24), (300, 35, 40), (3_600, 120, 40)];
/// Findings a series and month that were promised.
const BUDGETS: [f64; 3] = [4.0, 1.0, 0.25];
/// What observed findings may be of what was promised.
const ROOM: f64 = 1.5;
/// So many points after what is labelled are left out as well.
const AFTERMATH: usize = 10;
/// 2026-01-01, in Unix seconds.
const START: u64 = 1_767_225_600;

/// What a healthy series measures.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sort {
    /// How many in a step, by a negative binomial law.
    Counts,
    /// The same from a crowd whose eagerness drifts within hours.
    Crowds,
    /// A level with noise that remembers.
    Gauge,
    /// Times, by a lognormal law.
    Latency,
    /// Failures by trials, few trials at night.
    Ratio,
}

const SORTS: [(Sort, &str); 5] = [
    (Sort::Counts, "counts"),
    (Sort::Crowds, "counts of a crowd whose eagerness drifts"),
    (Sort::Gauge, "a level with noise that remembers"),
    (Sort::Latency, "lognormal times"),
    (Sort::Ratio, "ratios of failures"),
];

/// An invented healthy series of so many points, one each `step` seconds.
fn invent(sort: Sort, step: u64, points: u64, seed: u64) -> Vec<f64> {
    let mut dice = Dice::new(seed);
    let (wave, weekend) = (0.6 * dice.share(), 0.6 + 0.4 * dice.share());
    let (size, scatter) = (5.0 * 100f64.powf(dice.share()), dice.share());
    let memory = 0.95 * dice.share();
    let mut drift = 0.0;
    let mut point = |n: u64| {
        let day = (n * step) as f64 / DAY_S;
        // Between week and weekend lie some hours, as between evening and night.
        let week = (4.0 * ((day / 7.0 * TAU).sin() - 0.6)).clamp(0.0, 1.0);
        let usual = (1.0 + wave * (day * TAU).sin()) * (1.0 - (1.0 - weekend) * week);
        drift = memory * drift + (1.0 - memory * memory).sqrt() * dice.normal();
        match sort {
            Sort::Counts => counted(&mut dice, size * usual, 1.2 + 2.0 * scatter),
            Sort::Crowds => counted(&mut dice, size * usual * (0.1 * drift).exp(), 1.2 + 2.0 * scatter),
            Sort::Gauge => size * (usual + (0.02 + 0.1 * scatter) * drift),
            Sort::Latency => 0.05 * usual * ((0.2 + 0.6 * scatter) * dice.normal()).exp(),
            Sort::Ratio => {
                let trials = (20.0 * size * usual).max(1.0);
                (dice.poisson(trials * (0.002 + 0.02 * scatter)) as f64 / trials).min(1.0)
            }
        }
    };
    (0..points).map(&mut point).collect()
}

fn counted(dice: &mut Dice, mean: f64, dispersion: f64) -> f64 {
    let size = (mean / (dispersion - 1.0)).max(1.0);
    let rate = dice.gamma(size) * mean / size;
    dice.poisson(rate) as f64
}

/// What is found in a series.
pub(crate) fn findings(values: &[f64], start: u64, step: u64, budget: Budget) -> Vec<Spell> {
    let step = Duration::from_secs(step);
    let mut detector = Detector::new(FigureKind::Gauge, step, budget.bits(step));
    let mut found = vec![];
    let mut at = Moment::from_millis(start * 1_000);
    for value in values {
        if let Answer::Seen(verdict) = detector.see(at, (!value.is_nan()).then_some(*value)) {
            found.extend(verdict.ended);
        }
        at = at + step;
    }
    found.extend(detector.open());
    found
}

/// Measures on invented health.
pub(crate) fn measure(page: &mut Page) {
    page.title("Any healthy series: the budget of findings");
    page.text(
        "Findings over what the budget promised, counted from the very first point; 1 is as promised, less is better. Invented \
         series with days and weekends: 24 of each sort at one minute for 35 days, 40 at five minutes for 35 days, 40 at one hour \
         for 120 days.",
    );
    for budget in BUDGETS {
        for (sort, words) in SORTS {
            let (mut found, mut months) = (0.0, 0.0);
            for (step, days, series) in SHAPES {
                found += false_findings(sort, step, days, series, budget);
                months += (series * days) as f64 * DAY_S / MONTH_S;
            }
            let what = format!("{words}: a budget of {budget} a series and month");
            page.row(&what, found / (months * budget), "of it", Goal::AtMost(ROOM));
        }
    }
}

fn false_findings(sort: Sort, step: u64, days: u64, series: u64, budget: f64) -> f64 {
    let budget = Budget::new(budget).unwrap_or_default();
    let one = |seed: u64| findings(&invent(sort, step, days * 86_400 / step, seed), START, step, budget).len();
    (0..series).map(one).sum::<usize>() as f64
}

/// Measures on what is not labelled of real series.
pub(crate) fn measure_real(name: &str, series: &[Series], page: &mut Page) {
    page.text(&format!("{name}, where nothing is labelled, at the shipped budget; some of it may well be true."));
    let found = series.iter().map(unlabelled).sum::<usize>() as f64;
    let months: f64 = series.iter().map(Series::months).sum();
    page.row("findings a series and month", found / months, "", Goal::AtMost(ROOM * Budget::default().findings()));
}

fn unlabelled(series: &Series) -> usize {
    let places = series.findings(Budget::default()).into_iter().map(|found| found.detected);
    places.filter(|place| !series.anomalies.iter().any(|(a, b)| (*a..=b + AFTERMATH).contains(place))).count()
}
