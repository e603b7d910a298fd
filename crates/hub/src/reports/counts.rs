//! Who counts, and what was counted: caps by network and autonomous system, the last minutes by place, the last day by quarters.
//!
//! Everything here is bounded by constants and the configuration, whatever strangers send (invariant G3): networks of one
//! minute, cells of one minute, quarters of a day. What does not fit is counted without its place. All of it is told the time.

use super::networks::{NetworkId, SystemId};
use downbeat_core::detect::{SHARE_OF, Usual};
use downbeat_core::model::Moment;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// For so long, another report of the same component from the same network counts for nothing.
const WINDOW: Duration = Duration::from_secs(60);
/// Reports that count in one window, over all networks; evidence from reports is capped far below.
const COUNTED_MAX: usize = 1_000;
/// Of these, most from one autonomous system: a fifth.
const SYSTEM_MAX: u32 = 200;
/// More reports than this within a minute are a burst: from then on they have to show a token.
const BURST: u64 = 600;
/// Minutes that the map looks back.
const MINUTES: u64 = 15;
/// Most places of one minute.
const CELLS_MAX: usize = 2_048;
/// Quarters of an hour kept: a day.
const QUARTERS: usize = 96;
const MINUTE_MS: u64 = 60_000;
const QUARTER_MS: u64 = 15 * MINUTE_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// What a report is about, by numbers of the desk's lists; zero is "not said".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct About {
    pub(super) component: u16,
    pub(super) category: u16,
    pub(super) region: u16,
    pub(super) version: u16,
}

/// Where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    pub(super) network: NetworkId,
    pub(super) system: SystemId,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Counted,
    /// This network said so within the last minute, or this token was used before.
    HeardBefore,
    /// More came in the last minute than can matter.
    TooMany,
    /// Many report right now, and nothing shows that this one is not made in bulk.
    ToBeShown,
}

/// How many reports came, and how many of them counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All of them.
    pub heard: u64,
    /// One per network, component and minute.
    pub counted: u64,
}

impl Tally {
    fn add(&mut self, taken: Taken) {
        self.heard = self.heard.saturating_add(1);
        self.counted += u64::from(taken == Taken::Counted);
    }

    pub(super) fn plus(&mut self, other: Tally) {
        self.heard = self.heard.saturating_add(other.heard);
        self.counted = self.counted.saturating_add(other.counted);
    }
}

/// One minute by place.
#[derive(Debug, Default)]
struct Minute {
    number: u64,
    cells: HashMap<(About, Origin), Tally>,
    /// What found no room.
    others: Tally,
    all: Tally,
}

/// The quarters of one component, oldest first, and what is usual there.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    /// Number of the quarter since 1970, and what counted in it.
    pub(super) quarters: VecDeque<(u64, u32)>,
    pub(super) usual: Usual,
    /// The same of 100,000 active sessions, learnt where they are known.
    pub(super) usual_of_100k: Usual,
    /// What counted in the hour that goes on.
    pub(super) hour: u32,
    /// Active sessions within it: the sum of some looks, and how many looks that were.
    pub(super) sessions: (u64, u32),
}

/// What is usual anyway, before anything was learnt: reports a minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floors {
    /// Of one component.
    pub(super) per_minute: f64,
    /// The same of 100,000 active sessions.
    pub(super) of_100k: f64,
}

/// All counts.
#[derive(Debug)]
pub(super) struct Counts {
    /// Who counted lately: the network and the component.
    heard: HashMap<(NetworkId, u16), Moment>,
    /// By autonomous system: how many counted in this minute.
    by_system: HashMap<SystemId, u32>,
    minutes: VecDeque<Minute>,
    /// By component; the first is for what names none.
    series: Vec<Series>,
    hour: Hour,
}

/// The hour that goes on.
#[derive(Debug, Clone, Copy)]
struct Hour {
    number: u64,
    /// False when the hub was not there from its beginning on, or something was open within it (G4).
    teaches: bool,
}

impl Counts {
    /// Nothing was counted yet; so many components besides "not said".
    pub(super) fn new(components: usize, now: Moment) -> Self {
        let hour = Hour { number: now.as_millis() / HOUR_MS, teaches: false };
        let series = vec![Series::default(); components + 1];
        Self { heard: HashMap::new(), by_system: HashMap::new(), minutes: VecDeque::new(), series, hour }
    }

    /// True while so many report that each has to show a token.
    pub(super) fn is_burst(&self, now: Moment) -> bool {
        let number = now.as_millis() / MINUTE_MS;
        self.minutes.iter().rev().take(2).any(|minute| minute.number + 1 >= number && minute.all.heard > BURST)
    }

    /// Takes one report in. `shown` tells whether it showed what is asked for in a burst.
    pub(super) fn take(&mut self, now: Moment, about: About, origin: Origin, shown: bool) -> Taken {
        self.turn_minute(now);
        let taken = if self.is_burst(now) && !shown { Taken::ToBeShown } else { self.admit(now, about, origin) };
        let quarter = self.series_of(about.component, now);
        if taken == Taken::Counted {
            *quarter = quarter.saturating_add(1);
            self.series[usize::from(about.component)].hour += 1;
        }
        let minute = self.minutes.back_mut().expect("the minute has begun");
        minute.all.add(taken);
        let room = minute.cells.len() < CELLS_MAX;
        match minute.cells.get_mut(&(about, origin)) {
            Some(tally) => tally.add(taken),
            None if room => minute.cells.entry((about, origin)).or_default().add(taken),
            None => minute.others.add(taken),
        }
        taken
    }

    /// One counts per network, component and minute; a system has a fifth of what counts.
    fn admit(&mut self, now: Moment, about: About, origin: Origin) -> Taken {
        let key = (origin.network, about.component);
        if self.heard.get(&key).is_some_and(|at| now.since(*at) < WINDOW) {
            return Taken::HeardBefore;
        }
        if self.heard.len() >= COUNTED_MAX {
            self.heard.retain(|_, at| now.since(*at) < WINDOW);
        }
        let of_system = self.by_system.get(&origin.system).copied().unwrap_or(0);
        let is_capped = origin.system != SystemId::NONE && of_system >= SYSTEM_MAX;
        if self.heard.len() >= COUNTED_MAX || is_capped {
            return Taken::TooMany;
        }
        self.heard.insert(key, now);
        *self.by_system.entry(origin.system).or_default() += 1;
        Taken::Counted
    }

    fn turn_minute(&mut self, now: Moment) {
        let number = now.as_millis() / MINUTE_MS;
        if self.minutes.back().is_none_or(|last| last.number < number) {
            self.minutes.push_back(Minute { number, ..Minute::default() });
            self.by_system.clear();
        }
        while self.minutes.front().is_some_and(|first| first.number + MINUTES <= number) {
            self.minutes.pop_front();
        }
    }

    fn series_of(&mut self, component: u16, now: Moment) -> &mut u32 {
        let number = now.as_millis() / QUARTER_MS;
        let quarters = &mut self.series[usize::from(component)].quarters;
        if quarters.back().is_none_or(|(last, _)| *last < number) {
            quarters.push_back((number, 0));
        }
        while quarters.len() > QUARTERS {
            quarters.pop_front();
        }
        &mut quarters.back_mut().expect("one was pushed when there was none").1
    }

    /// So many sessions of each component are active now, in their order; the first figure is of all. To be told evenly.
    pub(super) fn note_sessions(&mut self, active: impl Iterator<Item = Option<u64>>) {
        for (series, active) in self.series.iter_mut().zip(active) {
            if let Some(active) = active {
                series.sessions = (series.sessions.0.saturating_add(active), series.sessions.1 + 1);
            }
        }
    }

    /// Ends the hour when it is over, and learns from it; `is_open` while something is suspected or more. True when an hour
    /// ended.
    pub(super) fn tick(&mut self, now: Moment, is_open: bool, floors: Floors) -> bool {
        self.turn_minute(now);
        let number = now.as_millis() / HOUR_MS;
        if is_open {
            self.hour.teaches = false;
        }
        if number == self.hour.number {
            return false;
        }
        let ended = Moment::from_millis(self.hour.number * HOUR_MS);
        let teaches = self.hour.teaches && self.hour.number + 1 == number;
        for series in &mut self.series {
            let per_minute = f64::from(std::mem::take(&mut series.hour)) / 60.0;
            let (sum, looks) = std::mem::take(&mut series.sessions);
            if !teaches {
                continue;
            }
            series.usual.learn(ended, per_minute, floors.per_minute);
            if sum > 0 {
                let sessions = sum as f64 / f64::from(looks);
                series.usual_of_100k.learn(ended, per_minute * SHARE_OF / sessions, floors.of_100k);
            }
        }
        self.hour = Hour { number, teaches: !is_open };
        true
    }

    /// Reports a minute that are usual of a component now.
    pub(super) fn usual(&self, component: u16, now: Moment) -> f64 {
        self.series.get(usize::from(component)).map_or(0.0, |series| series.usual.at(now))
    }

    /// The same of 100,000 active sessions.
    pub(super) fn usual_of_100k(&self, component: u16, now: Moment) -> f64 {
        self.series.get(usize::from(component)).map_or(0.0, |series| series.usual_of_100k.at(now))
    }

    /// By place, over the last quarter of an hour; what found no room comes last, under no place.
    pub(super) fn places(&self) -> (BTreeMap<(About, Origin), Tally>, Tally) {
        let mut sums: BTreeMap<(About, Origin), Tally> = BTreeMap::new();
        let mut others = Tally::default();
        for minute in &self.minutes {
            others.plus(minute.others);
            for (place, tally) in &minute.cells {
                sums.entry(*place).or_default().plus(*tally);
            }
        }
        (sums, others)
    }

    /// The last day: when each quarter of an hour began, what counted in it, and what is usual there.
    pub(super) fn day(&self, now: Moment) -> Vec<(Moment, u64, f64)> {
        let last = now.as_millis() / QUARTER_MS;
        let first = (last + 1).saturating_sub(QUARTERS as u64);
        let mut day: Vec<(Moment, u64, f64)> = (first..=last)
            .map(|number| {
                let at = Moment::from_millis(number * QUARTER_MS);
                (at, 0, self.series.iter().map(|series| series.usual.at(at) * 15.0).sum())
            })
            .collect();
        let counted = self.series.iter().flat_map(|series| &series.quarters);
        for (number, counted) in counted.filter(|(number, _)| (first..=last).contains(number)) {
            let nth = usize::try_from(number - first).expect("within a day");
            day[nth].1 += u64::from(*counted);
        }
        day
    }

    /// The series of all components, to be kept over a restart.
    pub(super) fn series(&self) -> &[Series] {
        &self.series
    }

    /// Goes on with what an earlier run counted of a component.
    pub(super) fn restore(&mut self, component: u16, series: Series) {
        if let Some(place) = self.series.get_mut(usize::from(component)) {
            *place = series;
            while place.quarters.len() > QUARTERS {
                place.quarters.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(1_795_356_000_000);
    const FLOORS: Floors = Floors { per_minute: 0.2, of_100k: 1.0 };

    fn from(network: u64, system: SystemId) -> Origin {
        Origin { network: NetworkId(network), system }
    }

    fn table_system(n: usize) -> SystemId {
        use super::super::networks::NetworkTable;
        let text: String = (0..=n).map(|i| format!("10.{i}.0.0/16,{},x\n", 64_500 + i)).collect();
        NetworkTable::parse(&text).expect("good").find(format!("10.{n}.0.1").parse().expect("an address"))
    }

    fn about(component: u16) -> About {
        About { component, ..About::default() }
    }

    #[test]
    fn one_counts_per_network_and_component_and_so_many_in_all() {
        let mut counts = Counts::new(3, NOW);
        let mut take = |network, component, category| {
            counts.take(NOW, About { category, ..about(component) }, from(network, SystemId::NONE), true)
        };
        assert_eq!(take(1, 1, 1), Taken::Counted);
        assert_eq!(take(1, 1, 1), Taken::HeardBefore);
        assert_eq!(take(1, 1, 2), Taken::HeardBefore, "another button is not another person");
        assert_eq!(take(1, 2, 1), Taken::Counted);
        let counted = (2..3_000).filter(|n| take(*n, 1, 1) == Taken::Counted).count();
        assert_eq!(counted + 2, COUNTED_MAX);
        assert_eq!(take(9_999, 1, 1), Taken::TooMany);
    }

    #[test]
    fn g1_a_system_has_a_fifth_of_what_counts() {
        let (mut counts, system) = (Counts::new(1, NOW), table_system(0));
        let counted =
            (0..10_000).filter(|n| counts.take(NOW, about(1), from(*n, system), true) == Taken::Counted).count();
        assert_eq!(counted, 200);
        assert_eq!(counts.take(NOW, about(1), from(10_001, table_system(1)), true), Taken::Counted);
    }

    /// G3: what a flood leaves in memory, and what it has to show.
    #[test]
    fn g3_a_flood_has_to_show_something_and_fills_nothing() {
        let mut counts = Counts::new(1, NOW);
        let unshown = (0..1_000_000).filter(|n| {
            let origin = from(n % 10_000, SystemId::NONE);
            counts.take(NOW, about(1), origin, false) == Taken::ToBeShown
        });
        assert_eq!(unshown.count() as u64, 1_000_000 - BURST - 1);
        assert_eq!(counts.take(NOW, about(1), from(77_777, SystemId::NONE), true), Taken::Counted);
        let (places, others) = counts.places();
        assert!(places.len() <= CELLS_MAX && counts.heard.len() <= COUNTED_MAX);
        let heard: u64 = places.values().map(|tally| tally.heard).sum::<u64>() + others.heard;
        assert_eq!(heard, 1_000_001, "all are counted, with or without their place");
        let later = NOW + Duration::from_secs(180);
        assert_eq!(counts.take(later, about(1), from(1, SystemId::NONE), false), Taken::Counted, "it is over");
    }

    #[test]
    fn the_day_is_kept_by_quarters_and_quiet_hours_teach_what_is_usual() {
        let hour = Duration::from_secs(3_600);
        let mut counts = Counts::new(1, NOW);
        let mut now = NOW;
        for n in 0..24 * 14_u64 {
            for i in 0..60 {
                counts.take(now + Duration::from_secs(i * 60), about(1), from(1, SystemId::NONE), true);
            }
            now = now + hour;
            // Something is open in the last hour of each day.
            assert!(counts.tick(now, n % 24 == 23, FLOORS));
        }
        let day = counts.day(now);
        assert_eq!(day.len(), 96);
        assert!(day.iter().all(|(_, counted, _)| *counted <= 15), "{day:?}");
        assert_eq!(day.iter().map(|(_, counted, _)| counted).sum::<u64>(), 1_425, "the last quarter has just begun");
        let usual = counts.usual(1, now + hour * 5);
        assert!(usual > 0.2 && usual <= 0.2 * 1.25 * 1.25 + 1e-9, "{usual}");
        assert_eq!(counts.usual(1, now), 0.0, "this hour of the day follows upon the one with something open");
        let kept = counts.series()[1].clone();
        let mut again = Counts::new(1, now);
        again.restore(1, kept);
        assert_eq!(again.day(now), day);
    }

    /// Ten times the users with ten times the reports are the same share; what is learnt of it is bounded like the number (G4).
    #[test]
    fn what_is_usual_of_those_who_are_there_is_learnt_as_a_share() {
        let learnt = |sessions: u64, reports: u64| {
            let (mut counts, mut now) = (Counts::new(1, NOW), NOW);
            for _ in 0..24 * 7 * 20 {
                for (minute, n) in (0..60).flat_map(|minute| (0..reports / 60).map(move |n| (minute, n))) {
                    counts.take(now + Duration::from_secs(minute * 60), about(1), from(n, SystemId::NONE), true);
                }
                (0..60).for_each(|_| counts.note_sessions([None, Some(sessions)].into_iter()));
                now = now + Duration::from_secs(3_600);
                counts.tick(now, false, FLOORS);
            }
            (counts.usual_of_100k(1, now), counts.usual_of_100k(0, now))
        };
        let (few, nobody_knows) = learnt(10_000, 60);
        assert!((9.0..=10.0).contains(&few), "one a minute of 10,000: {few}");
        assert_eq!(nobody_knows, 0.0);
        assert_eq!(few, learnt(100_000, 600).0);
    }

    #[test]
    fn g4_an_hour_with_an_incident_teaches_nothing() {
        let hour = Duration::from_secs(3_600);
        let mut counts = Counts::new(1, NOW);
        for n in 0..24 * 21_u64 {
            counts.take(NOW + hour * u32::try_from(n).expect("small"), about(1), from(n, SystemId::NONE), true);
            counts.tick(NOW + hour * u32::try_from(n + 1).expect("small"), true, FLOORS);
        }
        assert!(counts.series()[1].usual == Usual::default());
    }
}
