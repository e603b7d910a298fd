//! Silence, as a listener hears it: a virtual play-out buffer on a clock that is handed in.
//!
//! Music comes in as lengths of time; the playhead takes it out at playing speed. It starts when one second is
//! buffered. When the buffer runs dry, silence begins and lasts until two seconds are buffered again, as in
//! common players. The time before the first start is join time, not silence. A song that is given up leaves
//! its unplayed rest behind as silence too: else a player that gives up would look better than one that waits.
//! Synthetic listeners never pause, so there are no pauses to leave out.

use std::time::Duration;

/// Music that has to be buffered before the first sound.
pub const START_AT: Duration = Duration::from_secs(1);

/// Music that has to be buffered before the sound comes back.
pub const RESTART_AT: Duration = Duration::from_secs(2);

/// What one listener has heard so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// True while music plays.
    pub playing: bool,
    /// True once music has played.
    pub joined: bool,
    /// From pressing play to the first sound.
    pub join: Duration,
    /// Music heard.
    pub played: Duration,
    /// Silence heard since the first sound, all gaps together.
    pub silence: Duration,
    /// The longest gap.
    pub silence_max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Joining,
    Playing,
    Silent,
}

/// The play-out buffer of one listener. All times count from when they pressed play.
#[derive(Debug, Clone)]
pub struct Playhead {
    stage: Stage,
    at: Duration,
    buffered: Duration,
    gap: Duration,
    heard: Heard,
}

impl Playhead {
    /// Play was pressed just now.
    pub fn new() -> Self {
        let heard = Heard::default();
        Self { stage: Stage::Joining, at: Duration::ZERO, buffered: Duration::ZERO, gap: Duration::ZERO, heard }
    }

    /// Time has come to `now`; a time that has passed already changes nothing.
    pub fn advance(&mut self, now: Duration) {
        let mut span = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        if self.stage == Stage::Joining {
            self.heard.join += span;
        }
        if self.stage == Stage::Playing {
            let played = span.min(self.buffered);
            self.buffered -= played;
            self.heard.played += played;
            span -= played;
            if span > Duration::ZERO {
                self.stage = Stage::Silent;
                self.gap = Duration::ZERO;
            }
        }
        if self.stage == Stage::Silent {
            self.add_silence(span);
        }
    }

    /// So much music has come in by `now`.
    pub fn feed(&mut self, now: Duration, music: Duration) {
        self.advance(now);
        self.buffered += music;
        let enough = match self.stage {
            Stage::Joining => self.buffered >= START_AT,
            Stage::Silent => self.buffered >= RESTART_AT,
            Stage::Playing => false,
        };
        if enough {
            self.stage = Stage::Playing;
        }
    }

    /// A song was given up at `now` with so much of it not delivered.
    pub fn give_up(&mut self, now: Duration, rest: Duration) {
        self.advance(now);
        if self.stage != Stage::Silent {
            self.gap = Duration::ZERO;
        }
        self.add_silence(rest);
    }

    /// Music that has come in and was not yet played.
    pub fn buffered(&self) -> Duration {
        self.buffered
    }

    /// What was heard up to the last advance.
    pub fn heard(&self) -> Heard {
        Heard { playing: self.stage == Stage::Playing, joined: self.stage != Stage::Joining, ..self.heard }
    }

    fn add_silence(&mut self, span: Duration) {
        self.gap += span;
        self.heard.silence += span;
        self.heard.silence_max = self.heard.silence_max.max(self.gap);
    }
}

impl Default for Playhead {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_first_second_starts_and_is_no_silence() {
        let mut player = Playhead::new();
        player.feed(ms(400), ms(900));
        assert!(!player.heard().joined);
        player.feed(ms(700), ms(100));
        assert_eq!(player.heard(), Heard { playing: true, joined: true, join: ms(700), ..Heard::default() });
    }

    #[test]
    fn a_dry_buffer_is_silent_until_two_seconds_are_there() {
        let mut player = Playhead::new();
        player.feed(ms(0), ms(1_000));
        player.feed(ms(1_500), ms(1_999));
        assert_eq!((player.heard().playing, player.heard().silence), (false, ms(500)));
        player.feed(ms(1_800), ms(1));
        assert_eq!((player.heard().playing, player.heard().silence), (true, ms(800)));
        player.advance(ms(3_800));
        assert_eq!(player.heard().played, ms(3_000));
        player.advance(ms(4_000));
        assert_eq!((player.heard().silence, player.heard().silence_max), (ms(1_000), ms(800)));
    }

    #[test]
    fn what_is_given_up_counts_as_silence() {
        let mut player = Playhead::new();
        player.feed(ms(0), ms(3_000));
        player.give_up(ms(1_000), ms(60_000));
        assert_eq!(player.heard().silence, ms(60_000));
        assert!(player.heard().playing, "the buffer still plays");
    }

    proptest! {
        /// Whatever comes in when: join, music and silence together are the time that went by, and no more is
        /// heard than came in.
        #[test]
        fn no_time_is_lost(steps in proptest::collection::vec((0u64..3_000, 0u64..3_000), 1..60)) {
            let mut player = Playhead::new();
            let (mut now, mut fed) = (Duration::ZERO, Duration::ZERO);
            for (wait, music) in steps {
                now += ms(wait);
                fed += ms(music);
                player.feed(now, ms(music));
                let heard = player.heard();
                prop_assert_eq!(heard.join + heard.played + heard.silence, now);
                prop_assert_eq!(heard.played + player.buffered(), fed);
                prop_assert!(heard.silence_max <= heard.silence);
            }
        }

        /// How often somebody looks changes nothing.
        #[test]
        fn looking_changes_nothing(looks in proptest::collection::vec(0u64..10_000, 0..20)) {
            let plain = {
                let mut player = Playhead::new();
                player.feed(ms(100), ms(4_000));
                player.advance(ms(10_000));
                player.heard()
            };
            let mut player = Playhead::new();
            player.feed(ms(100), ms(4_000));
            for look in looks {
                player.advance(ms(look));
            }
            player.advance(ms(10_000));
            prop_assert_eq!(player.heard(), plain);
        }

        /// Music that comes at playing speed or faster never leaves a gap.
        #[test]
        fn fast_enough_is_silent_never(extra in 0u64..50, chunks in 10u64..200) {
            let mut player = Playhead::new();
            for n in 0..chunks {
                player.feed(ms(n * 100), ms(100 + extra));
            }
            prop_assert_eq!(player.heard().silence, Duration::ZERO);
        }
    }
}
