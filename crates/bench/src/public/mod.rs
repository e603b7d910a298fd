//! `downbeat-bench public`: what telling the public costs, a section for each question.
//!
//! A section measures and gives its text. The texts are kept beside the logs, so that a run of some sections leaves the
//! others on the page as they were.

mod memory;
mod pages;
mod reports;
mod sinks;
mod site;
mod subscribers;

use crate::report::Machine;
use anyhow::{Context, Result, ensure};
use site::Site;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One question.
struct Section {
    /// Chooses it on the command line.
    name: &'static str,
    /// Above its answer.
    title: &'static str,
    /// Measures, and gives the answer as Markdown.
    measure: fn(&Site<'_>) -> Result<String>,
}

const SECTIONS: [Section; 4] = [
    Section { name: "pages", title: "Page and summary.json beside nginx", measure: pages::measure },
    Section { name: "subscribers", title: "A word to 100,000 subscribers", measure: subscribers::measure },
    Section { name: "reports", title: "Forged reports", measure: reports::measure },
    Section { name: "memory", title: "Memory of the hub", measure: memory::measure },
];

const OPENING: &str = "\
# Telling the public

Written by `cargo xtask bench public`; do not edit. Every figure is from real processes on one machine. **CPU-µs a request**
is the time that all threads of a process spent on a processor (the kernel's `schedstat`), divided by the answers of the
same while; what a hub does besides is in it.
";

/// What to measure, and where everything is.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sections to measure, with commas between; all unless given
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds in which those that are compared take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in each round
    #[arg(long, default_value_t = 4)]
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

/// Measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0, "nothing comes of no rounds");
    let unknown = options.only.iter().find(|name| !SECTIONS.iter().any(|section| section.name == **name));
    ensure!(unknown.is_none(), "no section is called {}", unknown.map_or("", String::as_str));
    fs::create_dir_all(&options.folder).context("create the folder")?;
    let kept = options.folder.join("sections.json");
    let mut texts = load(&kept)?;
    let chosen = |section: &&Section| options.only.is_empty() || options.only.iter().any(|name| name == section.name);
    for section in SECTIONS.iter().filter(chosen) {
        eprintln!("{}", section.title);
        let machine = Machine::now(&options.revision);
        let site = Site::new(options, section.name)?;
        let answer = (section.measure)(&site).with_context(|| format!("measure {}", section.name))?;
        let text = format!("## {}\n\n{answer}\n{}", section.title, circumstances(&machine));
        println!("{text}");
        texts.insert(section.name.to_owned(), text);
        fs::write(&kept, serde_json::to_vec_pretty(&texts)?).context("keep the sections")?;
    }
    options.page.as_ref().map_or(Ok(()), |page| write(page, &texts))
}

/// What earlier runs have measured; nothing when there was none.
fn load(kept: &Path) -> Result<BTreeMap<String, String>> {
    match fs::read(kept) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("read {}; delete it", kept.display())),
        Err(_) => Ok(BTreeMap::new()),
    }
}

fn write(page: &Path, texts: &BTreeMap<String, String>) -> Result<()> {
    let missing: Vec<&str> =
        SECTIONS.iter().map(|section| section.name).filter(|name| !texts.contains_key(*name)).collect();
    ensure!(missing.is_empty(), "the page is not written: {} was never measured here", missing.join(", "));
    let sections: Vec<&str> =
        SECTIONS.iter().filter_map(|section| texts.get(section.name)).map(String::as_str).collect();
    let text = format!("{OPENING}\n{}", sections.join("\n"));
    fs::write(page, text).with_context(|| format!("write {}", page.display()))
}

fn circumstances(machine: &Machine) -> String {
    let Machine { processors, kernel, load, revision } = machine;
    format!("Downbeat {revision}; {processors} processors, Linux {kernel}, load {load} before.\n")
}
