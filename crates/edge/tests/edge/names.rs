//! Host names that stop resolving, or lead astray.

use crate::hub::Hub;
use crate::replica::{Replica, Script};
use crate::rig::{Rig, name, settings};
use downbeat_core::model::{FailureKind, Pin, TrafficPlan};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// A name server that says the same of every name.
#[derive(Debug, Clone)]
struct NameServer {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
}

#[derive(Debug, Clone)]
enum Says {
    Addresses(Vec<Ipv4Addr>),
    NoSuchName,
    Nothing,
}

impl NameServer {
    async fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self { address: socket.local_addr().expect("bound"), says: Arc::new(Mutex::new(says)) };
        let says = server.says.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((n, peer)) = socket.recv_from(&mut buffer).await {
                let said = says.lock().expect("no panic while held").clone();
                if let Some(answer) = answer(&buffer[..n], &said) {
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
        });
        server
    }

    fn say(&self, says: Says) {
        *self.says.lock().expect("no panic while held") = says;
    }
}

fn answer(query: &[u8], says: &Says) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.recursion_available = true;
    answer.metadata.recursion_desired = true;
    match says {
        Says::Nothing => return None,
        Says::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        Says::Addresses(ips) if question.query_type() == RecordType::A => {
            let record = |ip: &Ipv4Addr| Record::from_rdata(question.name().clone(), 1, RData::A(A(*ip)));
            answer.answers.extend(ips.iter().map(record));
        }
        Says::Addresses(_) => {}
    }
    answer.queries.push(question);
    answer.to_vec().ok()
}

const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn sound(body: &[u8]) -> Script {
    Script { fields: "X-Version: 1.4.2\r\n", ..Script::serving(body) }
}

/// An edge in front of `eu.test`, which leads to a replica here; and whatever is started there on the same port.
async fn rig(hub: Option<&Hub>, there: Option<Script>) -> (Rig, NameServer, Replica) {
    let here = Replica::start(sound(b"here")).await;
    if let Some(script) = there {
        Replica::start_at(&format!("{THERE}:{}", here.address.port()), script).await;
    }
    let server = NameServer::start(Says::Addresses(vec![HERE])).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(&folder, &[here.address]);
    settings.replicas[0].url = format!("http://eu.test:{}", here.address.port());
    settings.resolver = Some(server.address);
    settings.resolve_every = Duration::from_millis(100);
    settings.version_header = Some("X-Version".into());
    settings.hub = hub.and_then(Hub::link);
    let rig = Rig::start(folder, settings).await;
    rig.until("the address", |state| state["replicas"][0]["addresses"][0].is_string()).await;
    (rig, server, here)
}

fn told(rollups: &[downbeat_core::model::RollUp], kind: FailureKind) -> bool {
    let mut rows = rollups.iter().flat_map(|r| &r.lookups);
    rows.any(|row| row.held && row.region == Some(name("eu")) && row.tally.failures.of(kind) > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stops_resolving_is_held() {
    let hub = Hub::start(TrafficPlan::default()).await;
    for silence in [Says::NoSuchName, Says::Nothing] {
        let (rig, server, _) = rig(Some(&hub), None).await;
        let before = hub.until("any", |_| true).await.len();
        server.say(silence);
        hub.until("the held name", |r| told(&r[before..], FailureKind::Unresolved)).await;
        let answer = rig.get("/a").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"here"[..]));
        // A new start without a name server goes on with what was stored.
        let Rig { edge, folder } = rig;
        let stored = std::fs::read_to_string(folder.path().join("addresses.json")).expect("stored");
        assert_eq!(stored, r#"{"eu.test":["127.0.0.1"]}"#);
        edge.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_address_serves_a_start_without_a_name_server() {
    let here = Replica::start(sound(b"here")).await;
    let server = NameServer::start(Says::Nothing).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("addresses.json"), r#"{"eu.test":["127.0.0.1"]}"#).expect("writable");
    let mut settings = settings(&folder, &[here.address]);
    settings.replicas[0].url = format!("http://eu.test:{}", here.address.port());
    settings.resolver = Some(server.address);
    let rig = Rig::start(folder, settings).await;
    assert_eq!(rig.get("/a").await.body, b"here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_astray_is_not_followed() {
    let strangers = [None, Some(Script::serving(b"a stranger")), Some(Script { health: 500, ..sound(b"a stranger") })];
    for there in strangers {
        let hub = Hub::start(TrafficPlan::default()).await;
        let (rig, server, _) = rig(Some(&hub), there).await;
        server.say(Says::Addresses(vec![THERE]));
        hub.until("the wrong address", |r| told(r, FailureKind::Misdirected)).await;
        assert_eq!(rig.get("/a").await.body, b"here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_moves_to_the_service_is_followed() {
    let (rig, server, _) = rig(None, Some(sound(b"there"))).await;
    assert_eq!(rig.get("/a").await.body, b"here");
    server.say(Says::Addresses(vec![THERE]));
    let deadline = Instant::now() + Duration::from_secs(20);
    while rig.get("/a").await.body != b"there" {
        assert!(Instant::now() < deadline, "{:#}", rig.state().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_name_is_not_changed() {
    let pins = vec![Pin { host: name("eu.test") }];
    let hub = Hub::start(TrafficPlan { epoch: 1, pins, ..TrafficPlan::default() }).await;
    let (rig, server, _) = rig(Some(&hub), Some(sound(b"there"))).await;
    rig.until("the pin", |state| state["plan_epoch"] == 1).await;
    server.say(Says::Addresses(vec![THERE]));
    hub.until("the held name", |r| r.iter().flat_map(|r| &r.lookups).any(|row| row.held)).await;
    assert_eq!(rig.get("/a").await.body, b"here");
}
