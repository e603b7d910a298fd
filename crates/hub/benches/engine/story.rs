//! Long logs, made of the golden ones: the same incidents again and again under new numbers.

use downbeat_core::incident::{Book, Event, Record};
use downbeat_core::model::Moment;
use std::path::Path;

/// The golden log that is told again: one outage from its suspicion to its review, 30 records.
const LOG: &str = "tests/golden/logs/a_dead_replica_is_restarted_and_comes_back_in_steps.jsonl";

/// So many incidents, one after the other, as records that follow from one another.
pub(crate) fn incidents(count: u64) -> Vec<Record> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG);
    let text = std::fs::read_to_string(path).expect("the golden log is there");
    let mut records = Vec::new();
    for incident in 1..=count {
        for line in text.lines() {
            // The only numbers of the log that name its incident stand behind these words.
            let line = line
                .replace("\"incident\":1,", &format!("\"incident\":{incident},"))
                .replace("\"incident\":1}", &format!("\"incident\":{incident}}}"));
            let record: Record = serde_json::from_str(&line).expect("a golden record");
            let seq = records.len() as u64 + 1;
            records.push(Record {
                seq,
                at: Moment::from_millis(record.at.as_millis() + incident),
                event: record.event,
            });
        }
    }
    records
}

/// The book that follows.
pub(crate) fn book(records: &[Record]) -> Book {
    let mut book = Book::default();
    records.iter().for_each(|record| book.apply(record).expect("it fits"));
    book
}

/// An event of about 200 bytes in the log.
pub(crate) fn small(n: u64) -> Event {
    Event::HubStarted { version: format!("{n:>10} {}", "x".repeat(150)) }
}

/// The middle of some figures, and the one that 99 of 100 do not exceed.
pub(crate) fn median_and_p99(mut figures: Vec<f64>) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[figures.len() * 99 / 100])
}

/// Seconds that this thread has spent on a processor: what noisy neighbours disturb least.
pub(crate) fn cpu_s() -> f64 {
    let words = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    words.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}
