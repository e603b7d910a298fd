//! Messages in the shapes that others read: one card, drawn for each service by the module of its name.
//!
//! Operators' own channels and public subscribers share these shapes. Limits are those that the services name; a text that
//! is longer is cut, never refused. Whatever a person wrote stays text: it names nobody, links nowhere, and is set in no way.

mod discord;
pub(crate) mod mail;
mod mastodon;
mod mattermost;
pub(crate) mod post;
pub(crate) mod push;
mod relay;
mod slack;
mod teams;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use downbeat_core::model::Language;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The shape of what is sent by POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Downbeat's own JSON.
    Downbeat,
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// An incoming webhook of Mattermost.
    Mattermost,
    /// A workflow of Microsoft Teams.
    Teams,
    /// A status on Mastodon: the secret is the access token.
    Mastodon,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Downbeat, Self::Slack, Self::Discord, Self::Mattermost, Self::Teams, Self::Mastodon];

    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Downbeat => "downbeat",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Mattermost => "mattermost",
            Self::Teams => "teams",
            Self::Mastodon => "mastodon",
        }
    }
}

/// How a message looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hue {
    /// Something is wrong.
    Bad,
    /// It works again and is watched.
    Better,
    /// It is over.
    Good,
    /// Announced work, and everything that is neither good nor bad.
    Plain,
}

impl Hue {
    /// The hue of where a story stands, by Statuspage's word for it.
    pub(crate) fn of(standing: &str) -> Self {
        match standing {
            "investigating" | "identified" => Self::Bad,
            "monitoring" => Self::Better,
            "resolved" | "completed" => Self::Good,
            _ => Self::Plain,
        }
    }

    /// 0xRRGGBB; a message never says by colour alone what it says.
    const fn rgb(self) -> u32 {
        match self {
            Self::Bad => 0xC6_2828,
            Self::Better => 0xB2_6A00,
            Self::Good => 0x2E_7D32,
            Self::Plain => 0x45_5A64,
        }
    }

    fn hex(self) -> String {
        format!("#{:06x}", self.rgb())
    }
}

/// What a message says, before it has a shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Card<'a> {
    /// Who speaks: the service.
    pub(crate) service: &'a str,
    /// Where the story stands, for people: "Investigating".
    pub(crate) standing: &'a str,
    /// One line.
    pub(crate) title: &'a str,
    /// A few sentences.
    pub(crate) body: &'a str,
    /// How it looks.
    pub(crate) hue: Hue,
    /// When it was said (RFC 3339).
    pub(crate) at: &'a str,
    /// What the link says, and where it leads.
    pub(crate) link: (&'a str, &'a str),
    /// The way to other components and out, for who subscribed: what the link says, and where it leads.
    pub(crate) manage: Option<(&'a str, &'a str)>,
    /// In which language all of this is.
    pub(crate) language: Language,
}

impl Card<'_> {
    /// "Investigating: Problems with Playback".
    fn headline(&self) -> String {
        text::line(&format!("{}: {}", self.standing, self.title))
    }
}

/// A card in one of the shapes; `None` for Downbeat's own, which is not drawn from cards.
pub(crate) fn draw(dialect: Dialect, card: &Card<'_>) -> Option<Value> {
    match dialect {
        Dialect::Downbeat => None,
        Dialect::Slack => Some(slack::message(card)),
        Dialect::Discord => Some(discord::message(card)),
        Dialect::Mattermost => Some(mattermost::message(card)),
        Dialect::Teams => Some(teams::message(card)),
        Dialect::Mastodon => Some(mastodon::status(card)),
    }
}
