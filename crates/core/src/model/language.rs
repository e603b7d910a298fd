//! The languages in which the public is told, and the templates of what it is told.

use super::notice::Stage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A language, by its code of ISO 639-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::En, Self::De, Self::Fr, Self::Es];

    /// The code, as in `lang` of a page.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
        }
    }

    /// The one with this code, in either case.
    pub fn by_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }

    /// What it calls itself.
    pub const fn title(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
            Self::Fr => "Français",
            Self::Es => "Español",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// The incident's name for everybody.
    Title,
    /// The word of a stage.
    Word(Stage),
}

impl Piece {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Title,
        Self::Word(Stage::Investigating),
        Self::Word(Stage::Identified),
        Self::Word(Stage::Monitoring),
        Self::Word(Stage::Resolved),
    ];

    /// Its key in configurations.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Word(stage) => stage.word(),
        }
    }
}

/// What stands in the place of the templates built in. Each has been tried (`tell::try_template`).
pub type Templates = BTreeMap<(Language, Piece), String>;

/// What a message says in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// One line.
    pub title: String,
    /// A few sentences of plain text.
    pub body: String,
}
