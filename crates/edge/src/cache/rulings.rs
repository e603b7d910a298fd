//! What the RFCs rule, a line each: what may be stored, how long it is fresh, what may be done with it then.

use crate::cache::date::Now;
use crate::cache::directives::Wishes;
use crate::cache::policy::{Barrier, Reuse, Terms, Times, judge};
use crate::cache::present::present;
use crate::cache::stored::Stored;
use crate::cache::testing::{answer, fields, request};
use crate::cache::validate::{addresses, confirms, revalidation};
use crate::change::settings::CacheSettings;
use bytes::Bytes;
use std::time::{Duration, Instant, SystemTime};

/// Sun, 22 Nov 2026 12:00:00 GMT, when all answers of these tests come.
const NOON: u64 = 1_795_348_800;
const NOON_TEXT: &str = "Sun, 22 Nov 2026 12:00:00 GMT";

/// The rule, the request's line, and its fields.
type Row = (&'static str, &'static str, &'static str);

fn noon() -> Now {
    Now { steady: Instant::now(), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(NOON) }
}

fn judged(line: &str, asked: &str, status: u16, said: &str, now: Now) -> Result<Terms, Barrier> {
    let times = Times { asked: now.steady, answered: now };
    judge(&request(line, asked), status, &answer(status, said).fields, &CacheSettings::default(), times)
}

fn stored(asked: &str, said: &str, now: Now) -> Stored {
    let terms = judged("GET /a", asked, 200, said, now).expect("may be stored");
    let said = answer(200, said);
    Stored::of(&request("GET /a", asked).fields, 200, &said.fields, Bytes::from_static(b"0123456789"), terms, now)
}

#[test]
fn what_may_be_stored() {
    use Barrier::{Authorization, Method, NoStore, Private, Status, Useless, Vary};
    let fresh = "Cache-Control: max-age=60";
    let table: [(Row, u16, &str, Option<Barrier>); 36] = [
        (("9111, 3: explicit freshness", "GET /a", ""), 200, fresh, None),
        (("9111, 3: any final status", "GET /a", ""), 499, fresh, None),
        (("9111, 3: a redirection", "GET /a", ""), 302, fresh, None),
        (("9111, 3: nothing is said", "GET /a", ""), 200, "", Some(Useless)),
        (("9111, 3: stale as it comes, no validator", "GET /a", ""), 200, "Cache-Control: max-age=0", Some(Useless)),
        (("9111, 3: stale as it comes, a validator", "GET /a", ""), 200, "Cache-Control: max-age=0|ETag: \"1\"", None),
        (("9111, 2: HEAD is not stored", "HEAD /a", ""), 200, fresh, Some(Method)),
        (("9111, 2: POST is not stored", "POST /a", ""), 200, fresh, Some(Method)),
        (("9111, 3.3: a part", "GET /a", ""), 206, fresh, Some(Status)),
        (("9111, 3: 304 is no answer of its own", "GET /a", ""), 304, fresh, Some(Status)),
        (("9111, 5.2.2.5: no-store", "GET /a", ""), 200, "Cache-Control: no-store, max-age=60", Some(NoStore)),
        (("9111, 5.2.1.5: the client's no-store", "GET /a", "Cache-Control: no-store"), 200, fresh, Some(NoStore)),
        (("9111, 5.2.2.7: private", "GET /a", ""), 200, "Cache-Control: private, max-age=60", Some(Private)),
        (
            ("9111, 5.2.2.7: private fields", "GET /a", ""),
            200,
            "Cache-Control: private=\"a\", max-age=60",
            Some(Private),
        ),
        (
            ("9111, 5.2.2.4: no-cache, no validator", "GET /a", ""),
            200,
            "Cache-Control: no-cache, max-age=60",
            Some(Useless),
        ),
        (("9111, 5.2.2.4: no-cache, a validator", "GET /a", ""), 200, "Cache-Control: no-cache|ETag: \"1\"", None),
        (("9111, 5.2.2.3: understood", "GET /a", ""), 200, "Cache-Control: must-understand, max-age=60", None),
        (
            ("9111, 5.2.2.3: for caches that do not", "GET /a", ""),
            200,
            "Cache-Control: must-understand, no-store, max-age=60",
            None,
        ),
        (
            ("9111, 5.2.2.3: not understood", "GET /a", ""),
            599,
            "Cache-Control: must-understand, max-age=60",
            Some(Status),
        ),
        (("9111, 3.5: credentials", "GET /a", "Authorization: b"), 200, fresh, Some(Authorization)),
        (
            ("9111, 3.5: credentials, Expires", "GET /a", "Authorization: b"),
            200,
            "Expires: Sun, 22 Nov 2026 13:00:00 GMT",
            Some(Authorization),
        ),
        (
            ("9111, 3.5: credentials, public", "GET /a", "Authorization: b"),
            200,
            "Cache-Control: public, max-age=60",
            None,
        ),
        (("9111, 3.5: credentials, s-maxage", "GET /a", "Authorization: b"), 200, "Cache-Control: s-maxage=60", None),
        (
            ("9111, 3.5: credentials, must-revalidate", "GET /a", "Authorization: b"),
            200,
            "Cache-Control: must-revalidate, max-age=60",
            None,
        ),
        (("9111, 4.1: Vary *", "GET /a", ""), 200, "Cache-Control: max-age=60|Vary: *", Some(Vary)),
        (("9111, 4.1: Vary * among others", "GET /a", ""), 200, "Cache-Control: max-age=60|Vary: a, *", Some(Vary)),
        (("9111, 4.1: Vary a", "GET /a", ""), 200, "Cache-Control: max-age=60|Vary: a", None),
        (
            ("9111, 7.3: Set-Cookie, explicit freshness", "GET /a", ""),
            200,
            "Cache-Control: max-age=60|Set-Cookie: a=b",
            None,
        ),
        (("5861, 4: of use only on errors", "GET /a", ""), 200, "Cache-Control: max-age=0, stale-if-error=60", None),
        (
            ("5861, 3: of use while checked", "GET /a", ""),
            200,
            "Cache-Control: max-age=0, stale-while-revalidate=60",
            None,
        ),
        (("9111, 5.2: unknown directives", "GET /a", ""), 200, "Cache-Control: foo, bar=1", Some(Useless)),
        (
            ("9111, 4.2.2: heuristic, a usual status", "GET /a", ""),
            404,
            "Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT",
            None,
        ),
        (("9111, 4.2.1: Expires alone", "GET /a", ""), 200, "Expires: Sun, 22 Nov 2026 12:01:00 GMT", None),
        (("9111, 5.3: Expires is no date", "GET /a", ""), 200, "Expires: 0", Some(Useless)),
        (("9111, 4.2: s-maxage of nothing", "GET /a", ""), 200, "Cache-Control: s-maxage=0, max-age=60", Some(Useless)),
        (("9111, 4.2.1: two max-ages", "GET /a", ""), 200, "Cache-Control: max-age=60, max-age=1", Some(Useless)),
    ];
    for ((rule, line, asked), status, said, expected) in table {
        assert_eq!(judged(line, asked, status, said, noon()).err(), expected, "RFC {rule}");
    }
}

#[test]
fn how_long_it_is_fresh() {
    let yesterday = "Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT";
    let late = "Expires: Sun, 22 Nov 2026 12:05:00 GMT";
    let table: [(&str, String, i64); 21] = [
        ("9111, 4.2.1: max-age", "Cache-Control: max-age=60".into(), 60),
        ("9111, 4.2.1: s-maxage first", "Cache-Control: max-age=60, s-maxage=90".into(), 90),
        ("9111, 4.2.1: max-age before Expires", format!("Cache-Control: max-age=60|{late}"), 60),
        ("9111, 4.2.1: Expires", late.into(), 300),
        ("9111, 4.2.1: Expires by the origin's clock", format!("{late}|Date: Sun, 22 Nov 2026 12:04:00 GMT"), 60),
        ("9110, 5.6.7: the date of RFC 850", "Expires: Sunday, 22-Nov-26 12:05:00 GMT".into(), 300),
        ("9110, 5.6.7: the date of asctime", "Expires: Sun Nov 22 12:05:00 2026".into(), 300),
        ("9111, 5.3: two Expires", format!("{late}|{late}|ETag: \"1\""), 0),
        ("9111, 5.3: Expires in the past", format!("Expires: {NOON_TEXT}|ETag: \"1\""), 0),
        ("9111, 1.2.2: too large a number", "Cache-Control: max-age=99999999999".into(), 1 << 31),
        ("9111, 4.2.1: no number", format!("Cache-Control: max-age=a|{late}|ETag: \"1\""), 0),
        ("9111, 4.2.2: a tenth, ten minutes at most", yesterday.into(), 600),
        ("9111, 4.2.2: a tenth", "Last-Modified: Sun, 22 Nov 2026 11:50:00 GMT".into(), 60),
        ("9111, 4.2.2: never for personal answers", format!("{yesterday}|Set-Cookie: a=b"), 0),
        ("9111, 4.2.3: the age told", "Cache-Control: max-age=60|Age: 20".into(), 40),
        ("9111, 5.1: the first of several ages", "Cache-Control: max-age=60|Age: 20, 50".into(), 40),
        ("9111, 5.1: the first of two lines", "Cache-Control: max-age=60|Age: 20|Age: 50".into(), 40),
        ("9111, 5.1: no age is ignored", "Cache-Control: max-age=60|Age: -20".into(), 60),
        (
            "9111, 4.2.3: the age by the date",
            "Cache-Control: max-age=60|Date: Sun, 22 Nov 2026 11:59:40 GMT".into(),
            40,
        ),
        ("9111, 4.2.3: a date to come", "Cache-Control: max-age=60|Date: Sun, 22 Nov 2026 12:10:00 GMT".into(), 60),
        (
            "9111, 4.2.3: the greater age",
            "Cache-Control: max-age=60|Age: 5|Date: Sun, 22 Nov 2026 11:59:40 GMT".into(),
            40,
        ),
    ];
    for (rule, said, expected) in table {
        let now = noon();
        let terms = judged("GET /a", "", 200, &said, now).expect(rule);
        assert_eq!(terms.seconds_left(now.steady), expected, "RFC {rule}");
    }
}

#[test]
fn what_may_be_done_with_it() {
    use Reuse::{Fresh, Stale, Validate, WhileRevalidating};
    let a_minute = "Cache-Control: max-age=60";
    let table: [(&str, &str, &str, u64, Reuse); 24] = [
        ("9111, 4.2: fresh", a_minute, "", 59, Fresh),
        ("9111, 4.2: as old as it may get", a_minute, "", 60, Validate),
        ("9111, 4.2: stale", a_minute, "", 61, Validate),
        ("9111, 5.2.1.4: the client's no-cache", a_minute, "Cache-Control: no-cache", 1, Validate),
        ("9111, 5.4: Pragma", a_minute, "Pragma: no-cache", 1, Validate),
        ("9111, 5.4: Pragma is overruled", a_minute, "Pragma: no-cache|Cache-Control: max-age=9", 1, Fresh),
        ("9111, 5.2.1.1: too old for the client", a_minute, "Cache-Control: max-age=5", 6, Validate),
        ("9111, 5.2.1.1: young enough", a_minute, "Cache-Control: max-age=5", 5, Fresh),
        ("9111, 5.2.1.3: not fresh for long enough", a_minute, "Cache-Control: min-fresh=30", 31, Validate),
        ("9111, 5.2.1.3: fresh for long enough", a_minute, "Cache-Control: min-fresh=30", 30, Fresh),
        ("9111, 5.2.1.2: however stale", a_minute, "Cache-Control: max-stale", 9_999, Stale),
        ("9111, 5.2.1.2: so stale", a_minute, "Cache-Control: max-stale=10", 70, Stale),
        ("9111, 5.2.1.2: staler", a_minute, "Cache-Control: max-stale=10", 71, Validate),
        (
            "9111, 5.2.2.2: must-revalidate",
            "Cache-Control: max-age=60, must-revalidate",
            "Cache-Control: max-stale",
            61,
            Validate,
        ),
        (
            "9111, 5.2.2.8: proxy-revalidate",
            "Cache-Control: max-age=60, proxy-revalidate",
            "Cache-Control: max-stale",
            61,
            Validate,
        ),
        ("9111, 5.2.2.10: s-maxage", "Cache-Control: s-maxage=60", "Cache-Control: max-stale", 61, Validate),
        ("9111, 5.2.2.4: no-cache", "Cache-Control: max-age=60, no-cache|ETag: \"1\"", "", 0, Validate),
        (
            "9111, 5.2.2.4: no-cache of a field",
            "Cache-Control: max-age=60, no-cache=\"a\"|ETag: \"1\"",
            "",
            0,
            Validate,
        ),
        (
            "5861, 3: while revalidating",
            "Cache-Control: max-age=60, stale-while-revalidate=30",
            "",
            90,
            WhileRevalidating,
        ),
        ("5861, 3: no longer", "Cache-Control: max-age=60, stale-while-revalidate=30", "", 91, Validate),
        (
            "5861, 3: not against must-revalidate",
            "Cache-Control: max-age=60, stale-while-revalidate=30, must-revalidate",
            "",
            61,
            Validate,
        ),
        ("8246, 2: immutable on reload", "Cache-Control: max-age=60, immutable", "Cache-Control: max-age=0", 9, Fresh),
        (
            "8246, 2: immutable, but no-cache",
            "Cache-Control: max-age=60, immutable",
            "Cache-Control: no-cache",
            9,
            Validate,
        ),
        ("8246, 2: immutable and stale", "Cache-Control: max-age=60, immutable", "", 61, Validate),
    ];
    for (rule, said, asked, after, expected) in table {
        let now = noon();
        let terms = judged("GET /a", "", 200, said, now).expect(rule);
        let wishes = Wishes::of(&request("GET /a", asked).fields);
        assert_eq!(terms.reuse(&wishes, now.steady + Duration::from_secs(after)), expected, "RFC {rule}");
    }
}

#[test]
fn what_may_stand_in_on_an_error() {
    let lasting = "Cache-Control: max-age=60, stale-if-error=30";
    let table: [(&str, &str, &str, u64, bool); 9] = [
        ("5861, 4: within the time", lasting, "", 90, true),
        ("5861, 4: no longer", lasting, "", 91, false),
        ("9111, 4.2.4: nothing is said", "Cache-Control: max-age=60", "", 61, false),
        ("5861, 4: the client takes it", "Cache-Control: max-age=60", "Cache-Control: stale-if-error=9", 69, true),
        (
            "9111, 5.2.2.2: must-revalidate",
            "Cache-Control: max-age=60, stale-if-error=30, must-revalidate",
            "",
            61,
            false,
        ),
        ("9111, 5.2.2.10: s-maxage", "Cache-Control: s-maxage=60, stale-if-error=30", "", 61, false),
        ("9111, 5.2.2.4: no-cache", "Cache-Control: no-cache, stale-if-error=30|ETag: \"1\"", "", 1, false),
        ("9111, 5.2.1.4: the client's no-cache", lasting, "Cache-Control: no-cache", 61, false),
        (
            "9111, 5.2.2.2: must-revalidate and a wish",
            "Cache-Control: max-age=60, must-revalidate",
            "Cache-Control: stale-if-error=9",
            61,
            false,
        ),
    ];
    for (rule, said, asked, after, expected) in table {
        let now = noon();
        let terms = judged("GET /a", "", 200, said, now).expect(rule);
        let wishes = Wishes::of(&request("GET /a", asked).fields);
        assert_eq!(terms.stands_in(&wishes, now.steady + Duration::from_secs(after)), expected, "RFC {rule}");
    }
}

#[test]
fn which_requests_an_answer_suits() {
    let table: [(&str, &str, &str, &str, bool); 13] = [
        ("9111, 4.1: the same", "a", "A: 1", "A: 1", true),
        ("9111, 4.1: another", "a", "A: 1", "A: 2", false),
        ("9111, 4.1: none now", "a", "A: 1", "", false),
        ("9111, 4.1: none then", "a", "", "A: 1", false),
        ("9111, 4.1: none at all", "a", "", "B: 1", true),
        ("9111, 4.1: empty is not none", "a", "A:", "", false),
        ("9111, 4.1: fields that are not named", "a", "A: 1|B: 1", "A: 1|B: 2", true),
        ("9111, 4.1: names in any case", "A", "a: 1", "A: 1", true),
        ("9111, 4.1: all that are named", "a, b", "A: 1|B: 1", "A: 1|B: 2", false),
        ("9111, 4.1: two lines for one", "a", "A: 1, 2", "A: 1|A: 2", true),
        ("9111, 4.1: blanks", "a", "A: 1, 2", "A: 1,2", true),
        ("9111, 4.1: another order", "a", "A: 1, 2", "A: 2, 1", false),
        ("9111, 4.1: a quoted comma", "a", "A: \"1, 2\"", "A: \"1,2\"", false),
    ];
    for (rule, vary, then, now, expected) in table {
        let kept = stored(then, &format!("Cache-Control: max-age=60|Vary: {vary}"), noon());
        assert_eq!(kept.suits(&request("GET /a", now).fields), expected, "RFC {rule}");
    }
}

#[test]
fn what_goes_out() {
    let said = "Cache-Control: max-age=60|ETag: \"1\"|Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT|Date: Sun, 22 Nov 2026 12:00:00 GMT";
    let table: [(Row, Option<(u16, &str)>); 24] = [
        (("9111, 4: all of it", "GET /a", ""), Some((200, "0123456789"))),
        (("9110, 9.3.2: HEAD", "HEAD /a", ""), Some((200, ""))),
        (("9110, 13.1.2: the same tag", "GET /a", "If-None-Match: \"1\""), Some((304, ""))),
        (("9110, 13.1.2: HEAD with the same tag", "HEAD /a", "If-None-Match: \"1\""), Some((304, ""))),
        (("9110, 8.8.3.2: the weak comparison", "GET /a", "If-None-Match: W/\"1\""), Some((304, ""))),
        (("9110, 13.1.2: among others", "GET /a", "If-None-Match: \"0\", \"1\""), Some((304, ""))),
        (("9110, 13.1.2: on two lines", "GET /a", "If-None-Match: \"0\"|If-None-Match: \"1\""), Some((304, ""))),
        (("9110, 13.1.2: any", "GET /a", "If-None-Match: *"), Some((304, ""))),
        (("9110, 13.1.2: another", "GET /a", "If-None-Match: \"2\""), Some((200, "0123456789"))),
        (("9110, 13.1.3: not since", "GET /a", "If-Modified-Since: Sat, 21 Nov 2026 12:00:00 GMT"), Some((304, ""))),
        (
            ("9110, 13.1.3: since", "GET /a", "If-Modified-Since: Sat, 21 Nov 2026 11:59:59 GMT"),
            Some((200, "0123456789")),
        ),
        (("9110, 13.1.3: no date", "GET /a", "If-Modified-Since: yesterday"), Some((200, "0123456789"))),
        (
            (
                "9110, 13.2.2: the tag goes before the date",
                "GET /a",
                "If-None-Match: \"2\"|If-Modified-Since: Sun, 22 Nov 2026 12:00:00 GMT",
            ),
            Some((200, "0123456789")),
        ),
        (("9111, 4.3.2: only a replica can tell", "GET /a", "If-Match: \"1\""), None),
        (
            (
                "9111, 4.3.2: only a replica can tell this",
                "GET /a",
                "If-Unmodified-Since: Sun, 22 Nov 2026 12:00:00 GMT",
            ),
            None,
        ),
        (("9110, 14.2: a part", "GET /a", "Range: bytes=2-4"), Some((206, "234"))),
        (("9110, 14.2: HEAD knows no parts", "HEAD /a", "Range: bytes=2-4"), Some((200, ""))),
        (("9110, 15.5.17: nothing there", "GET /a", "Range: bytes=10-"), Some((416, ""))),
        (("9110, 14.2: several parts", "GET /a", "Range: bytes=0-1,4-5"), None),
        (("9110, 13.1.5: of the same body", "GET /a", "Range: bytes=2-4|If-Range: \"1\""), Some((206, "234"))),
        (
            ("9110, 13.1.5: by its date", "GET /a", "Range: bytes=2-4|If-Range: Sat, 21 Nov 2026 12:00:00 GMT"),
            Some((206, "234")),
        ),
        (("9110, 13.1.5: never by a weak tag", "GET /a", "Range: bytes=2-4|If-Range: W/\"1\""), None),
        (("9110, 13.1.5: of another body", "GET /a", "Range: bytes=2-4|If-Range: \"2\""), None),
        (
            ("9110, 13.2.2: unmodified goes before the part", "GET /a", "Range: bytes=2-4|If-None-Match: \"1\""),
            Some((304, "")),
        ),
    ];
    for ((rule, line, asked), expected) in table {
        let now = noon();
        let presented = present(&request(line, asked), &stored("", said, now), "x; hit", now.steady);
        let seen = presented.as_ref().map(|p| (p.head.status, std::str::from_utf8(&p.body).expect("text")));
        assert_eq!(seen, expected, "RFC {rule}");
        if let Some(presented) = presented {
            let fields = &presented.head.fields;
            for name in ["age", "cache-control", "date", "etag", "cache-status"] {
                assert!(fields.get(name).is_some(), "RFC 9110, 15.4.5 and 9111, 4: {name}: {rule}");
            }
            assert_eq!(fields.get("content-range").is_some(), matches!(presented.head.status, 206 | 416), "{rule}");
        }
    }
}

#[test]
fn what_is_kept_of_the_fields() {
    let said = "Cache-Control: max-age=60|Connection: x-hop|X-Hop: 1|Keep-Alive: 1|Proxy-Authenticate: a|Age: 7|X-Kept: 1|\
                Set-Cookie: a=b|Content-Type: text/plain";
    let kept = stored("", said, noon());
    for name in ["connection", "x-hop", "keep-alive", "proxy-authenticate", "age", "content-length"] {
        assert!(kept.fields.get(name).is_none(), "RFC 9111, 3.1: {name}");
    }
    for name in ["x-kept", "set-cookie", "content-type"] {
        assert!(kept.fields.get(name).is_some(), "{name}");
    }
    assert_eq!(kept.fields.get("date"), Some(NOON_TEXT.as_bytes()), "RFC 9110, 6.6.1");
}

#[test]
fn what_a_304_changes() {
    let now = noon();
    let kept = stored("", "Cache-Control: max-age=60|ETag: \"1\"|X-A: 1|X-B: 1|Content-Encoding: x", now);
    let update =
        fields("X-A: 2|X-A: 3|Cache-Control: max-age=90|Content-Encoding: y|Connection: x-hop|X-Hop: 1|Age: 5");
    let merged = kept.merged(&update);
    assert_eq!(merged.all("x-a").collect::<Vec<_>>(), [b"2", b"3"], "RFC 9111, 3.2: replaced");
    assert_eq!(merged.get("x-b"), Some(&b"1"[..]), "RFC 9111, 3.2: kept");
    assert_eq!(merged.get("content-encoding"), Some(&b"x"[..]), "RFC 9111, 3.2: how the body is read");
    assert!(merged.get("x-hop").is_none() && merged.get("date").is_none(), "a date that is not told anew is today's");
    let times = Times { asked: now.steady, answered: now };
    let terms = judge(&request("GET /a", ""), 200, &merged, &CacheSettings::default(), times).expect("storable");
    assert_eq!(terms.seconds_left(now.steady), 85);
    for (tag, expected) in [("\"1\"", true), ("W/\"2\"", true), ("\"2\"", false)] {
        assert_eq!(confirms(&fields(&format!("ETag: {tag}")), &kept), expected, "RFC 9111, 4.3.4: {tag}");
    }
}

#[test]
fn how_a_replica_is_asked_again() {
    let kept = stored("", "Cache-Control: max-age=60|ETag: \"1\"|Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT", noon());
    let asked = revalidation(&request("GET /a", "If-None-Match: \"9\"|Range: bytes=0-1|X-Kept: 1"), &kept);
    let fields = asked.expect("there is something to ask by").fields;
    assert_eq!(fields.all("if-none-match").collect::<Vec<_>>(), [b"\"1\""], "RFC 9111, 4.3.1: ours alone");
    assert_eq!(fields.get("if-modified-since"), Some(&b"Sat, 21 Nov 2026 12:00:00 GMT"[..]));
    assert!(fields.get("range").is_none() && fields.get("x-kept").is_some());
    assert!(revalidation(&request("GET /a", ""), &stored("", "Cache-Control: max-age=60", noon())).is_none());
}

#[test]
fn what_an_unsafe_request_makes_obsolete() {
    let table: [(&str, &str, &[&str]); 6] = [
        ("9111, 4.4: its own address", "", &["/a"]),
        ("9111, 4.4: Location", "Location: /b?c", &["/a", "/b?c"]),
        ("9111, 4.4: Location at the same host", "Location: http://TEST/b", &["/a", "/b"]),
        ("9111, 4.4: Location at another host", "Location: http://other/b", &["/a"]),
        ("9111, 4.4: Content-Location", "Content-Location: /b", &["/a", "/b"]),
        ("9111, 4.4: no address", "Location: \u{1}", &["/a"]),
    ];
    for (rule, said, expected) in table {
        let said = if said.contains('\u{1}') { fields("Location: mailto:a") } else { fields(said) };
        let all = addresses(&request("POST /a", ""), &said);
        assert_eq!(
            all.iter().map(|(_, target)| &target[..]).collect::<Vec<_>>(),
            expected.iter().map(|t| t.as_bytes()).collect::<Vec<_>>(),
            "RFC {rule}"
        );
    }
}
