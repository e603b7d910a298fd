//! The store as the crier, the carriers and the faces use it.

use super::roll::{ASK_AGAIN_AFTER, Asked, CONFIRM_WITHIN};
use super::round::{End, Job};
use super::store::{Entry, Store};
use super::*;
use downbeat_core::model::{IncidentId, MaintenanceId, Name};
use downbeat_core::tell::word::{PublicWord, Sequel, StoryId, WordId};
use std::time::Duration;

const PLAYBACK: &str = "playback";
const LOGIN: &str = "login";

fn names(names: &[&str]) -> BTreeSet<Name> {
    names.iter().map(|name| Name::new(name).expect("a good name")).collect()
}

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1_000)
}

fn mail(text: &str) -> Address {
    Address::read(ChannelKind::Mail, text).expect("a mail address")
}

fn incident(number: u64) -> StoryId {
    StoryId::Incident(IncidentId(number))
}

fn word(story: StoryId, count: u32, seconds: u64, touched: &[&str], sequel: Sequel) -> PublicWord {
    PublicWord {
        id: WordId { story, count },
        at: at(seconds),
        standing: "investigating",
        title: "Problems".into(),
        body: "We look into it.".into(),
        translations: Default::default(),
        components: names(touched),
        sequel,
        absorbed: vec![],
    }
}

struct Bench {
    data: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let store = Store::open(data.path(), "first", Entry::First).expect("opened");
        Self { data, store }
    }

    /// Somebody who confirmed at that second.
    fn subscriber(&mut self, text: &str, chosen: &[&str], seconds: u64) -> i64 {
        let address = mail(text);
        self.store.add(at(seconds), &[Wish::new(address.clone(), Choice(names(chosen)))]).expect("added");
        self.store.find(&address).expect("looked").expect("there")
    }

    fn enter(&mut self, word: &PublicWord) -> usize {
        self.store.enter_word(word.at, word, "{}").expect("entered")
    }

    /// All that is due at that second, by word and subscriber.
    fn due(&self, seconds: u64) -> Vec<(i64, i64)> {
        let lanes = self.store.due_lanes(at(seconds)).expect("looked");
        let due = |lane: i64| self.store.due(lane, at(seconds), 100).expect("looked");
        let mut all: Vec<(i64, i64)> = lanes.into_iter().flat_map(due).map(|job: Job| job.key()).collect();
        all.sort_unstable();
        all
    }

    fn settle(&mut self, key: (i64, i64), end: End) {
        self.store.settle(&[(key, end)]).expect("settled");
    }

    /// As after a restart.
    fn reopen(&mut self) {
        self.store = Store::open(self.data.path(), "second", Entry::First).expect("opened again");
    }
}

#[test]
fn an_address_is_asked_once_an_hour_and_forgotten_when_it_does_not_answer() {
    let mut bench = Bench::new();
    let anna = Wish::new(mail("anna@example.org"), Choice::default());
    let later = at(0) + ASK_AGAIN_AFTER;
    assert_eq!(bench.store.ask(at(0), &anna).expect("asked"), Asked::Now);
    assert_eq!(bench.store.ask(at(10), &anna).expect("asked"), Asked::Lately);
    assert_eq!(bench.due(10).len(), 1, "one question");
    let key = bench.due(10)[0];
    bench.settle(key, End::Told);
    assert!(bench.due(20).is_empty());
    assert_eq!(bench.store.ask(later, &anna).expect("asked"), Asked::Now);
    assert_eq!(bench.due(3_600), [key], "the question again");
    assert_eq!(bench.store.forget_unconfirmed(later + CONFIRM_WITHIN).expect("forgotten"), 0);
    let late = later + CONFIRM_WITHIN + Duration::from_millis(1);
    assert_eq!(bench.store.forget_unconfirmed(late).expect("forgotten"), 1);
    assert_eq!(bench.store.counts().expect("counted"), Counts::default());
}

#[test]
fn a_word_goes_to_those_whom_it_concerns_once() {
    let mut bench = Bench::new();
    let (all, player) =
        (bench.subscriber("all@example.org", &[], 1), bench.subscriber("p@example.org", &[PLAYBACK], 1));
    bench.subscriber("l@example.org", &[LOGIN], 1);
    bench.subscriber("late@example.org", &[], 101);
    bench.store.ask(at(1), &Wish::new(mail("unconfirmed@example.org"), Choice::default())).expect("asked");
    let began = word(incident(3), 1, 100, &[PLAYBACK], Sequel::Follows);
    assert_eq!(bench.enter(&began), 2);
    assert_eq!(bench.enter(&began), 0, "it is known");
    bench.reopen();
    assert_eq!(bench.enter(&began), 0, "also after a restart");
    assert_eq!(bench.store.known().expect("read"), [(incident(3), 1)].into());
    let due: Vec<_> = bench.due(100).into_iter().filter(|(word, _)| *word > 0).collect();
    assert_eq!(due, [(1, all), (1, player)]);
}

#[test]
fn who_heard_began_hears_over_whatever_they_chose_since() {
    let mut bench = Bench::new();
    let anna = bench.subscriber("anna@example.org", &[PLAYBACK], 1);
    bench.enter(&word(incident(3), 1, 100, &[PLAYBACK], Sequel::Follows));
    let token = bench.store.list(0, 1).expect("listed")[0].token.clone();
    bench.store.choose(&token, &Choice(names(&[LOGIN])), None).expect("chosen");
    bench.settle((1, anna), End::Told);
    bench.reopen();
    assert_eq!(bench.enter(&word(incident(4), 1, 150, &[PLAYBACK], Sequel::Follows)), 0, "that is not theirs any more");
    assert_eq!(bench.enter(&word(incident(3), 2, 200, &[PLAYBACK], Sequel::Over)), 1);
    assert_eq!(bench.due(200), [(3, anna)]);
}

#[test]
fn who_heard_of_a_story_hears_of_the_one_that_it_became_part_of() {
    let mut bench = Bench::new();
    let anna = bench.subscriber("anna@example.org", &[LOGIN], 1);
    bench.enter(&word(incident(3), 1, 100, &[LOGIN], Sequel::Follows));
    bench.settle((1, anna), End::Told);
    let whole = PublicWord { absorbed: vec![incident(3)], ..word(incident(2), 4, 200, &[PLAYBACK], Sequel::Follows) };
    assert_eq!(bench.enter(&whole), 1);
    assert_eq!(bench.enter(&word(incident(5), 1, 300, &[PLAYBACK], Sequel::Follows)), 0);
}

#[test]
fn words_come_in_order_and_wait_for_each_other() {
    let mut bench = Bench::new();
    let (anna, ben) = (bench.subscriber("anna@example.org", &[], 1), bench.subscriber("ben@example.org", &[], 1));
    bench.enter(&word(incident(3), 1, 100, &[PLAYBACK], Sequel::Follows));
    bench.settle((1, anna), End::Again(at(500), "it answered 503".into()));
    bench.settle((1, ben), End::Told);
    bench.enter(&word(incident(3), 2, 200, &[PLAYBACK], Sequel::Over));
    assert_eq!(bench.due(200), [(2, ben)], "she has not heard of the beginning");
    assert_eq!(bench.store.counts().expect("counted").troubled, 1);
    assert_eq!(bench.due(500), [(1, anna), (2, ben)]);
    bench.settle((1, anna), End::GivenUp("it answered 410".into()));
    bench.settle((2, ben), End::Told);
    assert_eq!(bench.due(500), [(2, anna)]);
}

#[test]
fn who_leaves_is_told_nothing_more_and_is_nowhere_in_the_files() {
    let mut bench = Bench::new();
    let anna = bench.subscriber("anna.erasable@example.org", &[], 1);
    bench.enter(&word(StoryId::Maintenance(MaintenanceId(2)), 1, 100, &[PLAYBACK], Sequel::Follows));
    let token = bench.store.list(0, 1).expect("listed")[0].token.clone();
    assert!(bench.store.erase(anna).expect("erased"));
    assert!(!bench.store.erase(anna).expect("nobody"));
    assert!(bench.due(100).is_empty());
    assert_eq!(bench.store.by_token(&token).expect("looked"), None);
    for file in std::fs::read_dir(bench.data.path()).expect("listed") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("read");
        assert!(!bytes.windows(13).any(|window| window == b"anna.erasable"), "her address is still on the disk");
    }
}

#[test]
fn who_heard_what_is_forgotten_a_week_after_the_end() {
    let mut bench = Bench::new();
    let anna = bench.subscriber("anna@example.org", &[], 1);
    for (story, sequel) in [(incident(1), Sequel::Over), (incident(2), Sequel::Follows)] {
        bench.enter(&word(story, 1, 100, &[PLAYBACK], sequel));
    }
    for number in [1, 2] {
        bench.settle((number, anna), End::Told);
    }
    let week = at(100) + Duration::from_secs(7 * 24 * 3_600);
    assert_eq!(bench.store.forget_stories(week).expect("forgotten"), 0);
    assert_eq!(bench.store.forget_stories(week + Duration::from_secs(1)).expect("forgotten"), 1);
    assert_eq!(bench.enter(&word(incident(1), 1, 100, &[PLAYBACK], Sequel::Over)), 0, "the word itself stays known");
}

#[test]
fn a_hub_that_was_overtaken_tells_nobody() {
    let mut bench = Bench::new();
    bench.subscriber("anna@example.org", &[], 1);
    let other = Store::open(bench.data.path(), "other", Entry::First).expect("opened");
    let refused = bench.store.enter_word(at(1), &word(incident(1), 1, 1, &[], Sequel::Follows), "{}");
    assert!(matches!(refused, Err(StoreError::Overtaken)), "{refused:?}");
    drop(other);
    let again = Store::open(bench.data.path(), "first", Entry::Again).expect("opened again");
    bench.store = again;
    let refused = bench.store.forget_unconfirmed(at(1));
    assert!(matches!(refused, Err(StoreError::Overtaken)), "after a failed disk as well: {refused:?}");
}
