//! Search over title, artist and album, whatever the case of the letters.

use rusqlite::{Connection, params};

use super::{StoreError, writing};
use crate::catalogue::{Catalogue, Track};

/// More than this nobody scrolls through.
const RESULTS_MAX: u32 = 50;

/// Replaces the searchable copy of the catalogue.
pub(super) fn rewrite(connection: &mut Connection, catalogue: &Catalogue) -> Result<(), StoreError> {
    let transaction = writing(connection)?;
    transaction.execute("DELETE FROM tracks", [])?;
    for (place, track) in (0_i64..).zip(&catalogue.tracks) {
        let row = params![track.id, place, folded(track)];
        transaction.execute("INSERT INTO tracks (id, place, folded) VALUES (?1, ?2, ?3)", row)?;
    }
    Ok(transaction.commit()?)
}

/// Ids of the tracks that contain every word of `text`, in catalogue order.
pub(crate) fn find(connection: &Connection, text: &str) -> Result<Vec<String>, StoreError> {
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let conditions = vec!["instr(folded, ?) > 0"; words.len()].join(" AND ");
    let sql = format!("SELECT id FROM tracks WHERE {conditions} ORDER BY place LIMIT {RESULTS_MAX}");
    let mut query = connection.prepare_cached(&sql)?;
    let ids = query.query_map(rusqlite::params_from_iter(words), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn folded(track: &Track) -> String {
    [&track.title, &track.artist, &track.album].map(|text| text.to_lowercase()).join("\n")
}
