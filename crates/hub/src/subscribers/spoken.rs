//! A public word as it is told: kept with the word, so that who is told later is told the same.

use crate::channel::Hue;
use crate::faces::{Phrases, Picture};
use crate::text::rfc3339;
use downbeat_core::model::{Language, Moment};
use downbeat_core::tell::word::{PublicWord, StoryId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A word with all that its messages are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Spoken {
    /// `3.1`: the key against repeats.
    pub(super) key: String,
    /// `3`: what a mail client threads by.
    pub(super) story: String,
    /// How it looks.
    pub(super) hue: Hue,
    /// What it says in the page's own language.
    #[serde(flatten)]
    own: Wording,
    /// What it says in the others; none in words of earlier releases.
    #[serde(default)]
    others: BTreeMap<Language, Wording>,
    /// When it was said.
    pub(super) at: Moment,
    /// The same for machines.
    pub(super) at_text: String,
    /// Who speaks.
    pub(super) service: String,
    /// `page` of Statuspage's webhooks.
    pub(super) page: Value,
    /// `incident` of Statuspage's webhooks.
    pub(super) incident: Value,
}

/// What a word says in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wording {
    /// "Investigating".
    pub(super) standing: String,
    /// One line.
    pub(super) title: String,
    /// A few sentences.
    pub(super) body: String,
    /// Where it can be read.
    pub(super) url: String,
}

impl Wording {
    fn of(word: &PublicWord, picture: &Picture, language: Language) -> Self {
        let place = match word.id.story {
            StoryId::Incident(id) => format!("incidents/{id}"),
            StoryId::Maintenance(id) => format!("maintenance/{id}"),
        };
        let (t, said) = (Phrases::of(language), word.translations.get(&language));
        Self {
            standing: t.standing(word.standing).to_owned(),
            title: said.map_or(&word.title, |said| &said.title).clone(),
            body: said.map_or_else(|| t.of_work(&word.body), |said| &said.body).to_owned(),
            url: format!("{}{}/{place}", picture.url, picture.root_of(language)),
        }
    }
}

impl Spoken {
    /// A word as it is told while the picture is this.
    pub(super) fn of(word: &PublicWord, picture: &Picture) -> Self {
        let others = picture.languages.iter().skip(1);
        Self {
            key: word.id.to_string(),
            story: word.id.story.to_string(),
            hue: Hue::of(word.standing),
            own: Wording::of(word, picture, picture.language()),
            others: others.map(|language| (*language, Wording::of(word, picture, *language))).collect(),
            at: word.at,
            at_text: rfc3339(word.at),
            service: picture.service.clone(),
            page: picture.page_payload(),
            incident: picture.story_payload(word.id.story),
        }
    }

    /// What it says in a language; in the page's own where it was not said in that one.
    pub(super) fn wording(&self, language: Language) -> &Wording {
        self.others.get(&language).unwrap_or(&self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lies in a store of an earlier release goes out all the same.
    #[test]
    fn words_of_before_have_one_language() {
        let kept = r#"{"key":"3.1","story":"3","standing":"Investigating","hue":"bad","title":"Problems","body":"We look.",
            "at":1,"at_text":"1970-01-01T00:00:00.001Z","url":"https://status.example/incidents/3","service":"Encore",
            "page":{},"incident":{}}"#;
        let spoken: Spoken = serde_json::from_str(kept).expect("read");
        assert_eq!(spoken.wording(Language::De).standing, "Investigating");
        let written = serde_json::to_string(&spoken).expect("written");
        assert_eq!(serde_json::from_str::<Spoken>(&written).expect("read again"), spoken);
    }
}
