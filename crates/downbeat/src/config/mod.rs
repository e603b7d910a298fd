//! The configuration: read, checked as a whole, and resolved into what the edge and the hub take.
//!
//! Three shapes: what was written ([`written`]), what is meant ([`resolve`]), and the [`Settings`] of the two
//! halves, valid by construction. The file is walked by hand instead of by a deserialiser because that stops
//! at the first error, and who writes a configuration wants to hear of all of them at once, each with its
//! place and what to write instead.

mod address;
mod fault;
pub(crate) mod figures;
mod reader;
mod resolve;
mod source;
mod spelling;
mod units;
mod value;
mod written;

pub(crate) use units::duration_text;

use downbeat_edge::EdgeSettings;
use downbeat_hub::settings::HubSettings;
use fault::{Complaint, Faults};
use reader::Reader;
use resolve::Check;
use source::{Place, Source};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Where the configuration is unless said otherwise.
pub(crate) const DEFAULT_PATH: &str = "downbeat.toml";

/// A whole configuration in a handful of lines.
pub(crate) const EXAMPLE: &str = "\
[service]
name = \"Encore\"
[[component]]
name = \"playback\"
replicas = [\"http://10.0.0.1:9001\", \"http://10.0.0.2:9001\"]";

/// The least that has to be said.
const EXAMPLE_HINT: &str =
    "add [[component]], name = \"playback\", replicas = [\"http://10.0.0.1:9001\", \"http://10.0.0.2:9001\"]";

/// Largest configuration: a thousand replicas and their probes take a tenth of it.
pub(crate) const FILE_MAX: u64 = 4 * 1024 * 1024;

/// Everything that a configuration resolves to.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// For the edge.
    pub(crate) edge: EdgeSettings,
    /// For the hub.
    pub(crate) hub: HubSettings,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Nothing there.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no configuration at all.
    #[error("{}: {why}", path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It was read, and this is wrong with it: one text per fault, ready to print.
    #[error("{} in {}", count(faults.len()), path.display())]
    Faulty {
        /// Which file.
        path: PathBuf,
        /// In the order of the file.
        faults: Vec<String>,
    },
}

fn count(faults: usize) -> String {
    if faults == 1 { "1 fault".into() } else { format!("{faults} faults") }
}

/// Reads a duration as configurations write it, for the command line.
pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    value::FromText::from_text(text).map_err(|complaint: Complaint| match complaint.hint {
        Some(hint) => format!("{}; {hint}", complaint.message),
        None => complaint.message,
    })
}

impl ConfigError {
    /// Each fault by itself, ready to print.
    pub(crate) fn faults(self) -> Vec<String> {
        match self {
            Self::Faulty { faults, .. } => faults,
            Self::Read { ref source, .. } => vec![format!("{self}: {source}")],
            Self::Missing(_) | Self::Unfit { .. } => vec![self.to_string()],
        }
    }
}

/// Reads and resolves a configuration.
pub(crate) fn load(path: &Path) -> Result<Settings, ConfigError> {
    load_with_text(path).map(|(settings, _)| settings)
}

/// The same, with the text that was read.
pub(crate) fn load_with_text(path: &Path) -> Result<(Settings, String), ConfigError> {
    let text = read(path)?;
    Ok((load_text(path, &text)?, text))
}

/// Resolves a text as if it stood in the file at a path.
pub(crate) fn load_text(path: &Path, text: &str) -> Result<Settings, ConfigError> {
    let source = Source::new(path.display().to_string(), text.to_owned());
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&source, folder).map_err(|faults| ConfigError::Faulty { path: path.into(), faults })
}

/// The text of a configuration.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ConfigError::Missing(path.into()),
        _ => ConfigError::Read { path: path.into(), source },
    };
    let unfit = |why: String| ConfigError::Unfit { path: path.into(), why };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_MAX {
        return Err(unfit(format!("more than {} MiB are no configuration", FILE_MAX >> 20)));
    }
    text_of(path, std::fs::read(path).map_err(failed)?)
}

/// Bytes as the text of the configuration at a path.
pub(crate) fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    let unfit = |why: String| ConfigError::Unfit { path: path.into(), why };
    if bytes.len() as u64 > FILE_MAX {
        return Err(unfit(format!("more than {} MiB are no configuration", FILE_MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let place = Place::of(&String::from_utf8_lossy(valid), valid.len());
        unfit(format!("line {}, column {} is no UTF-8 text", place.line, place.column))
    })
}

/// Everything that is wrong, ready to print, or the settings.
fn parse(source: &Source, folder: &Path) -> Result<Settings, Vec<String>> {
    let faults = Faults::default();
    let settings = match DeTable::parse(source.text()) {
        Ok(document) => {
            let file = written::File::read(Reader::root(&document, &faults));
            resolve::resolve(file, &Check { source, faults: &faults, folder })
        }
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            faults.add(span, Complaint::new(error.message()));
            None
        }
    };
    let faults = faults.into_sorted();
    if faults.is_empty() {
        return Ok(settings.expect("whatever keeps settings from being made is on record as a fault"));
    }
    Err(faults.iter().map(|fault| source.render(fault)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = include_str!("../../tests/config/good/everything.toml");

    /// Parsing ends in settings or in faults that point into the text; it never panics.
    fn check(text: &str) {
        let lines = text.lines().count().max(1);
        let source = Source::new("a.toml".into(), text.into());
        let Err(faults) = parse(&source, Path::new("")) else { return };
        assert!(!faults.is_empty());
        for fault in faults {
            let line = fault.strip_prefix("a.toml:").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            assert!(line.is_some_and(|line| (1..=lines + 1).contains(&line)), "{fault}");
        }
    }

    #[test]
    fn the_example_is_a_configuration() {
        assert!(parse(&Source::new("a.toml".into(), EXAMPLE.into()), Path::new("")).is_ok());
    }

    #[test]
    fn every_beginning_of_a_file_is_read_without_panic() {
        let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/good"));
        assert!(parse(&Source::new("a.toml".into(), WHOLE.into()), beside).is_ok());
        (0..WHOLE.len()).filter(|at| WHOLE.is_char_boundary(*at)).for_each(|at| check(&WHOLE[..at]));
    }

    #[test]
    fn every_file_without_one_of_its_lines_is_read_without_panic() {
        let lines: Vec<&str> = WHOLE.lines().collect();
        for without in 0..lines.len() {
            check(&[&lines[..without], &lines[without + 1..]].concat().join("\n"));
        }
    }

    #[test]
    fn every_file_with_one_character_changed_is_read_without_panic() {
        for (at, old) in WHOLE.char_indices() {
            for new in ["\"", "]", "=", "0", "\0", "é", ""] {
                check(&[&WHOLE[..at], new, &WHOLE[at + old.len_utf8()..]].concat());
            }
        }
    }
}
