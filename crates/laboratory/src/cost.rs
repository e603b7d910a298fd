//! What a point and a series cost: processor time on one core, and bytes.

use crate::page::{Goal, Page};
use anyhow::{Context, ensure};
use downbeat_core::detect::series::{Budget, CountSeries, Detector};
use downbeat_core::model::{FigureKind, Moment};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Series that take turns, so that each finds its state where a million series would: outside of the nearest cache.
const SERIES: usize = 10_000;
/// Points that are not measured, for a young series costs a little more, and those that are.
const YOUNG: u64 = 500;
const POINTS: u64 = 500;
const NS_MAX: f64 = 150.0;
const BYTES_MAX: f64 = 1_024.0;

/// Measures both detectors, and those of others where there is a program that does.
pub(crate) fn measure(page: &mut Page, peers: Option<&Path>) -> anyhow::Result<()> {
    page.title("Cost");
    page.text(
        "Processor time of one thread, 10,000 series taking turns, after 500 points each; on a machine that others use as well, so \
         it varies by a factor of two. The detectors of others follow, measured in the same run on the same series: 20 that take \
         turns, or a table of 50 series over a day of minutes.",
    );
    general(page, "any series, a point a minute", Duration::from_secs(60))?;
    general(page, "any series, a point in five minutes", Duration::from_secs(300))?;
    let step = Duration::from_secs(300);
    let mut counts: Vec<CountSeries> = (0..SERIES).map(|_| CountSeries::new(step)).collect();
    let ns = per_point(step, |at, value| {
        for series in &mut counts {
            black_box(series.add(at, value as u64));
        }
    })?;
    page.row("counts: a point", ns, "ns", Goal::AtMost(NS_MAX));
    page.row("counts: its state", size_of::<CountSeries>() as f64, "bytes", Goal::AtMost(BYTES_MAX));
    peers.map_or(Ok(()), |program| others(page, program))
}

/// Each line is a figure in nanoseconds, a tab, and what it is of.
fn others(page: &mut Page, program: &Path) -> anyhow::Result<()> {
    let told = Command::new(program).output().with_context(|| format!("run {}", program.display()))?;
    ensure!(told.status.success(), "{} failed: {}", program.display(), String::from_utf8_lossy(&told.stderr));
    for line in String::from_utf8(told.stdout).context("read what the peers cost")?.lines() {
        let (ns, what) = line.split_once('\t').with_context(|| format!("no tab in {line:?}"))?;
        page.row(what, ns.parse().with_context(|| format!("no figure in {line:?}"))?, "ns", Goal::None);
    }
    Ok(())
}

fn general(page: &mut Page, what: &str, step: Duration) -> anyhow::Result<()> {
    let fresh = || Detector::new(FigureKind::Gauge, step, Budget::default().bits(step));
    let mut all: Vec<Detector> = (0..SERIES).map(|_| fresh()).collect();
    let ns = per_point(step, |at, value| {
        for detector in &mut all {
            black_box(detector.see(at, Some(value)));
        }
    })?;
    page.row(&format!("{what}: a point"), ns, "ns", Goal::AtMost(NS_MAX));
    page.row(&format!("{what}: its state"), fresh().size() as f64, "bytes", Goal::AtMost(BYTES_MAX));
    Ok(())
}

fn per_point(step: Duration, mut turn: impl FnMut(Moment, f64)) -> anyhow::Result<f64> {
    let mut before = 0.0;
    for n in 0..YOUNG + POINTS {
        if n == YOUNG {
            before = spent()?;
        }
        let value = 100.0 + 20.0 * (n as f64 / 46.0).sin() + (n * 2_654_435_761 % 97) as f64 / 10.0;
        turn(Moment::from_millis(0) + step * u32::try_from(n).context("many points")?, value);
    }
    Ok((spent()? - before) * 1e9 / (SERIES as f64 * POINTS as f64))
}

/// Seconds that this process has had of the processor.
fn spent() -> anyhow::Result<f64> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let whole = f64::from(u32::try_from(time.tv_sec).context("a processor time that is none")?);
    Ok(whole + time.tv_nsec as f64 / 1e9)
}
