//! Streams that have ended lately, and how: what still comes for them is judged by that.
//!
//! Source: RFC 9113, 5.1 (closed).

use std::collections::VecDeque;

/// Streams that are remembered: more than twice as many as there may be at once.
const REMEMBERED: usize = 256;
/// Set for a stream that we have reset. Stream numbers have 31 bits.
const RESET: u32 = 1 << 31;

/// How a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// We have reset it: the client may not have known when it sent what comes now.
    Reset,
    /// Both sides have ended it, or the client has reset it: nothing may come.
    Closed,
}

/// The last streams that have ended.
#[derive(Debug, Default)]
pub(super) struct Closed {
    streams: VecDeque<u32>,
}

impl Closed {
    pub(super) fn remember(&mut self, stream: u32, end: End) {
        if self.streams.len() == REMEMBERED {
            self.streams.pop_front();
        }
        self.streams.push_back(if end == End::Reset { stream | RESET } else { stream });
    }

    /// How a stream has ended; `None` when it never was, or ended long ago.
    pub(super) fn end(&self, stream: u32) -> Option<End> {
        let found = self.streams.iter().rev().find(|known| **known & !RESET == stream)?;
        Some(if found & RESET != 0 { End::Reset } else { End::Closed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known() {
        let mut closed = Closed::default();
        for stream in (1..2_000).step_by(2) {
            closed.remember(stream, if stream % 3 == 0 { End::Reset } else { End::Closed });
        }
        let known = |stream| closed.end(stream);
        assert_eq!(
            [known(1_999), known(1_995), known(1_997)],
            [Some(End::Closed), Some(End::Reset), Some(End::Closed)]
        );
        assert_eq!([known(1_489), known(1_487), known(2_001)], [Some(End::Closed), None, None]);
    }
}
