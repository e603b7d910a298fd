//! How many sessions are active: how many different values a cookie or the field `Authorization` had within five minutes.
//!
//! A sketch of each component's sessions, two kilobytes however many they are (HyperLogLog: Flajolet, Fusy, Gandouet and Meunier
//! 2007), read without bias by Ertl's estimator (*New cardinality estimation algorithms for HyperLogLog sketches*, 2017). Its
//! standard error is 1.04 / √2048, 2.3 %. Sketches merge: those of threads and of minutes into one, and those of components into
//! one of the service. Merged twice is merged once.
//!
//! A session is known by a hash under a secret that the process draws at its start and shows nobody. So a sketch tells nobody's
//! token, and it stays here: the hub gets numbers. Sketches of two edges have nothing in common that a merge could find, and
//! whoever comes by two edges counts at both.

use crate::choose::dice;
use crate::choose::hash::mix;
use crate::choose::keyed::Keyed;
use downbeat_core::model::{Name, SessionRow};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Bits of a hash that choose a register.
const INDEX_BITS: u32 = 11;
const REGISTERS: usize = 1 << INDEX_BITS;
/// The highest rank that a register can have, and one more for the empty rest.
const RANK_MAX: usize = 64 - INDEX_BITS as usize + 1;
/// A slice of the window.
const MINUTE: Duration = Duration::from_secs(60);
/// Slices that count: who was here within them is active.
const MINUTES: usize = 5;
/// The hub is told so often: it changes slowly.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Roll-ups of a shorter stretch are those of a closer look (decision 23), and carry nothing that can wait.
const WHOLE: Duration = Duration::from_millis(900);

/// All generations and threads of the process know a session by the same hash.
static SECRET: LazyLock<Keyed> = LazyLock::new(|| Keyed::with(dice::seed()));

/// What a session is known by. Nobody who does not have the secret can make a hash, or find a token for one.
pub(crate) fn fingerprint(token: &[u8]) -> u64 {
    let mut hasher = SECRET.build_hasher();
    hasher.write(token);
    hasher.write_usize(token.len());
    mix(hasher.finish())
}

/// A sketch of how many different ones there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Distinct {
    /// The highest rank that each register saw; no room before the first one came.
    registers: Vec<u8>,
    is_touched: bool,
}

impl Distinct {
    /// One with this fingerprint was there.
    pub(crate) fn add(&mut self, fingerprint: u64) {
        if self.registers.is_empty() {
            self.registers = vec![0; REGISTERS];
        }
        self.is_touched = true;
        // The lowest index bits choose, what is above them is ranked by its zeros.
        let place = fingerprint as usize % REGISTERS;
        let rest = fingerprint >> INDEX_BITS | 1 << (64 - INDEX_BITS);
        let rank = 1 + rest.trailing_zeros() as u8;
        let register = &mut self.registers[place];
        *register = rank.max(*register);
    }

    /// Those of another sketch were there too.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.registers.is_empty() {
            self.registers.clone_from(&other.registers);
        } else {
            self.registers.iter_mut().zip(&other.registers).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
        }
        self.is_touched = true;
    }

    /// True when nobody was there.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_touched
    }

    /// Forgets everybody and keeps the room.
    pub(crate) fn clear(&mut self) {
        if self.is_touched {
            self.registers.fill(0);
            self.is_touched = false;
        }
    }

    /// How many there were, about.
    pub(crate) fn estimate(&self) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let mut ranks = [0_u32; RANK_MAX + 1];
        self.registers.iter().for_each(|rank| ranks[usize::from(*rank)] += 1);
        let m = REGISTERS as f64;
        let mut z = m * tau(1.0 - f64::from(ranks[RANK_MAX]) / m);
        for count in ranks[1..RANK_MAX].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += m * sigma(f64::from(ranks[0]) / m);
        (m * m / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
    }
}

/// Ertl's σ: x + Σ x^(2^k) · 2^(k-1), for the share of empty registers.
fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

/// Ertl's τ: (1 - x - Σ (1 - x^(2^-k))² · 2^-k) / 3, for the share of registers that are not full.
fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// The sessions of the last minutes, and when the hub was last told of them.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// When each slice began, and who was there within it; the newest last.
    minutes: VecDeque<(Instant, BTreeMap<Name, Distinct>)>,
    told: Option<Instant>,
}

impl Recent {
    /// Those who were there since this was last called; what the hub is told of them now.
    pub(crate) fn roll(&mut self, now: Instant, seen: BTreeMap<Name, Distinct>, span: Duration) -> Vec<SessionRow> {
        if self.minutes.is_empty() && seen.is_empty() {
            return Vec::new();
        }
        if self.minutes.back().is_none_or(|(begin, _)| now.saturating_duration_since(*begin) >= MINUTE) {
            self.minutes.push_back((now, BTreeMap::new()));
        }
        let window = MINUTE * MINUTES as u32;
        while self.minutes.front().is_some_and(|(begin, _)| now.saturating_duration_since(*begin) >= window) {
            self.minutes.pop_front();
        }
        if let Some((_, newest)) = self.minutes.back_mut() {
            for (component, sketch) in &seen {
                newest.entry(component.clone()).or_default().merge(sketch);
            }
        }
        let is_due = self.told.is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY);
        if !is_due || span < WHOLE {
            return Vec::new();
        }
        self.told = Some(now);
        self.rows()
    }

    /// One for each component, and one for all of them together.
    fn rows(&self) -> Vec<SessionRow> {
        let (mut all, mut components) = (Distinct::default(), BTreeMap::<&Name, Distinct>::new());
        for (component, sketch) in self.minutes.iter().flat_map(|(_, minute)| minute) {
            all.merge(sketch);
            components.entry(component).or_default().merge(sketch);
        }
        let row = |component: Option<&Name>, sketch: &Distinct| SessionRow {
            component: component.cloned(),
            active: sketch.estimate(),
        };
        let each = components.iter().map(|(component, sketch)| row(Some(component), sketch));
        [row(None, &all)].into_iter().chain(each).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sessions: std::ops::Range<u64>) -> Distinct {
        let mut sketch = Distinct::default();
        sessions.for_each(|n| sketch.add(fingerprint(format!("session-{n}").as_bytes())));
        sketch
    }

    /// Five times the standard error at worst, whatever the secret; a few are counted almost one by one: of ten, two may share a
    /// register with others.
    #[test]
    fn a_sketch_errs_by_a_few_percent_from_one_to_a_million() {
        for count in [0, 1, 2, 10, 100, 1_000, 3_000, 5_000, 10_000, 52_000, 1_000_000] {
            let estimate = of(0..count).estimate();
            let (error, shared) = (estimate.abs_diff(count), if count > 1 { 2.0 } else { 0.0 });
            let most = (count as f64 * 5.0 * 1.04 / (REGISTERS as f64).sqrt()).max(shared);
            assert!(error as f64 <= most, "{estimate} for {count}");
        }
    }

    #[test]
    fn who_comes_again_is_counted_once_and_sketches_merge() {
        let (mut one, other) = (of(0..40_000), of(20_000..60_000));
        let before = one.clone();
        (0..40_000).for_each(|n| one.add(fingerprint(format!("session-{n}").as_bytes())));
        assert_eq!(one, before);
        one.merge(&other);
        assert_eq!(one, of(0..60_000), "merged is as if counted together");
        let merged = one.clone();
        one.merge(&other);
        assert_eq!(one, merged);
        one.clear();
        assert!(one.is_empty() && one.estimate() == 0);
        one.merge(&other);
        assert_eq!(one.estimate(), other.estimate());
    }

    #[test]
    fn the_hub_hears_of_five_minutes_every_ten_seconds_and_never_in_a_closer_look() {
        let name = |text: &str| Name::new(text).expect("a good name");
        let (mut recent, start, second) = (Recent::default(), Instant::now(), Duration::from_secs(1));
        let seen = |sessions| BTreeMap::from([(name("login"), of(sessions)), (name("playback"), of(0..1_000))]);
        assert_eq!(recent.roll(start, BTreeMap::new(), second), [], "no sessions, no word");
        let rows = recent.roll(start, seen(0..100), second);
        assert_eq!(rows.len(), 3);
        let close = |row: &SessionRow, count: u64| row.active.abs_diff(count) <= count / 8;
        assert!(rows[0].component.is_none() && close(&rows[0], 1_000), "who uses both is one session: {rows:?}");
        assert!(rows[1].component == Some(name("login")) && close(&rows[1], 100), "{rows:?}");
        assert_eq!(recent.roll(start + second * 9, seen(100..200), second), []);
        assert_eq!(recent.roll(start + second * 11, seen(200..300), Duration::from_millis(250)), []);
        let rows = recent.roll(start + second * 12, BTreeMap::new(), second);
        assert!(close(&rows[1], 300), "none was lost: {rows:?}");
        let rows = recent.roll(start + second * 290, BTreeMap::new(), second);
        assert!(close(&rows[1], 300), "{rows:?}");
        let rows = recent.roll(start + second * 600, BTreeMap::new(), second);
        assert_eq!((rows.len(), rows[0].active), (1, 0), "nobody is active any more: {rows:?}");
    }
}
