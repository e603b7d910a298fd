//! Tries the detectors on labelled data, on invented healthy data, and beside their peers; writes down what came out.
//!
//! The labelled data are other people's and stay where they are: `--data` names their folder, and what is not there is
//! skipped and said. Thresholds are one figure for a whole corpus, chosen in hindsight, as all published figures of
//! these benchmarks are; what was chosen on the data that it is scored on is called so on the page.

mod aiops;
mod cloud;
mod cost;
mod dice;
mod health;
mod nab;
mod pack;
mod page;
mod synthetic;

use clap::Parser;
use std::path::PathBuf;

/// The detectors on labelled data and beside their peers.
#[derive(Parser)]
#[command(name = "downbeat-laboratory")]
struct Options {
    /// The folder with the packs: nab.tar.zst, aiops2018-dev.tar.zst, mscloud-dev.tar.zst.
    #[arg(long)]
    data: PathBuf,
    /// Where the packs may be unpacked.
    #[arg(long)]
    folder: PathBuf,
    /// Invented healthy series.
    #[arg(long, default_value_t = 10_000)]
    series: u64,
    /// Where the page goes.
    #[arg(long)]
    page: PathBuf,
    /// A program that says what the detectors of others cost; without it their rows are left out.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// What was measured.
    #[arg(long)]
    revision: String,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let open = |pack| pack::open(&options.data, &options.folder, pack);
    let mut page = page::Page::default();
    match open("nab")? {
        Some(folder) => nab::measure(&folder, &mut page)?,
        None => page.skipped("NAB"),
    }
    match open("aiops2018-dev")? {
        Some(folder) => aiops::measure(&folder.join("aiops2018-dev"), &mut page)?,
        None => page.skipped("AIOps 2018"),
    }
    match open("mscloud-dev")? {
        Some(folder) => cloud::measure(&folder.join("mscloud-dev"), &mut page)?,
        None => page.skipped("Microsoft cloud"),
    }
    health::measure(&mut page);
    synthetic::measure(options.series, &mut page);
    cost::measure(&mut page, options.peers.as_deref())?;
    page.write(&options.page, &options.revision)
}
