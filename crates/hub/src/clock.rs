//! The hub's clock: anchored once to the wall clock, from then on only the monotonic one counts, so that
//! whatever happens to the wall clock moves no window and fires no deadline (invariant F1).

use downbeat_core::model::Moment;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the hub the time; never goes back, not even over restarts. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct HubClock {
    anchor: Moment,
    started: Instant,
}

impl HubClock {
    /// A clock that starts now, or at the log's last moment when the wall clock claims to be before it.
    pub fn start(last: Moment) -> Self {
        Self::anchored(SystemTime::now(), last)
    }

    fn anchored(wall: SystemTime, last: Moment) -> Self {
        // A wall clock before 1970 is no clock; the log's last moment is the better guess then.
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: (Moment::default() + since_epoch).max(last), started: Instant::now() }
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        self.anchor + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn never_before_the_log() {
        let last = Moment::from_millis(2_000_000_000_000);
        let table = [
            (UNIX_EPOCH + Duration::from_secs(3_000_000_000), 3_000_000_000_000),
            (UNIX_EPOCH + Duration::from_secs(1_000_000_000), 2_000_000_000_000),
            (UNIX_EPOCH - Duration::from_secs(10), 2_000_000_000_000),
        ];
        for (wall, anchor) in table {
            let clock = HubClock::anchored(wall, last);
            assert_eq!(clock.anchor, Moment::from_millis(anchor));
            let (first, second) = (clock.now(), clock.now());
            assert!(clock.anchor <= first && first <= second);
        }
    }
}
