//! `downbeat drill` and `downbeat demo`: outages on purpose, with real processes on this machine or in virtual time.

use super::arming::{ArmArgs, RecordArgs, arm, record};
use super::output::{self, Table};
use super::style::Palette;
use crate::config::parse_duration;
use anyhow::Context;
use clap::{Args, Subcommand};
use downbeat_drill::world::BASES;
use downbeat_drill::{BudgetScore, DemoOptions, RunOptions, Scorecard, demo, run, story};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// At the end of the help.
pub(super) const DRILL_EXAMPLES: &str = "\
Examples:
  downbeat drill list
  downbeat drill run bad-deploy --live            with real processes: a minute or two
  downbeat drill run bad-deploy --sim             in virtual time, next to doing nothing: a second
  downbeat drill run empty-dns-lease-storm --sim --seed 7
  downbeat drill run --sim                        every story, a line each
  downbeat drill run host --live --json --seed 7 | jq .silence_s
  downbeat drill run quiet --duration 60s
  downbeat drill run my-outage.md --keep --data ./my-outage
  downbeat drill run host --hub http://127.0.0.1:8080 --component web    what helped counts as tried there
  downbeat drill record october --component web --kind restart           what you tried yourself does too

In the simulated world the edge's and the hub's own decisions run against a service, users and a network that are
computed; the same seed gives the same scorecard. \"Doing nothing\" is the same world while Downbeat watches and does not act.

Ends with 0 when everything went as the story expects, else with 1.";

/// At the end of the help.
pub(super) const DEMO_EXAMPLES: &str = "\
Examples:
  downbeat demo                          then open the three addresses it prints
  downbeat demo --port-base 8200         edge 8200, console 8280, status page 8281
  downbeat demo --headless --data ./demo

Everything listens on 127.0.0.0/8 and ends with Ctrl-C.";

/// About drills.
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    #[command(subcommand)]
    verb: DrillVerb,
}

#[derive(Debug, Subcommand)]
enum DrillVerb {
    /// The stories that come with the program
    #[command(after_help = DRILL_EXAMPLES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Live through one outage, and print its scorecard
    #[command(after_help = DRILL_EXAMPLES)]
    Run(RunArgs),
    /// Tell a hub of a drill that you ran on your own service, and that passed
    #[command(after_help = DRILL_EXAMPLES)]
    Record(RecordArgs),
}

/// Which drill, and how.
#[derive(Debug, Args)]
struct RunArgs {
    /// The name of a story, or the path of a file that ends in .md; with --sim, all stories unless given
    #[arg(required_unless_present = "sim")]
    name: Option<String>,
    /// With real processes on this machine, which is how it is done unless said otherwise
    #[arg(long)]
    live: bool,
    /// In virtual time, once with Downbeat and once while it only watches
    #[arg(long, conflicts_with_all = ["live", "duration", "keep", "port_base", "data"])]
    sim: bool,
    /// Print the scorecard as one JSON object
    #[arg(long)]
    json: bool,
    /// How long a quiet story lasts, as in 60s, instead of its own time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Keep the folder with logs and reviews that would else be removed
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    arm: ArmArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// Reads a base that leaves room for all that is counted from it.
fn port_bases() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(i64::from(*BASES.start())..=i64::from(*BASES.end()))
}

/// The world that is put up.
#[derive(Debug, Args)]
struct WorldArgs {
    /// First of the ports, from which all others are counted; a free set unless given
    #[arg(long, value_name = "PORT", value_parser = port_bases())]
    port_base: Option<u16>,
    /// Where everything is kept; a folder that is removed at the end unless given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many people listen
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    listeners: u16,
    /// Seed of what listeners and crowd do
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// How the demo is run.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Without a word about a browser
    #[arg(long)]
    headless: bool,
    #[command(flatten)]
    world: WorldArgs,
}

/// A drill that was lived through, and went otherwise than its story expects.
#[derive(Debug, thiserror::Error)]
#[error("drill {name} failed: {}", failed.join("; "))]
struct Failed {
    name: String,
    failed: Vec<String>,
}

/// Does what is asked about drills.
pub(crate) async fn about_drill(args: DrillArgs) -> anyhow::Result<()> {
    match args.verb {
        DrillVerb::List { json } => list(json),
        DrillVerb::Run(args) if args.sim => {
            let only = args.name.as_deref().filter(|name| *name != "all");
            super::simulation::run(only, args.world.seed, args.world.listeners.into(), args.json)
        }
        DrillVerb::Run(args) => live_through(args).await,
        DrillVerb::Record(args) => record(args).await,
    }
}

/// Runs the demo until Ctrl-C.
pub(crate) async fn run_demo(args: DemoArgs) -> anyhow::Result<()> {
    let options = DemoOptions {
        exe: own_program()?,
        port_base: args.world.port_base,
        data: args.world.data,
        listeners: args.world.listeners.into(),
        seed: args.world.seed,
        headless: args.headless,
    };
    Ok(demo(options).await?)
}

fn list(json: bool) -> anyhow::Result<()> {
    let row = |story: story::Story| {
        let cause = story.expect.cause.map(|cause| cause.kind.word());
        let worlds = match story.worlds {
            story::Worlds::Both => "live, sim",
            story::Worlds::Simulated => "sim",
        };
        vec![json!(story.name), json!(story.title), json!(cause), json!(worlds)]
    };
    let rows = story::all().into_iter().map(row).collect();
    let table = Table { title: "drills", columns: &["name", "title", "cause", "worlds"], rows };
    if json { output::write_json(&table.json()) } else { output::write_tables(&[table]) }
}

async fn live_through(args: RunArgs) -> anyhow::Result<()> {
    let name = args.name.context("name a story")?;
    let story = story::find(&name)?;
    let options = RunOptions {
        exe: own_program()?,
        port_base: args.world.port_base,
        data: args.world.data,
        seed: args.world.seed,
        listeners: args.world.listeners.into(),
        keep: args.keep,
        progress: true,
        duration: args.duration,
    };
    let card = run(&story, options).await?;
    if args.json {
        output::write_json(&serde_json::to_value(&card).context("cannot write the scorecard")?)?;
    } else {
        output::write(&draw(&card, Palette::stdout()))?;
    }
    if card.passed {
        arm(args.arm, &card).await?;
    }
    verdict(card)
}

/// An error where a drill did not go as its story expects.
pub(super) fn verdict(card: Scorecard) -> anyhow::Result<()> {
    if card.passed { Ok(()) } else { Err(Failed { name: card.drill, failed: card.failed_expectations }.into()) }
}

/// The drill's world runs further copies of this very program.
fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

/// The scorecard for people.
fn draw(card: &Scorecard, palette: Palette) -> String {
    let passed = if card.passed { "passed" } else { "failed" };
    let heard = vec![
        json!(passed),
        seconds(Some(card.silence_s.total)),
        json!(card.silence_s.listeners),
        json!(card.listeners),
    ];
    let outcome = Table {
        title: "outcome",
        columns: &["drill", "silence", "listeners_who_heard_it", "listeners"],
        rows: vec![heard],
    };
    let requests = Table {
        title: "requests",
        columns: &["total", "failed", "retried", "resumed"],
        rows: vec![vec![
            json!(card.requests.total),
            json!(card.requests.failed),
            json!(card.requests.retried),
            json!(card.requests.resumed),
        ]],
    };
    let tables = [outcome, times(card), requests, budgets(card), decisions(card)];
    let tables = tables.iter().filter(|table| !table.rows.is_empty());
    tables.map(|table| table.text(palette)).collect::<Vec<_>>().join("\n")
}

/// How fast the error budgets were used up.
fn budgets(card: &Scorecard) -> Table {
    let row = |it: &BudgetScore| {
        let alert = it.alert.map(|urgency| urgency.word());
        vec![json!(it.component), json!(it.indicator.word()), json!(it.objective), json!(it.burn), json!(alert)]
    };
    let columns = &["component", "of", "percent", "burn_rate", "alert"];
    Table { title: "error budgets", columns, rows: card.budgets.iter().map(row).collect() }
}

/// From the fault on.
pub(super) fn times(card: &Scorecard) -> Table {
    let stages = [
        ("suspected", card.suspected_s),
        ("confirmed", card.confirmed_s),
        ("first public word", card.public_word_s),
        ("cause named", card.cause_s),
        ("mitigated", card.mitigated_s),
        ("restored", card.restored_s),
        ("resolved", card.resolved_s),
    ];
    let rows = stages.into_iter().map(|(stage, after)| vec![json!(stage), seconds(after)]).collect();
    Table { title: "after the fault", columns: &["stage", "time"], rows }
}

pub(super) fn decisions(card: &Scorecard) -> Table {
    let cause = card.cause.as_ref().map(|cause| format!("{} at {}", cause.kind.word(), cause.place));
    let remedy =
        |r: &downbeat_drill::RemedyScore| format!("{} ({})", r.kind, if r.helped { "helped" } else { "did not help" });
    let remedies: Vec<String> = card.remedies.iter().map(remedy).collect();
    let rows = vec![
        vec![json!("cause"), json!(cause)],
        vec![json!("remedies"), json!(remedies)],
        vec![json!("incidents"), json!(card.incidents)],
        vec![json!("false incidents"), json!(card.false_incidents)],
        vec![json!("pages"), json!(card.pages)],
        vec![json!("guards violated"), json!(card.guards_violated)],
        vec![json!("review"), json!(card.review)],
    ];
    Table { title: "decisions", columns: &["what", "which"], rows }
}

pub(super) fn seconds(time: Option<f64>) -> Value {
    time.map_or(Value::Null, |time| json!(format!("{time:.1} s")))
}
