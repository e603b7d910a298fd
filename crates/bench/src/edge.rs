//! `downbeat-bench edge`: chooses what to measure, measures it in order, and writes figures and page.

use crate::measure::cost::{self, Effort, Size, Speech, Wish};
use crate::measure::{crowd, failover, soak, survival, telemetry};
use crate::report::{Body, Machine, Results};
use crate::subject::{Kind, Programs, Subject};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::time::Duration;

/// The sections of the page, by the names that choose them.
pub(crate) const SECTIONS: [(&str, &str); 10] = [
    ("cpu-1k", "Cost of a request, 1 KB"),
    ("cpu-64k", "Cost of a request, 64 KB"),
    ("cpu-10m", "Cost of a request, 10 MB"),
    ("tls-1k", "Cost of a request over TLS, 1 KB, HTTP/1.1"),
    ("h2-1k", "Cost of a request over TLS, 1 KB, HTTP/2"),
    ("telemetry", "What telemetry costs"),
    ("failover", "Failover under steady load"),
    ("midbody", "Downloads that lose their upstream"),
    ("halfopen", "Half-open connections"),
    ("soak", "Memory over time"),
];

/// What to measure, and where everything is.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure only these, separated by commas: cpu-1k, cpu-64k, cpu-10m, tls-1k, h2-1k,
    /// telemetry, failover, midbody, halfopen, soak
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Fewer and shorter rounds; the page is left as it is
    #[arg(long)]
    quick: bool,
    /// Rounds, instead of the usual number
    #[arg(long)]
    rounds: Option<usize>,
    /// Minutes of the soak
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// The edge's program
    #[arg(long)]
    edge: PathBuf,
    /// What the edge's program was built from
    #[arg(long, default_value = "of unknown origin")]
    revision: String,
    /// Another build of the edge to compare with
    #[arg(long)]
    baseline: Option<PathBuf>,
    /// Envoy's program
    #[arg(long)]
    envoy: PathBuf,
    /// A folder for logs, configurations and figures
    #[arg(long)]
    folder: PathBuf,
    /// The page to write
    #[arg(long)]
    page: PathBuf,
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    let unknown = options.only.iter().find(|name| !SECTIONS.iter().any(|(known, _)| known == name));
    ensure!(unknown.is_none(), "there is no section {}", unknown.map_or("", String::as_str));
    std::fs::create_dir_all(&options.folder).context("create the folder")?;
    let figures = options.folder.join("edge.json");
    let mut results = Results::load(&figures)?;
    let bench = Bench::new(options);
    for (name, title) in SECTIONS {
        if options.only.is_empty() || options.only.iter().any(|only| only == name) {
            eprintln!("{name}: {title}");
            let machine = Machine::now(&options.revision);
            let (body, skipped) = bench.section(name)?;
            results.put(name, body, machine, &skipped);
        }
    }
    if options.quick {
        eprintln!("a quick run: the page is left as it is");
        return Ok(());
    }
    results.save(&figures)?;
    let missing = results.missing();
    if missing.is_empty() {
        return results.write_page(&options.page);
    }
    eprintln!("the page is left as it is: not yet measured here are {}", missing.join(", "));
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    programs: Programs,
}

impl<'a> Bench<'a> {
    fn new(options: &'a Options) -> Self {
        let Options { edge, baseline, envoy, .. } = options;
        let programs = Programs { edge: edge.clone(), baseline: baseline.clone(), envoy: envoy.clone() };
        Self { options, programs }
    }

    fn section(&self, name: &str) -> Result<(Body, Vec<String>)> {
        let folder = &self.options.folder;
        match name {
            "cpu-64k" => self.cost(Size::Middle, Speech::Plain),
            "cpu-10m" => self.cost(Size::Large, Speech::Plain),
            "tls-1k" => self.cost(Size::Small, Speech::Tls),
            "h2-1k" => self.cost(Size::Small, Speech::Http2),
            "telemetry" => {
                let edge = Subject::find(Kind::Edge, &self.programs)?;
                let share = telemetry::run(edge, folder);
                let skipped = share.as_ref().err().map(|error| format!("{error:#}"));
                Ok((Body::Telemetry(share.ok()), skipped.into_iter().collect()))
            }
            "failover" => {
                let rounds = self.options.rounds.unwrap_or(if self.options.quick { 1 } else { 3 });
                let (subjects, skipped) = self.find_all()?;
                Ok((Body::Failover(failover::run(&subjects, rounds, folder)?), skipped))
            }
            "midbody" => {
                let (ours, theirs) = if self.options.quick { (20, 3) } else { (200, 20) };
                let (subjects, skipped) = self.find_all()?;
                Ok((Body::Survival(survival::run(&subjects, survival::Effort { ours, theirs }, folder)?), skipped))
            }
            "halfopen" => {
                let (subjects, skipped) = self.find_all()?;
                Ok((Body::Crowd(crowd::run(&subjects, folder)?), skipped))
            }
            "soak" => {
                let edge = Subject::find(Kind::Edge, &self.programs)?;
                Ok((Body::Soak(soak::run(&edge, self.options.minutes, folder)?), Vec::new()))
            }
            _ => self.cost(Size::Small, Speech::Plain),
        }
    }

    fn cost(&self, size: Size, speech: Speech) -> Result<(Body, Vec<String>)> {
        let mut kinds = self.kinds();
        kinds.extend((size == Size::Large).then_some(Kind::HaproxySplice));
        let (subjects, missing) = self.find(&kinds)?;
        let wish = Wish { size, speech };
        let (rows, unfit) = cost::run(&subjects, wish, self.effort(), &self.options.folder)?;
        Ok((Body::Cost(rows), [missing, unfit].concat()))
    }

    fn kinds(&self) -> Vec<Kind> {
        let baseline = self.options.baseline.is_some().then_some(Kind::Baseline);
        [Kind::Edge].into_iter().chain(baseline).chain(Kind::PEERS).collect()
    }

    fn find_all(&self) -> Result<(Vec<Subject>, Vec<String>)> {
        self.find(&self.kinds())
    }

    /// The proxies that are there, and a word on those that are not; without the edge there is nothing to compare.
    fn find(&self, kinds: &[Kind]) -> Result<(Vec<Subject>, Vec<String>)> {
        let (mut subjects, mut skipped) = (Vec::new(), Vec::new());
        for kind in kinds {
            match Subject::find(*kind, &self.programs) {
                Ok(subject) => subjects.push(subject),
                Err(error) if matches!(kind, Kind::Edge | Kind::Baseline) => return Err(error),
                Err(error) => {
                    eprintln!("SKIP: {} is not there: {error:#}", kind.name());
                    skipped.push(format!("{} is not there.", kind.name()));
                }
            }
        }
        Ok((subjects, skipped))
    }

    fn effort(&self) -> Effort {
        let (rounds, seconds) = if self.options.quick { (3, 1) } else { (7, 2) };
        Effort { rounds: self.options.rounds.unwrap_or(rounds), each: Duration::from_secs(seconds) }
    }
}
