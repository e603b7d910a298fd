//! What a client of HTTP/2 may do on one connection before it is sent away (invariant H3).
//!
//! Each kind of frame that costs the receiver more than the sender has a budget for ten seconds. Window updates are
//! measured by what they acknowledge, odd frames by the requests they accompany, the rest by plain figures far above
//! what browsers do. Resets of our side count when the client brought them about ("MadeYouReset", CVE-2025-8671),
//! as those of its own do (rapid reset, CVE-2023-44487).

use crate::codec::h2::{ErrorCode, Last};
use std::time::{Duration, Instant};

/// Budgets are for this long.
const WINDOW: Duration = Duration::from_secs(10);
/// Resets of either side.
const RESETS: u32 = 100;
/// DATA frames with nothing in them that do not end their stream.
const EMPTY_DATA: u32 = 100;
const PINGS: u32 = 100;
const SETTINGS: u32 = 20;
/// Window updates besides two for each DATA frame sent: one for its stream, one for the connection.
const WINDOW_UPDATES: u32 = 1_000;
const WINDOW_UPDATES_PER_DATA: u32 = 2;
/// Other frames besides some for each request.
const OTHERS: u32 = 500;
const OTHERS_PER_REQUEST: u32 = 4;
/// Bytes of one header block as sent, over all its frames.
pub(crate) const HEADER_BLOCK_BYTES: usize = 32 * 1024;
/// Frames of one header block.
const HEADER_BLOCK_FRAMES: u32 = 16;

/// Codes of resets that a client has not brought about: the end of an answer that came early, a body that no replica
/// could finish, a client that takes nothing.
const OWN_RESETS: [ErrorCode; 3] = [ErrorCode::NoError, ErrorCode::Internal, ErrorCode::Cancel];

/// A frame, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// With so many bytes of data in it, padding apart.
    Data {
        length: usize,
        last: Last,
    },
    /// HEADERS or CONTINUATION.
    HeaderBlock {
        length: usize,
        last: Last,
    },
    Reset,
    Ping,
    Settings,
    WindowUpdate,
    /// Acknowledgements, priorities, and whatever is not known.
    Other,
}

/// What a client did too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Resets,
    EmptyData,
    Pings,
    Settings,
    WindowUpdates,
    Others,
    /// A header block that is too long, or comes in too many pieces.
    HeaderBlock,
    /// A header block that does not come to its end.
    SlowHeaderBlock,
}

/// Counts of one connection.
#[derive(Debug)]
pub(crate) struct Calm {
    since: Instant,
    counts: Counts,
    block: Option<Block>,
}

#[derive(Debug, Default)]
struct Counts {
    resets: u32,
    empty_data: u32,
    pings: u32,
    settings: u32,
    window_updates: u32,
    others: u32,
    data_sent: u32,
    requests: u32,
}

/// A header block that has not ended.
#[derive(Debug)]
struct Block {
    since: Instant,
    bytes: usize,
    frames: u32,
}

impl Calm {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, counts: Counts::default(), block: None }
    }

    /// Takes in a frame of the client.
    ///
    /// # Errors
    /// What it has done too much of.
    pub(crate) fn received(&mut self, frame: Frame, now: Instant) -> Result<(), Excess> {
        let counts = self.counts(now);
        match frame {
            Frame::Reset => within(&mut counts.resets, RESETS, Excess::Resets),
            Frame::Data { length: 0, last: Last::No } => within(&mut counts.empty_data, EMPTY_DATA, Excess::EmptyData),
            Frame::Data { .. } => Ok(()),
            Frame::Ping => within(&mut counts.pings, PINGS, Excess::Pings),
            Frame::Settings => within(&mut counts.settings, SETTINGS, Excess::Settings),
            Frame::WindowUpdate => {
                let most = WINDOW_UPDATES.saturating_add(counts.data_sent.saturating_mul(WINDOW_UPDATES_PER_DATA));
                within(&mut counts.window_updates, most, Excess::WindowUpdates)
            }
            Frame::Other => {
                let most = OTHERS.saturating_add(counts.requests.saturating_mul(OTHERS_PER_REQUEST));
                within(&mut counts.others, most, Excess::Others)
            }
            Frame::HeaderBlock { length, last } => self.header_block(length, last, now),
        }
    }

    /// Takes in a DATA frame of ours.
    pub(crate) fn data_sent(&mut self) {
        self.counts.data_sent = self.counts.data_sent.saturating_add(1);
    }

    /// Takes in a reset of ours.
    ///
    /// # Errors
    /// When the client has brought about too many of them.
    pub(crate) fn reset_sent(&mut self, code: ErrorCode, now: Instant) -> Result<(), Excess> {
        if OWN_RESETS.contains(&code) {
            return Ok(());
        }
        within(&mut self.counts(now).resets, RESETS, Excess::Resets)
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// When a header block has been coming for longer than `patience`.
    pub(crate) fn check(&self, patience: Duration, now: Instant) -> Result<(), Excess> {
        let slow = self.block.as_ref().is_some_and(|block| now.saturating_duration_since(block.since) > patience);
        if slow { Err(Excess::SlowHeaderBlock) } else { Ok(()) }
    }

    fn counts(&mut self, now: Instant) -> &mut Counts {
        if now.saturating_duration_since(self.since) >= WINDOW {
            (self.since, self.counts) = (now, Counts::default());
        }
        &mut self.counts
    }

    fn header_block(&mut self, length: usize, last: Last, now: Instant) -> Result<(), Excess> {
        let block = self.block.get_or_insert(Block { since: now, bytes: 0, frames: 0 });
        block.bytes = block.bytes.saturating_add(length);
        block.frames = block.frames.saturating_add(1);
        if block.bytes > HEADER_BLOCK_BYTES || block.frames > HEADER_BLOCK_FRAMES {
            return Err(Excess::HeaderBlock);
        }
        if last == Last::Yes {
            self.block = None;
            self.counts.requests = self.counts.requests.saturating_add(1);
        }
        Ok(())
    }
}

fn within(count: &mut u32, most: u32, excess: Excess) -> Result<(), Excess> {
    *count = count.saturating_add(1);
    if *count > most { Err(excess) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a frame may come at once.
    fn allowed(calm: &mut Calm, frame: Frame, now: Instant) -> usize {
        (0..100_000).take_while(|_| calm.received(frame, now).is_ok()).count()
    }

    #[test]
    fn each_kind_has_its_budget() {
        let now = Instant::now();
        let table = [
            (Frame::Reset, 100),
            (Frame::Data { length: 0, last: Last::No }, 100),
            (Frame::Ping, 100),
            (Frame::Settings, 20),
            (Frame::WindowUpdate, 1_000),
            (Frame::Other, 500),
            (Frame::Data { length: 1, last: Last::No }, 100_000),
            (Frame::Data { length: 0, last: Last::Yes }, 100_000),
            (Frame::HeaderBlock { length: 100, last: Last::Yes }, 100_000),
            (Frame::HeaderBlock { length: 100, last: Last::No }, 16),
            (Frame::HeaderBlock { length: 16 * 1024, last: Last::No }, 2),
        ];
        for (frame, expected) in table {
            assert_eq!(allowed(&mut Calm::new(now), frame, now), expected, "{frame:?}");
        }
    }

    #[test]
    fn budgets_come_back_after_ten_seconds() {
        let now = Instant::now();
        let mut calm = Calm::new(now);
        assert_eq!(allowed(&mut calm, Frame::Reset, now), 100);
        assert_eq!(allowed(&mut calm, Frame::Reset, now + WINDOW / 2), 0);
        assert_eq!(allowed(&mut calm, Frame::Reset, now + WINDOW), 100);
    }

    #[test]
    fn resets_of_ours_count_when_the_client_brought_them_about() {
        let now = Instant::now();
        let sent = |calm: &mut Calm, code| calm.reset_sent(code, now);
        let mut calm = Calm::new(now);
        for code in OWN_RESETS {
            assert!((0..1_000).all(|_| sent(&mut calm, code).is_ok()), "{code:?}");
        }
        assert!((0..100).all(|_| sent(&mut calm, ErrorCode::Protocol).is_ok()));
        assert_eq!(sent(&mut calm, ErrorCode::Protocol), Err(Excess::Resets));
        assert_eq!(calm.received(Frame::Reset, now), Err(Excess::Resets), "both sides share one budget");
    }

    #[test]
    fn what_answers_something_is_measured_by_it() {
        let now = Instant::now();
        let mut calm = Calm::new(now);
        for _ in 0..1_000 {
            calm.data_sent();
            calm.received(Frame::HeaderBlock { length: 9, last: Last::Yes }, now)
                .expect("requests are limited elsewhere");
        }
        assert_eq!(allowed(&mut calm, Frame::WindowUpdate, now), 3_000);
        assert_eq!(allowed(&mut calm, Frame::Other, now), 4_500);
    }

    #[test]
    fn a_header_block_has_to_end() {
        let (now, patience) = (Instant::now(), Duration::from_secs(1));
        let mut calm = Calm::new(now);
        calm.received(Frame::HeaderBlock { length: 9, last: Last::No }, now).expect("short");
        assert_eq!(calm.check(patience, now + patience), Ok(()));
        assert_eq!(calm.check(patience, now + patience * 2), Err(Excess::SlowHeaderBlock));
        calm.received(Frame::HeaderBlock { length: 9, last: Last::Yes }, now).expect("short");
        assert_eq!(calm.check(patience, now + patience * 2), Ok(()));
    }
}
