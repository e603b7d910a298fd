//! What a point costs the detectors of others, on the series on which the laboratory measures ours.
//!
//! Prints a line for each: nanoseconds of processor time, a tab, and what was measured. The two are of other kinds than ours:
//! `changepoint` watches one series for a change of its level, point by point (Adams and MacKay, 2007); `augurs-outlier` takes a
//! table of many series, and says which of them behaves unlike the others. Neither states a budget of false alarms.

use augurs_outlier::{DbscanDetector, MADDetector, OutlierDetector};
use changepoint::rv::prelude::NormalGamma;
use changepoint::{BocpdLike, BocpdTruncated};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::hint::black_box;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Series that take turns: so few because a point costs these a hundred times as much.
const SERIES: usize = 20;
/// Points that are not measured, for a young series costs less, and those that are.
const YOUNG: usize = 500;
const POINTS: usize = 500;
/// One change in so many points, and the prior of augurs' own change point detector.
const HAZARD: f64 = 250.0;
/// The shape of a table: as many series as a service has replicas, and a day of minutes.
const TABLE: (usize, usize) = (50, 1_440);
/// Halfway between saying nothing and crying always.
const SENSITIVITY: f64 = 0.5;

fn main() -> Result<()> {
    let change = change_points()?;
    println!("{change:.1}\tchangepoint 0.15, `BocpdTruncated` with a normal-gamma prior: a point of one series");
    let table = table();
    let rows: Vec<&[f64]> = table.iter().map(Vec::as_slice).collect();
    let dbscan = outliers(&DbscanDetector::with_sensitivity(SENSITIVITY)?, &rows)?;
    println!("{dbscan:.1}\taugurs-outlier 0.10, DBSCAN: a point of a table of 50 series");
    let mad = outliers(&MADDetector::with_sensitivity(SENSITIVITY)?, &rows)?;
    println!("{mad:.1}\taugurs-outlier 0.10, median absolute deviation: a point of a table of 50 series");
    Ok(())
}

/// The laboratory's series: a wave and a scatter that looks random.
fn value(n: usize) -> f64 {
    100.0 + 20.0 * (n as f64 / 46.0).sin() + (n * 2_654_435_761 % 97) as f64 / 10.0
}

fn change_points() -> Result<f64> {
    let prior = NormalGamma::new(100.0, 1.0, 1.0, 1.0)?;
    let mut all: Vec<_> = (0..SERIES).map(|_| BocpdTruncated::<f64, _, _>::new(HAZARD, prior.clone())).collect();
    let mut before = 0.0;
    for n in 0..YOUNG + POINTS {
        if n == YOUNG {
            before = spent();
        }
        for series in &mut all {
            black_box(series.step(&value(n)));
        }
    }
    Ok((spent() - before) * 1e9 / (SERIES * POINTS) as f64)
}

fn table() -> Vec<Vec<f64>> {
    (0..TABLE.0).map(|series| (0..TABLE.1).map(|n| value(n + 7 * series)).collect()).collect()
}

fn outliers(detector: &impl OutlierDetector, table: &[&[f64]]) -> Result<f64> {
    let before = spent();
    let data = detector.preprocess(table)?;
    black_box(detector.detect(&data)?);
    Ok((spent() - before) * 1e9 / (TABLE.0 * TABLE.1) as f64)
}

/// Seconds that this process has had of the processor.
fn spent() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
