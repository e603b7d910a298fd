//! What holds for the store whatever is put into it: the bound, and that nothing is found that was erased or replaced.

use crate::cache::date::Now;
use crate::cache::policy::{Times, judge};
use crate::cache::store::{Found, Key, PARTS, Store};
use crate::cache::stored::Stored;
use crate::cache::testing::{answer, request};
use crate::change::settings::CacheSettings;
use crate::change::site::ComponentId;
use crate::codec::{Fields, Scheme};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A store this small throws things out all the time.
const BYTES: usize = PARTS * 8 * 1024;

fn key(n: u8) -> Key {
    Key::at(ComponentId(0), Scheme::Http, b"test", format!("/{n}").as_bytes())
}

fn asked(variant: u8) -> Fields {
    request("GET /a", &format!("A: {variant}")).fields
}

fn stored(variant: u8, length: usize, mark: u8) -> Arc<Stored> {
    let now = Now::read();
    let request = request("GET /a", &format!("A: {variant}"));
    let said = answer(200, "Cache-Control: max-age=60|Vary: A").fields;
    let times = Times { asked: now.steady, answered: now };
    let terms = judge(&request, 200, &said, &CacheSettings::default(), times).expect("storable");
    Arc::new(Stored::of(&request.fields, 200, &said, Bytes::from(vec![mark; length]), terms, now))
}

#[derive(Debug, Clone)]
enum Deed {
    Put { key: u8, variant: u8, length: usize, mark: u8 },
    Find { key: u8, variant: u8 },
    Erase { key: u8 },
    Forget { key: u8, variant: u8 },
    SetApart { key: u8, variant: u8 },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let put = (0..40_u8, 0..12_u8, 0..9_000_usize, any::<u8>());
    let deed = prop_oneof![
        4 => put.prop_map(|(key, variant, length, mark)| Deed::Put { key, variant, length, mark }),
        4 => (0..40_u8, 0..12_u8).prop_map(|(key, variant)| Deed::Find { key, variant }),
        1 => (0..40_u8).prop_map(|key| Deed::Erase { key }),
        1 => (0..40_u8, 0..12_u8).prop_map(|(key, variant)| Deed::Forget { key, variant }),
        1 => (0..40_u8, 0..12_u8).prop_map(|(key, variant)| Deed::SetApart { key, variant }),
    ];
    prop::collection::vec(deed, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_store_keeps_its_bound_and_tells_the_newest(deeds in deeds()) {
        let (store, now) = (Store::new(BYTES), Instant::now());
        let mut newest: HashMap<(u8, u8), u8> = HashMap::new();
        for deed in deeds {
            match deed {
                Deed::Put { key: k, variant, length, mark } => {
                    let stamp = store.stamp(&key(k));
                    store.put(&key(k), &asked(variant), stored(variant, length, mark), stamp);
                    newest.insert((k, variant), mark);
                }
                Deed::Find { key: k, variant } => {
                    if let Found::Answer(answer) = store.find(&key(k), &asked(variant), now) {
                        prop_assert!(answer.suits(&asked(variant)));
                        let mark = newest.get(&(k, variant)).copied();
                        prop_assert!(mark.is_some(), "{k} {variant} was erased");
                        prop_assert!(answer.body.iter().all(|byte| Some(*byte) == mark), "{k} {variant} is outdated");
                    }
                }
                Deed::Erase { key: k } => {
                    store.erase(&key(k));
                    newest.retain(|(known, _), _| *known != k);
                }
                Deed::Forget { key: k, variant } => {
                    store.forget(&key(k), &asked(variant));
                    newest.remove(&(k, variant));
                }
                Deed::SetApart { key: k, variant } => {
                    store.set_apart(&key(k), &asked(variant), now + Duration::from_secs(1));
                    newest.remove(&(k, variant));
                }
            }
            prop_assert!(store.fill().bytes <= BYTES, "{:?}", store.fill());
        }
    }
}

#[test]
fn what_is_asked_for_again_outlives_what_is_asked_for_once() {
    let (store, now, key_of) = (Store::new(PARTS * 64 * 1024), Instant::now(), |n: u32| {
        Key::at(ComponentId(0), Scheme::Http, b"test", format!("/{n}").as_bytes())
    });
    let put = |n: u32| store.put(&key_of(n), &asked(0), stored(0, 1_000, 0), store.stamp(&key_of(n)));
    let find = |n: u32| matches!(store.find(&key_of(n), &asked(0), now), Found::Answer(_));
    let popular = 0..100;
    for n in popular.clone() {
        put(n);
        assert!(find(n) && find(n), "there is room for a hundred");
    }
    // Ten times what the store holds, each once, while the popular ones go on being asked for now and then.
    for n in 1_000..5_000 {
        put(n);
        if n % 10 == 0 {
            find(n / 10 % 100);
        }
    }
    let kept = popular.filter(|n| find(*n)).count();
    assert_eq!(kept, 100, "S3-FIFO keeps them in the main queue");
}

#[test]
fn what_was_asked_for_before_an_erasure_is_not_stored_after_it() {
    let (store, now) = (Store::new(BYTES), Instant::now());
    let early = store.stamp(&key(1));
    store.erase(&key(1));
    store.put(&key(1), &asked(0), stored(0, 10, 0), early);
    assert!(matches!(store.find(&key(1), &asked(0), now), Found::Nothing), "it may tell of what was before");
    store.put(&key(1), &asked(0), stored(0, 10, 0), store.stamp(&key(1)));
    assert!(matches!(store.find(&key(1), &asked(0), now), Found::Answer(_)));
    let old = store.stamp(&key(2));
    (0..100_000).for_each(|n: u32| store.erase(&Key::at(ComponentId(0), Scheme::Http, b"x", &n.to_be_bytes())));
    store.put(&key(2), &asked(0), stored(0, 10, 0), old);
    assert!(matches!(store.find(&key(2), &asked(0), now), Found::Nothing), "too long ago to be certain");
}

#[test]
fn an_address_set_apart_is_so_for_a_while() {
    let (store, now) = (Store::new(BYTES), Instant::now());
    store.set_apart(&key(1), &asked(0), now + Duration::from_secs(10));
    assert!(matches!(store.find(&key(1), &asked(0), now), Found::Apart));
    assert!(matches!(store.find(&key(1), &asked(0), now + Duration::from_secs(10)), Found::Nothing));
    store.put(&key(1), &asked(0), stored(0, 10, 0), store.stamp(&key(1)));
    assert!(matches!(store.find(&key(1), &asked(1), now), Found::OtherVariants), "no longer apart");
}
