//! `cargo xtask bench NAME`: builds what is shipped, fetches the peers, and measures in a network of its own.
//!
//! The measuring is done by `downbeat-bench`; this only makes sure that everything it needs is there. Nothing is left
//! behind: the processes live in a namespace that ends with their parent, where the system allows one.

mod peers;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{Outcome, process};
use anyhow::{Context, Result, ensure};
use peers::Peers;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// What to measure.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// The edge beside HAProxy, nginx and Envoy: writes docs/benchmarks/edge.md
    #[command(after_help = "\
Examples:
  cargo xtask bench edge                               everything; takes about an hour
  cargo xtask bench edge --only cpu-1k,cpu-64k --quick a first look, without writing the page
  cargo xtask bench edge --program target/dist/downbeat --only cpu-1k --rounds 9
  cargo xtask bench edge --only cpu-1k --quick --program NEW --baseline OLD
  cargo xtask bench edge --only soak --minutes 60      whether memory grows")]
    Edge(Edge),
    /// How soon a fault is told of, beside Prometheus, blackbox exporter and Vigil: writes docs/benchmarks/confirm.md
    #[command(after_help = "\
Examples:
  cargo xtask bench confirm                            about half an hour, with 2 minutes of health
  cargo xtask bench confirm --healthy-minutes 30       the whole page
  cargo xtask bench confirm --quick --rounds 1         a first look, without writing the page
  cargo xtask bench confirm --program target/dist/downbeat --rounds 3")]
    Confirm(Program),
    /// What telling the public costs, the page beside nginx: writes docs/benchmarks/public.md
    #[command(after_help = "\
Examples:
  cargo xtask bench public                             some minutes
  cargo xtask bench public --only pages                one section; the others stay on the page as they were
  cargo xtask bench public --quick --program target/release/downbeat --rounds 3")]
    Public(Program),
    /// Thousands of targets on one core, beside Prometheus and blackbox exporter: writes docs/benchmarks/probes.md
    #[command(after_help = "\
Examples:
  cargo xtask bench probes                             some minutes
  cargo xtask bench probes --quick --targets 500 --seconds 20")]
    Probes(Program),
    /// The hub's own speed, deciding, writing and starting: writes docs/benchmarks/engine.md
    #[command(after_help = "\
Examples:
  cargo xtask bench engine                             some minutes; a quiet machine and disk tell most")]
    Engine,
    /// The detectors on labelled data and invented health: writes docs/benchmarks/detect.md
    #[command(after_help = "\
Examples:
  cargo xtask bench detect                             the data beside this folder (../shared/data/anomaly)
  cargo xtask bench detect --data ~/anomaly            from elsewhere; what is not there is skipped and said")]
    Detect(Detect),
}

/// How to measure the edge.
#[derive(clap::Args)]
pub(crate) struct Edge {
    /// Measure this program instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Compare with this build of the edge too.
    #[arg(long)]
    baseline: Option<PathBuf>,
    /// Handed on to `downbeat-bench edge`: --only NAMES, --quick, --rounds N and others.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    others: Vec<String>,
}

/// How to measure a whole program.
#[derive(clap::Args)]
pub(crate) struct Program {
    /// Measure this program instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Leave the page as it is.
    #[arg(long)]
    quick: bool,
    /// Handed on to `downbeat-bench NAME`, whose `--help` names them: --rounds N, --seed N, --only NAMES and others.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    others: Vec<String>,
}

/// Where the labelled data is.
#[derive(clap::Args)]
pub(crate) struct Detect {
    /// The folder with the packs; beside the repository unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Handed on to `downbeat-laboratory`: --series N.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    others: Vec<String>,
}

/// Starts a command in a network and a table of processes of its own, with the local addresses up.
const APART: [&str; 8] = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"];
const LINK_UP: &str = "ip link set lo up && exec \"$@\"";
/// A little before the builders beside us, where we may.
const AHEAD: [&str; 3] = ["nice", "-n", "-5"];

/// Runs a benchmark.
pub(crate) fn run(workspace: &Workspace, bench: &Bench) -> Result<Outcome> {
    match bench {
        Bench::Edge(options) => edge(workspace, options),
        Bench::Confirm(options) => confirm(workspace, options),
        Bench::Public(options) => public(workspace, options),
        Bench::Probes(options) => probes(workspace, options),
        Bench::Engine => engine(workspace),
        Bench::Detect(options) => detect(workspace, options),
    }
}

/// The hub's own bench prints its page and writes it.
fn engine(workspace: &Workspace) -> Result<Outcome> {
    let mut command = workspace.cargo(&["bench", "--package", "downbeat-hub", "--bench", "engine", "--"]);
    command.args(["--revision", &revision(workspace)?, "--page"]);
    command.arg(workspace.root().join("docs/benchmarks/engine.md"));
    Ok(Outcome::of(process::succeeds(&mut command)?))
}

/// The laboratory needs data of others, which is never part of the repository.
fn detect(workspace: &Workspace, options: &Detect) -> Result<Outcome> {
    let folder = workspace.target().join("bench/detect");
    fs::create_dir_all(&folder).context("create the benchmark's folder")?;
    let data = options.data.clone().unwrap_or_else(|| workspace.root().join("../shared/data/anomaly"));
    let mut command = workspace.cargo(&["run", "--profile", "dist", "--package", "downbeat-laboratory", "--"]);
    command.arg("--data").arg(data).arg("--folder").arg(&folder).args(["--revision", &revision(workspace)?]);
    if let Some(program) = peers::provide_detectors(workspace, &folder) {
        command.arg("--peers").arg(program);
    }
    command.arg("--page").arg(workspace.root().join("docs/benchmarks/detect.md")).args(&options.others);
    Ok(Outcome::of(process::succeeds(&mut command)?))
}

fn edge(workspace: &Workspace, options: &Edge) -> Result<Outcome> {
    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder).context("create the benchmark's folder")?;
    let mut steps = Steps::new(3);
    let peers = steps.step("looking for peers and clients", || Peers::provide(workspace, &folder));
    let (program, revision) = steps.step("building", || build(workspace, options.program.as_deref()))?;
    let mut command = apart(workspace);
    command
        .arg(workspace.built("downbeat-bench"))
        .arg("edge")
        .arg("--edge")
        .arg(program)
        .arg("--revision")
        .arg(revision);
    if let Some(baseline) = &options.baseline {
        command.arg("--baseline").arg(absolute(baseline)?);
    }
    command.arg("--envoy").arg(peers.envoy()).arg("--folder").arg(&folder);
    command.arg("--page").arg(workspace.root().join("docs/benchmarks/edge.md")).args(&options.others);
    Ok(Outcome::of(steps.step("measuring", || process::succeeds(&mut command))?))
}

/// Everybody who watches, in one run.
fn confirm(workspace: &Workspace, options: &Program) -> Result<Outcome> {
    let folder = workspace.target().join("bench/confirm");
    fs::create_dir_all(&folder).context("create the benchmark's folder")?;
    let mut steps = Steps::new(3);
    let vigil = steps.step("looking for others that watch", || peers::provide_watchers(workspace, &folder));
    let (program, revision) = steps.step("building", || build(workspace, options.program.as_deref()))?;
    let mut command = apart(workspace);
    command.arg(workspace.built("downbeat-bench")).arg("confirm").arg("--program").arg(program);
    command.arg("--revision").arg(revision).arg("--vigil").arg(vigil).arg("--folder").arg(&folder);
    if !options.quick {
        command.arg("--page").arg(workspace.root().join("docs/benchmarks/confirm.md"));
    }
    command.args(&options.others);
    Ok(Outcome::of(steps.step("measuring", || process::succeeds(&mut command))?))
}

/// What the public asks of a hub.
fn public(workspace: &Workspace, options: &Program) -> Result<Outcome> {
    let folder = workspace.target().join("bench/public");
    fs::create_dir_all(&folder).context("create the benchmark's folder")?;
    let mut steps = Steps::new(3);
    steps.step("looking for nginx and clients", || peers::provide_servers(workspace));
    let (program, revision) = steps.step("building", || build(workspace, options.program.as_deref()))?;
    let mut command = apart(workspace);
    command.arg(workspace.built("downbeat-bench")).arg("public").arg("--program").arg(program);
    command.arg("--revision").arg(revision).arg("--folder").arg(&folder);
    if !options.quick {
        command.arg("--page").arg(workspace.root().join("docs/benchmarks/public.md"));
    }
    command.args(&options.others);
    Ok(Outcome::of(steps.step("measuring", || process::succeeds(&mut command))?))
}

/// What a vantage point costs that looks at thousands of targets.
fn probes(workspace: &Workspace, options: &Program) -> Result<Outcome> {
    let folder = workspace.target().join("bench/probes");
    fs::create_dir_all(&folder).context("create the benchmark's folder")?;
    let mut steps = Steps::new(3);
    steps.step("looking for others that probe", || peers::provide_probers(workspace));
    let (program, revision) = steps.step("building", || build(workspace, options.program.as_deref()))?;
    let mut command = apart(workspace);
    command.arg(workspace.built("downbeat-bench")).arg("probes").arg("--program").arg(program);
    command.arg("--revision").arg(revision).arg("--folder").arg(&folder);
    if !options.quick {
        command.arg("--page").arg(workspace.root().join("docs/benchmarks/probes.md"));
    }
    command.args(&options.others);
    Ok(Outcome::of(steps.step("measuring", || process::succeeds(&mut command))?))
}

/// Builds the bench, and the product as it is shipped unless a program is given; says what that is built from.
fn build(workspace: &Workspace, program: Option<&Path>) -> Result<(PathBuf, String)> {
    let built = process::succeeds(&mut workspace.cargo(&["build", "--release", "--package", "downbeat-bench"]))?;
    ensure!(built, "the build failed: nothing was measured");
    if let Some(program) = program {
        return Ok((absolute(program)?, "as it was given".to_owned()));
    }
    let built = process::succeeds(&mut workspace.cargo(&["build", "--profile", "dist", "--package", "downbeat"]))?;
    ensure!(built, "the build failed: nothing was measured");
    Ok((workspace.target().join("dist/downbeat"), revision(workspace)?))
}

/// The commit, and a word if there is more than it.
fn revision(workspace: &Workspace) -> Result<String> {
    let output = workspace.command("git").args(["describe", "--always", "--dirty"]).output().context("run git")?;
    Ok(format!("at {}", String::from_utf8_lossy(&output.stdout).trim()))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("find {}", path.display()))
}

/// The start of a command that runs apart from the rest of the machine, as far as the system allows.
fn apart(workspace: &Workspace) -> Command {
    let mut words: Vec<&str> = AHEAD.to_vec();
    let mut trial = Command::new(APART[0]);
    trial.args(&APART[1..]).arg(LINK_UP).args(["sh", "true"]);
    if trial.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        words.extend(APART);
        words.extend([LINK_UP, "sh"]);
    } else {
        eprintln!("note: no network of our own can be had, so this one is used");
    }
    let mut command = workspace.command(words[0]);
    command.args(&words[1..]);
    // The loads find nginx and others where ordinary users do not look.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    if let Ok(path) = env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}
