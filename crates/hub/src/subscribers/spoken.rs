//! A public word as it is told: kept with the word, so that who is told later is told the same.

use crate::channel::Hue;
use crate::faces::Picture;
use crate::text::rfc3339;
use downbeat_core::model::Moment;
use downbeat_core::tell::word::{PublicWord, StoryId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A word with all that its messages are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Spoken {
    /// `3.1`: the key against repeats.
    pub(super) key: String,
    /// `3`: what a mail client threads by.
    pub(super) story: String,
    /// "Investigating".
    pub(super) standing: String,
    /// How it looks.
    pub(super) hue: Hue,
    /// One line.
    pub(super) title: String,
    /// A few sentences.
    pub(super) body: String,
    /// When it was said.
    pub(super) at: Moment,
    /// The same for machines.
    pub(super) at_text: String,
    /// Where it can be read.
    pub(super) url: String,
    /// Who speaks.
    pub(super) service: String,
    /// `page` of Statuspage's webhooks.
    pub(super) page: Value,
    /// `incident` of Statuspage's webhooks.
    pub(super) incident: Value,
}

impl Spoken {
    /// A word as it is told while the picture is this.
    pub(super) fn of(word: &PublicWord, picture: &Picture) -> Self {
        let place = match word.id.story {
            StoryId::Incident(id) => format!("incidents/{id}"),
            StoryId::Maintenance(id) => format!("maintenance/{id}"),
        };
        Self {
            key: word.id.to_string(),
            story: word.id.story.to_string(),
            standing: word.standing_title.to_owned(),
            hue: Hue::of(word.standing),
            title: word.title.clone(),
            body: word.body.clone(),
            at: word.at,
            at_text: rfc3339(word.at),
            url: format!("{}/{place}", picture.url),
            service: picture.service.clone(),
            page: picture.page_payload(),
            incident: picture.story_payload(word.id.story),
        }
    }
}
