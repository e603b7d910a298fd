//! Accounts to try the service with: a person, a crowd of synthetic listeners, and a monitoring probe.

use rusqlite::Connection;

use super::{
    StoreError, accounts,
    playlists::{self, Playlist},
    writing,
};
use crate::{
    catalogue::Catalogue,
    files::short_id,
    password::{PasswordError, Passwords},
};

/// How many `listener-N` accounts there are.
const LISTENERS: usize = 40;

/// What everybody finds in their account.
const PLAYLISTS: [&str; 3] = ["Morning", "Focus", "Evening walk"];

/// Demo playlists are not longer than this, however large the library.
const PLAYLIST_TRACKS: usize = 24;

struct Account {
    name: accounts::UserName,
    password: &'static str,
}

/// Adds the demo accounts that are missing and answers how many those were. Existing accounts keep what they have.
pub(super) fn add_accounts(
    connection: &mut Connection,
    catalogue: &Catalogue,
    passwords: &Passwords,
) -> Result<usize, StoreError> {
    let mut missing = Vec::new();
    for (index, account) in wanted().into_iter().enumerate() {
        if accounts::password_of(connection, account.name.as_str())?.is_none() {
            missing.push((index, account));
        }
    }
    let hashes = hash_all(&missing, passwords)?;
    let transaction = writing(connection)?;
    for ((index, account), hash) in missing.iter().zip(hashes) {
        accounts::add(&transaction, &account.name, &hash)?;
        for playlist in playlists_for(*index, account.name.as_str(), catalogue) {
            playlists::insert(&transaction, account.name.as_str(), &playlist)?;
        }
    }
    transaction.commit()?;
    Ok(missing.len())
}

fn wanted() -> Vec<Account> {
    let account = |name: &str, password| Account {
        name: accounts::UserName::new(name).expect("demo names follow the rules"),
        password,
    };
    let listeners = (1..=LISTENERS).map(|n| account(&format!("listener-{n}"), "music"));
    [account("demo", "demo"), account("probe", "probe")].into_iter().chain(listeners).collect()
}

/// Hashing is slow on purpose; two threads halve the wait.
fn hash_all(accounts: &[(usize, Account)], passwords: &Passwords) -> Result<Vec<String>, PasswordError> {
    let hash = |part: &[(usize, Account)]| -> Result<Vec<String>, PasswordError> {
        part.iter().map(|(_, account)| passwords.hash_now(account.password)).collect()
    };
    let (first, second) = accounts.split_at(accounts.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| hash(second));
        let mut hashes = hash(first)?;
        hashes.extend(other.join().expect("hashing never panics")?);
        Ok(hashes)
    })
}

/// The same playlists wherever they are made, with ids to match; each user starts at another track.
fn playlists_for<'a>(
    index: usize,
    user: &'a str,
    catalogue: &'a Catalogue,
) -> impl Iterator<Item = Playlist> + use<'a> {
    PLAYLISTS.into_iter().enumerate().map(move |(nth, name)| {
        let from = (index + 2 * nth) % catalogue.tracks.len().max(1);
        let round = catalogue.tracks.iter().cycle().skip(from).take(catalogue.tracks.len().min(PLAYLIST_TRACKS));
        Playlist {
            id: short_id(&["playlist", user, name]),
            name: name.into(),
            tracks: round.map(|track| track.id.clone()).collect(),
        }
    })
}
