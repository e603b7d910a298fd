//! What arms automation for another while: a hub hears of a drill that passed (invariant A13).

use super::client::{HubArgs, HubClient};
use super::output;
use anyhow::Context;
use clap::Args;
use downbeat_core::model::{Name, RemedyKind};
use downbeat_drill::Scorecard;
use serde_json::{Value, json};

/// Where a hub hears of drills.
const DRILLS: &str = "/v1/drills";

/// A drill that somebody ran by hand.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Its name, for the log
    name: Name,
    /// A component on which it was tried; may be given several times
    #[arg(long, value_name = "NAME", required = true)]
    component: Vec<Name>,
    /// A kind of remedy that helped there, as in [automation]; may be given several times
    #[arg(long, value_name = "KIND", required = true, value_parser = remedy_kind)]
    kind: Vec<RemedyKind>,
    #[command(flatten)]
    hub: HubArgs,
}

fn remedy_kind(text: &str) -> Result<RemedyKind, String> {
    let words = RemedyKind::ALL.map(RemedyKind::word).join(", ");
    RemedyKind::ALL.into_iter().find(|kind| kind.word() == text).ok_or_else(|| format!("the kinds are {words}"))
}

/// The hub that hears of a drill that passed.
#[derive(Debug, Args)]
pub(super) struct ArmArgs {
    /// Tell the hub at this address when the drill passed: what helped counts as tried there
    #[arg(long, value_name = "URL", conflicts_with = "sim")]
    hub: Option<String>,
    /// A component of that hub for which the drill speaks, instead of the drill's own; may be given several times
    #[arg(long, value_name = "NAME", requires = "hub")]
    component: Vec<Name>,
    /// The token in that hub's configuration (hub.token), when it has one
    #[arg(long, value_name = "TOKEN", env = "DOWNBEAT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Your name, for that hub's log
    #[arg(long = "as", value_name = "NAME", default_value = "operator", env = "DOWNBEAT_OPERATOR")]
    operator: String,
}

/// Tells the hub that was named of a drill that passed.
pub(super) async fn arm(args: ArmArgs, card: &Scorecard) -> anyhow::Result<()> {
    let Some(hub) = args.hub else { return Ok(()) };
    let mut card = card.clone();
    if !args.component.is_empty() {
        for remedy in &mut card.remedies {
            remedy.components = args.component.iter().cloned().collect();
        }
    }
    let body = serde_json::to_value(&card).context("cannot write the scorecard")?;
    HubClient::new(HubArgs::new(hub, args.token, args.operator))?.post(DRILLS, &body).await?;
    eprintln!("the hub has it in its log that drill {} passed", card.drill);
    Ok(())
}

/// Tells a hub of a drill that somebody ran on their own service.
pub(super) async fn record(args: RecordArgs) -> anyhow::Result<()> {
    let helped = |kind: &RemedyKind| json!({ "kind": kind, "helped": true, "components": args.component });
    let remedies: Vec<Value> = args.kind.iter().map(helped).collect();
    let body = json!({ "drill": args.name, "passed": true, "remedies": remedies });
    HubClient::new(args.hub)?.post(DRILLS, &body).await?;
    output::write(&format!("drill {}: it is in the log\n", args.name))
}
