//! What a reporter is told: what is known, what is checked, how many others say the same, and whether they are asked back.

use super::desk::ReportDesk;
use super::picture::Place;
use crate::text::rfc3339;
use crate::view::Snapshot;
use downbeat_core::incident::{self, Incident, State};
use downbeat_core::model::{Dimension, Language, Moment, Name, Slice};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a reporter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) standing: Standing,
    /// Reports of the same kind, in their region where that is known, theirs left out.
    pub(crate) others: u64,
    /// Where they are.
    pub(crate) region: Option<Name>,
    /// The network whose clients alone suffer or report it, while nothing is confirmed.
    pub(crate) alone: Option<String>,
    /// True when they are asked whether it works again.
    pub(crate) asked: bool,
}

/// What is known of what was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// An incident explains it, and the public was told.
    Known(Known),
    /// Something is suspected since then, and not yet confirmed.
    Checking(Moment),
    /// Nothing is seen.
    Nothing,
}

/// The incident that explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) incident: u64,
    /// What everybody reads, in the page's own language.
    pub(crate) title: String,
    /// The same in other languages, where the hub made it.
    titles: BTreeMap<Language, String>,
    pub(crate) since: Moment,
    /// By when the next word is promised.
    pub(crate) next_update: Option<Moment>,
    /// True when users are served again.
    pub(crate) is_served: bool,
}

impl Known {
    /// The title, translated where it was.
    pub(crate) fn title_in(&self, language: &Language) -> &str {
        self.titles.get(language).unwrap_or(&self.title)
    }
}

impl Told {
    /// What is told of a component and a region, reported at a time.
    pub(crate) fn of(
        snapshot: &Snapshot,
        desk: &ReportDesk,
        component: Option<&Name>,
        region: Option<&Name>,
        reported_at: Moment,
    ) -> Self {
        let dimensions = [(Dimension::Component, component), (Dimension::Region, region)];
        let about = dimensions.into_iter().fold(Slice::everywhere(), |slice, (dimension, name)| {
            name.map_or(slice.clone(), |name| slice.with(dimension, name.clone()))
        });
        let reports = desk.picture();
        let standing = standing(snapshot, &about);
        let alone = match standing {
            Standing::Nothing | Standing::Checking(_) => {
                let suffering = suffering_alone(snapshot, component);
                suffering.or_else(|| reports.alone(component, &snapshot.board.asked).map(Place::owner_title))
            }
            Standing::Known(_) => None,
        };
        Self {
            standing,
            others: reports.counted(component, region).saturating_sub(1),
            region: region.cloned(),
            alone,
            asked: snapshot.book.open().any(|incident| incident::asks(incident, &about, reported_at)),
        }
    }
}

/// The network whose clients alone meet failures of a component, by its name for people.
fn suffering_alone(snapshot: &Snapshot, component: Option<&Name>) -> Option<String> {
    let alone = snapshot.board.alone.as_ref()?;
    let is_about = component.is_none_or(|name| alone.components.contains(name));
    is_about.then(|| snapshot.settings.reports.networks.title_of(&alone.owner))
}

/// The oldest public incident that touches it; else the oldest suspicion.
fn standing(snapshot: &Snapshot, about: &Slice) -> Standing {
    let touches = |incident: &&Incident| incident.slice.meets(about);
    let mut told = snapshot.book.open().filter(touches).filter_map(|it| it.public_word().map(|word| (it, word)));
    if let Some((incident, word)) = told.next() {
        let titles = word.notice.translations.iter().map(|(language, said)| (*language, said.title.clone()));
        return Standing::Known(Known {
            incident: incident.id.0,
            title: word.notice.title.clone(),
            titles: titles.collect(),
            since: incident.since,
            // A promise that was not kept is not made again.
            next_update: Some(word.at + snapshot.settings.policy.tell.next_update).filter(|due| *due >= snapshot.now),
            is_served: matches!(incident.state, State::Mitigated | State::Restoring),
        });
    }
    match snapshot.book.open().filter(touches).map(|incident| incident.since).min() {
        Some(since) => Standing::Checking(since),
        None => Standing::Nothing,
    }
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Whether this report counts.
    counted: bool,
    /// The incident that explains it, if one is open.
    known: Option<KnownAnswer>,
    /// Since when something is suspected and not confirmed.
    checking_since: Option<String>,
    /// How many others reported the same in the last quarter of an hour.
    others: u64,
    /// The region that was understood.
    region: Option<Name>,
    /// The only network that reports it.
    only_network: Option<String>,
    /// True when the reporter is asked whether it works again.
    asked: bool,
    /// Where that is asked and answered.
    follow: String,
}

#[derive(Debug, Serialize)]
struct KnownAnswer {
    incident: u64,
    title: String,
    since: String,
    next_update: Option<String>,
    served_again: bool,
}

impl Answer {
    pub(super) fn of(told: Told, counted: bool, ticket: &str) -> Self {
        let (known, checking_since) = match told.standing {
            Standing::Known(known) => (Some(known), None),
            Standing::Checking(since) => (None, Some(rfc3339(since))),
            Standing::Nothing => (None, None),
        };
        let known = known.map(|known| KnownAnswer {
            incident: known.incident,
            title: known.title,
            since: rfc3339(known.since),
            next_update: known.next_update.map(rfc3339),
            served_again: known.is_served,
        });
        let (others, region, only_network, asked) = (told.others, told.region, told.alone, told.asked);
        let follow = format!("/reported/{ticket}");
        Self { counted, known, checking_since, others, region, only_network, asked, follow }
    }
}
