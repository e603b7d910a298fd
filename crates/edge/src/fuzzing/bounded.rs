//! The bounded run: every seed, and two thousand mutations of each, through the fuzz targets. The same ones every time.

use super::{answer_head, chunked_body, http2, proxy_header, request_head, round_trip, target, traffic_plan};
use std::fs;
use std::path::{Path, PathBuf};

/// Mutations of each seed.
const MUTATIONS: usize = 2_000;
/// Most changes that one mutation makes.
const CHANGES_MAX: usize = 4;
/// Longest stretch that is taken out or repeated.
const STRETCH_MAX: usize = 24;
/// What makes the difference in heads, bodies and targets.
const WORDS: [&str; 32] = [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "\0",
    "\x0b",
    "\x7f",
    "%2e",
    "%2f",
    "%00",
    "..",
    "/",
    "//",
    "?",
    "#",
    "\\",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Host: b\r\n",
    "HTTP/1.1",
    "HTTP/1.0",
    "http://a",
    "ffffffffffffffff",
    "\u{e4}",
];

/// Changes bytes by dice that always fall the same (xorshift64, Marsaglia 2003).
struct Mutator {
    state: u64,
}

impl Mutator {
    /// A number below `limit`, which is above 0.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The remainder is below a usize.
        (self.state % limit as u64) as usize
    }

    fn mutate(&mut self, seed: &[u8], others: &[Seed]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut bytes, others);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, others: &[Seed]) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(STRETCH_MAX)).min(bytes.len());
        match self.below(7) {
            0 | 1 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            2 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..end.max(at), word.bytes());
            }
            3 => drop(bytes.drain(at..end.max(at))),
            4 => {
                let stretch = bytes[at..end.max(at)].to_vec();
                bytes.splice(at..at, stretch);
            }
            5 => {
                let bit = 1 << self.below(8);
                bytes.get_mut(at).into_iter().for_each(|b| *b ^= bit);
            }
            _ => {
                let other = &others[self.below(others.len())].bytes;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[self.below(other.len() + 1)..]);
            }
        }
    }
}

struct Seed {
    place: PathBuf,
    bytes: Vec<u8>,
}

fn seeds(target: &str) -> Vec<Seed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut places: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    places.sort();
    assert!(!places.is_empty(), "no seeds in {}", folder.display());
    places.into_iter().map(|place| Seed { bytes: fs::read(&place).expect("a readable seed"), place }).collect()
}

/// Tells which input it was when a target panics.
struct Suspect<'a> {
    seed: &'a Seed,
    bytes: &'a [u8],
}

impl Drop for Suspect<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("found from {}: {:?}", self.seed.place.display(), String::from_utf8_lossy(self.bytes));
        }
    }
}

fn run(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    let mut mutator = Mutator { state: 0x9e37_79b9_7f4a_7c15 };
    for seed in &seeds {
        let mutations = (0..MUTATIONS).map(|_| mutator.mutate(&seed.bytes, &seeds));
        for bytes in std::iter::once(seed.bytes.clone()).chain(mutations) {
            let suspect = Suspect { seed, bytes: &bytes };
            check(suspect.bytes);
        }
    }
    println!("{target}: {} inputs from {} seeds", seeds.len() * (MUTATIONS + 1), seeds.len());
}

#[test]
fn c3_no_request_head_makes_a_panic_or_a_second_reading() {
    run("request_head", request_head);
}

#[test]
fn h1_no_request_changes_its_meaning_when_written_anew() {
    run("round_trip", round_trip);
}

#[test]
fn c3_no_answer_head_makes_a_panic_or_a_second_reading() {
    run("answer_head", answer_head);
}

#[test]
fn c3_no_chunked_body_makes_a_panic_or_a_second_reading() {
    run("chunked_body", chunked_body);
}

#[test]
fn h6_no_target_has_two_forms() {
    run("target", target);
}

#[test]
fn h3_no_frames_of_http_2_make_a_panic_or_more_streams_than_allowed() {
    run("http2", http2);
}

#[test]
fn c3_no_proxy_header_makes_a_panic_or_takes_what_follows() {
    run("proxy_header", proxy_header);
}

#[test]
fn c3_no_traffic_plan_makes_a_panic() {
    run("traffic_plan", traffic_plan);
}
