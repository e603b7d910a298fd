//! Users' reports: the form of the public page, and the desk that counts them.
//!
//! One report counts per network, category and minute, and so many a minute in all: strangers can wake the hub,
//! but neither flood it nor decide anything (invariants G1, G2, G3). Who reports is told at once what is known.

use crate::clock::HubClock;
use crate::doors::Doors;
use crate::http::problem::Problem;
use crate::text::rfc3339;
use crate::view::Snapshot;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Json, Router};
use downbeat_core::incident::Incident;
use downbeat_core::model::{Dimension, Moment, Name, Report, Signal, Slice};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For so long, another report of the same kind from the same network counts for nothing.
const WINDOW: Duration = Duration::from_secs(60);
/// Reports that count in one window, over all networks; evidence from reports is capped far below.
const COUNTED_MAX: usize = 1_000;
/// A form with three short fields.
const FORM_MAX: usize = 4 * 1024;

/// Remembers who reported what within the last minute. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReportDesk {
    clock: HubClock,
    heard: Arc<Mutex<BTreeMap<(Name, Name), Moment>>>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Counted,
    /// This network said so within the last minute.
    HeardBefore,
    /// More came in the last minute than can matter.
    TooMany,
}

/// What a user said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What is wrong, from the configured list.
    pub category: Name,
    /// Which component, when they said.
    pub component: Option<Name>,
    /// Which region, when it is known.
    pub region: Option<Name>,
}

/// A word that nobody can make sense of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// A category that is not offered.
    #[error("there is no category {0}")]
    Category(Name),
    /// A component that there is not.
    #[error("there is no component {0}")]
    Component(Name),
}

impl ReportDesk {
    pub(crate) fn new(clock: HubClock) -> Self {
        Self { clock, heard: Arc::default() }
    }

    fn take(&self, network: &Name, category: &Name) -> Taken {
        let now = self.clock.now();
        // A thread that panicked in between left a map that is still a map.
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (network.clone(), category.clone());
        if heard.get(&key).is_some_and(|at| now.since(*at) < WINDOW) {
            return Taken::HeardBefore;
        }
        if heard.len() >= COUNTED_MAX {
            heard.retain(|_, at| now.since(*at) < WINDOW);
        }
        if heard.len() >= COUNTED_MAX {
            return Taken::TooMany;
        }
        heard.insert(key, now);
        Taken::Counted
    }
}

impl Doors {
    /// Takes a user's report in; nothing but counting happens to it.
    ///
    /// # Errors
    /// [`Stranger`] when it names something that is not configured.
    pub async fn take_report(&self, word: Word, network: Name) -> Result<Taken, Stranger> {
        let component = self.check(&word)?;
        let taken = self.reports.take(&network, &word.category);
        if taken == Taken::Counted {
            let Word { category, region, .. } = word;
            let told = Report { category, component, region, network, system: None, usual_per_minute: None };
            let report = Signal::Report(told);
            if let Err(error) = self.signals.send(report).await {
                tracing::debug!(%error, "a report was not taken");
            }
        }
        Ok(taken)
    }

    /// The component that is meant: the one that was named, else the one that the category stands for.
    fn check(&self, word: &Word) -> Result<Option<Name>, Stranger> {
        let snapshot = self.snapshots.borrow();
        let category = snapshot.settings.categories.iter().find(|c| c.name == word.category);
        let category = category.ok_or_else(|| Stranger::Category(word.category.clone()))?;
        match &word.component {
            Some(name) if !snapshot.settings.policy.topology.components.contains_key(name) => {
                Err(Stranger::Component(name.clone()))
            }
            Some(name) => Ok(Some(name.clone())),
            None => Ok(category.component.clone()),
        }
    }
}

/// `POST /report`, for the status page's own address.
pub fn routes(doors: Doors) -> Router {
    Router::new().route("/report", post(report)).layer(DefaultBodyLimit::max(FORM_MAX)).with_state(doors)
}

/// The form's fields; an empty component is none.
#[derive(Debug, Deserialize)]
struct Fields {
    category: String,
    #[serde(default)]
    component: String,
}

/// What is known of what was reported.
#[derive(Debug, Serialize)]
struct Answer {
    /// Whether this report counts: one does per network, category and minute.
    counted: bool,
    /// The incident that explains it, if one is open.
    known: Option<Known>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Known {
    incident: u64,
    title: String,
    since: String,
}

async fn report(
    State(doors): State<Doors>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Result<Form<Fields>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Problem> {
    let Form(fields) = form.map_err(|refused| match refused.status().as_u16() {
        413 => Problem::too_large(refused.body_text()),
        _ => Problem::malformed(refused.body_text()),
    })?;
    let word = read(&fields)?;
    let about = word.component.clone();
    let taken = doors.take_report(word, network_of(peer.ip())).await;
    let taken = taken.map_err(|stranger| Problem::senseless(stranger.to_string()))?;
    if wants_json(&headers) {
        let known = known(&doors.snapshots.borrow(), about.as_ref());
        return Ok(Json(Answer { counted: taken == Taken::Counted, known }).into_response());
    }
    Ok(Redirect::to("/reported").into_response())
}

fn read(fields: &Fields) -> Result<Word, Problem> {
    let name =
        |field: &str, text: &str| Name::new(text).map_err(|error| Problem::malformed(format!("{field}: {error}")));
    let component = if fields.component.is_empty() { None } else { Some(name("component", &fields.component)?) };
    Ok(Word { category: name("category", &fields.category)?, component, region: None })
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kinds| kinds.contains("application/json"))
}

/// The oldest public incident that touches the component; any, when none was named. A mere suspicion is not
/// told: it may be nothing.
fn known(snapshot: &Snapshot, component: Option<&Name>) -> Option<Known> {
    let about = component.map_or_else(Slice::everywhere, |name| Slice::of(Dimension::Component, name.clone()));
    let is_it = |incident: &&Incident| incident.public_word().is_some() && incident.slice.meets(&about);
    snapshot.book.open().find(is_it).map(|incident| Known {
        incident: incident.id.0,
        title: incident.title.clone(),
        since: rfc3339(incident.since),
    })
}

/// The network that counts as one reporter: /24, or /48.
fn network_of(peer: IpAddr) -> Name {
    let text = match peer.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    };
    Name::new(&text).expect("an address and a length are a good name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    #[test]
    fn networks() {
        let table = [
            ("127.66.6.1", "127.66.6.0/24"),
            ("::ffff:10.1.2.3", "10.1.2.0/24"),
            ("2001:db8:7:8::9", "2001:db8:7::/48"),
            ("::1", "0:0:0::/48"),
        ];
        for (peer, network) in table {
            assert_eq!(network_of(peer.parse().expect("an address")).as_str(), network);
        }
    }

    #[test]
    fn one_counts_per_network_and_category_and_so_many_in_all() {
        let desk = ReportDesk::new(HubClock::start(Moment::default()));
        let (quiet, slow) = (name("no-sound"), name("slow"));
        assert_eq!(desk.take(&name("10.0.0.0/24"), &quiet), Taken::Counted);
        assert_eq!(desk.take(&name("10.0.0.0/24"), &quiet), Taken::HeardBefore);
        assert_eq!(desk.take(&name("10.0.0.0/24"), &slow), Taken::Counted);
        for n in 2..COUNTED_MAX {
            assert_eq!(desk.take(&name(&format!("10.{}.{}.0/24", n / 256, n % 256)), &quiet), Taken::Counted);
        }
        assert_eq!(desk.take(&name("192.0.2.0/24"), &quiet), Taken::TooMany);
    }
}
