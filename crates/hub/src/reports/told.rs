//! What a reporter is told: what is known, what is checked, how many others say the same, and whether they are asked back.

use super::desk::ReportDesk;
use crate::text::rfc3339;
use crate::view::Snapshot;
use downbeat_core::incident::{self, Incident, State};
use downbeat_core::model::{Dimension, Moment, Name, Slice};
use serde::Serialize;

/// What a reporter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) standing: Standing,
    /// Reports of the same kind, in their region where that is known, theirs left out.
    pub(crate) others: u64,
    /// Where they are.
    pub(crate) region: Option<Name>,
    /// The only network that reports it, when nothing else is seen.
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
    pub(crate) title: String,
    pub(crate) since: Moment,
    /// By when the next word is promised.
    pub(crate) next_update: Option<Moment>,
    /// True when users are served again.
    pub(crate) is_served: bool,
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
            Standing::Nothing => reports.alone(component),
            Standing::Known(_) | Standing::Checking(_) => None,
        };
        Self {
            standing,
            others: reports.counted(component, region).saturating_sub(1),
            region: region.cloned(),
            alone,
            asked: snapshot.book.open().any(|incident| incident::asks(incident, &about, reported_at)),
        }
    }

    /// How many others say the same, as a sentence.
    pub(crate) fn others_say(&self) -> String {
        let place = self.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
        match self.others {
            0 => format!("Nobody else{place} has told us so in the last quarter of an hour."),
            1 => format!("One other{place} reports the same."),
            n => format!("{n} others{place} report the same."),
        }
    }
}

/// The oldest public incident that touches it; else the oldest suspicion.
fn standing(snapshot: &Snapshot, about: &Slice) -> Standing {
    let touches = |incident: &&Incident| incident.slice.meets(about);
    if let Some(incident) = snapshot.book.open().filter(touches).find(|incident| incident.public_word().is_some()) {
        let word = incident.public_word().map(|word| word.at);
        return Standing::Known(Known {
            incident: incident.id.0,
            title: incident.title.clone(),
            since: incident.since,
            // A promise that was not kept is not made again.
            next_update: word
                .map(|at| at + snapshot.settings.policy.tell.next_update)
                .filter(|due| *due >= snapshot.now),
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
