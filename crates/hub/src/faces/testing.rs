//! For the tests of the faces: a hub that only remembers, pages over a real socket, and a reader of markup that is
//! stricter than any browser.

use super::desk::Desk;
use crate::clock::HubClock;
use crate::doors::CommandError;
use crate::log::ReadError;
use crate::reports::ReportDesk;
use crate::view::Snapshot;
use axum::Router;
use downbeat_core::incident::{Command, CommandRefused, Record};
use downbeat_core::model::{IncidentId, Moment, Name};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A hub that remembers what it was asked for, and refuses to do anything about incident 99.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) snapshots: Arc<watch::Sender<Snapshot>>,
    pub(crate) asked: Arc<Mutex<Vec<(Name, Command)>>>,
}

impl Recorder {
    pub(crate) fn of(snapshot: Snapshot) -> Self {
        Self { snapshots: Arc::new(watch::Sender::new(snapshot)), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<(Name, Command)> {
        self.asked.lock().expect("no test panics while holding it").clone()
    }
}

impl Desk for Recorder {
    fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.subscribe()
    }

    fn reports(&self) -> ReportDesk {
        ReportDesk::alone(&self.snapshots.borrow().settings, HubClock::start(Moment::default()))
    }

    async fn command(&self, who: Name, command: Command) -> Result<(), CommandError> {
        if command == Command::Ack(IncidentId(99)) {
            return Err(CommandError::Refused(CommandRefused::NoIncident(IncidentId(99))));
        }
        self.asked.lock().expect("no test panics while holding it").push((who, command));
        Ok(())
    }

    fn records_after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError> {
        let snapshot = self.snapshots.borrow();
        let records = snapshot.book.incidents.values().flat_map(|incident| incident.timeline.iter());
        Ok(records.filter(|record| record.seq > seq).take(most).cloned().collect())
    }
}

/// Serves routes on a free port until the test ends; the root of their addresses.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// A client that follows nothing and trusts nothing to a proxy.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("a plain client can be built")
}

/// One tag of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

const VOID: [&str; 7] = ["meta", "link", "br", "hr", "input", "wbr", "img"];

/// Reads a page to its end: every tag closed in order, every attribute quoted, no id twice. Its tags.
pub(crate) fn read(html: &str) -> Result<Vec<Tag>, String> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').ok_or("a tag without an end")?;
        let inside = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if inside.starts_with(['!', '?']) {
            continue;
        }
        if let Some(closed) = inside.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(closed) {
                return Err(format!("</{closed}> closes {last:?}"));
            }
            continue;
        }
        let tag = read_tag(inside.trim_end_matches('/'))?;
        if !inside.ends_with('/') && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    unique_ids(&tags)?;
    if open.is_empty() { Ok(tags) } else { Err(format!("never closed: {open:?}")) }
}

fn read_tag(inside: &str) -> Result<Tag, String> {
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    rest = rest.trim_start();
    while !rest.is_empty() {
        let stop = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(stop);
        let value = match after.strip_prefix("=\"") {
            None if after.starts_with('=') => return Err(format!("unquoted: {inside}")),
            None => "",
            Some(quoted) => quoted.split_once('"').ok_or_else(|| format!("no closing quote: {inside}"))?.0,
        };
        attributes.push((key.to_owned(), value.to_owned()));
        let used = if after.starts_with("=\"") { value.len() + 3 } else { 0 };
        rest = after[used..].trim_start();
    }
    Ok(Tag { name: name.to_owned(), attributes })
}

fn unique_ids(tags: &[Tag]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let ids = tags.iter().flat_map(|tag| &tag.attributes).filter(|(key, _)| key == "id");
    match ids.map(|(_, id)| id).find(|id| !seen.insert(*id)) {
        Some(twice) => Err(format!("id {twice} is there twice")),
        None => Ok(()),
    }
}

/// Checks a page: well-formed, without a handler, a style of its own, a foreign address, a picture but the logo, or a script inside.
pub(crate) fn check_page(html: &str, what: &str) -> Vec<Tag> {
    let tags = read(html).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    for tag in &tags {
        for (key, value) in &tag.attributes {
            assert!(!key.starts_with("on") && key != "style", "{what}: {tag:?}");
            let loads = matches!(tag.name.as_str(), "script" | "link" | "img" | "use") && key != "rel";
            assert!(!loads || !value.contains("//"), "{what} loads from elsewhere: {tag:?}");
            assert!(!value.trim_start().starts_with("javascript:"), "{what}: {tag:?}");
        }
        let inline = tag.name == "script" && !tag.attributes.iter().any(|(key, _)| key == "src");
        let is_logo = tag.attributes.iter().any(|(key, value)| key == "class" && value == "logo");
        assert!(!inline && (tag.name != "img" || is_logo), "{what}: {tag:?}");
    }
    tags
}

#[test]
fn the_reader_finds_what_is_wrong() {
    assert!(read("<p class=\"a\">x<br>y<svg><path d=\"M0\"/></svg></p>").is_ok());
    for bad in ["<p>", "<p></b>", "<p class=a></p>", "<p class=\"a></p>", "<i id=\"a\"></i><b id=\"a\"></b>", "<p"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
