//! Colour on terminals only, never where `NO_COLOR` is set, and never as the only carrier of a meaning.

use std::io::IsTerminal;

/// What a word is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// A heading.
    Title,
    /// Something went wrong.
    Error,
    /// What to do about it.
    Hint,
    /// What matters less.
    Faint,
}

impl Style {
    /// The SGR parameters of ECMA-48: bold, bold red, cyan, faint.
    const fn code(self) -> &'static str {
        match self {
            Self::Title => "1",
            Self::Error => "1;31",
            Self::Hint => "36",
            Self::Faint => "2",
        }
    }
}

/// How words look on one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Palette {
    /// As they are.
    Plain,
    /// With colours.
    Coloured,
}

impl Palette {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        // See no-color.org: set and not empty means no.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if terminal && !refused { Self::Coloured } else { Self::Plain }
    }

    /// True when there may be colours.
    pub(crate) fn is_coloured(self) -> bool {
        matches!(self, Self::Coloured)
    }

    /// A text in a style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Plain => text.into(),
            Self::Coloured => format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()),
        }
    }
}
