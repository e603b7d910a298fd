//! A chapter: what another status page said of its incidents and its announced work, as a value.
//!
//! It is bounded when it comes in, and a newer copy of a source joins the older one: what both tell is told as the newer one tells
//! it, what only the older one knows stays. So the same copy twice changes nothing.

use downbeat_core::incident::Digest;
use downbeat_core::model::{Moment, Name};
use downbeat_core::tell::word::StoryId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most stories of a source, the newest: a page of ten years has some hundreds.
pub const STORIES_MAX: usize = 1_000;
/// Most words of a story.
pub const WORDS_MAX: usize = 200;
/// Most components that a story or a word touches.
pub const TOUCHED_MAX: usize = 200;
/// Longest title, in characters: Statuspage's own limit is 255.
pub const TITLE_MAX: usize = 300;
/// Longest word, in characters: what Statuspage takes.
pub const BODY_MAX: usize = 25_000;
/// Longest id: all that stands in an address and a file's name.
const ID_MAX: usize = 64;
/// Longest address.
const URL_MAX: usize = 2_048;
/// Largest chapter, as it lies in its file.
pub const FILE_MAX: usize = 16 * 1024 * 1024;

/// What one source told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// Whose it is: the page's id there.
    pub source: Name,
    /// The page's name there.
    pub title: String,
    /// Where the page was read.
    pub url: String,
    /// The newest first.
    pub stories: Vec<Story>,
}

/// An incident, or announced work, of another page; it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// Its id there, which is its id here as well; none that our own stories could have.
    pub id: String,
    /// One line.
    pub title: String,
    /// How it ended.
    pub standing: Standing,
    /// How much was lost, as the source had it.
    pub impact: Impact,
    /// When the source first told of it.
    #[serde(rename = "created_at_ms")]
    pub created_at: Moment,
    /// When it began.
    #[serde(rename = "started_at_ms")]
    pub started_at: Moment,
    /// When something was last said or done.
    #[serde(rename = "updated_at_ms")]
    pub updated_at: Moment,
    /// When it first worked again.
    #[serde(rename = "monitoring_at_ms", default, skip_serializing_if = "Option::is_none")]
    pub monitoring_at: Option<Moment>,
    /// When it was over.
    #[serde(rename = "resolved_at_ms")]
    pub resolved_at: Moment,
    /// Of announced work: for when it was announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// What it touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Touched>,
    /// What was said, the newest first.
    pub words: Vec<Word>,
}

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// From when on.
    #[serde(rename = "from_ms")]
    pub from: Moment,
    /// Until when.
    #[serde(rename = "until_ms")]
    pub until: Moment,
}

/// A component of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touched {
    /// Its id there.
    pub code: String,
    /// Its name there.
    pub title: String,
}

/// One public word of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Its id there.
    pub id: String,
    /// Where the story stood.
    pub standing: Standing,
    /// As it was written.
    pub body: String,
    /// When it was said.
    #[serde(rename = "at_ms")]
    pub at: Moment,
    /// What it meant for components.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<Affected>,
}

/// What a word meant for a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// The component's id there.
    pub code: String,
    /// Its name there.
    pub title: String,
    /// How it was before.
    pub before: Status,
    /// How it was from then on.
    pub after: Status,
}

/// The values of one of Statuspage's lists of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$of])* $value,)+ }

        impl $name {
            /// The word in Statuspage's API.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }

            /// `None` for a word that Statuspage does not have.
            pub fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)+ _ => None }
            }
        }
    };
}

words! {
    /// Where a story stands.
    Standing {
        /// They know of it.
        Investigating = "investigating",
        /// They know why.
        Identified = "identified",
        /// It works again and is watched.
        Monitoring = "monitoring",
        /// It is over.
        Resolved = "resolved",
        /// It is over, and what was learnt is written down.
        Postmortem = "postmortem",
        /// Work is to come.
        Scheduled = "scheduled",
        /// Work goes on.
        InProgress = "in_progress",
        /// Work is done and looked at.
        Verifying = "verifying",
        /// Work is over.
        Completed = "completed",
    }
}

words! {
    /// How much was lost.
    Impact {
        /// Nothing.
        None = "none",
        /// It was announced.
        Maintenance = "maintenance",
        /// Little.
        Minor = "minor",
        /// Much.
        Major = "major",
        /// Nearly everything.
        Critical = "critical",
    }
}

words! {
    /// How a component is.
    Status {
        /// It works.
        Operational = "operational",
        /// It is worked on.
        UnderMaintenance = "under_maintenance",
        /// It works badly.
        DegradedPerformance = "degraded_performance",
        /// It works for some.
        PartialOutage = "partial_outage",
        /// It does not work.
        MajorOutage = "major_outage",
    }
}

impl Standing {
    /// True when nothing more is to come of a story.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Resolved | Self::Postmortem | Self::Completed)
    }
}

/// Why a chapter is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChapterError {
    /// Too many of something, or too long.
    #[error("{what}: at most {most}, not {found}")]
    Limit {
        /// What there is too much of, and where.
        what: String,
        /// As much as may be.
        most: usize,
        /// As much as there is.
        found: usize,
    },
    /// An id that cannot be one here.
    #[error("story id {0:?}: it has 1 to 64 letters, digits, _ and -, and is none that our own stories have")]
    Id(String),
    /// Two stories of the same id.
    #[error("story {0} is there twice")]
    Twice(String),
    /// Not an address for people.
    #[error("url: {0:?} is no address of the web")]
    Url(String),
    /// It goes on.
    #[error("story {0} is not over: what goes on elsewhere is not shown here")]
    Open(String),
}

/// How a newer copy of a source compares with what was known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Stories that were not known.
    pub new: usize,
    /// Stories that are told otherwise now.
    pub changed: usize,
    /// Stories that are told as before.
    pub same: usize,
    /// Stories that were left out, the oldest ones: there is room for [`STORIES_MAX`].
    pub left_out: usize,
}

/// True for what may be the id of a story from elsewhere.
pub fn is_id(id: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=ID_MAX).contains(&id.len()) && id.bytes().all(is_letter) && id.parse::<StoryId>().is_err()
}

/// True for an address that a page may link to.
pub fn is_url(url: &str) -> bool {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web && url.len() <= URL_MAX && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

impl Chapter {
    /// Looks whether it may be kept.
    ///
    /// # Errors
    /// [`ChapterError`], the first one.
    pub fn check(&self) -> Result<(), ChapterError> {
        if !is_url(&self.url) {
            return Err(ChapterError::Url(self.url.chars().take(TITLE_MAX).collect()));
        }
        within("title", TITLE_MAX, self.title.chars().count())?;
        within("stories", STORIES_MAX, self.stories.len())?;
        let mut ids = std::collections::BTreeSet::new();
        for story in &self.stories {
            story.check()?;
            if !ids.insert(&story.id) {
                return Err(ChapterError::Twice(story.id.clone()));
            }
        }
        Ok(())
    }

    /// What both know, as the newer one tells it, with what only this one knows.
    pub fn joined(self, newer: Self) -> (Self, Comparison) {
        let mut comparison = Comparison::default();
        let mut stories: BTreeMap<String, Story> = self.stories.into_iter().map(|it| (it.id.clone(), it)).collect();
        for story in newer.stories {
            match stories.get(&story.id) {
                None => comparison.new += 1,
                Some(known) if *known == story => comparison.same += 1,
                Some(_) => comparison.changed += 1,
            }
            stories.insert(story.id.clone(), story);
        }
        let mut stories: Vec<Story> = stories.into_values().collect();
        stories.sort_by(|a, b| (b.created_at, &a.id).cmp(&(a.created_at, &b.id)));
        comparison.left_out = stories.len().saturating_sub(STORIES_MAX);
        stories.truncate(STORIES_MAX);
        (Self { stories, ..newer }, comparison)
    }

    /// Nothing yet of the same source.
    pub fn empty(&self) -> Self {
        Self { stories: vec![], ..self.clone() }
    }

    /// How many incidents and how much announced work is in it.
    pub fn counts(&self) -> (u32, u32) {
        let work = self.stories.iter().filter(|story| story.planned.is_some()).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (count(self.stories.len() - work), count(work))
    }

    /// As it lies in its file, with the hash that names the file.
    ///
    /// # Errors
    /// [`ChapterError::Limit`] when it is larger than a file may be.
    pub fn to_file(&self) -> Result<(Digest, Vec<u8>), ChapterError> {
        let bytes = serde_json::to_vec(self).expect("texts and numbers are JSON");
        within("bytes", FILE_MAX, bytes.len())?;
        Ok((Digest::of(&bytes), bytes))
    }
}

impl Story {
    fn check(&self) -> Result<(), ChapterError> {
        if !is_id(&self.id) {
            return Err(ChapterError::Id(self.id.chars().take(ID_MAX).collect()));
        }
        if !self.standing.is_over() {
            return Err(ChapterError::Open(self.id.clone()));
        }
        let of = |what: &str| format!("{what} of story {}", self.id);
        within(&of("title"), TITLE_MAX, self.title.chars().count())?;
        within(&of("words"), WORDS_MAX, self.words.len())?;
        within(&of("components"), TOUCHED_MAX, self.components.len())?;
        for touched in &self.components {
            within(&of("a component's title"), TITLE_MAX, touched.title.chars().count())?;
            within(&of("a component's id"), TITLE_MAX, touched.code.chars().count())?;
        }
        for word in &self.words {
            within(&of("a word"), BODY_MAX, word.body.chars().count())?;
            within(&of("a word's id"), TITLE_MAX, word.id.chars().count())?;
            within(&of("what a word affects"), TOUCHED_MAX, word.affected.len())?;
        }
        Ok(())
    }
}

fn within(what: &str, most: usize, found: usize) -> Result<(), ChapterError> {
    if found <= most { Ok(()) } else { Err(ChapterError::Limit { what: what.into(), most, found }) }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A story that is over, with two words.
    pub(crate) fn story(id: &str, day: u64) -> Story {
        let at = |minute: u64| Moment::from_millis(day * 86_400_000 + minute * 60_000);
        let word = |n: u64, standing, body: &str| Word {
            id: format!("{id}-{n}"),
            standing,
            body: body.into(),
            at: at(n),
            affected: vec![],
        };
        Story {
            id: id.into(),
            title: format!("Trouble {id}"),
            standing: Standing::Resolved,
            impact: Impact::Major,
            created_at: at(1),
            started_at: at(0),
            updated_at: at(90),
            monitoring_at: None,
            resolved_at: at(90),
            planned: None,
            components: vec![Touched { code: "rhznvxg4v7yh".into(), title: "API".into() }],
            words: vec![word(90, Standing::Resolved, "Over."), word(1, Standing::Investigating, "We look.")],
        }
    }

    /// A chapter of these stories.
    pub(crate) fn chapter(stories: Vec<Story>) -> Chapter {
        let source = Name::new("srhpyqt94yxb").expect("a good name");
        Chapter { source, title: "Old page".into(), url: "https://old.example".into(), stories }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{chapter, story};
    use super::*;

    #[test]
    fn ids_never_meet_our_own() {
        for (id, good) in [
            ("kctbh9vrtdwd", true),
            ("old-3", true),
            ("maintenance-x", true),
            ("3", false),
            ("maintenance-3", false),
            ("", false),
            ("../../etc", false),
            ("a/b", false),
            ("a b", false),
            ("ä", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(is_id(id), good, "{id:?}");
        }
    }

    #[test]
    fn the_same_copy_twice_changes_nothing() {
        let first = chapter(vec![story("a", 20_000), story("b", 20_001)]);
        let (kept, comparison) = first.empty().joined(first.clone());
        assert_eq!(comparison, Comparison { new: 2, ..Comparison::default() });
        assert_eq!(kept.stories.iter().map(|story| story.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        let (again, comparison) = kept.clone().joined(first);
        assert_eq!((&again, comparison), (&kept, Comparison { same: 2, ..Comparison::default() }));
        assert_eq!(again.to_file(), kept.to_file());
    }

    #[test]
    fn a_newer_copy_changes_what_it_tells_and_forgets_nothing() {
        let older = chapter(vec![story("a", 20_000), story("b", 20_001)]);
        let told_otherwise = Story { title: "It was the cache".into(), ..story("b", 20_001) };
        let (kept, comparison) = older.joined(chapter(vec![told_otherwise, story("c", 20_002)]));
        assert_eq!(comparison, Comparison { new: 1, changed: 1, ..Comparison::default() });
        let titles: Vec<&str> = kept.stories.iter().map(|story| story.title.as_str()).collect();
        assert_eq!(titles, ["Trouble c", "It was the cache", "Trouble a"]);
    }

    #[test]
    fn the_oldest_have_no_room() {
        let many = (0..STORIES_MAX as u64 + 3).map(|n| story(&format!("s{n}"), 10_000 + n)).collect();
        let (kept, comparison) = chapter(vec![]).joined(chapter(many));
        assert_eq!((kept.stories.len(), comparison.left_out), (STORIES_MAX, 3));
        assert_eq!(kept.stories.last().map(|story| story.id.as_str()), Some("s3"));
        assert_eq!(kept.check(), Ok(()));
    }

    /// What makes a good chapter a bad one.
    type Change = fn(&mut Chapter);

    #[test]
    fn what_is_not_kept_is_named() {
        let with = |change: Change| {
            let mut it = chapter(vec![story("a", 20_000)]);
            change(&mut it);
            it.check().expect_err("not kept").to_string()
        };
        let table: [(Change, &str); 7] = [
            (|it| it.url = "javascript:alert(1)".into(), "url: \"javascript:alert(1)\" is no address"),
            (|it| it.stories[0].id = "3".into(), "story id \"3\""),
            (|it| it.stories[0].standing = Standing::Monitoring, "story a is not over"),
            (|it| it.stories[0].title = "x".repeat(301), "title of story a: at most 300, not 301"),
            (|it| it.stories[0].words[0].body = "ä".repeat(25_001), "a word of story a: at most 25000"),
            (|it| it.stories.push(it.stories[0].clone()), "story a is there twice"),
            (|it| it.stories = vec![it.stories[0].clone(); 1_001], "stories: at most 1000"),
        ];
        for (change, expected) in table {
            let why = with(change);
            assert!(why.starts_with(expected), "{why}");
        }
    }
}
