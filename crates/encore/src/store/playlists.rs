//! Playlists: a name and a sequence of tracks, each belonging to one user.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{
    StoreError,
    once::{Request, once},
};

/// A user has at most this many playlists.
const PLAYLISTS_MAX: i64 = 200;

/// A playlist without its tracks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) track_count: usize,
}

/// A playlist with the ids of its tracks, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Playlist {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tracks: Vec<String>,
}

/// What a write led to. Kept as JSON beside its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WriteAnswer {
    Created(Playlist),
    Replaced(Playlist),
    Deleted(String),
    Refused(WriteRefusal),
}

/// Why a write changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WriteRefusal {
    /// The user has no such playlist.
    NoSuchPlaylist,
    /// The user has as many playlists as one may have.
    TooManyPlaylists,
    /// The account is gone.
    NoSuchUser,
    /// The idempotency key stands for another request.
    KeyReused,
}

/// All playlists of a user, oldest first.
pub(crate) fn list(connection: &Connection, user: &str) -> Result<Vec<Summary>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT id, name, (SELECT COUNT(*) FROM playlist_tracks WHERE playlist_id = playlists.id)
         FROM playlists WHERE user = ?1 ORDER BY number",
    )?;
    let summary = |row: &rusqlite::Row<'_>| {
        Ok(Summary { id: row.get(0)?, name: row.get(1)?, track_count: row.get::<_, i64>(2)? as usize })
    };
    Ok(query.query_map([user], summary)?.collect::<Result<_, _>>()?)
}

/// One playlist of a user.
pub(crate) fn get(connection: &Connection, user: &str, id: &str) -> Result<Option<Playlist>, StoreError> {
    let mut query = connection.prepare_cached("SELECT name FROM playlists WHERE id = ?1 AND user = ?2")?;
    let Some(name) = query.query_row([id, user], |row| row.get(0)).optional()? else { return Ok(None) };
    let mut query =
        connection.prepare_cached("SELECT track_id FROM playlist_tracks WHERE playlist_id = ?1 ORDER BY place")?;
    let tracks = query.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(Playlist { id: id.into(), name, tracks }))
}

/// Adds a playlist; its id was chosen by the caller.
pub(crate) fn create(
    connection: &mut Connection,
    request: &Request,
    playlist: Playlist,
) -> Result<WriteAnswer, StoreError> {
    once(connection, request, |transaction| match may_add(transaction, &request.user)? {
        Some(refusal) => Ok(WriteAnswer::Refused(refusal)),
        None => {
            insert(transaction, &request.user, &playlist)?;
            Ok(WriteAnswer::Created(playlist))
        }
    })
}

/// Gives a playlist a new name and new tracks.
pub(crate) fn replace(
    connection: &mut Connection,
    request: &Request,
    playlist: Playlist,
) -> Result<WriteAnswer, StoreError> {
    once(connection, request, |transaction| {
        let renamed = transaction.execute(
            "UPDATE playlists SET name = ?1 WHERE id = ?2 AND user = ?3",
            [&playlist.name, &playlist.id, &request.user],
        )?;
        if renamed == 0 {
            return Ok(WriteAnswer::Refused(WriteRefusal::NoSuchPlaylist));
        }
        transaction.execute("DELETE FROM playlist_tracks WHERE playlist_id = ?1", [&playlist.id])?;
        insert_tracks(transaction, &playlist)?;
        Ok(WriteAnswer::Replaced(playlist))
    })
}

/// Removes a playlist.
pub(crate) fn delete(connection: &mut Connection, request: &Request, id: String) -> Result<WriteAnswer, StoreError> {
    once(connection, request, |transaction| {
        let sql = "DELETE FROM playlists WHERE id = ?1 AND user = ?2";
        match transaction.execute(sql, [&id, &request.user])? {
            0 => Ok(WriteAnswer::Refused(WriteRefusal::NoSuchPlaylist)),
            _ => Ok(WriteAnswer::Deleted(id)),
        }
    })
}

/// Writes a playlist that is not there yet.
pub(super) fn insert(transaction: &Transaction<'_>, user: &str, playlist: &Playlist) -> Result<(), StoreError> {
    let sql = "INSERT INTO playlists (id, user, name) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, [playlist.id.as_str(), user, &playlist.name])?;
    insert_tracks(transaction, playlist)
}

fn insert_tracks(transaction: &Transaction<'_>, playlist: &Playlist) -> Result<(), StoreError> {
    let sql = "INSERT INTO playlist_tracks (playlist_id, place, track_id) VALUES (?1, ?2, ?3)";
    let mut insert = transaction.prepare_cached(sql)?;
    for (place, track) in (0_i64..).zip(&playlist.tracks) {
        insert.execute(params![playlist.id, place, track])?;
    }
    Ok(())
}

fn may_add(transaction: &Transaction<'_>, user: &str) -> Result<Option<WriteRefusal>, StoreError> {
    let count = |sql: &str| transaction.query_row(sql, [user], |row| row.get::<_, i64>(0));
    if count("SELECT COUNT(*) FROM users WHERE name = ?1")? == 0 {
        return Ok(Some(WriteRefusal::NoSuchUser));
    }
    let owned = count("SELECT COUNT(*) FROM playlists WHERE user = ?1")?;
    Ok((owned >= PLAYLISTS_MAX).then_some(WriteRefusal::TooManyPlaylists))
}
