//! A hub for tests: keeps the roll-ups it gets and answers with the plan it was given. Also the tests of reporting.

use crate::client::{send, send_from};
use crate::replica::{BodyFault, Head, Script};
use crate::rig::{Rig, music, name};
use downbeat_core::model::{FailureKind, RollUp, SessionRow, Sketch, TrafficPlan};
use downbeat_edge::{HubLink, SessionMark};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A running hub.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    rollups: Arc<Mutex<Vec<RollUp>>>,
    heads: Arc<Mutex<Vec<String>>>,
    /// Its epoch, and as it is said.
    plan: Arc<Mutex<(u64, String)>>,
    accepting: AbortHandle,
}

impl Hub {
    pub(crate) async fn start(plan: TrafficPlan) -> Self {
        Self::saying(said(&plan)).await
    }

    /// A hub with a plan of this epoch in its own words.
    pub(crate) async fn saying(plan: (u64, String)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let rollups: Arc<Mutex<Vec<RollUp>>> = Arc::default();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let plan = Arc::new(Mutex::new(plan));
        let (all, all_heads, answer) = (rollups.clone(), heads.clone(), plan.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some((head, rollup)) = read_rollup(&mut stream).await else { continue };
                let (epoch, plan) = answer.lock().expect("no panic while held").clone();
                let same = rollup.plan_epoch == epoch;
                all_heads.lock().expect("no panic while held").push(head);
                all.lock().expect("no panic while held").push(rollup);
                let body = if same { String::new() } else { plan };
                let status = if same { "204 No Content" } else { "200 OK" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, rollups, heads, plan, accepting: accepting.abort_handle() }
    }

    pub(crate) fn set_plan(&self, plan: TrafficPlan) {
        *self.plan.lock().expect("no panic while held") = said(&plan);
    }

    pub(crate) fn die(&self) {
        self.accepting.abort();
    }

    pub(crate) fn link(&self) -> Option<HubLink> {
        Some(HubLink { url: format!("http://{}", self.address), token: Some("secret".into()) })
    }

    fn rollups(&self) -> Vec<RollUp> {
        self.rollups.lock().expect("no panic while held").clone()
    }

    /// Waits until the roll-ups so far are as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&[RollUp]) -> bool) -> Vec<RollUp> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let rollups = self.rollups();
            if wanted(&rollups) {
                return rollups;
            }
            assert!(Instant::now() < deadline, "{what} was not told: {rollups:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn said(plan: &TrafficPlan) -> (u64, String) {
    (plan.epoch, serde_json::to_string(plan).expect("a plan is JSON"))
}

async fn read_rollup(stream: &mut TcpStream) -> Option<(String, RollUp)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(rollup) = serde_json::from_str(body)
        {
            return Some((head.to_owned(), rollup));
        }
    }
}

fn failures(rollups: &[RollUp], kind: FailureKind) -> (u64, u64) {
    let upstream = rollups.iter().flat_map(|r| &r.upstream).map(|row| row.tally.failures.of(kind)).sum();
    let clients = rollups.iter().flat_map(|r| &r.clients).map(|row| row.tally.failures.of(kind)).sum();
    (upstream, clients)
}

async fn told(scripts: Vec<Script>) -> (Rig, Hub) {
    let hub = Hub::start(TrafficPlan::default()).await;
    let link = hub.link();
    let change = |settings: &mut downbeat_edge::EdgeSettings| {
        settings.hub = link;
        settings.version_header = Some("x-version".into());
    };
    (Rig::with(scripts, change).await.0, hub)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_is_told_in_order() {
    let sound = Script { fields: "X-Version: 1.4.2\r\n", ..Script::serving(b"sound") };
    let (rig, hub) = told(vec![sound]).await;
    for client in ["127.66.6.1", "127.66.6.2", "127.77.7.1"] {
        let request = "GET /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
        assert_eq!(send_from(client, rig.address(), request).await.status, 200);
    }
    let total = |rollups: &[RollUp]| rollups.iter().flat_map(|r| &r.clients).map(|c| c.tally.total).sum::<u64>();
    let rollups = hub.until("three answers and a check", |r| total(r) == 3 && r.len() > 1).await;
    let sketched = |sketches: Vec<&Sketch>| sketches.iter().map(|s| s.total()).sum::<u64>();
    assert_eq!(sketched(rollups.iter().flat_map(|r| &r.components).map(|c| &c.first_byte).collect()), 3);
    assert_eq!(sketched(rollups.iter().flat_map(|r| &r.upstream).map(|row| &row.first_byte).collect()), 3);
    let seqs: Vec<u64> = rollups.iter().map(|r| r.seq).collect();
    assert_eq!(seqs, (1..=rollups.len() as u64).collect::<Vec<_>>());
    assert!(rollups.iter().all(|r| r.boot == rollups[0].boot && r.edge == name("edge-1")));
    let networks: Vec<_> =
        rollups.iter().flat_map(|r| &r.clients).map(|c| (c.network.to_string(), c.tally.total)).collect();
    let of = |network: &str| networks.iter().filter(|(n, _)| n == network).map(|(_, n)| n).sum::<u64>();
    assert_eq!((of("127.66.6.0/24"), of("127.77.7.0/24")), (2, 1));
    let upstream: Vec<_> = rollups.iter().flat_map(|r| &r.upstream).collect();
    assert_eq!(upstream.iter().map(|row| row.tally.total).sum::<u64>(), 3);
    assert_eq!(upstream.iter().map(|row| row.bytes).sum::<u64>(), 15);
    assert!(upstream[0].first_byte_us >= upstream[0].first_byte_us_max && upstream[0].first_byte_us_max > 0);
    let last = &rollups[rollups.len() - 1].replicas[0];
    assert_eq!((last.version.clone(), last.ejected), (Some(name("1.4.2")), false));
    assert!(last.checks.total > 0 && last.checks.failed() == 0);
    let heads = hub.heads.lock().expect("no panic while held").clone();
    assert!(heads[0].starts_with("POST /v1/rollups HTTP/1.1\r\n") && heads[0].contains("Authorization: Bearer secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_by_kind() {
    let sound = || Script::serving(&music(100_000));
    let (rig, hub) = told(vec![Script { head: Head::Status(500), ..sound() }, sound()]).await;
    assert_eq!(rig.get("/a").await.status, 200);
    let rollups = hub.until("the retry", |r| failures(r, FailureKind::Status) == (1, 0)).await;
    assert_eq!(rollups.iter().flat_map(|r| &r.clients).map(|c| c.retried).sum::<u64>(), 1);

    let (rig, hub) = told(vec![Script { head: Head::Hang, ..sound() }, sound()]).await;
    // One that lost a race is listened to until it has been silent for a tenth of a second.
    for _ in 0..20 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    hub.until("the lost races", |r| failures(r, FailureKind::Late).0 > 0).await;
    assert_eq!(failures(&hub.rollups(), FailureKind::Late).1, 0);

    let failing = Script { head: Head::StatusAfter(500, Duration::from_millis(50)), ..sound() };
    let (rig, hub) = told(vec![failing, sound()]).await;
    for _ in 0..20 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    hub.until("the failures behind the races that were lost", |r| failures(r, FailureKind::Status).0 > 0).await;

    for (fault, kind) in [(BodyFault::Stall, FailureKind::Stalled), (BodyFault::Reset, FailureKind::Reset)] {
        let (rig, hub) = told(vec![Script { fault: Some((50_000, fault)), ..sound() }, sound()]).await;
        assert_eq!(rig.get("/a").await.body.len(), 100_000);
        let rollups = hub.until("the broken body", |r| failures(r, kind) == (1, 0)).await;
        assert_eq!(rollups.iter().flat_map(|r| &r.clients).map(|c| c.resumed).sum::<u64>(), 1);
    }

    let (rig, hub) = told(vec![Script { head: Head::Status(401), ..sound() }]).await;
    assert_eq!(rig.get("/a").await.status, 401);
    hub.until("the denial", |r| failures(r, FailureKind::Denied) == (0, 1)).await;

    let cut = Script { etag: None, fault: Some((50_000, BodyFault::Reset)), ..sound() };
    let (rig, hub) = told(vec![cut]).await;
    rig.get("/a").await;
    hub.until("the cut body", |r| failures(r, FailureKind::Reset) == (1, 1)).await;
}

async fn with_sessions(script: Script, mark: SessionMark) -> (Rig, Hub) {
    let hub = Hub::start(TrafficPlan::default()).await;
    let link = hub.link();
    let change = |settings: &mut downbeat_edge::EdgeSettings| {
        settings.hub = link;
        settings.session = Some(mark);
    };
    (Rig::with(vec![script], change).await.0, hub)
}

/// However often a session asks, it is one; who shows none is none, whatever their addresses.
#[tokio::test(flavor = "multi_thread")]
async fn active_sessions_are_told_as_numbers() {
    let marks = [
        (SessionMark::Cookie("sid".into()), "Cookie: theme=dark; sid="),
        (SessionMark::Authorization, "Authorization: Bearer "),
    ];
    for (mark, field) in marks {
        let (rig, hub) = with_sessions(Script::serving(b"sound"), mark).await;
        for n in 0..90 {
            let token = format!("{field}secret-{}\r\n", n % 30);
            let request = format!("GET /a HTTP/1.1\r\nHost: test\r\n{token}Connection: close\r\n\r\n");
            assert_eq!(send_from(&format!("127.0.{}.1", n % 9), rig.address(), &request).await.status, 200);
        }
        for empty in ["Cookie: sid=\r\n", "Cookie: theme=dark\r\n", ""] {
            let request = format!("GET /a HTTP/1.1\r\nHost: test\r\n{empty}Connection: close\r\n\r\n");
            assert_eq!(send(rig.address(), &request).await.status, 200);
        }
        // The secret of a process is drawn by chance: in one run of five, two of thirty share a register of 2,048, and count as one.
        // Five such pairs are met once in 400,000 runs.
        let is_whole = |row: &SessionRow| (26..=31).contains(&row.active);
        let told = hub.until("thirty sessions", |r| r.iter().any(|r| r.sessions.iter().any(is_whole))).await;
        let last = told.iter().rev().find(|r| !r.sessions.is_empty()).expect("they were told");
        let components: Vec<_> = last.sessions.iter().map(|row| row.component.clone()).collect();
        assert_eq!(components, [None, Some(name("playback"))]);
        let text = serde_json::to_string(&told).expect("JSON");
        assert!(!text.contains("secret"), "no token leaves the edge");
    }
}

/// Who is refused for want of credentials is no session: tokens that were made up make no crowd.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_no_session() {
    let denying = Script { head: Head::Status(401), ..Script::serving(b"sound") };
    let (rig, hub) = with_sessions(denying, SessionMark::Authorization).await;
    let request = "GET /a HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer made-up\r\nConnection: close\r\n\r\n";
    assert_eq!(send(rig.address(), request).await.status, 401);
    let told = hub.until("the denial", |r| failures(r, FailureKind::Denied) == (0, 1) && r.len() > 2).await;
    assert!(told.iter().all(|r| r.sessions.is_empty()), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_goes_on_without_the_hub() {
    let (rig, hub) = told(vec![Script::serving(b"sound")]).await;
    hub.until("something", |r| !r.is_empty()).await;
    hub.die();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert_eq!(rig.get("/a").await.status, 200);
        let metrics = rig.admin("GET /metrics", "").await;
        if String::from_utf8_lossy(&metrics.body).contains("downbeat_edge_rollups_lost_total 2") {
            break;
        }
        assert!(Instant::now() < deadline, "the loss is counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_open_metrics() {
    let (rig, _) = Rig::new(vec![Script::serving(b"sound")]).await;
    assert_eq!(rig.get("/a").await.status, 200);
    assert_eq!(send(rig.address(), "nonsense\r\n\r\n").await.status, 400);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = rig.admin("GET /metrics", "").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.ends_with("# EOF\n"));
        if text.contains("downbeat_edge_requests_total{component=\"playback\",outcome=\"ok\"} 1") {
            assert!(text.contains("downbeat_edge_refused_requests_total 1"), "{text}");
            break;
        }
        assert!(Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
