//! What may be stored, for how long it is fresh, and what may be done with it then: RFC 9111 for a shared cache,
//! with RFC 5861 (stale while revalidating, stale on error) and RFC 8246 (immutable). No I/O, no clock.

use crate::cache::date::{DateField, Now, since};
use crate::cache::directives::{AnswerDirectives, SECONDS_MAX, Seconds, Wishes, Word};
use crate::change::settings::CacheSettings;
use crate::codec::{Fields, Method, RequestHead, decimal};
use std::time::{Duration, Instant};

/// Share of the time since its last change for which an answer that says nothing is taken to be fresh
/// (RFC 9111, 4.2.2 names a tenth as usual).
const HEURISTIC_SHARE: u32 = 10;

/// Why an answer is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// Not an answer to a GET.
    Method,
    /// A part, or no answer of its own, or a status that has to be understood and is not.
    Status,
    /// Asked for by either side.
    NoStore,
    /// For one user only.
    Private,
    /// To a request with credentials, and not said to be for all.
    Authorization,
    /// Chosen by more than the fields of the request.
    Vary,
    /// Nothing says that it may be used again, or how to check that.
    Useless,
}

/// When an exchange with a replica took place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) asked: Instant,
    pub(crate) answered: Now,
}

/// On what terms a stored answer may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    received: Instant,
    initial_age: Duration,
    lifetime: Duration,
    checking: Checking,
    stale: Stale,
}

/// When a stored answer has to be checked with a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checking {
    /// Before each use.
    Always,
    /// Once it is stale, or a client wants it.
    WhenStale,
    /// Once it is stale.
    OnlyWhenStale,
}

/// What may be done with it once it is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    Never,
    Within { revalidating: Duration, error: Duration },
}

/// What to do with a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Serve it.
    Fresh,
    /// Serve it, stale as it is: the client takes it so.
    Stale,
    /// Serve it, and check it behind the client's back.
    WhileRevalidating,
    /// Check it first.
    Validate,
}

/// Works out whether an answer may be stored, and on what terms it may be used then (RFC 9111, 3).
///
/// # Errors
/// The first [`Barrier`].
pub(crate) fn judge(
    request: &RequestHead,
    status: u16,
    fields: &Fields,
    rules: &CacheSettings,
    times: Times,
) -> Result<Terms, Barrier> {
    let said = AnswerDirectives::of(fields);
    if request.method != Method::Get {
        return Err(Barrier::Method);
    }
    let understood = !said.words.has(Word::MustUnderstand) || is_understood(status);
    if status < 200 || matches!(status, 206 | 304) || !understood {
        return Err(Barrier::Status);
    }
    // An answer that has to be understood, and is, may say no-store for caches that do not (5.2.2.3).
    let no_store = said.words.has(Word::NoStore) && !said.words.has(Word::MustUnderstand);
    if no_store || Wishes::of(&request.fields).words.has(Word::NoStore) {
        return Err(Barrier::NoStore);
    }
    if said.words.has(Word::Private) {
        return Err(Barrier::Private);
    }
    if request.fields.get("authorization").is_some() && !is_for_all(&said) {
        return Err(Barrier::Authorization);
    }
    if fields.lists("vary", "*") {
        return Err(Barrier::Vary);
    }
    let terms = terms(request, status, fields, &said, rules, times);
    if is_useful(&terms, fields) { Ok(terms) } else { Err(Barrier::Useless) }
}

/// True when an answer to a request with credentials may be given to others (RFC 9111, 3.5).
fn is_for_all(said: &AnswerDirectives) -> bool {
    said.words.has(Word::Public) || said.words.has(Word::MustRevalidate) || said.s_maxage.time().is_some()
}

fn is_useful(terms: &Terms, fields: &Fields) -> bool {
    let checkable = fields.get("etag").is_some() || fields.get("last-modified").is_some();
    let lasting = match terms.stale {
        Stale::Never => Duration::ZERO,
        Stale::Within { revalidating, error } => revalidating.max(error),
    };
    let usable = terms.lifetime > terms.initial_age || lasting > Duration::ZERO;
    checkable || (usable && terms.checking != Checking::Always)
}

fn terms(
    request: &RequestHead,
    status: u16,
    fields: &Fields,
    said: &AnswerDirectives,
    rules: &CacheSettings,
    times: Times,
) -> Terms {
    let checking = match said.words {
        words if words.has(Word::NoCache) => Checking::Always,
        words if words.has(Word::Immutable) => Checking::OnlyWhenStale,
        _ => Checking::WhenStale,
    };
    // A shared cache takes s-maxage for a proxy-revalidate as well (5.2.2.10).
    let binding = said.words.has(Word::MustRevalidate) || said.s_maxage != Seconds::Absent;
    let stale = if binding || checking == Checking::Always {
        Stale::Never
    } else {
        Stale::Within {
            revalidating: said.while_revalidating.time().unwrap_or(rules.stale_while_revalidate),
            error: said.on_error.time().unwrap_or(rules.stale_if_error),
        }
    };
    let lifetime = lifetime(request, status, fields, said, rules, times);
    Terms { received: times.answered.steady, initial_age: initial_age(fields, times), lifetime, checking, stale }
}

/// For how long an answer is fresh (RFC 9111, 4.2.1). What is not understood allows nothing.
fn lifetime(
    request: &RequestHead,
    status: u16,
    fields: &Fields,
    said: &AnswerDirectives,
    rules: &CacheSettings,
    times: Times,
) -> Duration {
    for age in [said.s_maxage, said.max_age] {
        if age != Seconds::Absent {
            return age.time().unwrap_or_default();
        }
    }
    let date = DateField::of(fields, "date").known().unwrap_or(times.answered.wall);
    match DateField::of(fields, "expires") {
        DateField::At(expires) => since(expires, date).min(Duration::from_secs(SECONDS_MAX)),
        DateField::Invalid => Duration::ZERO,
        DateField::Absent => {
            let permitted = is_heuristic(status) || said.words.has(Word::Public);
            // Cookies make answers personal oftener than servers say so.
            let personal = request.fields.get("cookie").is_some() || fields.get("set-cookie").is_some();
            match DateField::of(fields, "last-modified") {
                DateField::At(changed) if permitted && !personal => {
                    (since(date, changed) / HEURISTIC_SHARE).min(rules.heuristic)
                }
                _ => Duration::ZERO,
            }
        }
    }
}

/// How old an answer was when it came (RFC 9111, 4.2.3).
fn initial_age(fields: &Fields, times: Times) -> Duration {
    let date = DateField::of(fields, "date").known();
    let apparent = date.map(|date| since(times.answered.wall, date)).unwrap_or_default();
    // Of several the first counts, and what is no number is ignored (5.1).
    let first = fields.get("age").map(|value| value.split(|b| *b == b',').next().unwrap_or_default());
    let said = first.and_then(|value| decimal(value.trim_ascii())).unwrap_or_default().min(SECONDS_MAX);
    let delay = times.answered.steady.saturating_duration_since(times.asked);
    apparent.max(Duration::from_secs(said) + delay)
}

impl Terms {
    /// How old the answer is (RFC 9111, 4.2.3).
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.initial_age + now.saturating_duration_since(self.received)
    }

    /// For how long it is still fresh; nothing once it is stale.
    fn fresh_for(&self, now: Instant) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// True while it is fresh.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.fresh_for(now) > Duration::ZERO
    }

    /// True when it was fresh as it came, so that others may be given it without asking a replica.
    pub(crate) fn is_shareable(&self) -> bool {
        self.checking != Checking::Always && self.lifetime > self.initial_age
    }

    /// Seconds until it is stale, or how many ago it became so as a negative number.
    pub(crate) fn seconds_left(&self, now: Instant) -> i64 {
        // Both are far below what 63 bits count.
        self.lifetime.as_secs() as i64 - self.age(now).as_secs() as i64
    }

    /// What to do with it for a client with these wishes (RFC 9111, 4 and 5.2.1).
    pub(crate) fn reuse(&self, wishes: &Wishes, now: Instant) -> Reuse {
        if self.checking == Checking::Always || wishes.words.has(Word::NoCache) {
            return Reuse::Validate;
        }
        let (age, fresh_for) = (self.age(now), self.fresh_for(now));
        let fresh = fresh_for > Duration::ZERO;
        // An immutable answer that is fresh is not checked for a mere reload (RFC 8246, 2).
        let settled = fresh && self.checking == Checking::OnlyWhenStale;
        let too_old = wishes.max_age.time().is_some_and(|most| age > most) && !settled;
        let too_stale_soon = wishes.min_fresh.time().is_some_and(|least| fresh_for < least);
        if too_old || too_stale_soon {
            return Reuse::Validate;
        }
        let stale_for = age.saturating_sub(self.lifetime);
        match self.stale {
            _ if fresh => Reuse::Fresh,
            Stale::Never => Reuse::Validate,
            _ if wishes.max_stale.time().is_some_and(|most| stale_for <= most) => Reuse::Stale,
            Stale::Within { revalidating, .. } if revalidating > Duration::ZERO && stale_for <= revalidating => {
                Reuse::WhileRevalidating
            }
            Stale::Within { .. } => Reuse::Validate,
        }
    }

    /// True when it may be served because no replica gives a good answer (RFC 5861, 4).
    pub(crate) fn stands_in(&self, wishes: &Wishes, now: Instant) -> bool {
        let stale_for = self.age(now).saturating_sub(self.lifetime);
        match self.stale {
            Stale::Never => false,
            Stale::Within { error, .. } => {
                let wished = wishes.on_error.time().unwrap_or_default();
                !wishes.words.has(Word::NoCache) && stale_for <= error.max(wished)
            }
        }
    }
}

/// Failures for which a stale answer may stand in (RFC 5861, 4).
pub(crate) const fn is_error(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

/// Statuses whose answers may be taken to be fresh though they do not say so (RFC 9110, 15.1); without 206.
const fn is_heuristic(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Statuses whose caching rules are known here: those of RFC 9110 that may be stored at all.
const fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}
