//! `downbeat import`: the history of another status page, with its components, planned work and subscribers.
//!
//! The page is read from here, so its key never leaves this machine; the hub gets what was read, and says what is new in it.

mod fetch;
mod known;
mod proposal;
mod read;

pub(crate) use fetch::FetchError;

use super::client::{ClientError, HubArgs, HubClient};
use super::output::{self, Table, printable};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use downbeat_hub::history::statuspage::{Announced, Person, Reading};
use downbeat_hub::history::{Chapter, Comparison};
use fetch::Source;
use known::Known;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where histories stand in the hub's API.
const HISTORIES: &str = "/v1/histories";
/// Subscribers that are entered by one request.
const AT_ONCE: usize = 5_000;

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat import statuspage https://status.example.com --dry-run
  downbeat import statuspage https://status.example.com --write components.toml
  downbeat import statuspage srhpyqt94yxb --api-key-file statuspage.key
  downbeat import list
  downbeat import remove srhpyqt94yxb

What comes over: incidents and maintenances that are over, with all that was said, in the history and the API under the ids
that they have there, each marked with its source; work that is planned there is scheduled here; with the key of a manager also
subscribers by mail and webhook who have confirmed there. Components are configuration: they are printed as TOML, for a
person to fill in. Do that first, so that planned work and choices of subscribers find their components.
Nothing of it is counted as measured. Importing again brings what is new; importing the same twice changes nothing.";

/// Bring another page's history here.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    verb: ImportVerb,
}

#[derive(Debug, Subcommand)]
enum ImportVerb {
    /// From a page of Atlassian's Statuspage, or one that speaks its API
    #[command(after_help = EXAMPLES)]
    Statuspage {
        /// The page's address, or its id
        #[arg(value_name = "URL|PAGE_ID")]
        page: String,
        /// A file with the key of a manager of the page: then all of the history is read, and subscribers are
        #[arg(long, value_name = "FILE")]
        api_key_file: Option<PathBuf>,
        /// Where the manage API is
        #[arg(long, value_name = "URL", default_value = fetch::MANAGE_API)]
        manage_api: String,
        /// Read everything and say what it comes to, and ask the hub for nothing
        #[arg(long)]
        dry_run: bool,
        /// Write the proposed components there instead of to standard output
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Which histories stand beside the hub's own
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        hub: HubArgs,
        /// Print JSON as the hub gives it
        #[arg(long)]
        json: bool,
    },
    /// Take a history away again; maintenances and subscribers that came with it stay
    #[command(after_help = EXAMPLES)]
    Remove {
        /// Whose, as `list` names it
        source: String,
        #[command(flatten)]
        hub: HubArgs,
    },
}

/// Does what is asked about histories.
pub(crate) async fn run(args: ImportArgs) -> anyhow::Result<()> {
    match args.verb {
        ImportVerb::Statuspage { page, api_key_file, manage_api, dry_run, write, hub } => {
            let key = api_key_file.as_deref().map(read_key).transpose()?;
            let read = read::statuspage(Source::of(&page, key.map(|key| (key, manage_api)))?).await?;
            say_notes(&read.reading.notes);
            propose(&read.reading, write.as_deref())?;
            if dry_run {
                let (incidents, maintenances) = read.reading.chapter.counts();
                let (coming, people) = (read.reading.announced.len(), read.people.len());
                eprintln!(
                    "would bring {incidents} incidents and {maintenances} maintenances that are over, {coming} that are planned, \
                     {people} subscribers; nothing was changed"
                );
                return Ok(());
            }
            bring(&HubClient::new(hub)?, read.reading, read.people).await
        }
        ImportVerb::List { hub, json } => list(&HubClient::new(hub)?, json).await,
        ImportVerb::Remove { source, hub } => {
            HubClient::new(hub)?.delete(&format!("{HISTORIES}/{source}")).await?;
            output::write(&format!("history of {source}: removed\n"))
        }
    }
}

fn read_key(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let key = text.trim();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic());
    ensure!(is_key, "{} has no key in it: one line, as Statuspage shows it", file.display());
    Ok(key.to_owned())
}

fn say_notes(notes: &[String]) {
    for note in notes {
        eprintln!("note: {}", printable(note));
    }
}

fn propose(reading: &Reading, file: Option<&Path>) -> anyhow::Result<()> {
    let text = proposal::toml(&reading.chapter, &reading.components);
    let Some(file) = file else { return output::write(&text) };
    let mut options = std::fs::OpenOptions::new();
    let written = options.write(true).create_new(true).open(file).and_then(|mut out| {
        use std::io::Write;
        out.write_all(text.as_bytes())
    });
    written.with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("{} components are proposed in {}", reading.components.len(), file.display());
    Ok(())
}

/// What the hub made of a history.
#[derive(Debug, Deserialize)]
struct Report {
    #[serde(flatten)]
    comparison: Comparison,
    ours: usize,
}

async fn bring(hub: &HubClient, reading: Reading, people: Vec<Person>) -> anyhow::Result<()> {
    let known = Known::of(hub).await?;
    bring_history(hub, &reading.chapter).await?;
    bring_work(hub, &known, &reading.announced).await?;
    bring_people(hub, &known, &people).await
}

async fn bring_history(hub: &HubClient, chapter: &Chapter) -> anyhow::Result<()> {
    let Report { comparison, ours } = hub.put_for(&format!("{HISTORIES}/{}", chapter.source), chapter).await?;
    let Comparison { new, changed, same, left_out } = comparison;
    eprintln!("history of {}: {new} new, {changed} changed, {same} as they were", chapter.source);
    if ours > 0 {
        eprintln!("note: {ours} maintenances were scheduled here, and stand in our own history");
    }
    if left_out > 0 {
        eprintln!("note: {left_out} of the oldest have no room and are left out");
    }
    Ok(())
}

/// Schedules what is planned. What the hub will not schedule is said, and holds nothing else up.
async fn bring_work(hub: &HubClient, known: &Known, announced: &[Announced]) -> anyhow::Result<()> {
    let mut scheduled = 0;
    for work in announced {
        let components: Vec<_> = work.components.iter().filter_map(|it| known.find(&it.code, &it.title)).collect();
        let body = json!({
            "title": work.title, "text": work.text, "components": components,
            "start": rfc3339(work.planned.from), "end": rfc3339(work.planned.until),
        });
        if components.len() < work.components.len() || components.is_empty() {
            let why = "it touches a component that is not configured here";
            eprintln!("note: {:?} is not scheduled: {why}", printable(&work.title));
            continue;
        }
        match hub.post_for::<Value>("/v1/maintenances", &body).await {
            Ok(_) => scheduled += 1,
            Err(ClientError::Refused { why, .. }) => {
                eprintln!("note: {:?} is not scheduled: {why}", printable(&work.title));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !announced.is_empty() {
        eprintln!("planned work: {scheduled} of {} stand scheduled here", announced.len());
    }
    Ok(())
}

fn rfc3339(at: downbeat_core::model::Moment) -> String {
    let ms = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[derive(Debug, Deserialize)]
struct Added {
    new: usize,
}

/// Enters who has confirmed there. Whose components are all unknown here is not told of everything instead.
async fn bring_people(hub: &HubClient, known: &Known, people: &[Person]) -> anyhow::Result<()> {
    let entry = |person: &Person| {
        let chosen: Vec<_> = person.components.iter().filter_map(|code| known.find(code, "")).collect();
        let entry = json!({"channel": person.channel, "address": person.address, "components": chosen});
        (person.components.is_empty() || !chosen.is_empty()).then_some(entry)
    };
    let entries: Vec<Value> = people.iter().filter_map(entry).collect();
    let (mut new, lost) = (0, people.len() - entries.len());
    for some in entries.chunks(AT_ONCE) {
        let added: Added = hub.post_for("/v1/subscribers", &json!({ "subscribers": some })).await?;
        new += added.new;
        eprintln!("subscribers: {new} new so far");
    }
    if !people.is_empty() {
        eprintln!("subscribers: {new} new, {} known already", entries.len() - new);
    }
    if lost > 0 {
        eprintln!("note: {lost} subscribers chose only components that are not configured here, and are left out");
    }
    Ok(())
}

/// The answer to a question for all histories.
#[derive(Debug, Deserialize)]
struct List {
    histories: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    source: String,
    title: String,
    url: String,
    incidents: u32,
    maintenances: u32,
}

async fn list(hub: &HubClient, json: bool) -> anyhow::Result<()> {
    if json {
        return output::write_json(&hub.get(HISTORIES).await?);
    }
    let List { histories } = hub.read(HISTORIES).await?;
    if histories.is_empty() {
        return output::write("no history was imported yet\n");
    }
    let row =
        |it: &Line| vec![json!(it.source), json!(it.title), json!(it.url), json!(it.incidents), json!(it.maintenances)];
    let columns = &["source", "title", "url", "incidents", "maintenances"];
    output::write_tables(&[Table { title: "histories", columns, rows: histories.iter().map(row).collect() }])
}
