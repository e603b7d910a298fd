//! Requests that go to another replica, and requests that must not.

use crate::client::{End, get};
use crate::replica::{Framing, Head, Keep, Script};
use crate::rig::{Rig, component, music, name, nobody, route};
use socket2::{Domain, Socket, Type};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn sound() -> Script {
    Script::serving(b"sound")
}

fn with_head(head: Head) -> Script {
    Script { head, ..sound() }
}

/// Checks that never fail, so that only the requests speak.
fn no_checks(settings: &mut downbeat_edge::EdgeSettings) {
    settings.health.every = Duration::from_secs(3_600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_survives_every_kind_of_failure() {
    for head in [Head::Hang, Head::Hangup, Head::Garbage, Head::Status(500), Head::Status(502), Head::Status(503)] {
        let (rig, _) = Rig::with(vec![with_head(head), sound()], no_checks).await;
        let answer = rig.get("/a").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"sound"[..]), "{head:?}");
    }
    let (rig, _) = Rig::with(vec![sound(), sound()], |settings| {
        no_checks(settings);
        settings.replicas[0].url = format!("http://{}", nobody());
    })
    .await;
    assert_eq!(rig.get("/a").await.status, 200, "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_reaches_one_replica_at_most() {
    for head in [Head::Hang, Head::Hangup, Head::Garbage, Head::Status(500), Head::Status(503)] {
        let (rig, replicas) = Rig::with(vec![with_head(head), sound()], |settings| {
            no_checks(settings);
            settings.retry.first_byte = Duration::from_millis(600);
        })
        .await;
        let answer = rig.send("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi").await;
        assert!((500..=504).contains(&answer.status), "{head:?}: {}", answer.status);
        assert_eq!((replicas[0].seen().len(), replicas[1].seen().len()), (1, 0), "{head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_was_not_sent_goes_elsewhere() {
    let (rig, replicas) = Rig::with(vec![sound(), sound()], |settings| {
        no_checks(settings);
        settings.replicas[0].url = format!("http://{}", nobody());
    })
    .await;
    let long = "x".repeat(200_000);
    for body in ["hi", &long] {
        let length = body.len();
        let answer =
            rig.send(&format!("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        assert_eq!(answer.status, 200);
    }
    let seen = replicas[1].seen();
    assert!(seen.len() == 2 && seen[1].ends_with(&long));
}

/// A listener whose queue is full: connections that nobody accepts, until a further one hears nothing.
fn crowded() -> (std::net::TcpListener, Vec<std::net::TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("an address");
    socket.listen(1).expect("a short queue");
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().expect("its address");
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
    (listener, std::iter::from_fn(|| connect().ok()).take(16).collect())
}

/// Connections to this port that nobody has answered yet, as the system counts them.
fn unanswered(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the system's table");
    let waits = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Remote address and state; 02 is SYN_SENT.
        words.get(2).is_some_and(|to| to.ends_with(&format!(":{port:04X}"))) && words.get(3) == Some(&"02")
    };
    table.lines().filter(waits).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_queue_was_full_is_reached_before_the_system_tries_again() {
    let (listener, queue) = crowded();
    let address = listener.local_addr().expect("its address");
    let (rig, _) = Rig::with(vec![sound()], |settings| {
        no_checks(settings);
        settings.replicas[0].url = format!("http://{address}");
        // The system repeats a SYN after a second: what is made within less, was made by a second knock.
        settings.retry.connect = Duration::from_millis(950);
    })
    .await;
    let edge = rig.address();
    let answer = tokio::spawn(async move { get(edge, "/a").await });
    while unanswered(address.port()) == 0 {
        tokio::task::yield_now().await;
    }
    drop(queue);
    listener.set_nonblocking(true).expect("a listener for the runtime");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    tokio::spawn(async move {
        // Those who stood in the queue have gone; whoever knocks now is served.
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                if matches!(stream.read(&mut request).await, Ok(1..)) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                }
            });
        }
    });
    assert_eq!(answer.await.expect("an answer").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_answer_goes_out_when_all_fail() {
    let failing = || with_head(Head::Status(503));
    let (rig, replicas) = Rig::with(vec![failing(), failing(), failing(), failing()], no_checks).await;
    let answer = rig.get("/a").await;
    assert_eq!((answer.status, answer.body.as_slice()), (503, &b"test"[..]));
    let asked: usize = replicas.iter().map(|r| r.seen().len()).sum();
    assert_eq!(asked, 2, "one attempt beyond the first (invariant H4)");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_answer_the_edge_says_so_itself() {
    let silent = || with_head(Head::Hang);
    let (rig, _) = Rig::with(vec![silent(), silent()], |settings| {
        no_checks(settings);
        settings.retry.first_byte = Duration::from_millis(500);
    })
    .await;
    let answer = rig.get("/a").await;
    assert_eq!((answer.status, answer.header("server")), (504, Some("downbeat")));
    assert!(answer.header("retry-after").is_some());
    let (rig, _) = Rig::with(vec![sound()], |s| s.replicas[0].url = format!("http://{}", nobody())).await;
    assert_eq!(rig.get("/a").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hedge_saves_the_request_and_the_first_try_is_not_given_up() {
    let (rig, replicas) = Rig::with(vec![with_head(Head::Hang), sound()], no_checks).await;
    let start = Instant::now();
    assert_eq!(rig.get("/a").await.status, 200);
    assert!(start.elapsed() < Duration::from_secs(5), "long before the first-byte timeout");
    assert_eq!((replicas[0].seen().len(), replicas[1].seen().len()), (1, 1));
    // A service that is slow everywhere answers late instead of failing.
    let slow = || Script { fields: "", ..sound() };
    let (rig, _) = Rig::with(vec![slow(), slow()], no_checks).await;
    let fault = r#"[{"name":"slow","slice":"everywhere","effect":{"effect":"delay","ms":700},"ttl_ms":60000}]"#;
    assert_eq!(rig.admin("PUT /v1/faults", fault).await.status, 200);
    assert_eq!(rig.get("/a").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_at_one_silent_replica_is_hedged_beyond_the_budget() {
    let (rig, _) = Rig::with(vec![with_head(Head::Hang), sound()], no_checks).await;
    let address = rig.address();
    let start = Instant::now();
    let burst: Vec<_> = (0..60).map(|_| tokio::spawn(async move { get(address, "/a").await.status })).collect();
    for status in burst {
        assert_eq!(status.await.expect("no panic"), 200);
    }
    assert!(start.elapsed() < Duration::from_secs(8), "none of them waited for the first-byte timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_stop_where_the_budget_ends() {
    let failing = || with_head(Head::Status(500));
    let (rig, replicas) = Rig::with(vec![failing(), failing(), failing()], no_checks).await;
    for _ in 0..100 {
        assert_eq!(rig.get("/a").await.status, 500);
    }
    let asked: usize = replicas.iter().map(|r| r.seen().len()).sum();
    assert!((110..=125).contains(&asked), "100 requests, a tenth and a floor of ten beyond: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_to_an_upload_ends_both_connections() {
    let (rig, replicas) = Rig::new(vec![Script { head: Head::Early(413), ..sound() }]).await;
    let mut stream = tokio::net::TcpStream::connect(rig.address()).await.expect("the edge listens");
    let head = "POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the edge reads");
    let answer = crate::client::read(&mut stream).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    replicas[0].change(|script| script.head = Head::Prompt);
    assert_eq!(rig.get("/b").await.status, 200, "over another connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_replica_is_ejected_and_comes_back() {
    let (rig, replicas) = Rig::with(vec![with_head(Head::Status(500)), sound(), sound()], no_checks).await;
    for _ in 0..20 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    let asked = replicas[0].seen().len();
    assert!((5..15).contains(&asked), "ejected after five failures in a row: {asked}");
    replicas[0].change(|script| script.head = Head::Prompt);
    rig.until("the ejection's end", |state| state["replicas"][0]["ejected"] == false).await;
    let before = replicas[0].seen().len();
    let deadline = Instant::now() + Duration::from_secs(20);
    while replicas[0].seen().len() == before {
        assert!(Instant::now() < deadline, "it is asked again");
        assert_eq!(rig.get("/a").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_take_a_silent_replica_out() {
    let (rig, replicas) = Rig::with(vec![sound(), sound()], |settings| {
        settings.replicas[0].url = format!("http://{}", nobody());
    })
    .await;
    rig.until("the dead one out", |state| state["replicas"][0]["ejected"] == true).await;
    assert_eq!(rig.state().await["replicas"][0]["checks"], "dead");
    assert_eq!(rig.get("/a").await.status, 200);
    assert_eq!(replicas[1].seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_most_look_bad_nobody_is_ejected() {
    let badly = || Script { health: 500, ..sound() };
    let (rig, _) = Rig::new(vec![badly(), badly(), sound()]).await;
    rig.until("two suspects", |state| {
        let suspects = (0..3).filter(|i| state["replicas"][i]["checks"] == "suspect").count();
        suspects == 2
    })
    .await;
    let state = rig.state().await;
    assert!((0..3).all(|i| state["replicas"][i]["ejected"] == false), "{state:#}");
    assert_eq!(rig.get("/a").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_components_failures_are_not_anothers() {
    let (rig, replicas) = Rig::with(vec![with_head(Head::Status(500)), sound()], |settings| {
        no_checks(settings);
        let both = [name("r1"), name("r2")];
        settings.components = vec![component("playback", &both), component("login", &both)];
        settings.routes = vec![route("playback", "/"), route("login", "/login")];
    })
    .await;
    for _ in 0..10 {
        rig.get("/login").await;
    }
    let state = rig.state().await;
    assert_eq!(state["replicas"][0]["components"]["login"]["standing"], "suspect");
    assert_eq!(state["replicas"][0]["components"]["playback"]["standing"], "fit");
    assert_eq!(replicas.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_closed_by_the_replica_is_no_failure() {
    let (rig, replicas) = Rig::with(vec![Script { keep: Keep::Close, ..sound() }], no_checks).await;
    for _ in 0..20 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    assert_eq!(replicas[0].seen().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_framing_comes_through_whole() {
    let body = music(200_000);
    for framing in [Framing::Length, Framing::Chunked, Framing::UntilClose] {
        let (rig, _) = Rig::new(vec![Script { framing, ..Script::serving(&body) }]).await;
        let answer = rig.get("/a").await;
        assert!(answer.end == End::Whole && answer.body == body, "{framing:?}: {}", answer.head);
        let old = rig.send("GET /a HTTP/1.0\r\nHost: test\r\n\r\n").await;
        assert!(old.header("transfer-encoding").is_none() && old.body == body, "{framing:?}: {}", old.head);
        let head = rig.send("HEAD /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
        let length = (framing == Framing::Length).then_some("200000");
        assert_eq!(head.header("content-length"), length, "{framing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_see_where_a_request_comes_from() {
    let (rig, replicas) = Rig::new(vec![sound()]).await;
    let fields = "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nX-Forwarded-For: 10.0.0.1\r\n\
                  X_Forwarded_For: 10.6.6.6\r\nX-Kept: yes";
    rig.send(&format!("GET //a HTTP/1.1\r\nHost: test:80\r\n{fields}\r\n\r\n")).await;
    let seen = &replicas[0].seen()[0];
    assert!(seen.starts_with("GET /a HTTP/1.1\r\nHost: test:80\r\n"), "{seen}");
    for wanted in [
        "X-Forwarded-For: 10.0.0.1, 127.0.0.1",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: test:80",
        "Via: 1.1 downbeat",
        "X-Kept: yes",
    ] {
        assert!(seen.contains(&format!("{wanted}\r\n")), "{wanted} in {seen}");
    }
    for unwanted in ["X-Secret", "TE:", "X_Forwarded", "Connection"] {
        assert!(!seen.contains(unwanted), "{unwanted} in {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_replica_sheds_and_the_dearest_keep_their_seats() {
    let (rig, _) = Rig::with(vec![with_head(Head::Hang)], |settings| {
        no_checks(settings);
        settings.retry.first_byte = Duration::from_secs(3);
        settings.replicas[0].max_in_flight = 10;
        let only = [name("r1")];
        let login = downbeat_edge::ComponentSettings { priority: 1, ..component("login", &only) };
        settings.components = vec![component("playback", &only), login];
        settings.routes = vec![route("playback", "/"), route("login", "/login")];
    })
    .await;
    let address = rig.address();
    let waiting: Vec<_> = (0..8).map(|_| tokio::spawn(async move { get(address, "/login").await.status })).collect();
    rig.until("eight in flight", |state| state["replicas"][0]["in_flight"] == 8).await;
    let turned_away = rig.get("/login").await;
    assert_eq!((turned_away.status, turned_away.header("retry-after").is_some()), (503, true));
    let dear = tokio::spawn(async move { get(address, "/song").await.status });
    rig.until("the dear one in flight", |state| state["replicas"][0]["in_flight"] == 9).await;
    assert_eq!(dear.await.expect("no panic"), 504);
    for status in waiting {
        assert_eq!(status.await.expect("no panic"), 504);
    }
}
