//! `downbeat probe`: the probes of a configuration, run from here. Once, for people who try them; or for ever, as a vantage
//! point that tells the hub what it sees.

use super::ConfigArgs;
use super::check::task;
use super::client::{ClientError, HubArgs, HubClient};
use super::output::{self, Table};
use crate::config;
use clap::Args;
use downbeat_core::model::{Name, ProbeOutcome, ProbeResult};
use downbeat_hub::outbound::Outbound;
use downbeat_hub::probes::{Prober, keep_probing};
use downbeat_hub::settings::{HubSettings, ProbeSettings, ProbeTask};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub(crate) const EXAMPLES: &str = "\
Examples:
  downbeat probe --once                          each probe of ./downbeat.toml once, as a table
  downbeat probe --once -c a.toml --json         the same for programs
  downbeat probe --hub https://hub.example:8080 --from oslo --token SECRET
                                                 look from here for ever, and tell the hub

A vantage point reads the same configuration as its hub: the probes and references in it, and [outbound]. Where several
look, a failure counts when most of them see it. When a probe fails here and no [[reference]] answers either, it is our
own way out that is down, and nothing is held against the service.
--once ends with 1 when a probe has not passed. Heartbeats are heard by the hub alone and are left out.";

/// The name of results that are shown here and told nobody.
const HERE: &str = "here";
/// Probes that run at the same time.
const AT_ONCE: usize = 64;
/// Results that wait to be told.
const RESULTS_MAX: usize = 4_096;
/// Results told at once; a hub takes twice as many.
const TOLD_MAX: usize = 1_000;
/// Results are told so often at most: of thousands of probes, each word would cost as much as a look.
const TOLD_EVERY: Duration = Duration::from_millis(50);

/// Which probes, and what becomes of their results.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Run each probe once, print what it found, and end
    #[arg(long, required_unless_present = "hub", conflicts_with = "hub")]
    once: bool,
    /// Print one JSON list instead of a table
    #[arg(long, requires = "once")]
    json: bool,
    /// Run the probes for ever, and tell the hub at this console address
    #[arg(long, value_name = "URL", requires = "from")]
    hub: Option<String>,
    /// The name of this vantage point
    #[arg(long, value_name = "NAME", requires = "hub")]
    from: Option<Name>,
    /// The token in the hub's configuration (hub.token), when it has one
    #[arg(long, value_name = "TOKEN", env = "DOWNBEAT_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Why a vantage point does not work, or why not all is well.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("{failed} of {all} probes did not pass")]
    Failed { failed: usize, all: usize },
    #[error("there is no probe in the configuration that could run here")]
    Nothing,
}

/// Runs probes.
pub(crate) async fn run(args: ProbeArgs) -> anyhow::Result<()> {
    let hub = config::load(&args.config.config)?.hub;
    let mut probes = hub.probes.clone();
    probes.retain(|probe| !matches!(probe.task, ProbeTask::Heartbeat { .. }));
    if probes.is_empty() {
        return Err(ProbeError::Nothing.into());
    }
    match args.hub.zip(args.from) {
        Some((url, from)) => {
            let client = HubClient::new(HubArgs::new(url, args.token, from.to_string()))?;
            keep_telling(&hub, probes, from, client).await
        }
        None => once(&hub, &probes, args.json).await,
    }
}

fn prober(hub: &HubSettings, vantage: Name) -> anyhow::Result<Prober> {
    let outbound = Outbound::new(hub.outbound_allow.clone(), &hub.policy.topology);
    Ok(Prober::new(vantage, hub.resolver, outbound)?)
}

async fn once(hub: &HubSettings, probes: &[ProbeSettings], as_json: bool) -> anyhow::Result<()> {
    let prober = prober(hub, Name::new(HERE).expect("four letters are a name"))?;
    let of_probes = probes.iter().map(|probe| (probe, probe.slice.to_string()));
    let all: Vec<_> = of_probes.chain(hub.references.iter().map(|probe| (probe, "reference".into()))).collect();
    let runs = all.iter().map(async |(probe, about)| (probe, about, prober.run(probe).await));
    let results: Vec<_> = futures_util::stream::iter(runs).buffered(AT_ONCE).collect().await;
    let rows = results.iter().map(|(probe, about, result)| row(probe, about, result)).collect();
    let columns = &["name", "about", "kind", "what", "result", "ms", "said"];
    let table = Table { title: "probes", columns, rows };
    match as_json {
        true => output::write_json(&table.json())?,
        false => output::write_tables(&[table])?,
    }
    let failed = results.iter().filter(|(.., result)| !matches!(result.outcome, ProbeOutcome::Passed { .. })).count();
    if failed > 0 { Err(ProbeError::Failed { failed, all: results.len() }.into()) } else { Ok(()) }
}

fn row(probe: &ProbeSettings, about: &str, result: &ProbeResult) -> Vec<Value> {
    let (kind, what) = task(&probe.task);
    let (word, ms, said) = match &result.outcome {
        ProbeOutcome::Passed { latency_ms, heard } => {
            ("passed", Some(latency_ms), heard.map(|heard| heard.to_string()))
        }
        ProbeOutcome::Failed { failure, detail, .. } => {
            let kind = serde_json::to_value(failure).ok();
            let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
            ("failed", None, Some(format!("{kind}: {detail}")))
        }
        ProbeOutcome::Unknown { detail } => ("unknown", None, Some(detail.clone())),
    };
    vec![json!(probe.name), json!(about), json!(kind), json!(what), json!(word), json!(ms), json!(said)]
}

async fn keep_telling(
    hub: &HubSettings,
    probes: Vec<ProbeSettings>,
    from: Name,
    client: HubClient,
) -> anyhow::Result<()> {
    let prober = prober(hub, from.clone())?;
    let (results, came) = mpsc::channel(RESULTS_MAX);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!(vantage = %from, probes = probes.len(), references = hub.references.len(), "looking");
    tokio::select! {
        () = keep_probing(prober, (probes, hub.references.clone()), results) => {}
        () = tell(came, &client) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Tells what has come, all of it at once; what comes alone goes at once. What could not be told is dropped: an old result is no
/// news, and the next one is a moment away.
async fn tell(mut came: mpsc::Receiver<ProbeResult>, client: &HubClient) {
    let (mut results, mut was_told, mut next) = (Vec::new(), true, Instant::now());
    while came.recv_many(&mut results, TOLD_MAX).await > 0 {
        if next > Instant::now() {
            sleep_until(next).await;
            let room = TOLD_MAX - results.len();
            came.recv_many(&mut results, room).now_or_never();
        }
        next = Instant::now() + TOLD_EVERY;
        let told = client.post("/v1/probes", &json!(results)).await;
        results.clear();
        note(&told, was_told);
        was_told = told.is_ok();
    }
}

/// Says when the hub stops taking results, and when it takes them again.
fn note(told: &Result<(), ClientError>, was_told: bool) {
    match (told, was_told) {
        (Err(error), true) => {
            let hint = error.hint().unwrap_or_default();
            tracing::warn!(%error, hint, "the hub does not take what is seen here");
        }
        (Ok(()), false) => tracing::info!("the hub takes what is seen here again"),
        _ => {}
    }
}
