//! `/maintenance.ics`: announced work as a calendar to subscribe to (RFC 5545).

use super::maintenance::PublicMaintenance;
use super::picture::Picture;
use downbeat_core::incident::MaintenancePhase;

/// Most octets of a line, its end not counted (RFC 5545, 3.1).
const LINE_MAX: usize = 75;

/// A calendar has to have a part; one without an event has this.
const UTC: [&str; 7] = [
    "BEGIN:VTIMEZONE",
    "TZID:Etc/UTC",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0000",
    "END:STANDARD",
];

impl Picture {
    /// All maintenances that the public hears of, those that were called off too: a calendar has to be told.
    pub(super) fn calendar(&self) -> String {
        let mut lines = Lines::default();
        for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Downbeat//Maintenance//EN", "METHOD:PUBLISH"] {
            lines.put(line);
        }
        lines.text("X-WR-CALNAME", &format!("{} maintenance", self.service));
        lines.put("REFRESH-INTERVAL;VALUE=DURATION:PT5M");
        UTC.iter().chain(&["END:VTIMEZONE"]).for_each(|line| lines.put(line));
        self.maintenances.iter().for_each(|work| self.event(work, &mut lines));
        lines.put("END:VCALENDAR");
        lines.0
    }

    fn event(&self, work: &PublicMaintenance, lines: &mut Lines) {
        let status = if work.phase == MaintenancePhase::Cancelled { "CANCELLED" } else { "CONFIRMED" };
        let titles: Vec<&str> = work.components.iter().map(|name| self.title_of(name)).collect();
        lines.put("BEGIN:VEVENT");
        lines.put(&format!("UID:{}@{}", work.key(), self.host()));
        lines.put(&format!("DTSTAMP:{}", work.updated_at.basic()));
        lines.put(&format!("CREATED:{}", work.created_at.basic()));
        lines.put(&format!("LAST-MODIFIED:{}", work.updated_at.basic()));
        lines.put(&format!("SEQUENCE:{}", work.changes));
        lines.put(&format!("DTSTART:{}", work.start.basic()));
        lines.put(&format!("DTEND:{}", work.end.basic()));
        lines.text("SUMMARY", &work.title);
        lines.text("DESCRIPTION", &format!("{}\n\nTouches: {}", said(work), titles.join(", ")));
        lines.put(&format!("URL:{}/maintenance/{}", self.url, work.number));
        lines.put(&format!("STATUS:{status}"));
        // Whoever reads the calendar is not busy because somebody else works.
        lines.put("TRANSP:TRANSPARENT");
        lines.put("END:VEVENT");
    }

    /// What makes an id unique in the world: the page's host, as far as it can stand in a line.
    fn host(&self) -> String {
        let host = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        host.chars().take_while(|c| *c != '/').filter(|c| c.is_ascii_graphic()).collect()
    }
}

/// The latest word, and the first one under it.
fn said(work: &PublicMaintenance) -> String {
    match (work.words.first(), work.words.last()) {
        (Some(latest), Some(first)) if latest.id != first.id => format!("{}\n\n{}", latest.body, first.body),
        (Some(only), _) => only.body.clone(),
        (None, _) => String::new(),
    }
}

/// Lines as they go out: folded, each with its CRLF.
#[derive(Debug, Default)]
struct Lines(String);

impl Lines {
    /// A line that has no text of people in it.
    fn put(&mut self, line: &str) {
        let mut room = LINE_MAX;
        for c in line.chars() {
            if c.len_utf8() > room {
                self.0.push_str("\r\n ");
                // The space is the first octet of the new line.
                room = LINE_MAX - 1;
            }
            self.0.push(c);
            room -= c.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// A property whose value is text, escaped (RFC 5545, 3.3.11). Control characters cannot stand in a calendar.
    fn text(&mut self, property: &str, text: &str) {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '\\' | ';' | ',' => escaped.extend(['\\', c]),
                '\n' => escaped.push_str("\\n"),
                c if c.is_control() => {}
                c => escaped.push(c),
            }
        }
        self.put(&format!("{property}:{escaped}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{claim::Claims, story};
    use super::*;

    #[test]
    fn the_calendar_of_a_week() {
        let picture = Picture::of(&story::maintained(), &Claims::new());
        insta::assert_snapshot!(picture.calendar().replace("\r\n", "\n"));
    }

    #[test]
    fn lines_are_folded_between_characters_and_text_is_escaped() {
        let mut lines = Lines::default();
        lines.text("SUMMARY", &format!("a\\b;c,d\ne\u{1b}f\r{}", "ü".repeat(60)));
        let unfolded = lines.0.replace("\r\n ", "");
        assert_eq!(unfolded, format!("SUMMARY:a\\\\b\\;c\\,d\\nef{}\r\n", "ü".repeat(60)));
        assert!(lines.0.trim_end().split("\r\n").all(|line| line.len() <= LINE_MAX), "{:?}", lines.0);
    }

    #[test]
    fn a_calendar_without_work_is_still_one() {
        let calendar = Picture::of(&story::healthy(), &Claims::new()).calendar();
        assert!(calendar.contains("BEGIN:VTIMEZONE") && !calendar.contains("VEVENT"));
    }
}
