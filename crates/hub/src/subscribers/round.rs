//! The round of a word: who has to hear it, fixed when it is entered, and how far that has come.
//!
//! A word is entered once, by its name, in one transaction with a line for each who has to hear it. A line waits until its
//! message was taken or given up. So a hub that dies in the middle goes on where it was; what was under way then is sent
//! once more, under the same key.

use super::fault::StoreError;
use super::kind::ChannelKind;
use super::roll::{choice_of, language_of};
use super::store::{Store, from_ms, to_ms};
use downbeat_core::model::{Language, Moment};
use downbeat_core::tell::subscription::{Choice, Listener};
use downbeat_core::tell::word::{PublicWord, Sequel, StoryId};
use rusqlite::{Row, Transaction};
use std::collections::BTreeMap;
use std::time::Duration;

/// So long who heard what is kept after a story is over: if it comes back, they hear of it.
const HEARD_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// One message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// Which word; 0 asks for a confirmation.
    pub(super) word: i64,
    /// Whose.
    pub(super) subscriber: i64,
    /// How often it was not taken.
    pub(super) failures: u32,
    /// When the word was said, or the confirmation wished for.
    pub(super) said_at: Moment,
    /// Where it goes.
    pub(super) kind: ChannelKind,
    /// The mail address or URL.
    pub(super) address: String,
    /// What they chose.
    pub(super) choice: Choice,
    /// For the links in it.
    pub(super) token: String,
    /// What signs it, or a browser's keys.
    pub(super) secret: Option<String>,
    /// In which language; the page's own where nothing is kept.
    pub(super) language: Option<Language>,
}

impl Job {
    /// What tells it from all others.
    pub(super) fn key(&self) -> (i64, i64) {
        (self.word, self.subscriber)
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It was taken.
    Told,
    /// Not now: it is due again then.
    Again(Moment, String),
    /// Never.
    GivenUp(String),
    /// Never, and nothing else either: they have ended it elsewhere.
    Left,
}

impl Store {
    /// The highest number of a word of each story that was entered.
    pub(super) fn known(&self) -> Result<BTreeMap<StoryId, u32>, StoreError> {
        let rows: Vec<(String, u32)> = self.look(|connection| {
            let mut query = connection.prepare("SELECT story, max(count) FROM words WHERE word > 0 GROUP BY story")?;
            let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let read = |(story, count): (String, u32)| story.parse().map(|story| (story, count));
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|_| self.damaged("a story's name"))
    }

    /// Enters a word with all who have to hear it, unless it was entered before. How many they are.
    pub(super) fn enter_word(&mut self, now: Moment, word: &PublicWord, content: &str) -> Result<usize, StoreError> {
        self.change(|transaction| {
            let (story, count) = (word.id.story.to_string(), word.id.count);
            let entered = transaction.execute(
                "INSERT OR IGNORE INTO words (story, count, said_at, sequel, content) VALUES (?1, ?2, ?3, ?4, ?5)",
                (&story, count, to_ms(word.at), sequel(word.sequel), content),
            )?;
            if entered == 0 {
                return Ok(0);
            }
            address(transaction, now, word, transaction.last_insert_rowid())
        })
    }

    /// The content of a word.
    pub(super) fn content(&self, word: i64) -> Result<String, StoreError> {
        self.look(|connection| {
            connection.query_row("SELECT content FROM words WHERE word = ?1", [word], |row| row.get(0))
        })
    }

    /// The lanes in which something is due.
    pub(super) fn due_lanes(&self, now: Moment) -> Result<Vec<i64>, StoreError> {
        self.look(|connection| {
            let sql = "SELECT lane FROM lanes WHERE EXISTS
                       (SELECT 1 FROM deliveries d WHERE d.state = 0 AND d.lane = lanes.lane AND d.due_at <= ?1)";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([to_ms(now)], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// What is due in a lane, the longest first: of each subscriber the earliest word that waits, so that nobody hears
    /// "over" before "began".
    pub(super) fn due(&self, lane: i64, now: Moment, most: usize) -> Result<Vec<Job>, StoreError> {
        let rows = self.look(|connection| {
            let sql = "SELECT d.word, d.subscriber, d.failures, CASE d.word WHEN 0 THEN s.asked_at ELSE w.said_at END,
                              s.channel, s.address, s.token, s.secret, s.language, s.components
                       FROM deliveries d JOIN subscribers s USING (subscriber) JOIN words w USING (word)
                       WHERE d.state = 0 AND d.lane = ?1 AND d.due_at <= ?2 AND NOT EXISTS
                           (SELECT 1 FROM deliveries e WHERE e.subscriber = d.subscriber AND e.word < d.word AND e.state = 0)
                       ORDER BY d.due_at, d.word, d.subscriber LIMIT ?3";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map((lane, to_ms(now), most as i64), job)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter().map(|row| row.ok_or_else(|| self.damaged("a channel"))).collect()
    }

    /// Writes down what became of messages.
    pub(super) fn settle(&mut self, ended: &[((i64, i64), End)]) -> Result<(), StoreError> {
        self.change(|transaction| ended.iter().try_for_each(|(key, end)| settle(transaction, *key, end)))?;
        if ended.iter().any(|(_, end)| *end == End::Left) { self.shed_traces() } else { Ok(()) }
    }

    /// Forgets who heard what of stories that are long over.
    pub(super) fn forget_stories(&mut self, now: Moment) -> Result<usize, StoreError> {
        let before = to_ms(now.before(HEARD_KEPT));
        self.change(|transaction| {
            // The words themselves stay: by their names they are known as told. They are few, and nobody's data.
            transaction.execute(
                "DELETE FROM deliveries WHERE state <> 0 AND word IN (
                     SELECT word FROM words WHERE story IN (
                         SELECT story FROM words GROUP BY story HAVING max(said_at) < ?1
                            AND (SELECT sequel FROM words l WHERE l.story = words.story ORDER BY count DESC LIMIT 1) = 'over'))",
                [before],
            )
        })
    }
}

/// Enters a line for each who has to hear a word; the core says who.
fn address(transaction: &Transaction<'_>, now: Moment, word: &PublicWord, number: i64) -> rusqlite::Result<usize> {
    let stories: Vec<String> = [word.id.story].iter().chain(&word.absorbed).map(ToString::to_string).collect();
    let stories = serde_json::to_string(&stories).expect("texts are JSON");
    let mut query = transaction.prepare(
        "SELECT subscriber, lane, components, confirmed_at, EXISTS (
             SELECT 1 FROM deliveries d JOIN words w USING (word)
             WHERE d.subscriber = s.subscriber AND w.story IN (SELECT value FROM json_each(?1)))
         FROM subscribers s WHERE confirmed_at IS NOT NULL",
    )?;
    let mut insert = transaction.prepare("INSERT INTO deliveries VALUES (?1, ?2, ?3, 0, 0, ?4)")?;
    let (mut rows, mut hear) = (query.query([stories])?, 0);
    while let Some(row) = rows.next()? {
        // A choice that cannot be read is no reason to leave somebody out.
        let choice = choice_of(row.get_ref(2)?.as_str()?).unwrap_or_default();
        let confirmed_at = row.get::<_, Option<i64>>(3)?.map(from_ms);
        if (Listener { confirmed_at, choice: &choice, has_heard: row.get(4)? }).hears(word) {
            insert.execute((number, row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, to_ms(now)))?;
            hear += 1;
        }
    }
    Ok(hear)
}

fn settle(transaction: &Transaction<'_>, (word, subscriber): (i64, i64), end: &End) -> rusqlite::Result<()> {
    let mut row = transaction.prepare_cached(
        "UPDATE deliveries SET state = ?3, failures = failures + ?4, due_at = coalesce(?5, due_at)
         WHERE word = ?1 AND subscriber = ?2 AND state = 0",
    )?;
    let (state, failures, due_at, trouble) = match end {
        End::Told => (1, 0, None, None),
        End::Again(at, why) => (0, 1, Some(to_ms(*at)), Some(why)),
        End::GivenUp(why) => (2, 1, None, Some(why)),
        End::Left => {
            let sql = "DELETE FROM subscribers WHERE subscriber = ?1";
            return transaction.prepare_cached(sql)?.execute([subscriber]).map(drop);
        }
    };
    row.execute((word, subscriber, state, failures, due_at))?;
    // Most take everything: their row is not written.
    let mut told = transaction
        .prepare_cached("UPDATE subscribers SET trouble = ?2 WHERE subscriber = ?1 AND trouble IS NOT ?2")?;
    told.execute((subscriber, trouble)).map(drop)
}

const fn sequel(sequel: Sequel) -> &'static str {
    match sequel {
        Sequel::Follows => "follows",
        Sequel::Over => "over",
    }
}

/// `None` for what this build cannot have written.
fn job(row: &Row<'_>) -> rusqlite::Result<Option<Job>> {
    let Ok(kind) = row.get_ref(4)?.as_str()?.parse() else { return Ok(None) };
    Ok(Some(Job {
        word: row.get(0)?,
        subscriber: row.get(1)?,
        failures: row.get(2)?,
        said_at: from_ms(row.get(3)?),
        kind,
        address: row.get(5)?,
        token: row.get(6)?,
        secret: row.get(7)?,
        language: language_of(row.get(8)?),
        choice: choice_of(row.get_ref(9)?.as_str()?).unwrap_or_default(),
    }))
}
