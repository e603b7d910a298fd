//! The stored answers, bounded by the bytes they need.
//!
//! Thrown out by S3-FIFO: new answers enter a small queue; those that were asked for again before its end move on to
//! the main queue, the others are thrown out and remembered by their hash alone, so that they enter the main queue
//! when they come back. Who is asked for in the main queue gets another round. So what is asked for once, as most things
//! are, never drives out what is asked for often; and a look-up changes one small number.
//! Source: Yang, Zhang, Qiu, Yue, Vigfusson, *FIFO queues are all you need for cache eviction* (SOSP 2023).
//!
//! Split into parts by the key's hash, each with a lock of its own, held for a look-up or a change and no longer.

use crate::cache::stored::Stored;
use crate::change::site::ComponentId;
use crate::codec::{Fields, RequestHead, Scheme};
use crate::run::sync::locked;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Parts of the store: so many threads can look things up at once.
pub(crate) const PARTS: usize = 8;
/// Memory that an entry needs besides its answers, in all the tables that know of it.
const ENTRY_BYTES: usize = 256;
/// Answers of one address that differ by `Vary`; the oldest goes when there are more.
const VARIANTS_MAX: usize = 8;
/// The small queue has one in so many bytes.
const SMALL_SHARE: usize = 10;
/// Uses in the small queue that make an answer move on.
const USES_TO_STAY: u8 = 2;
/// Uses beyond these are not counted.
const USES_MAX: u8 = 3;
/// Addresses that were thrown out and are remembered: as many as are stored, and at least these.
const GHOSTS_MIN: usize = 64;
/// Erasures remembered, so that an answer asked for before one is not stored after it.
const ERASURES: usize = 256;

/// What an answer is stored under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    component: ComponentId,
    scheme: Scheme,
    address: Arc<[u8]>,
}

impl Key {
    /// The address of a request.
    pub(crate) fn of(component: ComponentId, scheme: Scheme, request: &RequestHead) -> Self {
        Self::at(component, scheme, &request.host, &request.target)
    }

    /// The address of a target at a host. No host has a slash in it, and every target begins with one.
    pub(crate) fn at(component: ComponentId, scheme: Scheme, host: &[u8], target: &[u8]) -> Self {
        let mut address = host.to_ascii_lowercase();
        address.extend_from_slice(target);
        Self { component, scheme, address: address.into() }
    }
}

/// When an answer was asked for, in erasures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp(u64);

/// What was found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Answer(Arc<Stored>),
    /// Answers to requests with other fields.
    OtherVariants,
    /// Nothing, and what comes is known to be of no use to others.
    Apart,
    Nothing,
}

/// How full the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fill {
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
}

/// All stored answers.
#[derive(Debug)]
pub(crate) struct Store {
    parts: Box<[Mutex<Part>]>,
    hasher: RandomState,
}

impl Store {
    /// An empty store of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let part = |_| Mutex::new(Part::new(bytes / PARTS));
        Self { parts: (0..PARTS).map(part).collect(), hasher: RandomState::new() }
    }

    fn part(&self, key: &Key) -> (&Mutex<Part>, u64) {
        let hash = self.hasher.hash_one(key);
        // Below PARTS, so the cast is exact.
        (&self.parts[(hash % PARTS as u64) as usize], hash)
    }

    /// The stored answer for a request with such fields.
    pub(crate) fn find(&self, key: &Key, request: &Fields, now: Instant) -> Found {
        locked(self.part(key).0).find(key, request, now)
    }

    /// To be taken before a replica is asked, and handed in with what it answers.
    pub(crate) fn stamp(&self, key: &Key) -> Stamp {
        locked(self.part(key).0).erasures.stamp()
    }

    /// Stores the answer to a request with such fields, unless it was erased meanwhile.
    pub(crate) fn put(&self, key: &Key, request: &Fields, answer: Arc<Stored>, stamp: Stamp) {
        let (part, hash) = self.part(key);
        let mut part = locked(part);
        if part.erasures.allow(hash, stamp) {
            part.put(key, hash, request, answer);
        }
    }

    /// Forgets the answer to a request, and remembers until then that answers at its address are of no use to others.
    pub(crate) fn set_apart(&self, key: &Key, request: &Fields, until: Instant) {
        let (part, hash) = self.part(key);
        locked(part).change(key, hash, |entry| {
            entry.variants.retain(|older| !older.suits(request));
            entry.apart_until = Some(until);
        });
    }

    /// Forgets the answer to a request.
    pub(crate) fn forget(&self, key: &Key, request: &Fields) {
        locked(self.part(key).0).retain(key, |older| !older.suits(request));
    }

    /// Forgets all answers at an address, also those on their way.
    pub(crate) fn erase(&self, key: &Key) {
        let (part, hash) = self.part(key);
        let mut part = locked(part);
        part.erasures.note(hash);
        part.retain(key, |_| false);
    }

    /// How full it is.
    pub(crate) fn fill(&self) -> Fill {
        self.parts.iter().map(|part| locked(part).fill()).fold(Fill::default(), |sum, fill| Fill {
            bytes: sum.bytes + fill.bytes,
            entries: sum.entries + fill.entries,
        })
    }
}

/// Which queue an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Small,
    Main,
}

#[derive(Debug)]
struct Entry {
    /// The newest first.
    variants: Vec<Arc<Stored>>,
    apart_until: Option<Instant>,
    cost: usize,
    uses: u8,
    queue: Queue,
}

/// One part. Each entry stands in exactly one queue, and leaves it only when it is thrown out.
#[derive(Debug)]
struct Part {
    capacity: usize,
    bytes: usize,
    small_bytes: usize,
    entries: HashMap<Key, Entry>,
    small: VecDeque<(Key, u64)>,
    main: VecDeque<(Key, u64)>,
    ghosts: Ghosts,
    erasures: Erasures,
}

impl Part {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            bytes: 0,
            small_bytes: 0,
            entries: HashMap::new(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: Ghosts::default(),
            erasures: Erasures::default(),
        }
    }

    fn fill(&self) -> Fill {
        Fill { bytes: self.bytes, entries: self.entries.len() }
    }

    fn find(&mut self, key: &Key, request: &Fields, now: Instant) -> Found {
        let Some(entry) = self.entries.get_mut(key) else { return Found::Nothing };
        let apart = entry.apart_until.is_some_and(|until| now < until);
        match entry.variants.iter().find(|answer| answer.suits(request)) {
            Some(answer) => {
                entry.uses = (entry.uses + 1).min(USES_MAX);
                Found::Answer(answer.clone())
            }
            None if apart => Found::Apart,
            None if entry.variants.is_empty() => Found::Nothing,
            None => Found::OtherVariants,
        }
    }

    fn put(&mut self, key: &Key, hash: u64, request: &Fields, answer: Arc<Stored>) {
        if ENTRY_BYTES + key.address.len() + answer.cost() > self.capacity {
            return self.retain(key, |older| !older.suits(request));
        }
        self.change(key, hash, |entry| {
            // What this request would be answered with so far has had its day.
            entry.variants.retain(|older| !older.suits(request));
            entry.variants.insert(0, answer);
            entry.variants.truncate(VARIANTS_MAX);
            entry.apart_until = None;
        });
    }

    fn retain(&mut self, key: &Key, keep: impl Fn(&Stored) -> bool) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.variants.retain(|answer| keep(answer));
            Self::weigh(key, entry, &mut self.bytes, &mut self.small_bytes);
        }
    }

    /// Changes an entry, which is made when there is none, and throws out others for it.
    fn change(&mut self, key: &Key, hash: u64, change: impl FnOnce(&mut Entry)) {
        if !self.entries.contains_key(key) {
            self.enter(key, hash);
        }
        if let Some(entry) = self.entries.get_mut(key) {
            change(entry);
            Self::weigh(key, entry, &mut self.bytes, &mut self.small_bytes);
        }
        while self.bytes > self.capacity {
            self.throw_one_out();
        }
    }

    fn enter(&mut self, key: &Key, hash: u64) {
        let queue = if self.ghosts.knows(hash) { Queue::Main } else { Queue::Small };
        let line = if queue == Queue::Main { &mut self.main } else { &mut self.small };
        line.push_back((key.clone(), hash));
        let entry = Entry { variants: Vec::new(), apart_until: None, cost: 0, uses: 0, queue };
        self.entries.insert(key.clone(), entry);
    }

    /// Takes in what an entry needs now.
    fn weigh(key: &Key, entry: &mut Entry, bytes: &mut usize, small_bytes: &mut usize) {
        let cost = ENTRY_BYTES + key.address.len() + entry.variants.iter().map(|v| v.cost()).sum::<usize>();
        *bytes = *bytes - entry.cost + cost;
        if entry.queue == Queue::Small {
            *small_bytes = *small_bytes - entry.cost + cost;
        }
        entry.cost = cost;
    }

    fn throw_one_out(&mut self) {
        if self.small_bytes > self.capacity / SMALL_SHARE || self.main.is_empty() {
            self.leave_small();
        } else {
            self.leave_main();
        }
    }

    fn leave_small(&mut self) {
        let Some((key, hash)) = self.small.pop_front() else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        self.small_bytes -= entry.cost;
        if entry.uses >= USES_TO_STAY {
            (entry.uses, entry.queue) = (0, Queue::Main);
            self.main.push_back((key, hash));
            return;
        }
        self.bytes -= entry.cost;
        self.entries.remove(&key);
        self.ghosts.rise(hash, self.entries.len().max(GHOSTS_MIN));
    }

    fn leave_main(&mut self) {
        let Some((key, hash)) = self.main.pop_front() else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if entry.uses > 0 {
            entry.uses -= 1;
            self.main.push_back((key, hash));
            return;
        }
        self.bytes -= entry.cost;
        self.entries.remove(&key);
    }
}

/// Hashes of those thrown out of the small queue.
#[derive(Debug, Default)]
struct Ghosts {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Ghosts {
    fn rise(&mut self, hash: u64, most: usize) {
        if self.known.insert(hash) {
            self.order.push_back(hash);
        }
        while self.order.len() > most {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// True when it was thrown out lately.
    fn knows(&self, hash: u64) -> bool {
        self.known.contains(&hash)
    }
}

/// The newest erasures, each with its number.
#[derive(Debug, Default)]
struct Erasures {
    counted: u64,
    newest: VecDeque<(u64, u64)>,
}

impl Erasures {
    fn stamp(&self) -> Stamp {
        Stamp(self.counted)
    }

    fn note(&mut self, hash: u64) {
        self.counted += 1;
        self.newest.push_back((self.counted, hash));
        if self.newest.len() > ERASURES {
            self.newest.pop_front();
        }
    }

    /// True when what was asked for at the stamp is certain not to have been erased since.
    fn allow(&self, hash: u64, stamp: Stamp) -> bool {
        let missed = self.counted - stamp.0 > self.newest.len() as u64;
        let erased = self.newest.iter().any(|(number, erased)| *number > stamp.0 && *erased == hash);
        !missed && !erased
    }
}
