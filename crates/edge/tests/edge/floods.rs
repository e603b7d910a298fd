//! What attackers of HTTP/2 do, frame by frame: each is sent away, and nobody else notices (invariant H3).

use crate::frames::{
    CALM, CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, HEADERS, NO_ERROR, PING, POST, PRIORITY, REFUSED_STREAM,
    RESET, Raw, SETTINGS, WINDOW_UPDATE, farewell, field, frame,
};
use crate::replica::{Head, Script};
use crate::rig::Rig;
use std::time::Duration;

const CANCEL: [u8; 4] = [0, 0, 0, 8];

async fn rig() -> Rig {
    Rig::new(vec![Script { head: Head::Hang, health: 200, ..Script::serving(b"sound") }]).await.0
}

fn odd(i: u32) -> u32 {
    2 * i + 1
}

/// What an edge says in the end to a client that sends this.
async fn told(rig: &Rig, bytes: &[u8]) -> Option<u32> {
    let mut raw = Raw::connect(rig.address()).await;
    raw.send(bytes).await;
    farewell(&raw.rest().await)
}

/// A connection does not end by these bytes: it still answers a ping, which is told by its number.
async fn is_borne(rig: &Rig, bytes: &[u8]) {
    let mut raw = Raw::connect(rig.address()).await;
    raw.send(bytes).await;
    raw.send(&frame(PING, 0, 0, b"how-are?")).await;
    loop {
        let came = raw.next().await.expect("the connection goes on");
        if came.kind == PING && came.payload == b"how-are?" {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_the_connection() {
    let rig = rig().await;
    let pairs = |n: u32| -> Vec<u8> {
        (0..n)
            .flat_map(|i| {
                [frame(HEADERS, END_HEADERS | END_STREAM, odd(i), GET), frame(RESET, 0, odd(i), &CANCEL)].concat()
            })
            .collect()
    };
    assert_eq!(told(&rig, &pairs(101)).await, Some(CALM));
    assert_eq!(told(&rig, &pairs(5_000)).await, Some(CALM));
    is_borne(&rig, &pairs(15)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_that_come_one_by_one_count_as_well() {
    let rig = rig().await;
    let mut raw = Raw::connect(rig.address()).await;
    for i in 0..101 {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, odd(i), GET)).await;
        // The answer to a ping says that the request has been taken. There is a budget for pings, too.
        if i % 2 == 0 {
            raw.send(&frame(PING, 0, 0, &u64::from(i).to_be_bytes())).await;
            while raw.next().await.is_some_and(|came| came.kind != PING) {}
        }
        raw.send(&frame(RESET, 0, odd(i), &CANCEL)).await;
    }
    assert_eq!(farewell(&raw.rest().await), Some(CALM));
    // The replica's seats are free again.
    rig.until("no request in flight", |state| !state.to_string().contains("\"in_flight\":1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn made_you_reset_ends_the_connection() {
    let rig = rig().await;
    // Each request is followed by what makes a server reset it: a window that becomes too large, a stream that waits
    // for itself.
    let tricks = [
        |id: u32| frame(WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes()),
        |id: u32| frame(PRIORITY, 0, id, &[&id.to_be_bytes()[..], &[0]].concat()),
    ];
    for trick in tricks {
        let pairs = |n: u32| -> Vec<u8> {
            let pair = |i| [frame(HEADERS, END_HEADERS | END_STREAM, odd(i), GET), trick(odd(i))].concat();
            (0..n).flat_map(pair).collect()
        };
        assert_eq!(told(&rig, &pairs(200)).await, Some(CALM));
        is_borne(&rig, &pairs(15)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_small_frames_end_the_connection() {
    let rig = rig().await;
    let open = frame(HEADERS, END_HEADERS, 1, POST);
    let window = 1_u32.to_be_bytes();
    let table = [
        ("pings", frame(PING, 0, 0, &[0; 8]), 100),
        ("settings", frame(SETTINGS, 0, 0, &[]), 19),
        ("empty data", frame(DATA, 0, 1, &[]), 100),
        ("window updates", frame(WINDOW_UPDATE, 0, 0, &window), 1_000),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]), 500),
        ("unknown frames", frame(0xfa, 0, 0, &[]), 500),
    ];
    for (label, frame, allowed) in table {
        let flood = |n: usize| [open.clone(), frame.repeat(n)].concat();
        assert_eq!(told(&rig, &flood(allowed + 10)).await, Some(CALM), "{label}");
        is_borne(&rig, &flood(allowed - 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_bounded_over_all_their_frames() {
    let rig = rig().await;
    let piece: Vec<u8> = (0..150).flat_map(|i| field(&format!("x-{i}"), &"y".repeat(90))).collect();
    assert!((14_000..16_384).contains(&piece.len()), "a frame: {}", piece.len());
    let start = frame(HEADERS, END_STREAM, 1, GET);
    let more = frame(CONTINUATION, 0, 1, &piece);
    assert_eq!(told(&rig, &[start.clone(), more.repeat(3)].concat()).await, Some(CALM));
    let tiny = frame(CONTINUATION, 0, 1, &field("a", "b"));
    assert_eq!(told(&rig, &[start.clone(), tiny.repeat(100)].concat()).await, Some(CALM));
    let empty = frame(CONTINUATION, 0, 1, &[]);
    assert_eq!(told(&rig, &[start, empty.repeat(100)].concat()).await, Some(CALM));
    // Short as sent and long as meant: a table's entry named again and again. It is answered with 431.
    let mut bomb = [GET, &[0x40, 1, b'x', 0x7f, 0xa1, 0x1e]].concat();
    bomb.extend_from_slice(&[b'y'; 4000]);
    bomb.extend_from_slice(&[0xbe; 2000]);
    let mut raw = Raw::connect(rig.address()).await;
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb)).await;
    let head = raw.next().await;
    let mut came = head.expect("an answer");
    while came.kind == SETTINGS || came.kind == WINDOW_UPDATE {
        came = raw.next().await.expect("an answer");
    }
    assert!(came.kind == HEADERS || came.code() == CALM, "{came:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_streams_at_once_and_no_more() {
    let rig = rig().await;
    let mut raw = Raw::connect(rig.address()).await;
    for i in 0..=100 {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, odd(i), GET)).await;
    }
    assert_eq!(raw.next_of(RESET, odd(100)).await.code(), REFUSED_STREAM);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_nothing_is_sent_away() {
    let short = Duration::from_millis(300);
    let (rig, _) =
        Rig::with(vec![Script::serving(b"sound")], |s| (s.limits.idle, s.limits.head) = (short, short)).await;
    // No request: a friendly end.
    let mut idle = Raw::connect(rig.address()).await;
    assert_eq!(farewell(&idle.rest().await), Some(NO_ERROR));
    // Pings are no requests.
    let mut pinging = Raw::connect(rig.address()).await;
    let mut last = None;
    while let Some(came) = pinging.next().await {
        if came.kind == crate::frames::GOAWAY {
            last = Some(came.code());
        }
        if came.kind != PING || last.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            pinging.send(&frame(PING, 0, 0, &[1; 8])).await;
        }
    }
    assert_eq!(last, Some(NO_ERROR));
    // A head that does not come to its end.
    let mut slow = Raw::connect(rig.address()).await;
    slow.send(&frame(HEADERS, END_STREAM, 1, GET)).await;
    assert_eq!(farewell(&slow.rest().await), Some(CALM));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ambiguous_is_refused_and_reaches_nobody() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    let with = |fields: &[(&str, &str)]| {
        [GET.to_vec(), fields.iter().flat_map(|(name, value)| field(name, value)).collect()].concat()
    };
    let path = |path: &str| [&[0x82, 0x86, 0x04, path.len() as u8][..], path.as_bytes(), &[0x01, 1, b'a']].concat();
    let table = [
        with(&[("host", "b")]),
        with(&[("host", "a"), ("host", "a")]),
        with(&[("connection", "close")]),
        with(&[("keep-alive", "1")]),
        with(&[("proxy-connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "websocket")]),
        with(&[("te", "gzip")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "0"), ("content-length", "5")]),
        with(&[("X-Upper", "y")]),
        with(&[("x y", "z")]),
        with(&[("x", "y\r\nz: w")]),
        with(&[("x", "y\0")]),
        with(&[(":path", "/b")]),
        with(&[("x", "y"), (":authority", "b")]),
        with(&[(":status", "200")]),
        with(&[(":protocol", "websocket")]),
        path("*"),
        path("a"),
        path(""),
        path("http://a/"),
        path("/../x"),
        path("/x/%2e%2e/y"),
        path("/x%2fy"),
        path("/x\\y"),
        path("/x;y"),
        path("/x%00"),
        path("/x y"),
        // No path, no scheme, no method, no host, CONNECT.
        vec![0x82, 0x86, 0x01, 1, b'a'],
        vec![0x82, 0x84, 0x01, 1, b'a'],
        vec![0x86, 0x84, 0x01, 1, b'a'],
        vec![0x82, 0x86, 0x84],
        [&[0x02, 7][..], b"CONNECT", &[0x01, 1, b'a']].concat(),
    ];
    for block in table {
        let mut raw = Raw::connect(rig.address()).await;
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
        loop {
            let came = raw.next().await.expect("a word");
            match came.kind {
                // 400 is the 12th entry of the static table; 501 is a literal behind the name of the 8th.
                HEADERS => {
                    let refused = came.payload[0] == 0x8c || came.payload.starts_with(b"\x08\x03501");
                    assert!(refused, "{came:?}");
                    break;
                }
                RESET | crate::frames::GOAWAY => {
                    assert_ne!(came.code(), NO_ERROR, "{came:?}");
                    break;
                }
                _ => {}
            }
        }
    }
    // More and less data than said.
    for data in [&b"hello!"[..], b"hell"] {
        let mut raw = Raw::connect(rig.address()).await;
        let head = [POST.to_vec(), field("content-length", "5")].concat();
        raw.send(&frame(HEADERS, END_HEADERS, 1, &head)).await;
        raw.send(&frame(DATA, END_STREAM, 1, data)).await;
        assert_ne!(raw.next_of(RESET, 1).await.code(), NO_ERROR);
    }
    assert!(replicas[0].seen().is_empty(), "{:?}", replicas[0].seen());
}
