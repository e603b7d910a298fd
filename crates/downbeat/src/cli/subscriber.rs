//! `downbeat subscriber`: who is told of public words, through the hub's API.

use super::client::{HubArgs, HubClient};
use super::output::{self, Table};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Where subscribers stand in the API.
const SUBSCRIBERS: &str = "/v1/subscribers";
/// Subscribers that are entered by one request.
const AT_ONCE: usize = 5_000;
/// The first line of a list as CSV.
const HEAD: &str = "channel,address,components,language";
/// The same as earlier releases wrote it.
const HEAD_BEFORE: &str = "channel,address,components";

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat subscriber list
  downbeat subscriber add mail anna@example.org --component login --language de
  downbeat subscriber add slack https://hooks.slack.com/services/…
  downbeat subscriber remove 17
  downbeat subscriber export > subscribers.csv
  downbeat subscriber import subscribers.csv

A list has the lines channel,address,components,language; components have spaces between them, none means all; the language
is one of [status_page] languages, the page's own where none is given. Whoever enters addresses answers for them: they are told
without being asked first. Who is removed is erased.";

/// About who is told of public words.
#[derive(Debug, Args)]
pub(crate) struct SubscriberArgs {
    #[command(subcommand)]
    verb: SubscriberVerb,
}

#[derive(Debug, Subcommand)]
enum SubscriberVerb {
    /// All of them, in the order in which they came
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        hub: HubArgs,
        /// Print JSON as the hub gives it
        #[arg(long)]
        json: bool,
    },
    /// Enter one that you answer for
    #[command(after_help = EXAMPLES)]
    Add {
        /// mail, webhook, slack, discord, mattermost or teams; browsers subscribe by themselves
        channel: String,
        /// The mail address or URL
        address: String,
        /// What they hear of; may be given several times [default: everything]
        #[arg(long, value_name = "NAME")]
        component: Vec<String>,
        /// In which language they are told: en, de, fr or es [default: the page's own]
        #[arg(long, value_name = "CODE")]
        language: Option<String>,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Erase one, with all that is on its way to them
    #[command(after_help = EXAMPLES)]
    Remove {
        /// Its number
        #[arg(value_name = "ID")]
        id: u64,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Print those who have confirmed as CSV
    #[command(after_help = EXAMPLES)]
    Export(HubArgs),
    /// Enter those of a CSV file that you answer for
    #[command(after_help = EXAMPLES)]
    Import {
        /// Lines of channel,address,components,language
        file: PathBuf,
        #[command(flatten)]
        hub: HubArgs,
    },
}

/// An answer of the list; only what is drawn is read.
#[derive(Debug, Deserialize)]
struct List {
    subscribers: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: u64,
    channel: String,
    address: String,
    components: Vec<String>,
    #[serde(default)]
    language: Option<String>,
    created_at_ms: u64,
    confirmed_at_ms: Option<u64>,
    trouble: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Added {
    new: u64,
}

/// Does what is asked about subscribers.
pub(crate) async fn run(args: SubscriberArgs) -> anyhow::Result<()> {
    match args.verb {
        SubscriberVerb::List { hub, json } => list(&HubClient::new(hub)?, json).await,
        SubscriberVerb::Add { channel, address, component, language, hub } => {
            let entry = entry(&channel, &address, component, language.as_deref());
            enter(&HubClient::new(hub)?, &[entry]).await
        }
        SubscriberVerb::Remove { id, hub } => {
            HubClient::new(hub)?.delete(&format!("{SUBSCRIBERS}/{id}")).await?;
            output::write(&format!("subscriber {id}: erased\n"))
        }
        SubscriberVerb::Export(hub) => export(&HubClient::new(hub)?).await,
        SubscriberVerb::Import { file, hub } => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let entries = read_csv(&text).with_context(|| format!("{} cannot be used", file.display()))?;
            enter(&HubClient::new(hub)?, &entries).await
        }
    }
}

/// One subscriber as the API takes it; an earlier hub knows no languages.
fn entry(channel: &str, address: &str, components: Vec<String>, language: Option<&str>) -> Value {
    let mut entry = json!({"channel": channel, "address": address, "components": components});
    if let Some(language) = language {
        entry["language"] = language.into();
    }
    entry
}

async fn enter(hub: &HubClient, entries: &[Value]) -> anyhow::Result<()> {
    let mut new = 0;
    for some in entries.chunks(AT_ONCE) {
        let added: Added = hub.post_for(SUBSCRIBERS, &json!({ "subscribers": some })).await?;
        new += added.new;
    }
    let known = entries.len() as u64 - new;
    output::write(&format!("{new} new, {known} known already\n"))
}

/// All of them, page by page.
async fn all(hub: &HubClient) -> anyhow::Result<Vec<Line>> {
    let mut all: Vec<Line> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.id);
        let answer = hub.get(&format!("{SUBSCRIBERS}?after={after}")).await?;
        let part: List = serde_json::from_value(answer)
            .context("the hub speaks in a way that this build does not know; --json prints it as it is")?;
        if part.subscribers.is_empty() {
            return Ok(all);
        }
        all.extend(part.subscribers);
    }
}

async fn list(hub: &HubClient, json: bool) -> anyhow::Result<()> {
    if json {
        return output::write_json(&hub.get(SUBSCRIBERS).await?);
    }
    let all = all(hub).await?;
    if all.is_empty() {
        return output::write("no subscribers yet\n");
    }
    let row = |line: &Line| {
        vec![
            json!(line.id),
            json!(line.channel),
            json!(line.address),
            json!(line.components.join(", ")),
            json!(line.language),
            json!(super::log::time(line.created_at_ms)),
            json!(line.confirmed_at_ms.map(super::log::time)),
            json!(line.trouble),
        ]
    };
    let columns = &["id", "channel", "address", "components", "language", "came", "confirmed", "trouble"];
    output::write_tables(&[Table { title: "subscribers", columns, rows: all.iter().map(row).collect() }])
}

async fn export(hub: &HubClient) -> anyhow::Result<()> {
    let confirmed = all(hub).await?.into_iter().filter(|line| line.confirmed_at_ms.is_some());
    let row = |line: Line| {
        let (components, language) = (line.components.join(" "), line.language.unwrap_or_default());
        format!("{},{},{components},{language}\n", line.channel, quoted(&line.address))
    };
    output::write(&format!("{HEAD}\n{}", confirmed.map(row).collect::<String>()))
}

/// Quoted where a comma or a quote is in it (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The lines of a list, without its head and without those that are empty.
fn read_csv(text: &str) -> anyhow::Result<Vec<Value>> {
    let is_head = |line: &str| line.is_empty() || line == HEAD || line == HEAD_BEFORE;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !is_head(line.trim()));
    lines
        .map(|(number, line)| {
            let fields = fields(line);
            let (channel, address, components, language) = match fields.as_slice() {
                [channel, address] => (channel, address, "", ""),
                [channel, address, components] => (channel, address, components.as_str(), ""),
                [channel, address, components, language] => (channel, address, components.as_str(), language.trim()),
                _ => bail!("line {number}: write it as {HEAD}"),
            };
            let components = components.split_whitespace().map(str::to_owned).collect();
            Ok(entry(channel.trim(), address.trim(), components, Some(language).filter(|code| !code.is_empty())))
        })
        .collect()
}

/// The fields of a line, some of them in quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut inside) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => inside = !inside,
            ',' if !inside => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_are_written() {
        let url = "https://hooks.example/a,b?\"c\"";
        let text = format!(
            "{HEAD}\nmail,anna@example.org,login search, de\n\nslack,{},\r\nmail, ben@example.org\n",
            quoted(url)
        );
        let read = read_csv(&text).expect("a list");
        assert_eq!(
            read[0],
            json!({"channel": "mail", "address": "anna@example.org", "components": ["login", "search"], "language": "de"})
        );
        assert_eq!(read[1], json!({"channel": "slack", "address": url, "components": []}));
        assert_eq!(read[2]["address"], "ben@example.org");
        let before = read_csv(&format!("{HEAD_BEFORE}\nmail,anna@example.org,login\n")).expect("a list of before");
        assert_eq!((before.len(), &before[0]["language"]), (1, &Value::Null));
        let error = read_csv("mail,a@example.org\nanna@example.org\n").expect_err("no list");
        assert!(error.to_string().starts_with("line 2:"), "{error}");
    }
}
