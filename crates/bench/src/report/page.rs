//! The page and the file of figures: sections that were not measured again stay as they were.

use super::{cost, faults};
use crate::measure::cost::Row;
use crate::measure::crowd;
use crate::measure::failover::Run;
use crate::measure::soak::Course;
use crate::measure::survival::Series;
use crate::measure::telemetry::Share;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const OPENING: &str = "\
# The edge beside its peers

Written by `cargo xtask bench edge`; do not edit. Every figure is from real processes on one machine, with the edge and
its peers in turn in front of the same upstreams. The edge runs with its defaults and tells a hub what it sees, once a
second. **CPU-µs a request** is the time that all threads and children of a proxy spent on a processor (the kernel's
`schedstat`), divided by the answers of the same while: the figure that noisy neighbours disturb least. Ratios are the
medians of the rounds' ratios. One thread each, client and upstreams on the same machine.
";

/// What it was measured on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    pub(crate) load: String,
    /// What the edge was built from.
    pub(crate) revision: String,
}

impl Machine {
    /// This machine, now.
    pub(crate) fn now(revision: &str) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        let load = read("/proc/loadavg").split_whitespace().next().unwrap_or("?").to_owned();
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel,
            load,
            revision: revision.to_owned(),
        }
    }
}

/// One section and its circumstances.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Section {
    machine: Machine,
    /// What was not there, and why.
    skipped: Vec<String>,
    body: Body,
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    /// What a request costs.
    Cost(Vec<Row>),
    /// Which share of the edge's work is telemetry; none where it could not be measured.
    Telemetry(Option<Share>),
    /// What clients see of a fault.
    Failover(Vec<Run>),
    /// Whether downloads outlive their upstream.
    Survival(Vec<Series>),
    /// What half-open connections cost.
    Crowd(Vec<crowd::Row>),
    /// Whether memory grows.
    Soak(Course),
}

/// Everything that is known, by the sections' names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    sections: BTreeMap<String, Section>,
}

impl Results {
    /// What an earlier run has written; nothing when there was none.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| format!("read {}; delete it", path.display())),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Takes a section in, and says it.
    pub(crate) fn put(&mut self, name: &str, body: Body, machine: Machine, skipped: &[String]) {
        let section = Section { machine, skipped: skipped.to_vec(), body };
        println!("\n{}", section.text(name));
        self.sections.insert(name.to_owned(), section);
    }

    /// Writes the figures.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("write figures as JSON")?;
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// The sections that were never measured here; without them the page would lose what it has.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let names = crate::edge::SECTIONS.iter().map(|(name, _)| *name);
        names.filter(|name| !self.sections.contains_key(*name)).collect()
    }

    /// Writes the page.
    pub(crate) fn write_page(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("the page is in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let texts = crate::edge::SECTIONS.iter().filter_map(|(name, _)| Some(self.sections.get(*name)?.text(name)));
        let page = format!("{OPENING}\n{}", texts.collect::<Vec<_>>().join("\n"));
        fs::write(path, page).with_context(|| format!("write {}", path.display()))
    }
}

impl Section {
    fn text(&self, name: &str) -> String {
        let title = crate::edge::SECTIONS.iter().find(|(known, _)| *known == name).map_or(name, |(_, title)| title);
        let Machine { processors, kernel, load, revision } = &self.machine;
        let body = match &self.body {
            Body::Cost(rows) => cost::section(name, rows),
            Body::Telemetry(share) => cost::telemetry(*share),
            Body::Failover(runs) => faults::failover(runs),
            Body::Survival(all) => faults::survival(all),
            Body::Crowd(rows) => faults::crowd(rows),
            Body::Soak(course) => faults::soak(course),
        };
        let skipped: String = self.skipped.iter().map(|skip| format!("\nNOT MEASURED: {skip}\n")).collect();
        format!(
            "## {title}\n\n{body}{skipped}\nEdge {revision}; {processors} processors, Linux {kernel}, load {load} before.\n"
        )
    }
}
