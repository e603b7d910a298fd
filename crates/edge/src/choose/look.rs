//! A closer look at a replica that begins to do badly, or well again: for a second it is checked in quick succession, and the
//! hub is told after half a second and then four times a second.
//!
//! Clients' requests look as well: [`tap`](crate::choose::tap).
//!
//! Once a second is enough to know that all is well, and too seldom to know soon that something is not: who is balanced away
//! from or ejected after its first failures is asked too little to prove anything, and checks that fail by chance need many
//! seconds to show it, or to show that they do no more. Half a second passes before the first word, so that what was
//! over in a blink calls nobody. HAProxy's `fastinter` is the same thought for checks alone.
//!
//! A look costs [`CHECKS`] checks and seven roll-ups. A replica gets one in [`REST`] at most, and one that stays dead is not looked
//! at again before a check was good. No more than [`AT_ONCE_MAX`] are looked at at a time: when everybody ails, checks only
//! add to the burden.

use crate::run::sync::Ticks;
use std::time::Duration;

/// Checks in one look.
pub(crate) const CHECKS: u32 = 20;
/// From one of them to the next: all have begun after a second.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(50);
/// As long as that takes.
const CHECKS_SPAN: Duration = Duration::from_millis(1_000);
/// A look's first roll-up comes so long after its beginning.
const FIRST_WORD: Duration = Duration::from_millis(500);
/// And the next ones so soon after one another.
const WORD_EVERY: Duration = Duration::from_millis(250);
/// Roll-ups after the first that come so soon.
const WORDS: u32 = 6;
/// So long a replica counts as looked at: its checks have ended by then.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// From one roll-up to the next while nobody is looked at.
const ROLL_UP_EVERY: Duration = Duration::from_secs(1);
/// A look holds a roll-up up for no longer than this after the one before.
const ROLL_UP_MAX: Duration = Duration::from_millis(1_500);
/// From one look at a replica to the next.
const REST: Duration = Duration::from_secs(5);
/// So many good checks in a row are worth a look whether all is well again.
const GOOD_AGAIN: u32 = 3;
/// Replicas that are looked at at a time.
const AT_ONCE_MAX: usize = 2;
/// A component's share of good attempts at a replica at which a look begins: two failures among its last handful. One that hung is enough.
pub(crate) const AILING: f64 = 0.85;

/// Who was looked at last, and when.
#[derive(Debug)]
pub(crate) struct Looks {
    replicas: Vec<Look>,
    newest: Option<Ticks>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Look {
    begun: Option<Ticks>,
    /// True when a check was good since it was over.
    well_since: bool,
    /// True when it did badly, and was not looked at since to see whether that is over.
    ailed: bool,
    good_in_a_row: u32,
}

/// What is news of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// A check or several attempts failed.
    Ails,
    /// A check was good.
    Well,
}

impl Looks {
    /// Nobody was looked at yet, of so many replicas.
    pub(crate) fn new(replicas: usize) -> Self {
        Self { replicas: vec![Look::default(); replicas], newest: None }
    }

    /// Takes in how a replica does. True when a look at it begins.
    pub(crate) fn note(&mut self, replica: usize, news: News, now: Ticks) -> bool {
        let under_way = self.replicas.iter().filter(|look| look.is_within(UNDER_WAY, now)).count();
        let look = &mut self.replicas[replica];
        let begins = look.note(news, now) && under_way < AT_ONCE_MAX;
        if begins {
            *look = Look { begun: Some(now), ailed: news == News::Ails, ..Look::default() };
            self.newest = Some(now);
        }
        begins
    }

    /// True while a replica is checked in quick succession.
    pub(crate) fn is_checked_quickly(&self, replica: usize, now: Ticks) -> bool {
        self.replicas[replica].is_within(CHECKS_SPAN, now)
    }

    /// When the roll-up after the one at `last` is due.
    pub(crate) fn roll_up_after(&self, last: Ticks) -> Ticks {
        let usual = last.after(ROLL_UP_EVERY);
        let Some(first) = self.newest.map(|begun| begun.after(FIRST_WORD)) else { return usual };
        let words = (0..=WORDS).map(|nth| first.after(WORD_EVERY * nth));
        words.into_iter().find(|word| *word > last).map_or(usual, |word| word.min(last.after(ROLL_UP_MAX)))
    }
}

impl Look {
    fn is_within(&self, span: Duration, now: Ticks) -> bool {
        self.begun.is_some_and(|at| now.since(at) < span)
    }

    /// True when a look is called for.
    fn note(&mut self, news: News, now: Ticks) -> bool {
        let has_rested = !self.is_within(REST, now);
        match news {
            News::Ails => {
                (self.ailed, self.good_in_a_row) = (true, 0);
                has_rested && (self.begun.is_none() || self.well_since)
            }
            News::Well => {
                self.well_since |= !self.is_within(UNDER_WAY, now);
                self.good_in_a_row = self.good_in_a_row.saturating_add(1);
                has_rested && self.ailed && self.good_in_a_row >= GOOD_AGAIN
            }
        }
    }
}

/// How long a check of a look waits for its answer: four times as long as a good one takes when it takes long, but no blink and no
/// longer than any check. A replica of which that is not known gets all the time there is.
pub(crate) fn patience(usual: Option<Duration>, timeout: Duration) -> Duration {
    const BLINK: Duration = Duration::from_millis(250);
    usual.map_or(timeout, |usual| (usual * 4).max(BLINK).min(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn at(ms: u64) -> Ticks {
        let start = Instant::now();
        Ticks::at(start, start + Duration::from_millis(ms))
    }

    use News::{Ails, Well};

    #[test]
    fn one_look_for_one_trouble() {
        let mut looks = Looks::new(3);
        assert!(looks.note(0, Ails, at(1_000)));
        assert!(!looks.note(0, Ails, at(1_020)), "it has begun");
        assert!(looks.note(1, Ails, at(1_100)), "somebody else's is another");
        assert!(!looks.note(2, Ails, at(1_200)), "when everybody ails, nobody is asked more");
        assert!(looks.note(2, Ails, at(4_000)));
        assert!(!looks.note(0, Well, at(1_500)));
        assert!(!looks.note(0, Ails, at(60_000)), "it was not well since the look");
        assert!(!looks.note(0, Well, at(61_000)));
        assert!(looks.note(0, Ails, at(62_000)));
        assert!(!looks.note(0, Well, at(65_000)));
        assert!(!looks.note(0, Ails, at(66_000)), "it rests for a while");
        assert!(looks.note(0, Ails, at(67_000)));
    }

    #[test]
    fn whoever_seems_well_again_is_looked_at_once() {
        let mut looks = Looks::new(1);
        assert!((0..9).all(|s| !looks.note(0, Well, at(s * 1_000))), "there was nothing");
        assert!(looks.note(0, Ails, at(10_000)));
        let begins: Vec<u64> = (11..40).filter(|s| looks.note(0, Well, at(s * 1_000))).collect();
        assert_eq!(begins, [15], "it rests for a while, and after the look there is nothing to see");
    }

    #[test]
    fn when_the_hub_is_told() {
        let mut looks = Looks::new(1);
        assert_eq!(looks.roll_up_after(at(1_000)), at(2_000));
        assert!(looks.note(0, Ails, at(1_900)));
        let mut last = at(1_000);
        let told: Vec<Ticks> = (0..9)
            .map(|_| {
                last = looks.roll_up_after(last);
                last
            })
            .collect();
        let expected = [2_400, 2_650, 2_900, 3_150, 3_400, 3_650, 3_900, 4_900, 5_900].map(at);
        assert_eq!(told, expected);
    }

    #[test]
    fn looks_after_one_another_do_not_hold_the_word_up_for_ever() {
        let mut looks = Looks::new(2);
        assert!(looks.note(0, Ails, at(1_900)));
        assert!(looks.note(1, Ails, at(2_300)));
        assert_eq!(looks.roll_up_after(at(1_000)), at(2_500));
    }

    #[test]
    fn how_long_a_check_waits() {
        let ms = Duration::from_millis;
        let table = [
            (None, 1_000, 1_000),
            (Some(5), 1_000, 250),
            (Some(100), 1_000, 400),
            (Some(400), 1_000, 1_000),
            (Some(5), 100, 100),
        ];
        for (usual, timeout, expected) in table {
            assert_eq!(patience(usual.map(ms), ms(timeout)), ms(expected), "{usual:?} {timeout}");
        }
    }
}
