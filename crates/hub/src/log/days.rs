//! The days of each component in the file; see `uptime` for what is counted.

use super::fault::{AppendError, OpenError};
use super::store::EventLog;
use crate::view::Day;
use downbeat_core::model::Name;
use std::collections::BTreeMap;

impl EventLog {
    /// All days kept, oldest first. Names that are none any more are left out.
    ///
    /// # Errors
    /// [`OpenError`] when they cannot be read.
    pub fn days(&self) -> Result<BTreeMap<Name, Vec<Day>>, OpenError> {
        let mut days: BTreeMap<Name, Vec<Day>> = BTreeMap::new();
        for (component, day) in self.day_rows().map_err(|source| OpenError::sqlite(self.path(), source))? {
            if let Ok(name) = Name::new(&component) {
                days.entry(name).or_default().push(day);
            }
        }
        Ok(days)
    }

    fn day_rows(&self) -> rusqlite::Result<Vec<(String, Day)>> {
        let mut query = self
            .connection()
            .prepare("SELECT component, day, good_s, degraded_s, down_s FROM component_days ORDER BY component, day")?;
        let rows = query.query_map([], |row| {
            let day = Day { day: row.get(1)?, good_s: row.get(2)?, degraded_s: row.get(3)?, down_s: row.get(4)? };
            Ok((row.get(0)?, day))
        })?;
        rows.collect()
    }

    /// Writes the days as they are now, and forgets those before `oldest`.
    ///
    /// # Errors
    /// [`AppendError`]; the file is as it was then.
    pub fn save_days(&mut self, days: &[(Name, Day)], oldest: i64) -> Result<(), AppendError> {
        self.transact(|transaction| {
            let mut save = transaction.prepare_cached(
                "INSERT INTO component_days (component, day, good_s, degraded_s, down_s) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (component, day) DO UPDATE SET good_s = ?3, degraded_s = ?4, down_s = ?5",
            )?;
            for (component, day) in days {
                save.execute((component.as_str(), day.day, day.good_s, day.degraded_s, day.down_s))?;
            }
            transaction.execute("DELETE FROM component_days WHERE day < ?1", [oldest]).map(|_| ())
        })
    }
}
