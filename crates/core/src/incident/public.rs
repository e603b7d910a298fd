//! The public words of the book, in the order in which they were said: what subscribers are told.

use super::book::{Book, Incident};
use super::maintenance::{Maintenance, MaintenancePhase};
use crate::model::{Audience, Name, Stage, Topology};
use crate::tell::word::{PublicWord, Sequel, StoryId, WordId};
use std::collections::{BTreeMap, BTreeSet};

impl Book {
    /// The public words that come after those already known: of each story, those whose number is above its own in `known`.
    pub fn words_after(&self, known: &BTreeMap<StoryId, u32>, topology: &Topology) -> Vec<PublicWord> {
        let last = |story| known.get(&story).copied().unwrap_or(0);
        let of_incidents = self.incidents.values().flat_map(|it| it.words_after(last(it.story()), topology));
        let of_work = self.maintenances.values().flat_map(|it| it.words_after(last(it.story())));
        let mut words: Vec<PublicWord> = of_incidents.chain(of_work).collect();
        words.sort_by_key(|word| (word.at, word.id));
        words
    }
}

impl Incident {
    fn story(&self) -> StoryId {
        StoryId::Incident(self.id)
    }

    fn words_after(&self, last: u32, topology: &Topology) -> Vec<PublicWord> {
        let is_new = |count: u32, audience| count > last && audience == Audience::Public;
        let mut new = self.notices.iter().filter(|it| is_new(it.notice.id.count, it.notice.audience)).peekable();
        if new.peek().is_none() {
            return vec![];
        }
        let touched = topology.components.values().filter(|component| self.touches(component, topology));
        let components: BTreeSet<Name> = touched.map(|component| component.name.clone()).collect();
        let word = |stage: Stage| match stage {
            Stage::Resolved => Sequel::Over,
            Stage::Investigating | Stage::Identified | Stage::Monitoring => Sequel::Follows,
        };
        new.map(|case| PublicWord {
            id: WordId { story: self.story(), count: case.notice.id.count },
            at: case.at,
            standing: case.notice.stage.word(),
            title: case.notice.title.clone(),
            body: case.notice.body.clone(),
            translations: case.notice.translations.clone(),
            components: components.clone(),
            sequel: word(case.notice.stage),
            absorbed: self.absorbed.iter().map(|id| StoryId::Incident(*id)).collect(),
        })
        .collect()
    }
}

impl Maintenance {
    fn story(&self) -> StoryId {
        StoryId::Maintenance(self.id)
    }

    fn words_after(&self, last: u32) -> Vec<PublicWord> {
        let sequel = |phase: MaintenancePhase| if phase.is_open() { Sequel::Follows } else { Sequel::Over };
        let numbered = (1..).zip(&self.words).filter(|(count, _)| *count > last);
        numbered
            .map(|(count, word)| PublicWord {
                id: WordId { story: self.story(), count },
                at: word.at,
                standing: word.phase.word(),
                title: self.appointment.title.clone(),
                body: word.body.clone(),
                translations: BTreeMap::new(),
                components: self.appointment.components.clone(),
                sequel: sequel(word.phase),
                absorbed: vec![],
            })
            .collect()
    }
}
