//! What the faces draw: one consistent picture of everything, published by the driver after each change.

use crate::history::History;
use crate::reports::ReportPicture;
use crate::settings::HubSettings;
use downbeat_core::incident::{Arming, ArmingState, Board, Book};
use downbeat_core::model::{Moment, Name};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One day of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    /// Days since 1970-01-01 (UTC).
    pub day: i64,
    /// Seconds known to be good.
    pub good_s: u32,
    /// Seconds degraded.
    pub degraded_s: u32,
    /// Seconds down.
    pub down_s: u32,
}

impl Day {
    /// Share of the known time in which the component worked, 0 to 1; `None` when nothing is known.
    pub fn uptime(&self) -> Option<f64> {
        let known = f64::from(self.good_s) + f64::from(self.degraded_s) + f64::from(self.down_s);
        (known > 0.0).then(|| 1.0 - f64::from(self.down_s) / known)
    }
}

/// One consistent picture of everything.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Moment,
    /// What the binary was told.
    pub settings: Arc<HubSettings>,
    /// All incidents, remedies, notices.
    pub book: Arc<Book>,
    /// The live picture.
    pub board: Arc<Board>,
    /// Up to 90 days of each component, oldest first, today last.
    pub days: Arc<BTreeMap<Name, Vec<Day>>>,
    /// What users reported lately.
    pub reports: Arc<ReportPicture>,
    /// What other pages told before this one.
    pub history: Arc<History>,
    /// What is wrong with the hub itself, when something is: a full disk, a locked database.
    pub trouble: Option<String>,
    /// Why subscribers hear nothing new, when they do not.
    pub untold: Option<String>,
}

impl Snapshot {
    /// All that automation may do by itself, with when it lapses.
    pub fn armings(&self) -> Vec<Arming> {
        self.book.armings(&self.settings.policy)
    }

    /// What of it has lapsed or does so within a week, the first first.
    pub fn lapsing(&self) -> Vec<Arming> {
        let mut lapsing = self.armings();
        lapsing.retain(|arming| arming.state(self.now) != ArmingState::Armed);
        lapsing.sort_by_key(|arming| arming.until);
        lapsing
    }
}
