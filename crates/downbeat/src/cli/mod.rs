//! The command line: what there is to say, and who does it.

mod arming;
mod change;
mod check;
mod client;
mod detect;
mod drill;
mod edge;
mod encore;
mod export;
pub(crate) mod failure;
mod handover;
mod import;
mod incident;
mod log;
mod logging;
mod maintenance;
mod operator;
mod output;
mod probe;
mod rehearsal;
mod serve;
mod simulation;
mod style;
mod subscriber;
mod top;

use crate::config::{self, DEFAULT_PATH};
use clap::{Args, Parser, Subcommand};
use logging::LogFormat;
use std::future::Future;
use std::path::PathBuf;

/// Set in the environment of child processes that must not outlive their parent.
const DIE_WITH_PARENT: &str = "DOWNBEAT_EXIT_WITH_PARENT";

const EXAMPLES: &str = "\
Examples:
  downbeat demo                      a music service of six replicas, protected; break it and watch
  downbeat check -c downbeat.toml    what a configuration resolves to, or everything that is wrong with it
  downbeat run -c downbeat.toml      protect a real service: edge, console and status page in one process
  downbeat incident list             what is going on
  downbeat detect requests.csv       what stands out in a series of yours

A configuration that is enough:
  [service]
  name = \"Encore\"
  [[component]]
  name = \"playback\"
  replicas = [\"http://10.0.0.1:9001\", \"http://10.0.0.2:9001\"]

Standard output carries data, standard error everything else. NO_COLOR is respected.
Ends with 0 when all went well, 1 when not, 2 on a bad command line, 64 on a bad configuration.";

/// Keeps an online service playing: notices outages, moves traffic away, tells people, brings the service back.
#[derive(Debug, Parser)]
#[command(name = "downbeat", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How logs are written to standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Human, value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Protect a service: hub and edge in one process
    #[command(after_help = "\
Examples:
  downbeat run                                   with ./downbeat.toml
  downbeat run -c /etc/downbeat.toml --log-format json

Stops on SIGTERM and SIGINT: requests in flight are finished first. A second signal stops at once.
On SIGHUP the configuration is read again: a good one is used from the next request on, a bad one is refused whole.
On SIGUSR2 the program at its path is started anew and takes over the listening sockets; no connection is refused.
`downbeat reload` and `downbeat upgrade` ask for the same and say what became of it.

A new configuration is on trial for a minute (edge.trial_for). When more requests fail under it than before, the one
before comes back by itself; when the process dies under it, the next start goes back to the last one that passed.")]
    Run(ConfigArgs),
    /// Run the hub alone: log, decisions, console, status page
    #[command(after_help = "\
Examples:
  downbeat hub -c downbeat.toml

Edges find it by `hub` in their [edge] table; its own `token` lets them in from other machines.")]
    Hub(ConfigArgs),
    /// Run an edge alone: it goes on with its last plan when the hub is gone
    #[command(after_help = edge::EXAMPLES)]
    Edge(edge::EdgeArgs),
    /// Check a configuration and print what it resolves to
    #[command(after_help = "\
Examples:
  downbeat check                                 ./downbeat.toml, for people
  downbeat check -c a.toml --json | jq .routes   for programs
  downbeat check --stdin < new.toml              a text, as if it stood in ./downbeat.toml

Loads all that a start would, and opens no port. Ends with 64 when something is wrong, after naming all of it.")]
    Check(check::CheckArgs),
    /// Run the probes: once to try them, or for ever as a vantage point of a hub
    #[command(after_help = probe::EXAMPLES)]
    Probe(probe::ProbeArgs),
    /// Make a running edge take its changed configuration
    #[command(after_help = change::RELOAD_EXAMPLES)]
    Reload(change::ReloadArgs),
    /// Replace a running edge by the program that lies at its path now
    #[command(after_help = change::UPGRADE_EXAMPLES)]
    Upgrade(change::UpgradeArgs),
    /// See incidents and speak about them
    #[command(after_help = operator::INCIDENT_EXAMPLES)]
    Incident(operator::IncidentArgs),
    /// Approve what automation proposes, or take it back
    #[command(after_help = operator::REMEDY_EXAMPLES)]
    Remedy(operator::RemedyArgs),
    /// Keep automation from starting anything new, or let it act again
    #[command(after_help = operator::AUTOMATION_EXAMPLES)]
    Automation(operator::AutomationArgs),
    /// Switch a feature of a component off or on
    #[command(after_help = operator::FEATURE_EXAMPLES)]
    Feature(operator::FeatureArgs),
    /// Announce work on the service
    #[command(after_help = maintenance::EXAMPLES)]
    Maintenance(maintenance::MaintenanceArgs),
    /// See, enter and erase who is told of public words
    #[command(after_help = subscriber::EXAMPLES)]
    Subscriber(subscriber::SubscriberArgs),
    /// Bring the status page elsewhere, as static files
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// Bring the history of another status page here, with its components, planned work and subscribers
    #[command(after_help = import::EXAMPLES)]
    Import(import::ImportArgs),
    /// Watch what an edge does, once a second
    #[command(after_help = top::EXAMPLES)]
    Top(top::TopArgs),
    /// Verify, replay or export the log of events
    #[command(after_help = log::EXAMPLES)]
    Log(log::LogArgs),
    /// Find what stands out in any series of figures, from files
    #[command(after_help = detect::EXAMPLES)]
    Detect(detect::DetectArgs),
    /// Live through outages on purpose, with a scorecard
    #[command(after_help = drill::DRILL_EXAMPLES)]
    Drill(drill::DrillArgs),
    /// A protected music service on this machine, to break and to watch
    #[command(after_help = drill::DEMO_EXAMPLES)]
    Demo(drill::DemoArgs),
    /// The demo's music service
    #[command(hide = true)]
    Encore {
        #[command(subcommand)]
        command: ::encore::cli::Command,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let format = cli.log_format;
    match cli.command {
        Command::Encore { .. } => ::encore::logs::init_json(),
        _ => logging::start(format),
    }
    match cli.command {
        Command::Run(args) => block_on(serve::both(args.config, format)),
        Command::Hub(args) => {
            let settings = config::load(&args.config)?;
            block_on(serve::hub(settings, format))
        }
        Command::Edge(edge::EdgeArgs { verb: Some(verb), .. }) => edge::run(verb),
        Command::Edge(edge::EdgeArgs { config, verb: None }) => block_on(serve::edge(config.config, format)),
        Command::Check(args) => check::run(&args),
        Command::Probe(args) => block_on(probe::run(args)),
        Command::Reload(args) => block_on(change::reload(args)),
        Command::Upgrade(args) => block_on(change::upgrade(args)),
        Command::Incident(args) => block_on(operator::about_incident(args)),
        Command::Remedy(args) => block_on(operator::about_remedy(args)),
        Command::Automation(args) => block_on(operator::about_automation(args)),
        Command::Feature(args) => block_on(operator::about_feature(args)),
        Command::Maintenance(args) => block_on(maintenance::run(args)),
        Command::Subscriber(args) => block_on(subscriber::run(args)),
        Command::Export(args) => block_on(export::run(args)),
        Command::Import(args) => block_on(import::run(args)),
        Command::Top(args) => block_on(top::run(args)),
        Command::Log(args) => log::run(args),
        Command::Detect(args) => detect::run(&args),
        Command::Drill(args) => block_on(drill::about_drill(args)),
        Command::Demo(args) => block_on(drill::run_demo(args)),
        Command::Encore { command } => block_on(encore::run(command)),
    }
}

/// Runs a future to its end on this thread, with helpers beside it.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| anyhow::Error::new(error).context("cannot start the runtime"))?.block_on(work)
}

/// Asks the kernel to end this process with the thread that started it, when the environment wants that: a demo
/// that is killed leaves nothing behind.
pub(crate) fn die_with_parent_if_asked() {
    if std::env::var_os(DIE_WITH_PARENT).is_some_and(|value| value == "1") {
        let asked = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        if let Err(error) = asked {
            eprintln!("this process will outlive its parent: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_example_in_the_help_is_the_tested_one() {
        let flat = EXAMPLES.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
        assert!(flat.contains(config::EXAMPLE));
    }
}
