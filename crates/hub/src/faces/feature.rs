//! How the features of a component stand, for the console and the status page.

use super::tone::Tone;
use downbeat_core::incident::Book;
use downbeat_core::model::{Component, Name, Strength};

/// One feature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeatureLine {
    /// Its name within the component.
    pub(crate) name: Name,
    /// Share of its requests that the plan admits.
    pub(crate) admitted: Strength,
    /// True when it gets besides what the shed of its component leaves over.
    pub(crate) gets_leftovers: bool,
    /// Who has switched it off, when a person has.
    pub(crate) off_by: Option<Name>,
}

impl FeatureLine {
    /// True while all of its requests are admitted.
    pub(crate) fn is_in(&self) -> bool {
        self.admitted == Strength::FULL
    }

    /// How that is shown.
    pub(crate) fn tone(&self) -> Tone {
        if self.is_in() { Tone::Good } else { Tone::Warn }
    }

    /// For operators.
    pub(crate) fn word(&self) -> String {
        match &self.off_by {
            _ if self.is_in() => "In".into(),
            Some(who) => format!("Switched off by {who}"),
            None if self.gets_leftovers => "As far as there is room".into(),
            None if self.admitted == Strength::NONE => "Out".into(),
            None => format!("Coming back, {}", self.admitted),
        }
    }
}

/// All features of a component, the first to return first.
pub(crate) fn lines(book: &Book, component: &Component) -> Vec<FeatureLine> {
    let line = |name: &Name| {
        let row = book.plan.features.iter().find(|row| row.component == component.name && row.feature == *name);
        let off = book.switched_off.iter().find(|(id, _)| id.component == component.name && id.feature == *name);
        FeatureLine {
            name: name.clone(),
            admitted: row.map_or(Strength::FULL, |row| row.admitted),
            gets_leftovers: row.is_some_and(|row| book.plan.leftovers.iter().any(|id| row.is_about(id))),
            off_by: off.map(|(_, who)| who.clone()),
        }
    };
    component.features.iter().map(line).collect()
}
