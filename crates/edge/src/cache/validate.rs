//! Conditional requests: those of clients, answered from a stored answer, and our own to replicas (RFC 9110, 13;
//! RFC 9111, 4.3).

use crate::cache::date::DateField;
use crate::cache::directives::items;
use crate::cache::stored::Stored;
use crate::codec::{Fields, RequestHead, parse_target};
use bytes::Bytes;

/// Conditions that only a replica can judge (RFC 9111, 4.3.2).
const FOR_REPLICAS: [&str; 2] = ["if-match", "if-unmodified-since"];
/// Conditions that a cache may judge.
const FOR_CACHES: [&str; 2] = ["if-none-match", "if-modified-since"];
/// What asks for less than the whole.
const NOT_PLAIN: [&str; 4] = ["if-none-match", "if-modified-since", "range", "if-range"];

/// True when a request has a condition that only a replica can judge.
pub(crate) fn is_for_replicas(request: &Fields) -> bool {
    FOR_REPLICAS.iter().any(|name| request.get(name).is_some())
}

/// True when a request has a condition of its own.
pub(crate) fn is_conditional(request: &Fields) -> bool {
    is_for_replicas(request) || FOR_CACHES.iter().any(|name| request.get(name).is_some())
}

/// True when the client has what is stored (RFC 9111, 4.3.2).
pub(crate) fn is_unmodified(request: &Fields, stored: &Stored) -> bool {
    if request.get("if-none-match").is_some() {
        let known = stored.fields.get("etag").map(opaque);
        let mut listed = request.all("if-none-match").flat_map(items);
        return listed.any(|tag| tag == b"*" || known == Some(opaque(tag)));
    }
    let DateField::At(has) = DateField::of(request, "if-modified-since") else { return false };
    let changed = DateField::of(&stored.fields, "last-modified").known();
    changed.or(DateField::of(&stored.fields, "date").known()).is_some_and(|changed| changed <= has)
}

/// True when a part may be taken out of the stored body: the client has the rest of the very same one
/// (RFC 9110, 13.1.5).
pub(crate) fn is_same_representation(request: &Fields, stored: &Stored) -> bool {
    let Some(has) = request.get("if-range") else { return true };
    let strong = has.starts_with(b"\"") && stored.fields.get("etag") == Some(has);
    let changed = DateField::of(&stored.fields, "last-modified").known();
    let date = changed.is_some() && changed == DateField::of(request, "if-range").known();
    strong || date
}

/// A tag for the weak comparison (RFC 9110, 8.8.3.2).
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The request that asks a replica whether a stored answer still holds; `None` when it has nothing to ask by.
pub(crate) fn revalidation(request: &RequestHead, stored: &Stored) -> Option<RequestHead> {
    let validator = |field, condition| stored.fields.get(field).map(|value| (condition, value));
    let validators = [validator("etag", "If-None-Match"), validator("last-modified", "If-Modified-Since")];
    if validators.iter().all(Option::is_none) {
        return None;
    }
    let own = validators.into_iter().flatten().map(|(name, value): (&'static str, _)| (name.as_bytes(), value));
    Some(with_conditions(request, own))
}

/// The same request for all there is, without any condition.
pub(crate) fn plain(request: &RequestHead) -> RequestHead {
    with_conditions(request, std::iter::empty())
}

fn with_conditions<'a>(request: &'a RequestHead, own: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> RequestHead {
    let kept = request.fields.iter().filter(|f| !NOT_PLAIN.iter().any(|name| f.is(name)));
    let fields = Fields::from_pairs(kept.map(|f| (f.name, f.value)).chain(own));
    request.as_get(fields)
}

/// Hosts and targets whose stored answers an unsafe request makes obsolete: its own, and those of the same host that
/// its answer names (RFC 9111, 4.4).
pub(crate) fn addresses(request: &RequestHead, answer: &Fields) -> Vec<(Bytes, Bytes)> {
    let mut all = vec![(request.host.clone(), request.target.clone())];
    for name in ["location", "content-location"] {
        let said = answer.get(name).and_then(|value| std::str::from_utf8(value).ok());
        let Some(target) = said.and_then(|said| parse_target(said).ok()) else { continue };
        let same = target.authority.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(&request.host));
        if same {
            all.push((request.host.clone(), target.path_and_query.into_owned().into()));
        }
    }
    all
}

/// True when a 304 speaks of what is stored: its strong tag, if it has one, is the same (RFC 9111, 4.3.4).
pub(crate) fn confirms(update: &Fields, stored: &Stored) -> bool {
    match update.get("etag") {
        Some(tag) if !tag.starts_with(b"W/") => stored.fields.get("etag").is_none_or(|known| opaque(known) == tag),
        _ => true,
    }
}
