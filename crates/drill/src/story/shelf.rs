//! The stories that come with the program, and those in files.

use super::{Story, StoryError, read};
use std::path::{Path, PathBuf};

macro_rules! shelf {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../drills/", $name, ".md")))),*]
    };
}

/// Every story that comes with the program, in the order in which they are listed.
const SHELF: [(&str, &str); 23] = shelf![
    "overload",
    "bad-deploy",
    "bad-config",
    "network",
    "dns",
    "attack",
    "host",
    "quiet",
    "hub-dies",
    "discovery-poison",
    "edge-crash-loop",
    "oscillating-config",
    "hot-path-rule",
    "dns-withdrawal",
    "empty-dns-lease-storm",
    "tenant-bug",
    "split-brain",
    "poison-row",
    "shared-fate-status",
    "blind-monitoring",
    "blamed-upstream",
    "report-brigade",
    "own-uplink",
];

/// Why there is no such story.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// No story has this name, and no file either.
    #[error("there is no drill {name:?}; there are {}, and paths of files that end in .md", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be opened.
    #[error("open the story {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no story.
    #[error(transparent)]
    Story(#[from] StoryError),
}

/// All stories that come with the program.
pub fn all() -> Vec<Story> {
    SHELF.iter().map(|(name, text)| read::read(&file(name), text).expect("a test reads every story")).collect()
}

/// The story of this name, or in this file.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn find(name: &str) -> Result<Story, FindError> {
    if let Some((name, text)) = SHELF.iter().find(|(known, _)| *known == name) {
        return Ok(read::read(&file(name), text)?);
    }
    if Path::new(name).extension().is_none_or(|e| e != "md") {
        return Err(FindError::Unknown { name: name.to_owned() });
    }
    let text = std::fs::read_to_string(name).map_err(|source| FindError::Open { path: name.into(), source })?;
    Ok(read::read(name, &text)?)
}

fn file(name: &str) -> String {
    format!("drills/{name}.md")
}

fn names() -> String {
    SHELF.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_can_be_read_and_is_named_like_its_file() {
        for (name, text) in SHELF {
            let story = read::read(&file(name), text).expect("a good story");
            assert_eq!(story.name.as_str(), name);
            assert!(story.prose.starts_with("# "), "{name} begins with its heading");
            assert!(!story.is_quiet() || story.expect.incidents == 0, "{name}");
        }
    }

    #[test]
    fn what_is_not_there() {
        let said = find("flood").expect_err("no such story").to_string();
        assert!(said.contains("\"flood\"") && said.contains("bad-deploy"), "{said}");
        assert!(matches!(find("no/such/file.md"), Err(FindError::Open { .. })));
    }
}
