//! Reads a page of Statuspage's into a [`Chapter`], its components and its subscribers: from the public API v2, and from the
//! manage API v1 where somebody has its key.
//!
//! Nothing here opens a socket: answers come in as bytes, and whatever is not taken over is noted with its reason. A story that
//! cannot be read is left out and named; the others are read all the same.

mod people;
mod shapes;
#[cfg(test)]
mod tests;

pub use people::{People, Person};

use super::chapter::{
    Affected, BODY_MAX, Chapter, Impact, Planned, Standing, Status, Story, TITLE_MAX, TOUCHED_MAX, Touched, WORDS_MAX,
    Word, is_id, is_url,
};
use crate::text::{read_time, slug};
use downbeat_core::model::{Moment, Name};
use serde_json::Value;
use shapes::{ComponentDoc, IncidentDoc, Months, PageDoc, UpdateDoc, rows};
use std::collections::{BTreeMap, BTreeSet};

/// Most names that a note spells out.
const NAMED_MAX: usize = 5;

/// Why an answer is not one of Statuspage's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A page for people.
    #[error("it is a page for people (HTML), not an answer of Statuspage's API")]
    Html,
    /// Not JSON.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// JSON of somebody else's.
    #[error("it has no {0}: that is no answer of Statuspage's API")]
    Shape(&'static str),
    /// A page of a product that has an API of its own.
    #[error("it is a page of Instatus, which does not speak Statuspage's API here")]
    Instatus,
}

/// A component, as it could stand in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// A name that no other one has.
    pub name: Name,
    /// Its name for people.
    pub title: String,
    /// Where it stands.
    pub group: Option<ProposedGroup>,
    /// Its id there.
    pub code: String,
}

/// A group of components there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedGroup {
    /// Its name for people.
    pub title: String,
    /// Its id there.
    pub code: String,
}

/// Work that is announced there and has not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// One line.
    pub title: String,
    /// What is worked on, by the source's ids and names.
    pub components: Vec<Touched>,
    /// From when until when.
    pub planned: Planned,
    /// The latest word.
    pub text: String,
}

/// All that was read.
#[derive(Debug)]
pub struct Reading {
    /// The stories that are over.
    pub chapter: Chapter,
    /// The components, in the order of the page.
    pub components: Vec<Proposed>,
    /// Work to come, the first first.
    pub announced: Vec<Announced>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Reads answer after answer.
#[derive(Debug)]
pub struct Reader {
    chapter: Chapter,
    page_id: String,
    now: Moment,
    components: Vec<ComponentDoc>,
    groups: BTreeMap<String, String>,
    stories: BTreeMap<String, Story>,
    announced: BTreeMap<String, Announced>,
    notes: Notes,
}

/// What was left out, by reason.
#[derive(Debug, Default)]
struct Notes(BTreeMap<&'static str, BTreeSet<String>>);

impl Notes {
    fn note(&mut self, why: &'static str, which: &str) {
        self.0.entry(why).or_default().insert(shown(which));
    }

    fn lines(self) -> Vec<String> {
        let line = |(why, which): (&'static str, BTreeSet<String>)| {
            let more = which.len().saturating_sub(NAMED_MAX);
            let named: Vec<&str> = which.iter().take(NAMED_MAX).map(String::as_str).collect();
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} {why}: {}{rest}", which.len(), named.join(", "))
        };
        self.0.into_iter().map(line).collect()
    }
}

/// A name in quotes, short and without what could drive a terminal.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

impl Reader {
    /// Begins with `summary.json`, or with any other answer that has a `page` in it; `url` is where the page is.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn of_page(bytes: &[u8], url: &str, now: Moment) -> Result<Self, ReadError> {
        let value = json(bytes)?;
        let page = value.get("page").ok_or(ReadError::Shape("page"))?;
        if page.get("id").is_none() && page.get("status").is_some_and(Value::is_string) {
            return Err(ReadError::Instatus);
        }
        Self::of_head(page, url, now)
    }

    /// Begins with the manage API's answer about a page.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn of_managed_page(bytes: &[u8], url: &str, now: Moment) -> Result<Self, ReadError> {
        Self::of_head(&json(bytes)?, url, now)
    }

    fn of_head(page: &Value, url: &str, now: Moment) -> Result<Self, ReadError> {
        let page: PageDoc = serde_json::from_value(page.clone()).map_err(|_| ReadError::Shape("page.id"))?;
        let source =
            Name::new(&page.id).or_else(|_| Name::new(&slug(&page.id))).map_err(|_| ReadError::Shape("page.id"))?;
        let url = page.url.filter(|url| is_url(url)).unwrap_or_else(|| url.to_owned());
        let title = cut(page.name.as_deref().unwrap_or(&page.id), TITLE_MAX);
        Ok(Self {
            chapter: Chapter { source, title, url: url.trim_end_matches('/').to_owned(), stories: vec![] },
            page_id: page.id,
            now,
            components: vec![],
            groups: BTreeMap::new(),
            stories: BTreeMap::new(),
            announced: BTreeMap::new(),
            notes: Notes::default(),
        })
    }

    /// The page's id, as the source has it.
    pub fn page_id(&self) -> &str {
        &self.page_id
    }

    /// How many stories were read so far.
    pub fn count(&self) -> usize {
        self.stories.len()
    }

    /// Takes components in: `components.json`, `summary.json`, or a list of the manage API. How many rows it has.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn components(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        let rows = rows(&json(bytes)?, "components")?;
        let count = rows.len();
        for row in rows {
            match serde_json::from_value::<ComponentDoc>(row) {
                Ok(doc) if doc.group => drop(self.groups.insert(doc.id, doc.name)),
                Ok(doc) => {
                    self.components.retain(|known| known.id != doc.id);
                    self.components.push(doc);
                }
                Err(_) => self.notes.note("components cannot be read and are left out", "a row without id or name"),
            }
        }
        Ok(count)
    }

    /// Takes the manage API's groups in.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn groups(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        let rows = rows(&json(bytes)?, "component_groups")?;
        let groups = rows.iter().filter_map(|row| serde_json::from_value::<ComponentDoc>(row.clone()).ok());
        self.groups.extend(groups.map(|doc| (doc.id, doc.name)));
        Ok(rows.len())
    }

    /// Takes incidents in: `incidents.json`, or a list of the manage API. How many rows it has.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn incidents(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        self.stories_of(bytes, "incidents")
    }

    /// Takes announced work in: `scheduled-maintenances.json`. How many rows it has.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn maintenances(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        self.stories_of(bytes, "scheduled_maintenances")
    }

    /// Takes one incident in: `/incidents/CODE.json`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn incident(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let value = json(bytes)?;
        let row = value.get("incident").or_else(|| value.get("scheduled_maintenance")).unwrap_or(&value);
        row.get("id").ok_or(ReadError::Shape("id"))?;
        self.story(row.clone());
        Ok(())
    }

    fn stories_of(&mut self, bytes: &[u8], key: &'static str) -> Result<usize, ReadError> {
        let rows = rows(&json(bytes)?, key)?;
        let count = rows.len();
        rows.into_iter().for_each(|row| self.story(row));
        Ok(count)
    }

    /// The codes of `history.json?page=N` that were not read yet, and how many it has in all; none on the page behind the last.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn codes(&self, bytes: &[u8]) -> Result<(Vec<String>, usize), ReadError> {
        let months: Months = serde_json::from_value(json(bytes)?).map_err(|_| ReadError::Shape("months"))?;
        let codes: Vec<String> =
            months.months.into_iter().flat_map(|month| month.incidents).map(|it| it.code).collect();
        let all = codes.len();
        let is_new = |code: &String| is_id(code) && !self.stories.contains_key(code);
        Ok((codes.into_iter().filter(is_new).collect(), all))
    }

    fn story(&mut self, row: Value) {
        let name = row.get("name").and_then(Value::as_str).or_else(|| row.get("id").and_then(Value::as_str));
        let name = name.unwrap_or("a story without a name").to_owned();
        let doc = match serde_json::from_value::<IncidentDoc>(row) {
            Ok(doc) => doc,
            Err(_) => return self.notes.note("stories cannot be read and are left out", &name),
        };
        match self.place(doc) {
            Ok(()) => {}
            Err(why) => self.notes.note(why, &name),
        }
    }

    fn place(&mut self, doc: IncidentDoc) -> Result<(), &'static str> {
        let standing = doc
            .status
            .as_deref()
            .and_then(Standing::of)
            .ok_or("stories have a state of no known kind and are left out")?;
        let planned = planned(&doc);
        match standing {
            Standing::Scheduled => {
                let planned = planned.ok_or("maintenances have no times and are left out")?;
                if planned.from <= self.now {
                    return Err("maintenances should have begun there and have not; they are left out");
                }
                self.announced.insert(doc.id.clone(), announced(&doc, planned));
                Ok(())
            }
            Standing::InProgress | Standing::Verifying => Err(
                "maintenances are going on there; schedule the rest of them here, or import again when they are over",
            ),
            standing if !standing.is_over() => Err("incidents are open there; import again when they are over"),
            standing => {
                let story = self.past(doc, standing, planned)?;
                self.stories.insert(story.id.clone(), story);
                Ok(())
            }
        }
    }

    fn past(&mut self, doc: IncidentDoc, standing: Standing, planned: Option<Planned>) -> Result<Story, &'static str> {
        let id = self.kept_id(&doc.id).ok_or("stories have an id that cannot stand in an address and are left out")?;
        let created_at =
            time(doc.created_at.as_deref()).ok_or("stories have no readable created_at and are left out")?;
        let title = doc.name.clone().unwrap_or_else(|| doc.id.clone());
        let words = self.words(&doc, &title);
        let said_last = words.first().map(|word| word.at);
        let is_end = |word: &&Word| matches!(word.standing, Standing::Resolved | Standing::Completed);
        let ended = time(doc.resolved_at.as_deref()).or_else(|| words.iter().find(is_end).map(|word| word.at));
        let updated_at = time(doc.updated_at.as_deref()).or(said_last).unwrap_or(created_at);
        let started_at = time(doc.started_at.as_deref()).or(planned.map(|it| it.from)).unwrap_or(created_at);
        let resolved_at = ended.or(planned.map(|it| it.until)).unwrap_or(updated_at);
        if resolved_at < started_at {
            self.notes.note("stories end before they begin; they are shown as lasting no time", &title);
        }
        let impact = doc.impact.as_deref().and_then(Impact::of);
        let components: BTreeSet<Touched> = doc.components.iter().flatten().filter_map(touched).collect();
        Ok(Story {
            id,
            title: cut(&title, TITLE_MAX),
            standing,
            impact: impact.unwrap_or(if planned.is_some() { Impact::Maintenance } else { Impact::None }),
            created_at,
            started_at,
            updated_at: updated_at.max(said_last.unwrap_or_default()),
            monitoring_at: time(doc.monitoring_at.as_deref()),
            resolved_at: resolved_at.max(started_at),
            planned,
            components: components.into_iter().take(TOUCHED_MAX).collect(),
            words,
        })
    }

    /// Its own id, or one behind the source's name where our own stories could have that id.
    fn kept_id(&self, id: &str) -> Option<String> {
        [id.to_owned(), format!("{}-{id}", slug(self.chapter.source.as_str()))].into_iter().find(|id| is_id(id))
    }

    /// The newest first, whatever their order there.
    fn words(&mut self, doc: &IncidentDoc, title: &str) -> Vec<Word> {
        let mut words = Vec::new();
        for update in doc.incident_updates.iter().flatten() {
            match serde_json::from_value::<UpdateDoc>(update.clone()).ok().and_then(|it| word(&it)) {
                Some(word) => words.push(word),
                None => self.notes.note("stories have words without a state or a time, which are left out", title),
            }
        }
        let has_postmortem = words.iter().any(|word| word.standing == Standing::Postmortem);
        words.extend(if has_postmortem { None } else { postmortem(doc) });
        if words.iter().any(|word| word.body.chars().count() > BODY_MAX) || words.len() > WORDS_MAX {
            self.notes.note("stories have longer or more words than are kept; they are cut", title);
        }
        words.iter_mut().for_each(|word| word.body = cut(&word.body, BODY_MAX));
        words.sort_by_key(|word| std::cmp::Reverse(word.at));
        words.truncate(WORDS_MAX);
        words
    }

    /// All of it.
    pub fn finish(mut self) -> Reading {
        let components = self.proposed();
        let mut announced: Vec<Announced> = self.announced.into_values().collect();
        announced.sort_by_key(|it| it.planned.from);
        self.chapter.stories = self.stories.into_values().collect();
        let left_out = self.chapter.stories.len().saturating_sub(super::STORIES_MAX);
        let (chapter, _) = self.chapter.empty().joined(self.chapter);
        let mut notes = self.notes.lines();
        if left_out > 0 {
            notes.push(format!("{left_out} stories are older than the newest {} and are left out", super::STORIES_MAX));
        }
        Reading { chapter, components, announced, notes }
    }

    fn proposed(&mut self) -> Vec<Proposed> {
        self.components.sort_by_key(|doc| doc.position.unwrap_or(i64::MAX));
        let mut names = BTreeSet::new();
        let proposed = self.components.iter().filter_map(|doc| {
            let name = free_name(doc, &names)?;
            names.insert(name.clone());
            let group = doc.group_id.as_ref().and_then(|id| self.groups.get_key_value(id));
            let group = group.map(|(id, title)| ProposedGroup { title: cut(title, TITLE_MAX), code: id.clone() });
            Some(Proposed { name, title: cut(&doc.name, TITLE_MAX), group, code: doc.id.clone() })
        });
        proposed.collect()
    }
}

/// The title as a name, else the id; with a number behind it where that name is taken.
fn free_name(doc: &ComponentDoc, taken: &BTreeSet<Name>) -> Option<Name> {
    let has_letters = doc.name.chars().any(|c| c.is_ascii_alphanumeric());
    let plain = if has_letters { slug(&doc.name) } else { doc.id.clone() };
    let numbered = (2..=taken.len() + 2).map(|n| format!("{plain}-{n}"));
    let names = std::iter::once(plain.clone()).chain(numbered).filter_map(|text| Name::new(&text).ok());
    names.into_iter().find(|name| !taken.contains(name))
}

fn json(bytes: &[u8]) -> Result<Value, ReadError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'<') {
        return Err(ReadError::Html);
    }
    serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))
}

fn time(text: Option<&str>) -> Option<Moment> {
    read_time(text?).ok()
}

fn planned(doc: &IncidentDoc) -> Option<Planned> {
    let (from, until) = (time(doc.scheduled_for.as_deref())?, time(doc.scheduled_until.as_deref())?);
    Some(Planned { from, until: until.max(from) })
}

fn announced(doc: &IncidentDoc, planned: Planned) -> Announced {
    let updates = doc.incident_updates.iter().flatten();
    let words = updates.filter_map(|it| serde_json::from_value::<UpdateDoc>(it.clone()).ok());
    let latest = words.max_by_key(|it| time(it.display_at.as_deref()).or(time(it.created_at.as_deref())));
    let title = cut(doc.name.as_deref().unwrap_or(&doc.id), TITLE_MAX);
    let text = latest.and_then(|it| it.body).filter(|body| !body.trim().is_empty()).unwrap_or_else(|| title.clone());
    let components: BTreeSet<Touched> = doc.components.iter().flatten().filter_map(touched).collect();
    Announced { title, components: components.into_iter().collect(), planned, text }
}

fn touched(row: &Value) -> Option<Touched> {
    let doc: ComponentDoc = serde_json::from_value(row.clone()).ok()?;
    (!doc.group).then(|| Touched { code: cut(&doc.id, TITLE_MAX), title: cut(&doc.name, TITLE_MAX) })
}

fn word(doc: &UpdateDoc) -> Option<Word> {
    let affected = doc.affected_components.iter().flatten().filter_map(|it| {
        let of = |word: &Option<String>| word.as_deref().and_then(Status::of);
        let (code, title) =
            (cut(it.code.as_deref()?, TITLE_MAX), cut(it.name.as_deref().unwrap_or_default(), TITLE_MAX));
        Some(Affected { code, title, before: of(&it.old_status)?, after: of(&it.new_status)? })
    });
    Some(Word {
        id: cut(doc.id.as_deref().unwrap_or_default(), TITLE_MAX),
        standing: Standing::of(doc.status.as_deref()?)?,
        body: doc.body.clone().unwrap_or_default(),
        at: time(doc.display_at.as_deref()).or_else(|| time(doc.created_at.as_deref()))?,
        affected: affected.take(TOUCHED_MAX).collect(),
    })
}

/// The manage API has what was learnt beside the words.
fn postmortem(doc: &IncidentDoc) -> Option<Word> {
    let body = doc.postmortem_body.clone().filter(|body| !body.trim().is_empty())?;
    let at = time(doc.postmortem_published_at.as_deref())?;
    let id = format!("{}-postmortem", cut(&doc.id, TITLE_MAX / 2));
    Some(Word { id, standing: Standing::Postmortem, body, at, affected: vec![] })
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}
