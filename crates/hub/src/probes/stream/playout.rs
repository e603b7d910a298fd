//! What a listener hears of what has come: a buffer that fills by arrival and empties by the clock.
//!
//! Music begins once a second of it has come, and after a silence begins again in the same way, as players do. From the press of
//! the button to the first sound is the *start-up*; whenever the buffer is dry after that there is *silence*, summed up over
//! the whole listening. No more is asked for while two seconds wait to be heard: a stream that starts well and then
//! starves is met as it is heard, and not passed because a fast start has brought everything.

use crate::probes::Trouble;
use downbeat_core::model::{FailureKind, Heard};
use std::time::Duration;
use tokio::time::Instant;

/// So much has to have come before music begins.
const FIRST: Duration = Duration::from_secs(1);
/// More is not asked for while so much waits to be heard; where music comes in longer pieces, while a whole one does.
const AHEAD: Duration = Duration::from_secs(2);

/// What a listener puts up with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// So much is listened to.
    pub(super) listen: Duration,
    /// Music has to begin within this.
    pub(super) start_within: Duration,
    /// No more silence than this in all.
    pub(super) silence_max: Duration,
}

/// One listening.
#[derive(Debug)]
pub(super) struct Playout {
    patience: Patience,
    /// When the button was pressed.
    pressed: Instant,
    /// Up to here all is accounted for.
    seen: Instant,
    /// Music that waits to be heard.
    waiting: Duration,
    heard: Duration,
    silent: Duration,
    start_up: Option<Duration>,
    plays: bool,
    /// True when no more will come: what is there is all there is.
    is_whole: bool,
    ahead: Duration,
}

impl Playout {
    pub(super) fn new(patience: Patience, pressed: Instant) -> Self {
        let zero = Duration::ZERO;
        Self {
            patience,
            pressed,
            seen: pressed,
            waiting: zero,
            heard: zero,
            silent: zero,
            start_up: None,
            plays: false,
            is_whole: false,
            ahead: AHEAD,
        }
    }

    /// Music comes in pieces of so much.
    pub(super) fn comes_in(&mut self, piece: Duration) {
        self.ahead = AHEAD.max(piece);
    }

    /// Lets time pass.
    fn turn(&mut self, now: Instant) {
        let span = now.saturating_duration_since(self.seen);
        self.seen = self.seen.max(now);
        // What is beyond the listening is nobody's business.
        let left = self.waiting.min(self.patience.listen.saturating_sub(self.heard));
        let played = if self.plays { span.min(left) } else { Duration::ZERO };
        self.waiting -= played;
        self.heard += played;
        // Up to the first sound it is start-up, behind the last one it is the end.
        if self.start_up.is_some() && played < span && !self.has_heard_all() {
            self.plays = false;
            self.silent += span - played;
        }
    }

    /// Music has come.
    ///
    /// # Errors
    /// When it came too late.
    pub(super) fn came(&mut self, now: Instant, music: Duration) -> Result<(), Trouble> {
        self.turn(now);
        self.check(now)?;
        self.waiting = self.waiting.saturating_add(music);
        self.begin(now);
        Ok(())
    }

    /// Nothing more will come.
    pub(super) fn ends(&mut self, now: Instant) {
        self.turn(now);
        self.is_whole = true;
        self.begin(now);
    }

    /// Music that was there to be heard, and was missed.
    ///
    /// # Errors
    /// When that is too much.
    pub(super) fn missed(&mut self, now: Instant, music: Duration) -> Result<(), Trouble> {
        self.turn(now);
        self.silent = self.silent.saturating_add(music);
        self.check(now)
    }

    fn begin(&mut self, now: Instant) {
        // The last piece need not be as long as the first one.
        let left = self.patience.listen.saturating_sub(self.heard);
        if self.waiting >= FIRST.min(left) || self.is_whole {
            self.plays = true;
            self.start_up.get_or_insert(now.saturating_duration_since(self.pressed));
        }
    }

    fn has_heard_all(&self) -> bool {
        self.heard >= self.patience.listen || self.is_whole && self.waiting.is_zero()
    }

    /// True when all that is to be listened to has come.
    pub(super) fn has_enough(&self) -> bool {
        self.is_whole || self.heard.saturating_add(self.waiting) >= self.patience.listen
    }

    /// When more may be asked for: now, or when some of what waits has been heard.
    pub(super) fn room_at(&self) -> Instant {
        self.seen + self.waiting.saturating_sub(self.ahead)
    }

    /// When everything that has come will have been heard, as far as it is listened to.
    pub(super) fn over_at(&self) -> Instant {
        self.seen + self.waiting.min(self.patience.listen.saturating_sub(self.heard))
    }

    /// Until when to wait for more.
    pub(super) fn deadline(&self) -> Instant {
        let Patience { start_within, silence_max, .. } = self.patience;
        match self.start_up {
            None => self.pressed + start_within,
            Some(_) => {
                let music = if self.plays { self.waiting } else { Duration::ZERO };
                self.seen + music + silence_max.saturating_sub(self.silent)
            }
        }
    }

    fn check(&self, now: Instant) -> Result<(), Trouble> {
        let is_late = self.start_up.is_none() && now > self.pressed + self.patience.start_within;
        if is_late || self.silent > self.patience.silence_max { Err(self.verdict()) } else { Ok(()) }
    }

    /// What is wrong, once patience is at its end.
    pub(super) fn verdict(&self) -> Trouble {
        let Patience { start_within, silence_max, .. } = self.patience;
        let text = |span: Duration| format!("{:.1} s", span.as_secs_f64());
        match self.start_up {
            None => {
                let came = text(self.waiting);
                Trouble::theirs(
                    FailureKind::Late,
                    format!("no music within {}, {came} of it had come", text(start_within)),
                )
            }
            Some(start_up) => {
                let (heard, began) = (text(self.heard), text(start_up));
                let silent = text(self.silent.max(silence_max));
                let what = format!("{silent} of silence in {heard} of music, which began after {began}");
                Trouble::theirs(FailureKind::Stalled, what)
            }
        }
    }

    /// The verdict when patience is at its end, else nothing: what broke meanwhile is told as what it is.
    pub(super) fn patience_ends(&mut self, now: Instant) -> Option<Trouble> {
        let ends = now >= self.deadline();
        self.turn(now);
        ends.then(|| self.verdict())
    }

    /// What was heard in the end.
    ///
    /// # Errors
    /// When it began too late, or had too much silence in it.
    pub(super) fn finish(&mut self, now: Instant) -> Result<Heard, Trouble> {
        self.turn(now);
        self.check(now)?;
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let start_up = self.start_up.unwrap_or_default();
        Ok(Heard { start_up_ms: millis(start_up), music_ms: millis(self.heard), silence_ms: millis(self.silent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Music that comes at certain times, in milliseconds, and what is heard of ten seconds.
    fn listen(arrivals: &[(u32, u32)]) -> Result<Heard, String> {
        let patience = Patience { listen: 10_000 * MS, start_within: 2_000 * MS, silence_max: 500 * MS };
        let pressed = Instant::now();
        let mut playout = Playout::new(patience, pressed);
        let said = |trouble: Trouble| match trouble {
            Trouble::Theirs { failure, detail, .. } => format!("{failure:?}: {detail}"),
            Trouble::Ours(detail) => detail,
        };
        for (at, music) in arrivals {
            let now = pressed + *at * MS;
            if let Some(trouble) = playout.patience_ends(now) {
                return Err(said(trouble));
            }
            playout.came(now, *music * MS).map_err(said)?;
        }
        if !playout.has_enough() {
            playout.ends(pressed + arrivals.last().map_or(0, |it| it.0) * MS);
        }
        let over = playout.over_at();
        playout.finish(over).map_err(said)
    }

    fn heard(start_up_ms: u64, music_ms: u64, silence_ms: u64) -> Result<Heard, String> {
        Ok(Heard { start_up_ms, music_ms, silence_ms })
    }

    #[test]
    fn what_is_heard() {
        let at_once = [(100, 10_000)];
        let steady: Vec<(u32, u32)> = (0..20).map(|half| (100 + half * 500, 500)).collect();
        let gap = [(100, 4_000), (4_400, 6_000)];
        let short = [(100, 3_000)];
        assert_eq!(listen(&at_once), heard(100, 10_000, 0));
        assert_eq!(listen(&steady), heard(600, 10_000, 0));
        assert_eq!(listen(&gap), heard(100, 10_000, 300));
        assert_eq!(listen(&short), heard(100, 3_000, 0), "that was all there is");
    }

    #[test]
    fn what_is_not_heard() {
        let late = [(100, 900), (2_100, 9_000)];
        assert_eq!(listen(&late), Err("Late: no music within 2.0 s, 0.9 s of it had come".into()));
        let stalls = [(100, 4_000), (4_700, 6_000)];
        let said = "Stalled: 0.6 s of silence in 4.0 s of music, which began after 0.1 s";
        assert_eq!(listen(&stalls), Err(said.into()));
        // Four fifths of the speed at which it is heard.
        let slow: Vec<(u32, u32)> = (0..10).map(|second| (second * 1_250, 1_000)).collect();
        let said = listen(&slow).expect_err("it starves");
        assert!(said.starts_with("Stalled: 0."), "{said}");
    }

    /// What trickles in during a silence does not end it: a player waits until it has a second.
    #[test]
    fn a_trickle_is_no_music() {
        let trickle: Vec<(u32, u32)> = [(0, 2_000)].into_iter().chain((21..60).map(|at| (at * 100, 5))).collect();
        assert!(listen(&trickle).is_err_and(|said| said.starts_with("Stalled: 0.5 s of silence in 2.0 s of music")));
    }

    #[test]
    fn no_more_is_asked_for_than_there_is_room() {
        let patience = Patience { listen: 60_000 * MS, start_within: 2_000 * MS, silence_max: 500 * MS };
        let pressed = Instant::now();
        let mut playout = Playout::new(patience, pressed);
        playout.came(pressed, 1_500 * MS).expect("in time");
        assert_eq!(playout.room_at(), pressed);
        playout.came(pressed, 4_500 * MS).expect("in time");
        assert_eq!(playout.room_at(), pressed + 4_000 * MS);
        playout.comes_in(6_000 * MS);
        assert_eq!(playout.room_at(), pressed, "the next piece is asked for while this one is heard");
        playout.missed(pressed, 400 * MS).expect("that much may be missed");
        assert!(playout.missed(pressed, 200 * MS).is_err());
    }
}
