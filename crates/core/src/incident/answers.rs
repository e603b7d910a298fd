//! "Does it work again?": what those who reported answer when they are asked, and how it holds the way back.
//!
//! Nobody has to answer: without answers the way back goes by what is measured. Many who still meet the trouble hold the next
//! step, for they see what is not measured; but strangers can lie, so each autonomous system (each network, where no table
//! tells) has one voice, and what they hold goes on by what is measured after [`HELD_MAX`]. Only somebody who reported before
//! users were served again is heard. Answers are volatile as all counts are: after a restart people may answer again.

use super::book::{Book, Incident};
use super::state::State;
use crate::model::{Answer, Dimension, IncidentId, Moment, Name, Slice, Works};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many voices at least have to say that it does not work: one or two have a trouble of their own.
const VOICES_MIN: usize = 3;
/// The longest that answers hold one step beyond its own time.
const HELD_MAX: Duration = Duration::from_secs(600);
/// Somebody reported so long before the onset that was estimated: what they met may have begun by then.
const BEFORE_ONSET: Duration = Duration::from_secs(600);
/// Networks remembered for one incident.
const NETWORKS_MAX: usize = 1_024;

/// What was answered, by incident and network.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(BTreeMap<IncidentId, BTreeMap<Name, Said>>);

#[derive(Debug, Clone)]
struct Said {
    /// Whose voice it is.
    voice: Name,
    works: Works,
    at: Moment,
}

/// How many voices say what of one incident, since its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Voices {
    /// Say that it works again.
    pub again: usize,
    /// Say that it does not.
    pub not_yet: usize,
}

impl Voices {
    /// True when they speak against going on.
    pub fn object(self) -> bool {
        self.not_yet >= VOICES_MIN && self.not_yet > self.again
    }
}

/// True when this incident's reporters are asked: users are served again, and it is not over.
pub fn asks(incident: &Incident, about: &Slice, reported_at: Moment) -> bool {
    let served =
        matches!(incident.state, State::Mitigated | State::Restoring).then_some(incident.mitigated_at).flatten();
    let in_time = |until: Moment| incident.since.before(BEFORE_ONSET) <= reported_at && reported_at <= until;
    incident.slice.meets(about) && served.is_some_and(in_time)
}

impl Answers {
    /// Takes an answer in; one of somebody who is not asked counts for nothing. The last answer of a network counts.
    pub(super) fn hear(&mut self, now: Moment, answer: &Answer, book: &Book) {
        self.0.retain(|id, _| book.incidents.get(id).is_some_and(|incident| incident.state.is_open()));
        let mut about = Slice::everywhere();
        for (dimension, name) in [(Dimension::Component, &answer.component), (Dimension::Region, &answer.region)] {
            about = name.iter().fold(about, |slice, name| slice.with(dimension, Name::clone(name)));
        }
        for incident in book.open().filter(|incident| asks(incident, &about, answer.reported_at)) {
            let said = self.0.entry(incident.id).or_default();
            if said.len() < NETWORKS_MAX || said.contains_key(&answer.network) {
                let voice = answer.system.as_ref().unwrap_or(&answer.network).clone();
                said.insert(answer.network.clone(), Said { voice, works: answer.works, at: now });
            }
        }
    }

    /// What was answered of an incident since a moment; a voice says what most of its networks say.
    pub(super) fn voices(&self, incident: IncidentId, since: Moment) -> Voices {
        let mut balance: BTreeMap<&Name, i64> = BTreeMap::new();
        for said in self.0.get(&incident).into_iter().flatten().map(|(_, said)| said).filter(|said| said.at >= since) {
            *balance.entry(&said.voice).or_default() += if said.works == Works::Again { 1 } else { -1 };
        }
        let count = |speaks: fn(i64) -> bool| balance.values().filter(|sum| speaks(**sum)).count();
        Voices { again: count(|sum| sum > 0), not_yet: count(|sum| sum < 0) }
    }

    /// True while answers hold a step that was taken at `since` and would go on after `wait`.
    pub(super) fn hold(&self, incident: IncidentId, since: Moment, wait: Duration, now: Moment) -> bool {
        now.since(since) < wait + HELD_MAX && self.voices(incident, since).object()
    }
}
