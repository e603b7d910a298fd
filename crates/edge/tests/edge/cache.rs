//! Answers out of the store: when, to whom, and what happens to them when replicas fail.

use crate::client::{End, get, send};
use crate::replica::{BodyFault, Framing, Head, Replica, Script};
use crate::rig::{Rig, music};
use downbeat_edge::{CacheSettings, EdgeSettings};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is waited for comes about within this.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the largest body that is stored.
const TOO_LONG: usize = 300_000;

fn cached(settings: &mut EdgeSettings) {
    settings.health.every = Duration::from_secs(3_600);
    settings.components[0].cache = Some(CacheSettings::default());
}

fn saying(fields: &'static str) -> Script {
    Script { fields, ..Script::serving(b"0123456789") }
}

async fn rig(fields: &'static str) -> (Rig, Replica) {
    let (rig, mut replicas) = Rig::with(vec![saying(fields)], cached).await;
    (rig, replicas.remove(0))
}

fn asking(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_cached_unless_configured() {
    let (rig, replicas) = Rig::new(vec![saying("Cache-Control: max-age=60\r\n")]).await;
    for _ in 0..2 {
        assert!(rig.get("/a").await.header("cache-status").is_none());
    }
    assert_eq!(replicas[0].seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_answer_is_served_without_asking_anybody() {
    for framing in [Framing::Length, Framing::Chunked] {
        let script = Script { framing, ..saying("Cache-Control: max-age=60\r\n") };
        let (rig, replicas) = Rig::with(vec![script], cached).await;
        let first = rig.get("/a").await;
        assert!(
            first.header("cache-status").is_some_and(|s| s.starts_with("downbeat; fwd=uri-miss")),
            "{}",
            first.head
        );
        let second = rig.get("/a").await;
        assert_eq!((second.status, second.body.as_slice()), (200, &b"0123456789"[..]));
        assert!(second.header("cache-status").is_some_and(|s| s.starts_with("downbeat; hit")), "{}", second.head);
        assert_eq!((second.header("age"), second.header("content-length")), (Some("0"), Some("10")));
        let head = rig.send("HEAD /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
        assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
        let unmodified = rig.send(&asking("/a", "If-None-Match: \"v1\"\r\n")).await;
        assert!(unmodified.head.starts_with("HTTP/1.1 304 "), "{}", unmodified.head);
        assert_eq!(replicas[0].seen().len(), 1, "{framing:?}");
        assert_eq!(rig.get("/b").await.status, 200);
        assert_eq!(replicas[0].seen().len(), 2, "another address");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_answer_is_checked_and_replaced() {
    let (rig, replica) = rig("Cache-Control: no-cache\r\n").await;
    rig.get("/a").await;
    let checked = rig.get("/a").await;
    assert_eq!((checked.status, checked.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(checked.header("cache-status"), Some("downbeat; fwd=stale; fwd-status=304"));
    assert!(replica.seen()[1].contains("If-None-Match: \"v1\"\r\n"), "{}", replica.seen()[1]);
    replica.change(|script| {
        script.etag = Some("\"v2\"");
        script.body = Arc::new(b"new".to_vec());
    });
    assert_eq!(rig.get("/a").await.body, b"new");
    assert!(rig.get("/a").await.body == b"new" && replica.seen()[3].contains("If-None-Match: \"v2\"\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_are_one_to_the_replica() {
    let slow = Script { pace: (2, Duration::from_millis(60)), ..saying("Cache-Control: max-age=60\r\n") };
    let (rig, replicas) = Rig::with(vec![slow], cached).await;
    let address = rig.address();
    let crowd: Vec<_> = (0..100).map(|_| tokio::spawn(async move { get(address, "/a").await })).collect();
    let mut collapsed = 0;
    for answer in crowd {
        let answer = answer.await.expect("no panic");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0123456789"[..]));
        collapsed += usize::from(answer.header("cache-status") == Some("downbeat; fwd=uri-miss; collapsed"));
    }
    assert_eq!(replicas[0].seen().len(), 1);
    assert!(collapsed > 0, "at least some came while the first was under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_go_on_alone_when_the_answer_is_not_for_them() {
    let slow = Script { pace: (2, Duration::from_millis(60)), ..saying("Cache-Control: private, max-age=60\r\n") };
    let (rig, replicas) = Rig::with(vec![slow], cached).await;
    let address = rig.address();
    let crowd: Vec<_> = (0..20).map(|_| tokio::spawn(async move { get(address, "/a").await.status })).collect();
    for status in crowd {
        assert_eq!(status.await.expect("no panic"), 200);
    }
    assert_eq!(replicas[0].seen().len(), 20, "each has an answer of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_stands_in_for_failing_replicas() {
    for head in [Head::Status(503), Head::Hangup, Head::Garbage, Head::Hang] {
        let (rig, replica) = rig("Cache-Control: max-age=0, stale-if-error=60\r\n").await;
        rig.get("/a").await;
        replica.change(|script| script.head = head);
        let start = Instant::now();
        let answer = rig.get("/a").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0123456789"[..]), "{head:?}");
        assert_eq!(answer.header("cache-status"), Some("downbeat; fwd=stale; detail=stale-if-error"), "{head:?}");
        assert!(start.elapsed() < Duration::from_secs(8), "long before the first-byte timeout");
        let part = rig.send(&asking("/a", "Range: bytes=2-4\r\n")).await;
        assert_eq!((part.status, part.body.as_slice()), (206, &b"234"[..]), "{head:?}");
        let binding = rig.send(&asking("/a", "Cache-Control: no-cache\r\n")).await;
        assert!(binding.status >= 500, "{head:?}: a client that wants no stale answer gets none");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_served_while_it_is_checked() {
    let (rig, replica) = rig("Cache-Control: max-age=0, stale-while-revalidate=60\r\n").await;
    rig.get("/a").await;
    replica.change(|script| {
        script.etag = Some("\"v2\"");
        script.body = Arc::new(b"new".to_vec());
    });
    assert_eq!(rig.get("/a").await.body, b"0123456789", "at once, and stale");
    let deadline = Instant::now() + PATIENCE;
    while rig.get("/a").await.body != b"new" {
        assert!(Instant::now() < deadline, "it is checked behind the client's back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_come_out_of_the_stored_body() {
    let (rig, replica) = rig("Cache-Control: max-age=60\r\n").await;
    let early = rig.send(&asking("/a", "Range: bytes=2-4\r\n")).await;
    assert_eq!((early.status, early.body.as_slice()), (206, &b"234"[..]));
    assert!(replica.seen()[0].contains("Range: bytes=2-4\r\n"), "before anything is stored, a replica cuts the part");
    rig.get("/a").await;
    for (range, expected, part_of) in [
        ("bytes=2-4", &b"234"[..], "bytes 2-4/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
    ] {
        let answer = rig.send(&asking("/a", &format!("Range: {range}\r\n"))).await;
        assert_eq!((answer.status, answer.body.as_slice()), (206, expected), "{range}");
        assert_eq!(answer.header("content-range"), Some(part_of));
    }
    let outside = rig.send(&asking("/a", "Range: bytes=10-\r\n")).await;
    assert_eq!((outside.status, outside.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(replica.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_variant_is_stored_for_itself() {
    let (rig, replica) = rig("Cache-Control: max-age=60\r\nVary: Accept-Language\r\n").await;
    for (language, asked) in [("de", 1), ("en", 2), ("de", 2), ("en", 2), ("fr", 3)] {
        rig.send(&asking("/a", &format!("Accept-Language: {language}\r\n"))).await;
        assert_eq!(replica.seen().len(), asked, "{language}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_credentials_stay_with_whom_they_were_given() {
    let (rig, replica) = rig("Cache-Control: max-age=60\r\n").await;
    for asked in 1..=3 {
        rig.send(&asking("/a", &format!("Authorization: Bearer {asked}\r\n"))).await;
        assert_eq!(replica.seen().len(), asked);
    }
    rig.get("/a").await;
    assert_eq!(replica.seen().len(), 4, "nor do those without credentials get them");
    let address = rig.address();
    let ask =
        |i: usize| async move { send(address, &asking("/b", &format!("Authorization: Bearer {i}\r\n"))).await.status };
    let crowd: Vec<_> = (0..10).map(|i| tokio::spawn(ask(i))).collect();
    for status in crowd {
        assert_eq!(status.await.expect("no panic"), 200);
    }
    assert_eq!(replica.seen().len(), 14, "nobody waits for another's answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_request_makes_what_is_stored_obsolete() {
    let (rig, replica) = rig("Cache-Control: max-age=60\r\nLocation: /c\r\n").await;
    for path in ["/a", "/b", "/c"] {
        rig.get(path).await;
    }
    rig.send("POST /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi").await;
    for (path, asked) in [("/b", 4), ("/a", 5), ("/c", 6)] {
        rig.get(path).await;
        assert_eq!(replica.seen().len(), asked, "{path}");
    }
    replica.change(|script| script.head = Head::Status(500));
    rig.send("DELETE /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(rig.get("/a").await.status, 200, "one that failed changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_body_is_streamed_and_not_stored() {
    for framing in [Framing::Length, Framing::Chunked] {
        let body = music(TOO_LONG);
        let fields = "Cache-Control: max-age=60\r\n";
        // Without a length nothing proves that another replica has the same body.
        let fault = (framing == Framing::Length).then_some((50_000, BodyFault::Reset));
        let broken = Script { framing, fault, fields, ..Script::serving(&body) };
        let sound = Script { framing, fields, ..Script::serving(&body) };
        let (rig, replicas) = Rig::with(vec![broken, sound], cached).await;
        for _ in 0..2 {
            let answer = rig.get("/a").await;
            assert!(answer.end == End::Whole && answer.body == body, "{framing:?}: {}", answer.head);
        }
        assert_eq!(replicas[0].seen().len(), 2, "{framing:?}: asked again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_body_is_stored_whole_and_a_cut_one_not_at_all() {
    let body = music(100_000);
    let fields = "Cache-Control: max-age=60\r\n";
    let broken = Script { fault: Some((50_000, BodyFault::Reset)), fields, ..Script::serving(&body) };
    let sound = Script { fields, ..Script::serving(&body) };
    let (rig, replicas) = Rig::with(vec![broken.clone(), sound], cached).await;
    for _ in 0..2 {
        let answer = rig.get("/a").await;
        assert!(answer.end == End::Whole && answer.body == body);
    }
    assert_eq!((replicas[0].seen().len(), replicas[1].seen().len()), (1, 1), "the second time out of the store");
    let (rig, replicas) = Rig::with(vec![Script { etag: None, ..broken }], cached).await;
    assert_ne!(rig.get("/a").await.end, End::Whole);
    replicas[0].change(|script| script.fault = None);
    let answer = rig.get("/a").await;
    assert!(answer.end == End::Whole && answer.body == body);
    assert_eq!(replicas[0].seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_cached_already_is_not_fetched() {
    let (rig, replica) = rig("Cache-Control: max-age=60\r\n").await;
    let wish = asking("/a", "Cache-Control: only-if-cached\r\n");
    assert_eq!(rig.send(&wish).await.status, 504);
    assert!(replica.seen().is_empty());
    rig.get("/a").await;
    assert_eq!(rig.send(&wish).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_count_as_answers_of_the_component() {
    let (rig, _) = rig("Cache-Control: max-age=60\r\n").await;
    for _ in 0..5 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    let wanted = [
        "downbeat_edge_cache_requests_total{component=\"playback\",outcome=\"hit\"} 4\n",
        "downbeat_edge_cache_requests_total{component=\"playback\",outcome=\"miss\"} 1\n",
        "downbeat_edge_requests_total{component=\"playback\",outcome=\"ok\"} 5\n",
        "downbeat_edge_client_bytes_total{component=\"playback\"} 50\n",
        "downbeat_edge_cache_entries 1\n",
    ];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = String::from_utf8(rig.admin("GET /metrics", "").await.body).expect("text");
        let missing: Vec<_> = wanted.iter().filter(|line| !text.contains(**line)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{missing:?} in\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
