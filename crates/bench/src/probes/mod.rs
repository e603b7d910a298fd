//! `downbeat-bench probes`: thousands of targets looked at from one core, Downbeat beside Prometheus with the blackbox exporter.
//!
//! All targets are one server, which tells them apart by their paths and notes when each is looked at. So both are measured
//! from outside, by the same clock: what a look costs, and how far from its time it comes.

mod subject;
mod target;

use crate::report::{Machine, number, percentile, table, verdict};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use subject::{Setup, Subject};
use target::Targets;

/// How long a watcher runs before it is measured, in its intervals: each target was looked at, and what is held is held.
const SETTLED: u32 = 2;
/// How often memory is looked at.
const POLL: Duration = Duration::from_millis(250);
/// A share of one core, at most.
const CORE_MAX: f64 = 0.5;
/// The worst look in a hundred comes so late at most, in seconds.
const LATE_MAX: f64 = 0.5;
const MB: f64 = 1e6;

/// What to measure, and where everything is.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Targets
    #[arg(long, default_value_t = 5_000)]
    targets: usize,
    /// Seconds between two looks at a target
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// Seconds that are measured of each
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Downbeat's program
    #[arg(long)]
    program: PathBuf,
    /// What it was built from
    #[arg(long, default_value = "of unknown origin")]
    revision: String,
    /// A folder for logs and configurations
    #[arg(long)]
    folder: PathBuf,
    /// The page to write; none is written without
    #[arg(long)]
    page: Option<PathBuf>,
}

/// What was seen of one of them.
struct Row {
    name: &'static str,
    version: String,
    /// Looks a second that were answered.
    looks: f64,
    /// Of one core, for each of its programs.
    shares: Vec<(&'static str, f64)>,
    /// The most that was resident, in bytes.
    resident: u64,
    /// Seconds between two looks at the same target.
    gaps: Vec<f64>,
    /// Seconds behind the latest moment that it had planned.
    late: Vec<f64>,
}

impl Row {
    fn share(&self) -> f64 {
        self.shares.iter().map(|(_, share)| share).sum()
    }

    fn micros(&self) -> f64 {
        self.share() * 1e6 / self.looks
    }
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.targets > 0 && options.every > 0 && options.seconds > 0, "nothing comes of nothing");
    fs::create_dir_all(&options.folder).context("create the folder")?;
    let (machine, targets) = (Machine::now(&options.revision), Targets::start(options.targets)?);
    let every = Duration::from_secs(options.every);
    let setup = Setup { program: &options.program, folder: &options.folder, every, targets: &targets };
    let mut rows = Vec::new();
    for subject in Subject::ALL {
        match measure(subject, &setup, Duration::from_secs(options.seconds)) {
            Ok(row) => rows.push(row),
            // Downbeat is what this is about; the others may not be installed.
            Err(error) if subject == Subject::Downbeat => return Err(error),
            Err(error) => eprintln!("SKIP: {}: {error:#}", subject.name()),
        }
    }
    let text = page(options, &machine, &rows);
    println!("{text}");
    options.page.as_ref().map_or(Ok(()), |page: &PathBuf| write(page, &text))
}

fn write(page: &Path, text: &str) -> Result<()> {
    fs::write(page, text).with_context(|| format!("write {}", page.display()))
}

fn measure(subject: Subject, setup: &Setup<'_>, span: Duration) -> Result<Row> {
    eprintln!("{}", subject.name());
    let watcher = subject.start(setup)?;
    sleep(setup.every * SETTLED);
    setup.targets.forget();
    let (begun, before) = (Instant::now(), watcher.busy());
    let mut resident = 0;
    while begun.elapsed() < span {
        sleep(POLL);
        resident = resident.max(watcher.resident());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let shares = watcher.busy().into_iter().zip(before);
    let shares = shares.map(|((name, after), (_, before))| (name, (after - before) as f64 / 1e9 / seconds)).collect();
    let seen = setup.targets.seen();
    ensure!(!seen.gaps.is_empty(), "no target was looked at twice; its log is in {}", setup.folder.display());
    let planned = subject.planned(setup.every).as_secs_f64();
    let late = seen.gaps.iter().map(|gap| (gap - planned).max(0.0)).collect();
    let looks = seen.looks as f64 / seconds;
    Ok(Row { name: subject.name(), version: watcher.version, looks, shares, resident, gaps: seen.gaps, late })
}

fn page(options: &Options, machine: &Machine, rows: &[Row]) -> String {
    let Options { targets, every, seconds, .. } = options;
    let Machine { processors, kernel, load, revision } = machine;
    let whole = *targets as f64 / *every as f64;
    let at = |figures: &[f64], share| percentile(figures, share).map_or("?".into(), number);
    let cost = |row: &Row| {
        let is_ours = row.name == Subject::Downbeat.name();
        let goal = |met: bool| if is_ours { verdict(met).to_owned() } else { String::new() };
        let parts: Vec<String> =
            row.shares.iter().map(|(name, share)| format!("{name} {:.1}", share * 100.0)).collect();
        vec![
            format!("{} {}", row.name, row.version),
            number(row.looks),
            format!("{:.1}", row.share() * 100.0),
            goal(row.share() <= CORE_MAX),
            parts.join(", "),
            number(row.micros()),
            number(row.resident as f64 / MB),
        ]
    };
    let pace = |row: &Row| {
        let is_ours = row.name == Subject::Downbeat.name();
        let late = percentile(&row.late, 0.99).unwrap_or(f64::INFINITY);
        vec![
            row.name.to_owned(),
            at(&row.gaps, 0.01),
            at(&row.gaps, 0.5),
            at(&row.gaps, 0.99),
            number(late),
            if is_ours { verdict(late <= LATE_MAX).to_owned() } else { String::new() },
        ]
    };
    let costs = table(
        &["watcher", "looks/s", "% of one core", "≤ 50", "of that", "CPU-µs a look", "MB, the most"],
        &rows.iter().map(cost).collect::<Vec<_>>(),
    );
    let paces = table(
        &["watcher", "s between looks, p1", "p50", "p99", "s late, p99", "≤ 0.5"],
        &rows.iter().map(pace).collect::<Vec<_>>(),
    );
    format!(
        "\
# Thousands of targets on one core

Written by `cargo xtask bench probes`; do not edit. {targets} HTTP targets are looked at every {every} s, {whole:.0} looks a
second, each over a connection of its own, for {seconds} s after two rounds of settling. All programs of a watcher are pinned to one
and the same processor; what they look at runs wherever there is room. Downbeat is a vantage point (`downbeat probe --hub`) that tells a hub
every result; Prometheus keeps what the blackbox exporter tells it. CPU is the time that all threads of its programs
spent on a processor (the kernel's `schedstat`).

## What it costs

{costs}
## Whether it keeps its time

The target notes when it is looked at. Downbeat spreads its looks on purpose, by a tenth of the interval to both sides, so
that no two fall into step; Prometheus plans them evenly. *Late* is what a gap has beyond the longest that was planned: {late_ours} s for
Downbeat, {every} s for Prometheus.

{paces}
Downbeat {revision}; {processors} processors, Linux {kernel}, load {load} before.
",
        late_ours = number(*every as f64 * 1.1),
    )
}
