//! `downbeat incident`, `remedy` and `automation`: the operator's verbs, through the hub's API.

use super::client::{HubArgs, HubClient};
use super::incident;
use super::output;
use super::style::Palette;
use anyhow::Context;
use clap::{Args, Subcommand};
use downbeat_core::model::{IncidentId, Name, RemedyId};
use serde_json::{Value, json};

/// Where incidents stand in the API.
const INCIDENTS: &str = "/v1/incidents";

/// At the end of the help.
pub(super) const INCIDENT_EXAMPLES: &str = "\
Examples:
  downbeat incident list
  downbeat incident show 3
  downbeat incident ack 3 --as anna
  downbeat incident post 3 \"We have found the cause and are moving traffic away.\"
  downbeat incident draft hold 3 --as anna
  downbeat incident draft change 3 \"Music stops for some of you; we are on it.\"
  downbeat incident draft send 3
  downbeat incident take-over 3 --as anna
  downbeat incident hand-back 3
  downbeat incident merge 4 --into 3
  downbeat incident split 3 --component search
  downbeat incident resolve 3
  downbeat incident reopen 3 \"Users still report silence.\"
  downbeat incident review 3 > review.md

Another hub: --hub http://10.0.0.1:8080 --token SECRET, or DOWNBEAT_HUB and DOWNBEAT_TOKEN.";

/// At the end of the help.
pub(super) const REMEDY_EXAMPLES: &str = "\
Examples:
  downbeat remedy approve 3.1    do what was proposed first in incident 3
  downbeat remedy undo 3.1       take it back";

/// At the end of the help.
pub(super) const AUTOMATION_EXAMPLES: &str = "\
Examples:
  downbeat automation hold       start nothing new; what is in force stays
  downbeat automation release";

/// At the end of the help.
pub(super) const FEATURE_EXAMPLES: &str = "\
Examples:
  downbeat feature off playback radio    turn its requests away, until it is switched on
  downbeat feature on playback radio     let them all in, whatever a remedy kept out

Which features there are, and what is answered while one is out, stands in the configuration ([[component.feature]]).";

/// About incidents.
#[derive(Debug, Args)]
pub(crate) struct IncidentArgs {
    #[command(subcommand)]
    verb: IncidentVerb,
}

#[derive(Debug, Subcommand)]
enum IncidentVerb {
    /// All incidents, the newest first
    #[command(after_help = INCIDENT_EXAMPLES)]
    List {
        #[command(flatten)]
        hub: HubArgs,
        /// Print JSON as the hub gives it
        #[arg(long)]
        json: bool,
    },
    /// Everything about one: evidence, suspects, remedies, messages, timeline
    #[command(after_help = INCIDENT_EXAMPLES)]
    Show {
        #[command(flatten)]
        which: Which,
        /// Print JSON as the hub gives it
        #[arg(long)]
        json: bool,
    },
    /// I have seen it; stop calling
    #[command(after_help = INCIDENT_EXAMPLES)]
    Ack(Which),
    /// Say something in public
    #[command(after_help = INCIDENT_EXAMPLES)]
    Post {
        #[command(flatten)]
        which: Which,
        /// What everybody will read
        text: String,
    },
    /// The public word that waits to be said (`[policy.tell]` gives each stage its time)
    ///
    /// What waits, and when it goes out by itself, is in `downbeat incident show`.
    #[command(after_help = INCIDENT_EXAMPLES)]
    Draft {
        #[command(subcommand)]
        verb: DraftVerb,
    },
    /// This is mine: for this incident, automation only proposes from now on
    ///
    /// What is in force stays, is judged, and comes back in its steps; nothing new is started unless somebody approves it.
    /// Counts as an acknowledgement.
    #[command(after_help = INCIDENT_EXAMPLES)]
    TakeOver(Which),
    /// Automation may act on it again
    ///
    /// What was proposed meanwhile still waits for an approval.
    #[command(after_help = INCIDENT_EXAMPLES)]
    HandBack(Which),
    /// It is part of another one
    ///
    /// It ends with a link. Its evidence and its remedies go on under the other, which tells everybody who was told of this one.
    /// Incidents of one certain cause merge by themselves.
    #[command(after_help = INCIDENT_EXAMPLES)]
    Merge {
        #[command(flatten)]
        which: Which,
        /// The one that goes on
        #[arg(long, value_name = "ID", value_parser = incident_id)]
        into: IncidentId,
    },
    /// A component in it is another matter, and gets an incident of its own
    #[command(after_help = INCIDENT_EXAMPLES)]
    Split {
        #[command(flatten)]
        which: Which,
        /// What leaves
        #[arg(long, value_name = "NAME")]
        component: Name,
    },
    /// It was not over
    ///
    /// It goes back to confirmed, or to suspected when it never was confirmed.
    #[command(after_help = INCIDENT_EXAMPLES)]
    Reopen {
        #[command(flatten)]
        which: Which,
        /// For the log and whoever reads the timeline
        why: String,
    },
    /// It is over, whatever the gates say
    #[command(after_help = INCIDENT_EXAMPLES)]
    Resolve(Which),
    /// Print the review as Markdown
    #[command(after_help = INCIDENT_EXAMPLES)]
    Review(Which),
}

#[derive(Debug, Subcommand)]
enum DraftVerb {
    /// Say it now
    #[command(after_help = INCIDENT_EXAMPLES)]
    Send(Which),
    /// Hold it back until somebody sends it
    #[command(after_help = INCIDENT_EXAMPLES)]
    Hold(Which),
    /// Say this instead, when it goes out
    #[command(after_help = INCIDENT_EXAMPLES)]
    Change {
        #[command(flatten)]
        which: Which,
        /// What everybody will read, in Markdown
        text: String,
    },
}

/// One incident of one hub.
#[derive(Debug, Args)]
struct Which {
    /// Its number
    #[arg(value_name = "ID", value_parser = incident_id)]
    id: IncidentId,
    #[command(flatten)]
    hub: HubArgs,
}

fn incident_id(text: &str) -> Result<IncidentId, String> {
    text.parse().map(IncidentId).map_err(|_| "an incident has a number, such as 3".into())
}

/// About remedies.
#[derive(Debug, Args)]
pub(crate) struct RemedyArgs {
    #[command(subcommand)]
    verb: RemedyVerb,
}

#[derive(Debug, Subcommand)]
enum RemedyVerb {
    /// Do what was proposed
    #[command(after_help = REMEDY_EXAMPLES)]
    Approve(WhichRemedy),
    /// Take it back
    #[command(after_help = REMEDY_EXAMPLES)]
    Undo(WhichRemedy),
}

/// One remedy of one hub.
#[derive(Debug, Args)]
struct WhichRemedy {
    /// Its incident and its number in it, such as 3.1
    id: RemedyId,
    #[command(flatten)]
    hub: HubArgs,
}

/// About automation as a whole.
#[derive(Debug, Args)]
pub(crate) struct AutomationArgs {
    #[command(subcommand)]
    verb: AutomationVerb,
}

#[derive(Debug, Subcommand)]
enum AutomationVerb {
    /// Start nothing new until released
    #[command(after_help = AUTOMATION_EXAMPLES)]
    Hold(HubArgs),
    /// Act again
    #[command(after_help = AUTOMATION_EXAMPLES)]
    Release(HubArgs),
}

/// About features.
#[derive(Debug, Args)]
pub(crate) struct FeatureArgs {
    #[command(subcommand)]
    verb: FeatureVerb,
}

#[derive(Debug, Subcommand)]
enum FeatureVerb {
    /// Admit none of its requests until it is switched on
    #[command(after_help = FEATURE_EXAMPLES)]
    Off(WhichFeature),
    /// Admit all of its requests, whatever a remedy kept out
    #[command(after_help = FEATURE_EXAMPLES)]
    On(WhichFeature),
}

/// One feature of one component.
#[derive(Debug, Args)]
struct WhichFeature {
    /// Of which component
    component: Name,
    /// Its name
    feature: Name,
    #[command(flatten)]
    hub: HubArgs,
}

/// Does what is asked about incidents.
pub(crate) async fn about_incident(args: IncidentArgs) -> anyhow::Result<()> {
    match args.verb {
        IncidentVerb::List { hub, json } => list(hub, json).await,
        IncidentVerb::Show { which, json } => show(which, json).await,
        IncidentVerb::Ack(which) => tell(which, "ack", json!({})).await,
        IncidentVerb::Post { which, text } => tell(which, "post", json!({ "text": text })).await,
        IncidentVerb::Draft { verb: DraftVerb::Send(which) } => tell(which, "draft/send", json!({})).await,
        IncidentVerb::Draft { verb: DraftVerb::Hold(which) } => tell(which, "draft/hold", json!({})).await,
        IncidentVerb::Draft { verb: DraftVerb::Change { which, text } } => {
            tell(which, "draft/change", json!({ "text": text })).await
        }
        IncidentVerb::TakeOver(which) => tell(which, "take-over", json!({})).await,
        IncidentVerb::HandBack(which) => tell(which, "hand-back", json!({})).await,
        IncidentVerb::Merge { which, into } => tell(which, "merge", json!({ "into": into.0 })).await,
        IncidentVerb::Split { which, component } => tell(which, "split", json!({ "component": component })).await,
        IncidentVerb::Reopen { which, why } => tell(which, "reopen", json!({ "why": why })).await,
        IncidentVerb::Resolve(which) => tell(which, "resolve", json!({})).await,
        IncidentVerb::Review(which) => {
            let path = format!("/v1/incidents/{}/review", which.id);
            output::write(&HubClient::new(which.hub)?.get_text(&path).await?)
        }
    }
}

/// Does what is asked about a remedy.
pub(crate) async fn about_remedy(args: RemedyArgs) -> anyhow::Result<()> {
    let (which, verb) = match args.verb {
        RemedyVerb::Approve(which) => (which, "approve"),
        RemedyVerb::Undo(which) => (which, "undo"),
    };
    HubClient::new(which.hub)?.post(&format!("/v1/remedies/{}/{verb}", which.id), &json!({})).await?;
    output::write(&format!("remedy {}: {verb} is in the log\n", which.id))
}

/// Switches a feature off or on.
pub(crate) async fn about_feature(args: FeatureArgs) -> anyhow::Result<()> {
    let (which, verb) = match args.verb {
        FeatureVerb::Off(which) => (which, "off"),
        FeatureVerb::On(which) => (which, "on"),
    };
    let WhichFeature { component, feature, hub } = which;
    let body = json!({ "component": component, "feature": feature });
    HubClient::new(hub)?.post(&format!("/v1/features/{verb}"), &body).await?;
    output::write(&format!("{feature} of {component} is {verb}\n"))
}

/// Holds or releases automation.
pub(crate) async fn about_automation(args: AutomationArgs) -> anyhow::Result<()> {
    let (hub, path, done) = match args.verb {
        AutomationVerb::Hold(hub) => (hub, "/v1/automation/hold", "automation starts nothing new until released\n"),
        AutomationVerb::Release(hub) => (hub, "/v1/automation/release", "automation may act again\n"),
    };
    HubClient::new(hub)?.post(path, &json!({})).await?;
    output::write(done)
}

async fn tell(which: Which, verb: &str, body: Value) -> anyhow::Result<()> {
    HubClient::new(which.hub)?.post(&format!("/v1/incidents/{}/{verb}", which.id), &body).await?;
    output::write(&format!("incident {}: {verb} is in the log\n", which.id))
}

async fn list(hub: HubArgs, json: bool) -> anyhow::Result<()> {
    let answer = HubClient::new(hub)?.get(INCIDENTS).await?;
    if json {
        return output::write_json(&answer);
    }
    let list: incident::List = understand(answer)?;
    if list.is_empty() {
        return output::write("no incident yet\n");
    }
    output::write_tables(&[list.table()])
}

async fn show(which: Which, json: bool) -> anyhow::Result<()> {
    let answer = HubClient::new(which.hub)?.get(&format!("{INCIDENTS}/{}", which.id)).await?;
    if json {
        return output::write_json(&answer);
    }
    let incident: incident::Incident = understand(answer)?;
    output::write(&incident.text(Palette::stdout()))
}

fn understand<T: serde::de::DeserializeOwned>(answer: Value) -> anyhow::Result<T> {
    serde_json::from_value(answer)
        .context("the hub speaks in a way that this build does not know; --json prints it as it is")
}
