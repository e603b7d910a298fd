//! The log (D1, D4): what was acknowledged is there, and a hub reads from it what was lost with the one before.

use super::Judge;
use downbeat_core::incident::{Book, Record};

impl Judge {
    /// Somebody was told that something is done, when so many records were in the log.
    pub(crate) fn acknowledged(&mut self, records: usize) {
        self.acknowledged = self.acknowledged.max(records);
    }

    /// The hub died with this in its mind.
    pub(crate) fn hub_died(&mut self, book: &Book, records: &[Record]) {
        let mut book = book.clone();
        for record in records.iter().filter(|record| record.seq > book.last_seq).cloned().collect::<Vec<_>>() {
            if let Err(misfit) = book.apply(&record) {
                return self.find("D4", format!("what was written does not follow: {misfit}"));
            }
        }
        self.died_with = Some(book);
    }

    /// The hub is back, and has read this (D1, D4).
    pub(crate) fn replayed(&mut self, book: &Book) {
        if (book.last_seq as usize) < self.acknowledged {
            self.find("D1", format!("{} records were acknowledged, {} are there", self.acknowledged, book.last_seq));
        }
        if self.died_with.take().is_some_and(|before| before != *book) {
            self.find("D4", "the book read from the log is not the one that was lost");
        }
    }
}
