//! A word to 100,000 subscribers: how long it takes, over a kill of the hub in the middle, and how often each one hears it.
//!
//! Six in ten are reached by webhook at eight hosts, the others by mail through one relay; 200 more are at a host that answers
//! nothing. The word is that of a scheduled maintenance, for one can be had at will; those of incidents go the same way.

use super::sinks::{Came, Sinks};
use super::site::{Hub, Setup, Site};
use crate::process::local;
use crate::report::{table, verdict};
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SUBSCRIBERS: usize = 100_000;
/// Of ten.
const BY_WEBHOOK: usize = 6;
const HOSTS: usize = 8;
/// At a host that answers nothing.
const UNREACHED: usize = 200;
/// Entered by one request.
const AT_ONCE: usize = 5_000;
/// The hub is killed when so many of them were told.
const KILLED_AT: usize = SUBSCRIBERS * 2 / 5;
/// At most.
const GOAL: Duration = Duration::from_secs(60);
const GOAL_MB: u64 = 150;
const LIMIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(50);
const MB: u64 = 1_000_000;

const EXPLANATION: &str = "\
A service of 1,000 components with ninety days each, and 100,000 subscribers: 60,000 by webhook at eight hosts, 40,000 by mail
through one relay, and 200 more at a host that answers nothing; the sinks run on the same processors. Seconds are from the request
that announces to the last one told. **Repeats** are messages
that a sink had already, by their key: what a kill left in doubt.
";

/// One word on its way.
struct Told {
    took: Duration,
    came: Came,
    most: u64,
}

/// Measures, and gives the table.
pub(super) fn measure(site: &Site<'_>) -> Result<String> {
    let sinks = Sinks::start()?;
    let more = format!(
        "[outbound]\nallow = [\"127.0.0.0/8\"]\n[mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"off\"\n\
         from = \"status@example.org\"\n",
        sinks.mail
    );
    let setup = site.large(&more)?;
    let mut hub = setup.start()?;
    enter(&hub, &sinks)?;
    let begun = Instant::now();
    announce(&hub)?;
    let killed = follow(&mut hub, &sinks, begun, "maintenance-1.1-", Some(&setup))?;
    let begun = Instant::now();
    request(&hub, "POST", "/v1/maintenances/1/cancel", "{\"text\":\"The parts are late.\"}")?;
    let whole = follow(&mut hub, &sinks, begun, "maintenance-1.2-", None)?;
    let row = |what: &str, told: &Told| {
        let (seconds, mb) = (told.took.as_secs_f64(), told.most / MB);
        let well = told.took <= GOAL && told.came.keys == SUBSCRIBERS && mb <= GOAL_MB;
        let cells =
            [format!("{seconds:.1}"), told.came.keys.to_string(), told.came.repeats.to_string(), mb.to_string()];
        [vec![what.to_owned()], cells.to_vec(), vec![verdict(well).to_owned()]].concat()
    };
    let rows = [row("the hub killed when 40,000 were told", &killed), row("without a kill", &whole)];
    let head = ["word", "seconds (≤ 60)", "told (100,000)", "repeats", "MB at most (≤ 150)", ""];
    Ok(format!("{EXPLANATION}\n{}", table(&head, &rows)))
}

fn enter(hub: &Hub, sinks: &Sinks) -> Result<()> {
    let entry = |n: usize| match n {
        n if n >= SUBSCRIBERS => format!("\"webhook\",\"address\":\"http://127.0.0.2:{}/{n}\"", sinks.silent),
        n if n % 10 < BY_WEBHOOK => {
            format!("\"webhook\",\"address\":\"http://127.0.1.{}:{}/{n}\"", n / 10 % HOSTS + 1, sinks.web)
        }
        n => format!("\"mail\",\"address\":\"reader-{n}@example.org\""),
    };
    let all: Vec<usize> = (0..SUBSCRIBERS + UNREACHED).collect();
    for some in all.chunks(AT_ONCE) {
        let mut body = String::from("{\"subscribers\":[");
        for (place, n) in some.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(body, "{comma}{{\"channel\":{}}}", entry(*n)).context("write a request")?;
        }
        body.push_str("]}");
        request(hub, "POST", "/v1/subscribers", &body)?;
    }
    Ok(())
}

fn announce(hub: &Hub) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?.as_secs();
    // A day that is far enough ahead in any case, and no library of dates for one request.
    let day = now / 86_400 + 2;
    let (year, month, date) = civil(day);
    let body = format!(
        "{{\"title\":\"New disks\",\"components\":[\"part-0\"],\"text\":\"Part 0 may pause.\",\
         \"start\":\"{year:04}-{month:02}-{date:02}T02:00Z\",\"end\":\"{year:04}-{month:02}-{date:02}T03:00Z\"}}"
    );
    request(hub, "POST", "/v1/maintenances", &body)
}

/// Days since 1970 as a date: Howard Hinnant's `civil_from_days`.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, date)
}

/// Waits until all have heard a word; with a setup, the hub is killed in the middle and started anew.
fn follow(hub: &mut Hub, sinks: &Sinks, begun: Instant, word: &str, setup: Option<&Setup>) -> Result<Told> {
    let (mut kill, mut most) = (setup, 0);
    loop {
        let came = sinks.tally.came(|key| key.starts_with(word));
        most = most.max(hub.process.resident());
        if came.keys >= SUBSCRIBERS {
            return Ok(Told { took: begun.elapsed(), came, most });
        }
        if let Some(setup) = kill.filter(|_| came.keys >= KILLED_AT) {
            hub.process.kill()?;
            *hub = setup.start()?;
            kill = None;
        }
        ensure!(begun.elapsed() < LIMIT, "after {} s, {} have heard {word}", LIMIT.as_secs(), came.keys);
        sleep(POLL);
    }
}

/// One request of the hub's API, which has to be done.
fn request(hub: &Hub, method: &str, path: &str, body: &str) -> Result<()> {
    let mut stream = TcpStream::connect(local(hub.console)).context("reach the hub")?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).context("ask the hub")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("hear the hub")?;
    match answer.split_whitespace().nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        _ => bail!("{method} {path}: {}", answer.lines().last().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (day, date) in [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (20_786, (2026, 11, 29)), (19_782, (2024, 2, 29))] {
            assert_eq!(civil(day), date, "{day}");
        }
    }
}
