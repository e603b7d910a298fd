//! What acts by itself and has lapsed, or does so within a week, in as few lines as say it: what lapses at the same moment
//! stands together.

use super::remedies::kind_title;
use crate::faces::stamp::{Stamp, span};
use crate::view::Snapshot;
use downbeat_core::incident::{Arming, ArmingState};
use downbeat_core::model::{Name, RemedyKind};
use std::collections::{BTreeMap, BTreeSet};

/// What lapses at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lapse {
    pub(super) at: Stamp,
    /// How long until then; none when it has lapsed.
    pub(super) left: Option<String>,
    /// Kinds with the components on which they lapse: "Divert, Restart on Playback".
    pub(super) what: Vec<String>,
}

impl Lapse {
    /// All there is, the first first.
    pub(super) fn all(snapshot: &Snapshot) -> Vec<Self> {
        let lapsing = snapshot.lapsing();
        lapsing.chunk_by(|a, b| a.until == b.until).map(|together| Self::of(snapshot, together)).collect()
    }

    fn of(snapshot: &Snapshot, together: &[Arming]) -> Self {
        let first = &together[0];
        let mut kinds: BTreeMap<&Name, BTreeSet<RemedyKind>> = BTreeMap::new();
        for arming in together {
            kinds.entry(&arming.component).or_default().insert(arming.kind);
        }
        let mut components: BTreeMap<BTreeSet<RemedyKind>, Vec<&str>> = BTreeMap::new();
        for (component, kinds) in kinds {
            let known = snapshot.settings.policy.topology.components.get(component);
            components.entry(kinds).or_default().push(known.map_or(component.as_str(), |it| &it.title));
        }
        let words = |(kinds, components): (BTreeSet<RemedyKind>, Vec<&str>)| {
            let kinds: Vec<&str> = kinds.into_iter().map(kind_title).collect();
            format!("{} on {}", kinds.join(", "), components.join(", "))
        };
        Self {
            at: Stamp(first.until),
            left: (first.state(snapshot.now) == ArmingState::LapsesSoon).then(|| span(first.until.since(snapshot.now))),
            what: components.into_iter().map(words).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;

    #[test]
    fn what_lapses_together_stands_together() {
        let all = Lapse::all(&story::lapsing());
        let lines: Vec<(Option<&str>, Vec<&str>)> =
            all.iter().map(|lapse| (lapse.left.as_deref(), lapse.what.iter().map(String::as_str).collect())).collect();
        assert_eq!(
            lines,
            [
                (None, vec!["Divert, Restart on Log-in, Playlists", "Restart on Search"]),
                (Some("4 d"), vec!["Divert on Search", "Divert, Restart on Playback"]),
            ]
        );
        assert_eq!(Lapse::all(&story::healthy()), []);
    }
}
