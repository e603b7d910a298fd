//! Probes against real servers on this machine: good ones, bad ones, and none.

use crate::authority::{Authority, Shown};
use crate::rig::{any_port, name};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use downbeat_core::model::{FailureKind, ProbeOutcome, Slice, Topology};
use downbeat_hub::outbound::Outbound;
use downbeat_hub::probes::Prober;
use downbeat_hub::settings::{
    Condition, DnsTask, HttpTask, ProbeSettings, ProbeTask, RecordKind, StatusSet, TlsTask, Trust,
};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, UdpSocket};

pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) async fn run(task: ProbeTask, timeout: Duration) -> ProbeOutcome {
    run_asking(task, timeout, None).await
}

async fn run_asking(task: ProbeTask, timeout: Duration, resolver: Option<SocketAddr>) -> ProbeOutcome {
    let outbound = Outbound::new(vec![], &Topology::default());
    let prober = Prober::new(name("test"), resolver, outbound).expect("a prober");
    let (slice, fail_after) = (Slice::everywhere(), NonZeroU32::MIN);
    let probe = ProbeSettings { name: name("probe"), slice, every: LONG, timeout, fail_after, task };
    prober.run(&probe).await.outcome
}

/// `None` for passed; the failure, the component and the words otherwise.
pub(crate) fn failure(outcome: ProbeOutcome) -> Option<(FailureKind, Option<String>, String)> {
    match outcome {
        ProbeOutcome::Passed { .. } => None,
        ProbeOutcome::Failed { failure, detail, component } => Some((failure, component.map(String::from), detail)),
        ProbeOutcome::Unknown { detail } => panic!("unknown: {detail}"),
    }
}

pub(crate) fn kind(outcome: ProbeOutcome) -> Option<FailureKind> {
    failure(outcome).map(|(kind, ..)| kind)
}

pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    root
}

/// An address at which nobody listens: taken, and let go.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind(any_port()).await.expect("a port").local_addr().expect("an address")
}

/// Accepts and never says a word.
pub(crate) async fn mute() -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn http() {
    let padded = || async { format!("{}needle", "x".repeat(64 * 1024)) };
    let app = Router::new()
        .route("/good", get(async || "all is well"))
        .route("/moved", get(async || Redirect::to("/good")))
        .route("/broken", get(async || StatusCode::BAD_GATEWAY))
        .route("/closed", get(async || StatusCode::FORBIDDEN))
        .route("/late", get(async || std::future::pending::<()>().await))
        .route("/deep", get(padded));
    let root = serve(app).await;
    let gone = format!("http://{}", nobody().await);
    let table = [
        (format!("{root}/good"), None, Some("is well"), None),
        (format!("{root}/moved"), None, None, None),
        (format!("{root}/good"), Some(204_u16), None, Some(FailureKind::Wrong)),
        (format!("{root}/absent"), Some(404), None, None),
        (format!("{root}/absent"), None, None, Some(FailureKind::Wrong)),
        (format!("{root}/good"), None, Some("is ill"), Some(FailureKind::Wrong)),
        (format!("{root}/deep"), None, Some("needle"), Some(FailureKind::Wrong)),
        (format!("{root}/broken"), None, None, Some(FailureKind::Status)),
        (format!("{root}/closed"), None, None, Some(FailureKind::Denied)),
        (gone, None, None, Some(FailureKind::Refused)),
        ("http://no-such-host.invalid/".into(), None, None, Some(FailureKind::Unresolved)),
    ];
    for (url, status, body, expected) in table {
        let expect = body.map(Condition::body_contains).into_iter().collect();
        let status = status.map_or_else(StatusSet::default, |status| StatusSet::one(status).expect("a status"));
        let task = ProbeTask::Http(HttpTask { status: status.clone(), expect, ..HttpTask::get(&url) });
        assert_eq!(kind(run(task, LONG).await), expected, "{url} {status:?} {body:?}");
    }
    let late = ProbeTask::Http(HttpTask::get(format!("{root}/late")));
    assert_eq!(kind(run(late, SHORT).await), Some(FailureKind::Late));
    let nonsense = ProbeTask::Http(HttpTask::get("http://["));
    assert!(matches!(run(nonsense, LONG).await, ProbeOutcome::Unknown { .. }), "our own fault is not theirs");
}

#[tokio::test]
async fn tcp() {
    let (open, closed) = (mute().await.to_string(), nobody().await.to_string());
    assert_eq!(kind(run(connect(open), LONG).await), None);
    assert_eq!(kind(run(connect(closed), LONG).await), Some(FailureKind::Refused));
    assert_eq!(kind(run(connect("no-such-host.invalid:1".into()), LONG).await), Some(FailureKind::Unresolved));
}

fn connect(address: String) -> ProbeTask {
    ProbeTask::Tcp { address, send: None, expect: None }
}

/// Says `+PONG` to a line that says `PING`, in two pieces, and hangs up on everything else.
async fn parrot() -> String {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufStream::new(stream);
            let mut line = String::new();
            if stream.read_line(&mut line).await.is_ok() && line == "PING\r\n" {
                for piece in ["+PO", "NG\r\n"] {
                    stream.write_all(piece.as_bytes()).await.expect("written");
                    stream.flush().await.expect("written");
                }
            }
        }
    });
    address
}

#[tokio::test]
async fn tcp_with_words() {
    let talk = |address: &str, send: &str, expect: &str| ProbeTask::Tcp {
        address: address.into(),
        send: Some(send.into()),
        expect: Some(expect.into()),
    };
    let address = parrot().await;
    assert_eq!(kind(run(talk(&address, "PING\r\n", "+PONG"), LONG).await), None);
    let (wrong, _, says) = failure(run(talk(&address, "PING\r\n", "-ERR"), LONG).await).expect("a failure");
    assert!(wrong == FailureKind::Wrong && says.contains("it said \"+PONG\\r\\n\""), "{wrong:?} {says}");
    assert_eq!(kind(run(talk(&address, "HELLO\r\n", "+PONG"), LONG).await), Some(FailureKind::Wrong), "it hangs up");
    let silent = mute().await.to_string();
    assert_eq!(kind(run(talk(&silent, "PING\r\n", "+PONG"), SHORT).await), Some(FailureKind::Late));
}

/// Answers for `music.example`; denies everything else.
async fn name_server(address: Ipv4Addr) -> SocketAddr {
    let socket = UdpSocket::bind(any_port()).await.expect("a port");
    let here = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut packet = [0; 1_500];
        while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
            let query = Message::from_vec(&packet[..length]).expect("a query");
            let answer = answer(&query, address).to_vec().expect("an answer");
            socket.send_to(&answer, peer).await.expect("sent");
        }
    });
    here
}

fn answer(query: &Message, address: Ipv4Addr) -> Message {
    let question = query.queries.first().expect("a question").clone();
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.recursion_available = true;
    if question.name().to_ascii() != "music.example." {
        answer.metadata.response_code = ResponseCode::NXDomain;
    } else {
        let name = |text: &str| text.parse().expect("a name");
        let data = match question.query_type() {
            RecordType::A => vec![RData::A(A(address))],
            RecordType::MX => vec![RData::MX(MX::new(10, name("Mail.music.example.")))],
            RecordType::TXT => ["v=spf1 -all", "Owner=Anna"].map(|text| RData::TXT(TXT::new(vec![text.into()]))).into(),
            _ => vec![],
        };
        answer.answers = data.into_iter().map(|data| Record::from_rdata(question.name().clone(), 60, data)).collect();
    }
    answer.add_query(question);
    answer
}

#[tokio::test]
async fn dns() {
    let here = name_server(Ipv4Addr::new(127, 1, 2, 3)).await;
    let (right, wrong) = ("127.1.2.3", "127.9.9.9");
    let table = [
        ("music.example", RecordKind::Address, vec![], None),
        ("music.example", RecordKind::Address, vec![wrong, right], None),
        ("music.example", RecordKind::Address, vec![wrong], Some(FailureKind::Misdirected)),
        ("noise.example", RecordKind::Address, vec![], Some(FailureKind::Unresolved)),
        ("music.example", RecordKind::A, vec![right], None),
        ("music.example", RecordKind::Aaaa, vec![], Some(FailureKind::Unresolved)),
        ("music.example", RecordKind::Mx, vec!["10 mail.MUSIC.example"], None),
        ("music.example", RecordKind::Mx, vec!["20 mail.music.example"], Some(FailureKind::Misdirected)),
        ("music.example", RecordKind::Txt, vec!["v=spf1 -all"], None),
        ("music.example", RecordKind::Txt, vec!["Owner=Anna", "v=spf1 -all"], None),
        ("music.example", RecordKind::Txt, vec!["owner=anna"], Some(FailureKind::Misdirected)),
        ("music.example", RecordKind::Srv, vec![], Some(FailureKind::Unresolved)),
    ];
    for (host, record, expect, failure) in table {
        let expect = expect.into_iter().map(String::from).collect();
        let task = DnsTask { host: host.into(), record, expect, server: None };
        let outcome = run_asking(ProbeTask::Dns(task.clone()), LONG, Some(here)).await;
        assert_eq!(kind(outcome), failure, "{task:?}");
        // The probe's own name server goes before the hub's.
        let nowhere = Some(nobody().await);
        let outcome = run_asking(ProbeTask::Dns(DnsTask { server: Some(here), ..task }), LONG, nowhere).await;
        assert_eq!(kind(outcome), failure);
    }
    let silent = UdpSocket::bind(any_port()).await.expect("a port");
    let (host, record) = ("music.example".into(), RecordKind::Address);
    let task = ProbeTask::Dns(DnsTask { host, record, expect: vec![], server: None });
    let outcome = run_asking(task, SHORT, Some(silent.local_addr().expect("an address"))).await;
    assert_eq!(kind(outcome), Some(FailureKind::Unresolved));
}

/// Shows a certificate for `music.example` that begins and ends so many days from now.
async fn tls_server(days: (i64, i64)) -> String {
    show(Authority::new("somebody").issue("music.example", days)).await
}

/// A server that shows a certificate; a client that hangs up after the handshake is how these probes end.
async fn show(shown: Shown) -> String {
    format!("127.0.0.1:{}", shown.serve(&[], async |_| {}).await)
}

#[tokio::test]
async fn tls() {
    let (fine, expired, early) = (tls_server((-10, 90)).await, tls_server((-90, -1)).await, tls_server((5, 90)).await);
    let table = [
        (&fine, "music.example", 30, None),
        (&fine, "noise.example", 30, Some("not for noise.example")),
        (&fine, "127.0.0.1", 30, Some("not for 127.0.0.1")),
        (&fine, "music.example", 91, Some("expires in")),
        (&expired, "music.example", 0, Some("expired on")),
        (&early, "music.example", 0, Some("not valid before")),
    ];
    for (address, server_name, days, says) in table {
        let valid_for = Duration::from_secs(days * 86_400);
        let task = TlsTask { server_name: server_name.into(), valid_for, ..trusting(address.clone(), Trust::Anybody) };
        let task = ProbeTask::Tls(task);
        match (failure(run(task, LONG).await), says) {
            (None, None) => {}
            (Some((FailureKind::Certificate, None, detail)), Some(says)) if detail.contains(says) => {}
            (came, _) => panic!("{server_name} for {days} days: {came:?} instead of {says:?}"),
        }
    }
    let tls = |address| ProbeTask::Tls(trusting(address, Trust::Anybody));
    let plain = serve(Router::new()).await.replace("http://", "");
    assert_eq!(kind(run(tls(plain), LONG).await), Some(FailureKind::Wrong), "no TLS there");
    assert_eq!(kind(run(tls(mute().await.to_string()), SHORT).await), Some(FailureKind::Late));
    assert_eq!(kind(run(tls(nobody().await.to_string()), LONG).await), Some(FailureKind::Refused));
}

fn trusting(address: String, trust: Trust) -> TlsTask {
    TlsTask { address, server_name: "music.example".into(), valid_for: Duration::ZERO, trust }
}

/// Who signed it counts, unless anybody may; and a server has to show the certificate between its own and the authority's.
#[tokio::test]
async fn tls_by_an_authority_of_ones_own() {
    let (root, between) = (Authority::new("the root"), Authority::new("one between"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = root.write(folder.path());
    let also = || Trust::Also(file.clone());
    let issued = || between.issue("music.example", (-10, 90));
    let torn = show(issued()).await;
    let mut shown = issued();
    shown.chain.push(root.sign(&between));
    let whole = show(shown).await;
    let nobody = "nobody who is trusted has signed the certificate";
    for (address, trust, says) in [
        (&whole, also(), None),
        (&whole, Trust::Anybody, None),
        (&torn, Trust::Anybody, None),
        (&torn, also(), Some(nobody)),
    ] {
        let came = failure(run(ProbeTask::Tls(trusting(address.clone(), trust.clone())), LONG).await);
        match (came, says) {
            (None, None) => {}
            (Some((FailureKind::Certificate, None, detail)), Some(says)) if detail.contains(says) => {}
            (came, _) => panic!("{address} with {trust:?}: {came:?} instead of {says:?}"),
        }
    }
    // A machine without any authorities cannot say; every other one says no.
    match run(ProbeTask::Tls(trusting(whole.clone(), Trust::System)), LONG).await {
        ProbeOutcome::Failed { failure: FailureKind::Certificate, detail, .. } => {
            assert!(detail.contains(nobody), "{detail}")
        }
        ProbeOutcome::Unknown { detail } => assert!(detail.contains("whom to trust"), "{detail}"),
        other => panic!("{other:?}"),
    }
    let gone = Trust::Also(folder.path().join("gone.pem"));
    match run(ProbeTask::Tls(trusting(whole, gone)), LONG).await {
        ProbeOutcome::Unknown { detail } => assert!(detail.contains("gone.pem"), "{detail}"),
        other => panic!("a file that is gone says nothing about the server: {other:?}"),
    }
}
