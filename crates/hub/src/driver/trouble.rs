//! The hub's own trouble with its log, in words.

use crate::log::AppendError;
use std::fmt;

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    why: String,
}

impl Trouble {
    /// Another failure; what is news is told.
    pub(super) fn after(before: Option<Trouble>, error: &AppendError) -> Self {
        let trouble = Self { why: with_causes(error) };
        if before.as_ref() != Some(&trouble) {
            tracing::error!(why = trouble.why, "the log cannot be written; nothing is decided until it can");
        }
        trouble
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_file() {
        let trouble = Trouble::after(None, &AppendError::Full { path: "hub.db".into() });
        assert_eq!(trouble.to_string(), "the disk of hub.db is full");
    }
}
