//! Growing pauses with jitter: a receiver that comes back is not met by everybody at once.

use crate::chance::random_share;
use std::time::Duration;

/// The pauses between attempts: `first`, then three times as long each time, each one times 0.5 to 1.5.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    /// The first pause, before jitter.
    pub(crate) first: Duration,
    /// How many attempts there are in all.
    pub(crate) attempts: u32,
}

impl Pauses {
    /// Five attempts within about a minute: 1, 3, 9 and 27 seconds between them.
    pub(crate) const USUAL: Pauses = Pauses { first: Duration::from_secs(1), attempts: 5 };

    /// The pause after so many failed attempts; `None` when that was the last one.
    pub(crate) fn after(self, failed: u32) -> Option<Duration> {
        let grown = self.first.saturating_mul(3u32.saturating_pow(failed.saturating_sub(1)));
        (failed < self.attempts).then(|| grown.mul_f64(0.5 + random_share()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for (failed, middle) in [(1, 1.0), (2, 3.0), (3, 9.0), (4, 27.0)] {
            let pause = Pauses::USUAL.after(failed).expect("another attempt").as_secs_f64();
            assert!((middle * 0.5..=middle * 1.5).contains(&pause), "{failed}: {pause}");
        }
        assert_eq!(Pauses::USUAL.after(5), None);
    }
}
