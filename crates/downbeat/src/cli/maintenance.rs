//! `downbeat maintenance`: announced work, through the hub's API.

use super::client::{HubArgs, HubClient};
use super::output::{self, Table};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Where maintenances stand in the API.
const MAINTENANCES: &str = "/v1/maintenances";

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat maintenance schedule \"New database\" \"Log-in may fail for a minute.\" \\
      --component login --start 2026-12-01T02:00Z --end 2026-12-01T03:00Z --as anna
  downbeat maintenance list
  downbeat maintenance update 3 \"We need half an hour more.\" --end 2026-12-01T03:30Z
  downbeat maintenance cancel 3 \"The parts are late.\"
  downbeat maintenance end 3

Times are RFC 3339 (2026-12-01T03:00+01:00), or UTC when they have no offset. It begins and ends by the hub's clock.
Meanwhile nobody is called about incidents that touch these components alone; watching and acting go on.";

/// About announced work.
#[derive(Debug, Args)]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    verb: MaintenanceVerb,
}

#[derive(Debug, Subcommand)]
enum MaintenanceVerb {
    /// Announce work on components
    #[command(after_help = EXAMPLES)]
    Schedule {
        /// One line for everybody
        title: String,
        /// What everybody will read; Markdown
        text: String,
        /// What is worked on; may be given several times
        #[arg(long, value_name = "NAME", required = true)]
        component: Vec<String>,
        /// From when on [default: now]
        #[arg(long, value_name = "TIME")]
        start: Option<String>,
        /// Until when
        #[arg(long, value_name = "TIME")]
        end: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// All of them, the newest first
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        hub: HubArgs,
        /// Print JSON as the hub gives it
        #[arg(long)]
        json: bool,
    },
    /// Say more about one, and change what is announced
    #[command(after_help = EXAMPLES)]
    Update {
        #[command(flatten)]
        which: Which,
        /// What everybody will read; Markdown
        text: String,
        /// Another title
        #[arg(long)]
        title: Option<String>,
        /// What is worked on instead; may be given several times
        #[arg(long, value_name = "NAME")]
        component: Vec<String>,
        /// From when on instead, while it has not begun
        #[arg(long, value_name = "TIME")]
        start: Option<String>,
        /// Until when instead
        #[arg(long, value_name = "TIME")]
        end: Option<String>,
    },
    /// Call one off before it begins
    #[command(after_help = EXAMPLES)]
    Cancel {
        #[command(flatten)]
        which: Which,
        /// Why, for everybody
        text: String,
    },
    /// End one before its time: the work is done
    #[command(after_help = EXAMPLES)]
    End(Which),
}

/// One maintenance of one hub.
#[derive(Debug, Args)]
struct Which {
    /// Its number
    #[arg(value_name = "ID")]
    id: u64,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Deserialize)]
struct Scheduled {
    id: u64,
}

/// The answer to a question for all of them; only what is drawn is read.
#[derive(Debug, Deserialize)]
struct List {
    maintenances: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: u64,
    state: String,
    start_ms: u64,
    end_ms: u64,
    components: Vec<String>,
    title: String,
    scheduled_by: String,
}

/// Does what is asked about announced work.
pub(crate) async fn run(args: MaintenanceArgs) -> anyhow::Result<()> {
    match args.verb {
        MaintenanceVerb::Schedule { title, text, component, start, end, hub } => {
            let body = given([
                ("title", Some(json!(title))),
                ("text", Some(json!(text))),
                ("components", Some(json!(component))),
                ("start", start.map(Value::from)),
                ("end", Some(json!(end))),
            ]);
            let scheduled: Scheduled = HubClient::new(hub)?.post_for(MAINTENANCES, &body).await?;
            output::write(&format!("maintenance {}: scheduled\n", scheduled.id))
        }
        MaintenanceVerb::List { hub, json } => list(hub, json).await,
        MaintenanceVerb::Update { which, text, title, component, start, end } => {
            let body = given([
                ("text", Some(json!(text))),
                ("title", title.map(Value::from)),
                ("components", (!component.is_empty()).then(|| json!(component))),
                ("start", start.map(Value::from)),
                ("end", end.map(Value::from)),
            ]);
            tell(which, "update", body).await
        }
        MaintenanceVerb::Cancel { which, text } => tell(which, "cancel", json!({ "text": text })).await,
        MaintenanceVerb::End(which) => tell(which, "end", json!({})).await,
    }
}

/// An object of the fields that are there.
fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let there = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

async fn tell(which: Which, verb: &str, body: Value) -> anyhow::Result<()> {
    HubClient::new(which.hub)?.post(&format!("{MAINTENANCES}/{}/{verb}", which.id), &body).await?;
    output::write(&format!("maintenance {}: {verb} is in the log\n", which.id))
}

async fn list(hub: HubArgs, json: bool) -> anyhow::Result<()> {
    let answer = HubClient::new(hub)?.get(MAINTENANCES).await?;
    if json {
        return output::write_json(&answer);
    }
    let list: List = serde_json::from_value(answer)
        .context("the hub speaks in a way that this build does not know; --json prints it as it is")?;
    if list.maintenances.is_empty() {
        return output::write("no maintenance yet\n");
    }
    output::write_tables(&[list.table()])
}

impl List {
    fn table(&self) -> Table {
        let row = |line: &Line| {
            vec![
                json!(line.id),
                json!(line.state),
                json!(super::log::time(line.start_ms)),
                json!(super::log::time(line.end_ms)),
                json!(line.components.join(", ")),
                json!(line.title),
                json!(line.scheduled_by),
            ]
        };
        let columns = &["id", "state", "start", "end", "components", "title", "by"];
        Table { title: "maintenances", columns, rows: self.maintenances.iter().map(row).collect() }
    }
}
