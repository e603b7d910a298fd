//! Histories from elsewhere: the log says which stand beside ours, by the hash of their files, and who brought them (decision 30).
//!
//! Nothing else follows from one: no incident, no evidence, no word to anybody.

use super::command::CommandRefused;
use super::digest::Digest;
use super::engine::Engine;
use super::event::Event;
use crate::model::Name;

/// Most sources: a page that was moved twice, and one for another team.
const SOURCES_MAX: usize = 4;

/// A history from elsewhere, as far as the log has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Whose history it is.
    pub source: Name,
    /// The hash of the file in which it lies.
    pub file: Digest,
    /// How many incidents are in it.
    pub incidents: u32,
    /// How much announced work is in it.
    pub maintenances: u32,
}

impl Engine {
    /// What a source's history leads to: nothing when it is the one that stands there already.
    pub(super) fn import(&self, who: &Name, it: Imported) -> Result<Vec<Event>, CommandRefused> {
        let known = &self.book.histories;
        if known.get(&it.source) == Some(&it.file) {
            return Ok(vec![]);
        }
        if known.len() >= SOURCES_MAX && !known.contains_key(&it.source) {
            return Err(CommandRefused::Histories(known.len()));
        }
        let Imported { source, file, incidents, maintenances } = it;
        Ok(vec![Event::HistoryImported { source, file, incidents, maintenances, who: who.clone() }])
    }

    pub(super) fn remove_history(&self, who: &Name, source: Name) -> Result<Vec<Event>, CommandRefused> {
        if !self.book.histories.contains_key(&source) {
            return Err(CommandRefused::NoHistory(source));
        }
        Ok(vec![Event::HistoryRemoved { source, who: who.clone() }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Command, Record};
    use crate::model::{Moment, Policy};

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn of(source: &str, text: &str) -> Command {
        let file = Digest::of(text.as_bytes());
        Command::Import(Imported { source: name(source), file, incidents: 2, maintenances: 1 })
    }

    /// What a command leads to, taken in.
    fn obey(engine: &mut Engine, command: Command) -> Result<usize, CommandRefused> {
        let now = Moment::from_millis(1_000);
        let events = engine.command(now, &name("anna"), command)?;
        for event in &events {
            engine.apply(&Record { seq: engine.book().last_seq + 1, at: now, event: event.clone() }).expect("it fits");
        }
        Ok(events.len())
    }

    #[test]
    fn the_same_history_changes_nothing_and_another_takes_its_place() {
        let mut engine = Engine::new(Policy::default(), vec![]);
        assert_eq!(obey(&mut engine, of("old", "a")), Ok(1));
        let digest = engine.book().digest();
        assert_eq!((obey(&mut engine, of("old", "a")), engine.book().digest()), (Ok(0), digest));
        assert_eq!(obey(&mut engine, of("old", "b")), Ok(1));
        assert_eq!(engine.book().histories, [(name("old"), Digest::of(b"b"))].into());
        assert_eq!(obey(&mut engine, Command::RemoveHistory(name("old"))), Ok(1));
        assert!(engine.book().histories.is_empty() && engine.book().incidents.is_empty());
        let again = obey(&mut engine, Command::RemoveHistory(name("old")));
        assert_eq!(again, Err(CommandRefused::NoHistory(name("old"))));
    }

    #[test]
    fn there_is_room_for_a_few_sources() {
        let mut engine = Engine::new(Policy::default(), vec![]);
        for n in 0..SOURCES_MAX {
            assert_eq!(obey(&mut engine, of(&format!("page-{n}"), "a")), Ok(1));
        }
        assert_eq!(obey(&mut engine, of("one-more", "a")), Err(CommandRefused::Histories(SOURCES_MAX)));
        assert_eq!(obey(&mut engine, of("page-0", "b")), Ok(1));
    }
}
