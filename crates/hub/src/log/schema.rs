//! The schema as one line of numbered steps, each run once, in order, and written down in `migrations`.

use super::fault::OpenError;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// "Dowb": tells our files from other SQLite files.
const APPLICATION_ID: u32 = 0x446F_7762;

struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration { number: 1, name: "create_events", sql: include_str!("../../migrations/0001_create_events.sql") },
    Migration {
        number: 2,
        name: "create_component_days",
        sql: include_str!("../../migrations/0002_create_component_days.sql"),
    },
];

/// Brings a file, new or old, to the schema of this build.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    refuse_strangers(connection, path)?;
    let done = last_migration(connection).map_err(|source| OpenError::sqlite(path, source))?;
    refuse_newer(done, path)?;
    for step in MIGRATIONS.iter().filter(|step| step.number > done) {
        run(connection, step).map_err(|source| OpenError::Migrate {
            path: path.into(),
            number: step.number,
            source,
        })?;
    }
    Ok(())
}

/// Checks that a file has exactly the schema of this build; for readers, who change nothing.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    refuse_strangers(connection, path)?;
    match last_migration(connection).map_err(|source| OpenError::sqlite(path, source))? {
        0 => Err(OpenError::NotOurs { path: path.into(), why: "it has no log in it".into() }),
        done => refuse_newer(done, path),
    }
}

fn refuse_newer(found: u32, path: &Path) -> Result<(), OpenError> {
    let known = MIGRATIONS.last().map_or(0, |step| step.number);
    if found > known { Err(OpenError::Newer { path: path.into(), found, known }) } else { Ok(()) }
}

fn refuse_strangers(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let wrong = |source| OpenError::sqlite(path, source);
    let id: u32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(wrong)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(wrong)?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(OpenError::NotOurs { path: path.into(), why: "it is a database of another program".into() });
    }
    Ok(())
}

fn last_migration(connection: &Connection) -> rusqlite::Result<u32> {
    let there =
        connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'", [], |_| Ok(())).optional()?;
    match there {
        Some(()) => connection.query_row("SELECT coalesce(max(number), 0) FROM migrations", [], |row| row.get(0)),
        None => Ok(0),
    }
}

fn run(connection: &mut Connection, step: &Migration) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;",
    )?;
    transaction.execute_batch(step.sql)?;
    transaction.execute("INSERT INTO migrations (number, name) VALUES (?1, ?2)", (step.number, step.name))?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (Connection, &'static Path) {
        (Connection::open_in_memory().expect("memory"), Path::new("a.db"))
    }

    #[test]
    fn the_steps_are_numbered_without_a_gap() {
        let numbers: Vec<u32> = MIGRATIONS.iter().map(|step| step.number).collect();
        assert_eq!(numbers, (1..=MIGRATIONS.len() as u32).collect::<Vec<_>>());
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let (mut connection, path) = fresh();
        migrate(&mut connection, path).expect("first");
        migrate(&mut connection, path).expect("second");
        let names: u32 = connection.query_row("SELECT count(*) FROM migrations", [], |r| r.get(0)).expect("count");
        assert_eq!(names as usize, MIGRATIONS.len());
    }

    #[test]
    fn files_of_others_and_of_newer_builds_are_refused() {
        let (mut connection, path) = fresh();
        connection.execute_batch("CREATE TABLE songs (title TEXT)").expect("a table");
        assert!(matches!(migrate(&mut connection, path), Err(OpenError::NotOurs { .. })));

        let (mut connection, path) = fresh();
        migrate(&mut connection, path).expect("ours");
        connection.execute("INSERT INTO migrations VALUES (9999, 'from_the_future')", []).expect("a row");
        let said = migrate(&mut connection, path).expect_err("too new").to_string();
        assert!(said.contains("a.db") && said.contains("9999"), "{said}");
    }
}
