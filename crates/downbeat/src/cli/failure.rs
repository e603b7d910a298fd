//! The one place where errors are printed: the chain of causes on one line, the hint below it.

use super::change::ChangeError;
use super::client::ClientError;
use super::detect::ReadError;
use super::import::FetchError;
use super::log;
use super::serve::ServeError;
use super::style::{Palette, Style};
use crate::config::{ConfigError, DEFAULT_PATH, EXAMPLE};
use std::process::ExitCode;

/// A command used wrongly, a configuration that is wrong (`EX_USAGE` of sysexits.h).
pub(super) const EXIT_USAGE: u8 = 64;
/// A log that is not what it should be (`EX_DATAERR`).
const EXIT_DATA: u8 = 65;
/// Anything else that went wrong.
const EXIT_FAILURE: u8 = 1;

/// Prints an error with all it has to say; what the program ends with.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let palette = Palette::stderr();
    let config = error.downcast_ref::<ConfigError>();
    if let Some(ConfigError::Faulty { faults, .. }) = config {
        for fault in faults {
            eprintln!("{fault}\n");
        }
    }
    eprintln!("{} {}", palette.paint(Style::Error, "error:"), chain(error));
    if let Some(hint) = hint(error) {
        eprintln!("{} {hint}", palette.paint(Style::Hint, "hint:"));
    }
    ExitCode::from(match config {
        Some(_) => EXIT_USAGE,
        None if log::is_flawed(error) => EXIT_DATA,
        None => EXIT_FAILURE,
    })
}

/// The error and its causes, each said once.
fn chain(error: &anyhow::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.last().is_some_and(|last| last.ends_with(&cause)) {
            said.push(cause);
        }
    }
    said.join(": ")
}

/// What to do about it, as far as the error knows.
fn hint(error: &anyhow::Error) -> Option<String> {
    let config = error.downcast_ref::<ConfigError>().and_then(config_hint);
    let client = || error.downcast_ref::<ClientError>().and_then(ClientError::hint);
    let serve = || error.downcast_ref::<ServeError>().and_then(ServeError::hint);
    let change = || error.downcast_ref::<ChangeError>().and_then(ChangeError::hint);
    let read = || error.downcast_ref::<ReadError>().and_then(ReadError::hint);
    let fetch = || error.downcast_ref::<FetchError>().and_then(FetchError::hint);
    config.or_else(client).or_else(fetch).or_else(read).or_else(serve).or_else(change).or_else(|| log::hint(error))
}

fn config_hint(error: &ConfigError) -> Option<String> {
    match error {
        ConfigError::Missing(_) => {
            let example = EXAMPLE.lines().map(|line| format!("\n    {line}")).collect::<String>();
            Some(format!("name a file with -c FILE, or write {DEFAULT_PATH}; these lines are enough:\n{example}\n"))
        }
        ConfigError::Faulty { .. } => Some("nothing was started".into()),
        ConfigError::Read { .. } | ConfigError::Unfit { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_says_everything_once() {
        let root = std::io::Error::other("the disk is full");
        let error = anyhow::Error::new(root).context("cannot write: the disk is full").context("cannot start");
        assert_eq!(chain(&error), "cannot start: cannot write: the disk is full");
    }
}
