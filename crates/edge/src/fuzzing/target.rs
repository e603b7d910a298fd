//! Targets: one form for each, which means the same to whoever reads it (invariant H6).

use crate::codec::parse_target;

/// Normalises a target: doing it twice changes nothing, and nothing is left that servers read in several ways.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(target) = parse_target(text) else { return };
    let normal = &target.path_and_query;
    let path = &normal[..target.path_length];
    let query = &normal[target.path_length..];
    assert!(query.is_empty() || query.starts_with('?'), "{normal}");
    assert!(normal.bytes().all(|b| (0x21..=0x7e).contains(&b)), "{normal}");
    assert!(path.starts_with('/') && !path.contains("//") && !path.contains(['\\', ';', '#', '?']), "{normal}");
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{normal}");
    let lower = path.to_ascii_lowercase();
    assert!(["%2e", "%2f", "%5c", "%00"].iter().all(|hidden| !lower.contains(hidden)), "{normal}");
    assert!(normal.len() <= text.len() + 1, "{normal} is longer than {text}");
    match parse_target(normal) {
        Ok(again) => assert_eq!((&again.path_and_query, again.path_length), (normal, target.path_length)),
        Err(refusal) => panic!("{normal}: {refusal}"),
    }
}
