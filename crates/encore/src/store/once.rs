//! Writes that are carried out once, however often they are sent.
//!
//! A client that got no answer cannot know whether its write happened. If it sends the write again under the same
//! `Idempotency-Key`, it gets the first answer again and nothing more happens. Key, answer and write share one
//! transaction, so there is no moment at which one exists without the other.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    StoreError,
    playlists::{WriteAnswer, WriteRefusal},
    writing,
};

/// So many answers are remembered for each user; older ones are forgotten.
const REMEMBERED: i64 = 256;

/// A key chosen by the client: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    pub(crate) fn new(text: &str) -> Option<Self> {
        ((1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(text.into()))
    }
}

/// Who wants what written, and under which key, if any.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) user: String,
    pub(crate) key: Option<IdempotencyKey>,
    /// The same for the same request, different for another.
    pub(crate) fingerprint: String,
}

/// Carries out `write`, unless its key was seen before.
pub(super) fn once(
    connection: &mut Connection,
    request: &Request,
    write: impl FnOnce(&Transaction<'_>) -> Result<WriteAnswer, StoreError>,
) -> Result<WriteAnswer, StoreError> {
    let transaction = writing(connection)?;
    if let Some(answer) = given_before(&transaction, request)? {
        return Ok(answer);
    }
    let answer = write(&transaction)?;
    remember(&transaction, request, &answer)?;
    transaction.commit()?;
    Ok(answer)
}

fn given_before(transaction: &Transaction<'_>, request: &Request) -> Result<Option<WriteAnswer>, StoreError> {
    let Some(IdempotencyKey(key)) = &request.key else { return Ok(None) };
    let sql = "SELECT request, answer FROM given_answers WHERE user = ?1 AND key = ?2";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let given: Option<(String, String)> = transaction.query_row(sql, [&request.user, key], row).optional()?;
    given
        .map(|(fingerprint, answer)| match fingerprint == request.fingerprint {
            true => Ok(serde_json::from_str(&answer)?),
            false => Ok(WriteAnswer::Refused(WriteRefusal::KeyReused)),
        })
        .transpose()
}

fn remember(transaction: &Transaction<'_>, request: &Request, answer: &WriteAnswer) -> Result<(), StoreError> {
    let Some(IdempotencyKey(key)) = &request.key else { return Ok(()) };
    transaction.execute(
        "INSERT INTO given_answers (user, key, request, answer) VALUES (?1, ?2, ?3, ?4)",
        params![request.user, key, request.fingerprint, serde_json::to_string(answer)?],
    )?;
    transaction.execute(
        "DELETE FROM given_answers WHERE user = ?1 AND number <= (
             SELECT number FROM given_answers WHERE user = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        params![request.user, REMEMBERED],
    )?;
    Ok(())
}
