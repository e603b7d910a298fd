//! The roll: who subscribed, who has confirmed, what they chose. All of it is forgotten when they leave.

use super::fault::StoreError;
use super::kind::{Address, ChannelKind};
use super::store::{Store, from_ms, to_ms};
use super::token::{is_token, random_token};
use crate::channel::push::vapid::Vapid;
use downbeat_core::model::{Language, Moment};
use downbeat_core::tell::subscription::Choice;
use rusqlite::{OptionalExtension, Row, Transaction};
use std::time::Duration;

/// Most subscribers: what a small disk and a few minutes of telling hold.
pub const SUBSCRIBERS_MAX: u64 = 1_000_000;
/// Most addresses that wait for a confirmation: strangers fill no disk.
const UNCONFIRMED_MAX: u64 = 20_000;
/// An address is asked once an hour at most: the form is no way to fill somebody's mailbox.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3_600);
/// So long an address may take to confirm before it is forgotten.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(48 * 3_600);
/// Longest answer of a list.
pub const LIST_MAX: usize = 1_000;

/// What somebody wants: where to be told, of what, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where.
    pub address: Address,
    /// Of what.
    pub choice: Choice,
    /// In which language; the page's own, or the one that is kept, where nothing is said.
    pub language: Option<Language>,
}

impl Wish {
    /// To be told of this there, in the page's own language.
    pub fn new(address: Address, choice: Choice) -> Self {
        Self { address, choice, language: None }
    }
}

/// Somebody who is told, or who was asked whether they want to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// A number that nobody else ever gets.
    pub id: i64,
    /// Where they are reached.
    pub kind: ChannelKind,
    /// The mail address or URL.
    pub address: String,
    /// What they chose.
    pub choice: Choice,
    /// In which language they are told; the page's own where nothing is kept.
    pub language: Option<Language>,
    /// Who has it may change and end the subscription.
    pub token: String,
    /// What a webhook's bodies are signed with, or a browser's keys.
    pub secret: Option<String>,
    /// When they came.
    pub created_at: Moment,
    /// When they said that the address is theirs.
    pub confirmed_at: Option<Moment>,
    /// Why they did not take the last message.
    pub trouble: Option<String>,
}

/// What became of a wish to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A confirmation is on its way.
    Now,
    /// One went there within the last hour.
    Lately,
    /// It is confirmed already.
    Before,
    /// There is no room for more.
    Full,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Confirmed.
    pub confirmed: u64,
    /// Asked, and not yet confirmed.
    pub unconfirmed: u64,
    /// Confirmed, and the last message was not taken.
    pub troubled: u64,
    /// Messages on their way.
    pub waiting: u64,
}

const COLUMNS: &str = "subscriber, channel, address, components, token, secret, created_at, confirmed_at, trouble, language FROM subscribers";

impl Store {
    /// Enters a stranger's wish, and has a confirmation sent unless one was within the hour.
    pub(super) fn ask(&mut self, now: Moment, wish: &Wish) -> Result<Asked, StoreError> {
        let address = &wish.address;
        self.change(|transaction| {
            let known = transaction
                .query_row(
                    "SELECT subscriber, asked_at, confirmed_at IS NOT NULL FROM subscribers WHERE channel = ?1 AND address = ?2",
                    (address.kind.word(), &address.text),
                    |row| Ok((row.get::<_, i64>(0)?, from_ms(row.get(1)?), row.get::<_, bool>(2)?)),
                )
                .optional()?;
            let id = match known {
                Some((_, _, true)) => return Ok(Asked::Before),
                Some((_, asked_at, false)) if now.since(asked_at) < ASK_AGAIN_AFTER => return Ok(Asked::Lately),
                Some((id, _, false)) => id,
                None if is_full(transaction)? => return Ok(Asked::Full),
                None => enter(transaction, now, wish)?,
            };
            transaction.execute(
                "UPDATE subscribers SET asked_at = ?2, components = ?3, language = ?4 WHERE subscriber = ?1",
                (id, to_ms(now), json(&wish.choice), wish.language.map(Language::code)),
            )?;
            transaction.execute(
                "INSERT OR REPLACE INTO deliveries SELECT 0, subscriber, lane, 0, 0, ?2 FROM subscribers WHERE subscriber = ?1",
                (id, to_ms(now)),
            )?;
            Ok(Asked::Now)
        })
    }

    /// Enters those whom an operator answers for: they are confirmed. Those known already get the choice. The number of new ones.
    pub(super) fn add(&mut self, now: Moment, some: &[Wish]) -> Result<usize, StoreError> {
        self.change(|transaction| {
            let mut new = 0;
            for wish in some {
                let (kind, text) = (wish.address.kind.word(), &wish.address.text);
                let changed = transaction
                    .prepare_cached(
                        "UPDATE subscribers SET components = ?3, language = coalesce(?4, language)
                         WHERE channel = ?1 AND address = ?2",
                    )?
                    .execute((kind, text, json(&wish.choice), wish.language.map(Language::code)))?;
                if changed == 0 {
                    enter(transaction, now, wish)?;
                    new += 1;
                }
                transaction
                    .prepare_cached(
                        "UPDATE subscribers SET confirmed_at = ?3 WHERE channel = ?1 AND address = ?2 AND confirmed_at IS NULL",
                    )?
                    .execute((kind, text, to_ms(now)))?;
            }
            Ok(new)
        })
    }

    /// Who has this token.
    pub(super) fn by_token(&self, token: &str) -> Result<Option<Subscriber>, StoreError> {
        if !is_token(token) {
            return Ok(None);
        }
        let found = self.look(|connection| {
            let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} WHERE token = ?1"))?;
            query.query_row([token], read).optional()
        })?;
        found.map(|row| row.ok_or_else(|| self.damaged("a subscriber"))).transpose()
    }

    /// The address is theirs. Says nothing of one that has confirmed before.
    pub(super) fn confirm(&mut self, now: Moment, token: &str) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE subscribers SET confirmed_at = ?2 WHERE token = ?1 AND confirmed_at IS NULL",
                (token, to_ms(now)),
            )
        })
        .map(drop)
    }

    /// They choose other components, and perhaps another language.
    pub(super) fn choose(
        &mut self,
        token: &str,
        choice: &Choice,
        language: Option<Language>,
    ) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE subscribers SET components = ?2, language = coalesce(?3, language) WHERE token = ?1",
                (token, json(choice), language.map(Language::code)),
            )
        })
        .map(drop)
    }

    /// Erases somebody, by their number, with all that was on its way to them. False when there is nobody.
    pub(super) fn erase(&mut self, id: i64) -> Result<bool, StoreError> {
        let erased =
            self.change(|transaction| transaction.execute("DELETE FROM subscribers WHERE subscriber = ?1", [id]))?;
        if erased > 0 {
            self.shed_traces()?;
        }
        Ok(erased > 0)
    }

    /// Erases whoever has not confirmed in time.
    pub(super) fn forget_unconfirmed(&mut self, now: Moment) -> Result<usize, StoreError> {
        let before = to_ms(now.before(CONFIRM_WITHIN));
        self.change(|transaction| {
            transaction.execute("DELETE FROM subscribers WHERE confirmed_at IS NULL AND asked_at < ?1", [before])
        })
    }

    /// Those that follow upon a number, in order.
    pub(super) fn list(&self, after: i64, most: usize) -> Result<Vec<Subscriber>, StoreError> {
        let rows = self.look(|connection| {
            let sql = format!("SELECT {COLUMNS} WHERE subscriber > ?1 ORDER BY subscriber LIMIT ?2");
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map((after, most.min(LIST_MAX) as i64), read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter().map(|row| row.ok_or_else(|| self.damaged("a subscriber"))).collect()
    }

    /// The number of somebody, by where they are reached.
    pub(super) fn find(&self, address: &Address) -> Result<Option<i64>, StoreError> {
        self.look(|connection| {
            let sql = "SELECT subscriber FROM subscribers WHERE channel = ?1 AND address = ?2";
            connection.query_row(sql, (address.kind.word(), &address.text), |row| row.get(0)).optional()
        })
    }

    /// The key by which push services know this hub: made when it is first asked for, and kept.
    pub(super) fn push_key(&mut self) -> Result<Vec<u8>, StoreError> {
        self.change(|transaction| {
            let sql = "INSERT OR IGNORE INTO push_key VALUES (1, ?1)";
            transaction.execute(sql, [Vapid::fresh()])?;
            transaction.query_row("SELECT pkcs8 FROM push_key", (), |row| row.get(0))
        })
    }

    /// Erases a browser that gives its address and its keys. False when there is none.
    pub(super) fn erase_browser(&mut self, browser: &Address) -> Result<bool, StoreError> {
        let erased = self.change(|transaction| {
            let sql = "DELETE FROM subscribers WHERE channel = ?1 AND address = ?2 AND secret = ?3";
            transaction.execute(sql, (browser.kind.word(), &browser.text, &browser.keys))
        })?;
        if erased > 0 {
            self.shed_traces()?;
        }
        Ok(erased > 0)
    }

    /// How many there are.
    pub(super) fn counts(&self) -> Result<Counts, StoreError> {
        self.look(|connection| {
            let sql = "SELECT count(confirmed_at), count(*) - count(confirmed_at),
                              count(*) FILTER (WHERE confirmed_at IS NOT NULL AND trouble IS NOT NULL),
                              (SELECT count(*) FROM deliveries WHERE state = 0) FROM subscribers";
            connection.query_row(sql, (), |row| {
                let count = |column| row.get::<_, i64>(column).map(|n| n as u64);
                Ok(Counts { confirmed: count(0)?, unconfirmed: count(1)?, troubled: count(2)?, waiting: count(3)? })
            })
        })
    }
}

fn is_full(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let sql = "SELECT (SELECT count(*) FROM subscribers) >= ?1
                   OR (SELECT count(*) FROM subscribers WHERE confirmed_at IS NULL) >= ?2";
    transaction.query_row(sql, (SUBSCRIBERS_MAX as i64, UNCONFIRMED_MAX as i64), |row| row.get(0))
}

fn enter(transaction: &Transaction<'_>, now: Moment, wish: &Wish) -> rusqlite::Result<i64> {
    let address = &wish.address;
    transaction.prepare_cached("INSERT OR IGNORE INTO lanes (host) VALUES (?1)")?.execute([&address.host])?;
    let secret = match address.kind {
        ChannelKind::Webhook => Some(random_token()),
        _ => address.keys.clone(),
    };
    transaction
        .prepare_cached(
            "INSERT INTO subscribers (channel, address, lane, components, token, secret, created_at, asked_at, language)
             SELECT ?1, ?2, lane, ?4, ?5, ?6, ?7, ?7, ?8 FROM lanes WHERE host = ?3",
        )?
        .execute((
            address.kind.word(),
            &address.text,
            &address.host,
            json(&wish.choice),
            random_token(),
            secret,
            to_ms(now),
            wish.language.map(Language::code),
        ))?;
    Ok(transaction.last_insert_rowid())
}

/// An empty choice is the empty text: a hundred thousand of them are read at once.
fn json(choice: &Choice) -> String {
    if choice.0.is_empty() { String::new() } else { serde_json::to_string(choice).expect("names are JSON") }
}

/// A choice as the file has it.
pub(super) fn choice_of(text: &str) -> Option<Choice> {
    if text.is_empty() { Some(Choice::default()) } else { serde_json::from_str(text).ok() }
}

/// A language as the file has it; one that this build does not know is the page's own.
pub(super) fn language_of(code: Option<String>) -> Option<Language> {
    code.as_deref().and_then(Language::by_code)
}

/// `None` for what this build cannot have written.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<Subscriber>> {
    let (kind, choice): (String, String) = (row.get(1)?, row.get(3)?);
    let (Ok(kind), Some(choice)) = (kind.parse(), choice_of(&choice)) else { return Ok(None) };
    Ok(Some(Subscriber {
        id: row.get(0)?,
        kind,
        address: row.get(2)?,
        choice,
        token: row.get(4)?,
        secret: row.get(5)?,
        created_at: from_ms(row.get(6)?),
        confirmed_at: row.get::<_, Option<i64>>(7)?.map(from_ms),
        trouble: row.get(8)?,
        language: language_of(row.get(9)?),
    }))
}
