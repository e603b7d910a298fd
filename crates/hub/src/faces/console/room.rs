//! `/incidents/{id}`: the incident room. Everything that is known and done about one incident.

use super::evidence::Evidence;
use super::public::{ClockLine, DraftCard};
use super::remedies::{Refusal, RemedyCard};
use super::shell::Shell;
use super::steps::{Place, Step, steps};
use crate::faces::html::Html;
use crate::faces::stamp::{Stamp, span};
use crate::faces::tone::{Tone, percent};
use crate::view::Snapshot;
use askama::Template;
use downbeat_core::incident::{Incident, Outcome, Record, State};
use downbeat_core::model::{Audience, ChangeId, Hypothesis, Moment};

/// The whole page.
#[derive(Template)]
#[template(path = "console/incident.html")]
pub(super) struct RoomPage {
    pub(super) shell: Shell,
    pub(super) room: Room,
}

/// The part that is fetched anew when something changes.
#[derive(Template)]
#[template(path = "console/_room.html")]
pub(super) struct RoomFragment {
    pub(super) shell: Shell,
    pub(super) room: Room,
}

/// What stands on it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) place: String,
    pub(super) state: &'static str,
    pub(super) tone: Tone,
    pub(super) since: Stamp,
    pub(super) lasted: String,
    pub(super) relapses: u32,
    pub(super) acked_by: Option<String>,
    pub(super) taken_by: Option<String>,
    /// The edge whose plan it is made of, while nobody has decided on it.
    pub(super) found_on: Option<String>,
    /// Other incidents that have to do with it, each with what it is to this one.
    pub(super) kin: Vec<(&'static str, u64)>,
    pub(super) is_open: bool,
    /// True while the public may hear of it: once it was confirmed.
    pub(super) is_public: bool,
    /// True when a person may open it again.
    pub(super) is_over: bool,
    /// What it may become part of: number and title.
    pub(super) others: Vec<(u64, String)>,
    /// Components that may leave it.
    pub(super) parts: Vec<String>,
    pub(super) is_reviewed: bool,
    pub(super) steps: Vec<Step>,
    pub(super) evidence: Evidence,
    pub(super) suspects: Vec<Suspect>,
    pub(super) remedies: Vec<RemedyCard>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) words: Vec<Word>,
    /// The public word that waits to be said.
    pub(super) draft: Option<DraftCard>,
    /// How long the public waits for one.
    pub(super) clock: Option<ClockLine>,
    pub(super) timeline: Vec<Moved>,
    pub(super) status_url: String,
}

/// One candidate cause.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) title: &'static str,
    pub(super) place: String,
    pub(super) change: Option<ChangeId>,
    /// 0 to 100.
    pub(super) percent: f64,
    pub(super) probability: String,
    pub(super) because: Vec<String>,
}

/// One notice.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) at: Stamp,
    pub(super) audience: &'static str,
    pub(super) stage: &'static str,
    pub(super) title: String,
    pub(super) body: String,
    /// What the channels said: `status-page: delivered`.
    pub(super) sent: Vec<(String, Tone)>,
}

/// One line of the timeline.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) at: Stamp,
    pub(super) after: String,
    pub(super) headline: String,
}

impl Room {
    pub(super) fn of(snapshot: &Snapshot, incident: &Incident) -> Self {
        let onset = incident.since;
        Self {
            id: incident.id.0,
            title: incident.title.clone(),
            place: incident.slice.to_string(),
            state: incident.state.word(),
            tone: incident.state.into(),
            since: Stamp(onset),
            lasted: span(end(snapshot, incident).since(onset)),
            relapses: incident.relapses,
            acked_by: incident.acked_by.as_ref().map(ToString::to_string),
            taken_by: incident.taken_by.as_ref().map(ToString::to_string),
            found_on: incident.found_on.as_ref().filter(|_| incident.waits_for_a_person()).map(ToString::to_string),
            kin: kin(incident),
            is_open: incident.state.is_open(),
            is_public: incident.state.is_open() && incident.confirmed_at.is_some(),
            is_over: !incident.state.is_open() && incident.merged_into.is_none(),
            others: others(snapshot, incident),
            parts: parts(incident),
            is_reviewed: incident.review.is_some(),
            steps: steps(incident),
            evidence: Evidence::of(incident, &snapshot.settings.policy),
            suspects: incident.hypotheses.iter().map(Suspect::of).collect(),
            remedies: incident.remedies.iter().map(|case| RemedyCard::of(case, incident)).collect(),
            refusals: incident.refusals.iter().map(Refusal::of).collect(),
            words: words(incident),
            draft: DraftCard::of(snapshot, incident.id),
            clock: ClockLine::of(snapshot, incident.id),
            timeline: incident.timeline.iter().rev().map(|record| Moved::of(record, onset)).collect(),
            status_url: snapshot.settings.status_url.trim_end_matches('/').to_owned(),
        }
    }

    /// The public word that stands now.
    pub(super) fn public_word(&self) -> Option<&Word> {
        self.words.iter().find(|word| word.audience == PUBLIC)
    }
}

fn kin(incident: &Incident) -> Vec<(&'static str, u64)> {
    let part_of = incident.merged_into.map(|id| ("Part of", id.0));
    let absorbed = incident.absorbed.iter().map(|id| ("Contains", id.0));
    let source = incident.split_from.iter().map(|from| ("Came out of", from.incident.0));
    let left = incident.left.values().map(|id| ("Parted from", id.0));
    part_of.into_iter().chain(absorbed).chain(source).chain(left).collect()
}

/// What is confirmed becomes part of nothing that is only suspected.
fn others(snapshot: &Snapshot, incident: &Incident) -> Vec<(u64, String)> {
    let fits = |other: &&Incident| {
        other.id != incident.id
            && (other.confirmed_at.is_some() || incident.confirmed_at.is_none())
            && !other.waits_for_a_person()
            && !incident.waits_for_a_person()
    };
    let open = snapshot.book.open().filter(|_| incident.state.is_open()).filter(fits);
    open.map(|other| (other.id.0, other.title.clone())).collect()
}

/// The last component does not leave: something has to be left behind.
fn parts(incident: &Incident) -> Vec<String> {
    let mut parts: Vec<String> = incident.components().map(ToString::to_string).collect();
    let elsewhere = parts.len() < incident.findings.len();
    parts.sort();
    parts.dedup();
    if incident.state.is_open() && (elsewhere || parts.len() > 1) { parts } else { vec![] }
}

fn end(snapshot: &Snapshot, incident: &Incident) -> Moment {
    match incident.state {
        State::Dismissed => incident.state_since,
        _ => incident.resolved_at.unwrap_or(snapshot.now),
    }
}

impl Suspect {
    fn of(hypothesis: &Hypothesis) -> Self {
        Self {
            title: hypothesis.kind.title(),
            place: hypothesis.slice.to_string(),
            change: hypothesis.change.clone(),
            percent: 100.0 * hypothesis.posterior.clamp(0.0, 1.0),
            probability: percent(hypothesis.posterior),
            because: hypothesis.because.clone(),
        }
    }
}

const PUBLIC: &str = "public";

fn words(incident: &Incident) -> Vec<Word> {
    let word = |case: &downbeat_core::incident::NoticeCase| Word {
        at: Stamp(case.at),
        audience: match case.notice.audience {
            Audience::Public => PUBLIC,
            Audience::OnCall => "on call",
            Audience::Team => "team",
        },
        stage: case.notice.stage.title(),
        title: case.notice.title.clone(),
        body: case.notice.body.clone(),
        sent: case
            .sent
            .iter()
            .map(|(channel, (_, outcome))| match outcome {
                Outcome::Done => (format!("{channel}: delivered"), Tone::Good),
                Outcome::Failed { why } => (format!("{channel}: {why}"), Tone::Bad),
            })
            .collect(),
    };
    incident.notices.iter().rev().map(word).collect()
}

impl Moved {
    pub(super) fn of(record: &Record, onset: Moment) -> Self {
        let sign = if record.at < onset { "−" } else { "+" };
        let distance = record.at.since(onset).max(onset.since(record.at));
        Self { at: Stamp(record.at), after: format!("{sign}{}", span(distance)), headline: record.event.headline() }
    }
}
