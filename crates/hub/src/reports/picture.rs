//! What was reported lately, for the faces: by place over the last quarter of an hour, and the last day against the usual.

use super::counts::Tally;
use downbeat_core::model::{Moment, Name};
use std::collections::BTreeMap;

/// Most places that a picture names; the others are one.
const PLACES_MAX: usize = 512;
/// From so many reports on it is worth a word that they all come out of one network.
const ALONE_MIN: u64 = 3;

/// What was reported lately.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportPicture {
    /// When it was drawn.
    pub at: Moment,
    /// All of the last quarter of an hour.
    pub all: Tally,
    /// The same by place, most reported first.
    pub places: Vec<Place>,
    /// What of it has no place: there were too many.
    pub others: Tally,
    /// The last day.
    pub day: Vec<Quarter>,
    /// True while so many report that each has to show a token.
    pub is_burst: bool,
}

/// Reports that have all of this in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What is meant.
    pub component: Option<Name>,
    /// What is wrong.
    pub category: Option<Name>,
    /// Where the reporters are.
    pub region: Option<Name>,
    /// The version of their app.
    pub version: Option<Name>,
    /// Their network.
    pub network: Name,
    /// Its autonomous system and what people call that, where a table is given.
    pub system: Option<(Name, String)>,
    /// How many.
    pub tally: Tally,
}

/// A quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quarter {
    /// When it began.
    pub at: Moment,
    /// Reports that counted.
    pub counted: u64,
    /// So many are usual.
    pub usual: f64,
}

impl Place {
    /// Whose network it is: the autonomous system where it is known, else the network.
    pub fn owner(&self) -> &Name {
        self.system.as_ref().map_or(&self.network, |(name, _)| name)
    }

    /// The same for people: `AS3320 Deutsche Telekom`, `10.1.2.0/24`.
    pub fn owner_title(&self) -> String {
        match &self.system {
            Some((name, title)) if !title.is_empty() => format!("{name} {title}"),
            _ => self.owner().to_string(),
        }
    }

    fn is_about(&self, component: Option<&Name>) -> bool {
        component.is_none() || self.component.as_ref() == component
    }
}

impl ReportPicture {
    pub(super) fn new(
        at: Moment,
        mut places: Vec<Place>,
        mut others: Tally,
        day: Vec<(Moment, u64, f64)>,
        is_burst: bool,
    ) -> Self {
        let mut all = others;
        places.iter().for_each(|place| all.plus(place.tally));
        places.sort_by_key(|place| std::cmp::Reverse((place.tally.counted, place.tally.heard)));
        places.drain(PLACES_MAX.min(places.len())..).for_each(|place| others.plus(place.tally));
        let day = day.into_iter().map(|(at, counted, usual)| Quarter { at, counted, usual }).collect();
        Self { at, all, places, others, day, is_burst }
    }

    /// How many reports counted of a component in a region; of any where none is given.
    pub fn counted(&self, component: Option<&Name>, region: Option<&Name>) -> u64 {
        let there = |place: &&Place| place.is_about(component) && (region.is_none() || place.region.as_ref() == region);
        self.places.iter().filter(there).map(|place| place.tally.counted).sum()
    }

    /// The only network that reports a component, when there is one: what fails there is perhaps not the service.
    pub fn alone(&self, component: Option<&Name>) -> Option<String> {
        let mut about = self.places.iter().filter(|place| place.is_about(component));
        let first = about.next()?;
        let mut heard = first.tally.heard;
        let same = about.all(|place| {
            heard = heard.saturating_add(place.tally.heard);
            place.owner() == first.owner()
        });
        (same && heard >= ALONE_MIN && self.others == Tally::default()).then(|| first.owner_title())
    }

    /// Sums by whatever of a place somebody asks for, most first.
    pub fn by<K: Ord>(&self, key: impl Fn(&Place) -> K) -> Vec<(K, Tally)> {
        let mut sums: BTreeMap<K, Tally> = BTreeMap::new();
        for place in &self.places {
            sums.entry(key(place)).or_default().plus(place.tally);
        }
        let mut sums: Vec<(K, Tally)> = sums.into_iter().collect();
        sums.sort_by_key(|(_, tally)| std::cmp::Reverse((tally.counted, tally.heard)));
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(component: &str, region: &str, system: Option<&str>, heard: u64) -> Place {
        let name = |text: &str| Name::new(text).expect("good");
        Place {
            component: Some(name(component)),
            category: None,
            region: Some(name(region)),
            version: None,
            network: name("10.0.0.0/24"),
            system: system.map(|text| (name(text), "A provider".into())),
            tally: Tally { heard, counted: heard / 2 },
        }
    }

    fn picture(places: Vec<Place>) -> ReportPicture {
        ReportPicture::new(Moment::default(), places, Tally::default(), vec![], false)
    }

    #[test]
    fn who_is_alone_is_named() {
        let name = |text: &str| Name::new(text).expect("good");
        let (playback, login) = (name("playback"), name("login"));
        let telekom = |n| place("playback", "eu", Some("AS3320"), n);
        assert_eq!(picture(vec![telekom(4)]).alone(Some(&playback)).as_deref(), Some("AS3320 A provider"));
        assert_eq!(picture(vec![telekom(2)]).alone(Some(&playback)), None, "two are no pattern");
        assert_eq!(picture(vec![telekom(4), place("playback", "us", Some("AS1"), 1)]).alone(Some(&playback)), None);
        assert_eq!(picture(vec![telekom(4)]).alone(Some(&login)), None);
        assert_eq!(picture(vec![place("login", "eu", None, 4)]).alone(None).as_deref(), Some("10.0.0.0/24"));
    }

    #[test]
    fn sums_by_place() {
        let name = |text: &str| Name::new(text).expect("good");
        let many = picture(vec![
            place("login", "eu", None, 2),
            place("playback", "eu", None, 8),
            place("login", "us", None, 4),
        ]);
        assert_eq!(
            (many.all.heard, many.counted(None, None), many.counted(Some(&name("login")), Some(&name("us")))),
            (14, 7, 2)
        );
        let regions: Vec<_> =
            many.by(|place| place.region.clone()).into_iter().map(|(_, tally)| tally.counted).collect();
        assert_eq!(regions, [5, 2]);
        let crowd = picture((0..600).map(|_| place("login", "eu", None, 2)).collect());
        assert_eq!((crowd.places.len(), crowd.others.heard, crowd.all.heard), (512, 176, 1_200));
    }
}
