//! What was reported lately, for the faces: by place over the last quarter of an hour, and the last day against the usual.

use super::counts::Tally;
use downbeat_core::model::{Moment, Name};
use std::collections::{BTreeMap, BTreeSet};

/// Most places that a picture names; the others are one.
const PLACES_MAX: usize = 512;
/// From so many reports on it is worth a word that they come out of one network.
const ALONE_MIN: u64 = 3;
/// Nearly all of them: the others are well.
const ALONE_SHARE: f64 = 0.9;
/// Whoever asks for more than this of what is asked for reports more as well: that is in proportion.
const ALONE_TRAFFIC: f64 = 0.5;
/// Everybody is told of it from so many networks of a system on: who is named in public should not be named by one forger.
const PUBLIC_NETWORKS: usize = 3;

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

    /// The same for people: `AS3320 (Deutsche Telekom)`, `10.1.2.0/24`.
    pub fn owner_title(&self) -> String {
        match &self.system {
            Some((name, title)) if !title.is_empty() => format!("{name} ({title})"),
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

    /// The network from which a component is reported alone, out of proportion to what its clients ask for: what fails there is
    /// perhaps not the service. `asked` are requests of the last minute, by whose network they came from.
    pub fn alone(&self, component: Option<&Name>, asked: &BTreeMap<Name, u64>) -> Option<&Place> {
        let about = || self.places.iter().filter(|place| place.is_about(component));
        let mut owners: BTreeMap<&Name, u64> = BTreeMap::new();
        about().for_each(|place| *owners.entry(place.owner()).or_default() += place.tally.heard);
        let all = owners.values().sum::<u64>().saturating_add(self.others.heard);
        let (owner, heard) = owners.into_iter().max_by_key(|(_, heard)| *heard)?;
        let requests: u64 = asked.values().sum();
        let of_requests = asked.get(owner).copied().unwrap_or(0);
        let is_proportionate = of_requests as f64 > ALONE_TRAFFIC * requests as f64;
        let is_alone = heard >= ALONE_MIN && heard as f64 >= ALONE_SHARE * all as f64 && !is_proportionate;
        about().find(|place| is_alone && place.owner() == owner)
    }

    /// The same of the whole service for everybody: autonomous systems alone, reported from several of their networks.
    pub fn alone_in_public(&self, asked: &BTreeMap<Name, u64>) -> Option<&Place> {
        let place = self.alone(None, asked).filter(|place| place.system.is_some())?;
        let networks = self.places.iter().filter(|other| other.owner() == place.owner()).map(|other| &other.network);
        (networks.collect::<BTreeSet<_>>().len() >= PUBLIC_NETWORKS).then_some(place)
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
        let other = |n| place("playback", "us", Some("AS1"), n);
        let asked = |its: u64| BTreeMap::from([(name("AS3320"), its), (name("AS1"), 1_000)]);
        let alone = |places: Vec<Place>, component: Option<&Name>, asked: &BTreeMap<Name, u64>| {
            picture(places).alone(component, asked).map(Place::owner_title)
        };
        let said = Some("AS3320 (A provider)".to_owned());
        for (places, component, asked, expected) in [
            (vec![telekom(4)], Some(&playback), asked(100), said.clone()),
            (vec![telekom(4)], Some(&playback), BTreeMap::new(), said.clone()),
            (vec![telekom(2)], Some(&playback), asked(100), None),
            (vec![telekom(40), other(4)], Some(&playback), asked(100), said.clone()),
            (vec![telekom(30), other(4)], Some(&playback), asked(100), None),
            (vec![telekom(40)], Some(&playback), asked(1_001), None),
            (vec![telekom(4)], Some(&login), asked(100), None),
            (vec![place("login", "eu", None, 4)], None, asked(100), Some("10.0.0.0/24".to_owned())),
        ] {
            assert_eq!(alone(places.clone(), component, &asked), expected, "{places:?} {asked:?}");
        }
        let within =
            |networks: u8| (0..networks).map(|n| Place { network: name(&format!("10.0.{n}.0/24")), ..telekom(9) });
        let in_public = |places: Vec<Place>| picture(places).alone_in_public(&asked(100)).is_some();
        assert!(in_public(within(3).collect()) && !in_public(within(2).collect()), "one forger has two networks");
        let bare = (0..9).map(|n| Place { network: name("10.0.0.0/24"), ..place("login", "eu", None, n) }).collect();
        assert!(!in_public(bare), "a household is nobody's to name");
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
