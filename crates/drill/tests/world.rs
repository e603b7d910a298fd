//! A whole world of real processes, with this very program standing in for replicas, hub and edge: what the
//! supervisor does once and only once, who is started again, and that nobody is left behind.

use downbeat_drill::place::ReplicaId;
use downbeat_drill::progress::Progress;
use downbeat_drill::supervisor::Supervisor;
use downbeat_drill::world::{World, WorldPlan};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["encore", "prepare", ..] => ExitCode::SUCCESS,
        ["encore", "serve", "--listen", address, ..] => runtime.block_on(stand_in(address)),
        [verb @ ("hub" | "edge"), "-c", config] => runtime.block_on(stand_in(&health_address(verb, config))),
        _ => runtime.block_on(check_all()),
    }
}

/// Says where it listens and answers 200 to everything, for ever.
async fn stand_in(address: &str) -> ExitCode {
    let listener = tokio::net::TcpListener::bind(address).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    println!("{}", json!({ "event": "listening", "address": address.to_string() }));
    let pages = axum::Router::new().fallback(async || "{}");
    axum::serve(listener, pages).await.expect("it serves for ever");
    ExitCode::FAILURE
}

fn health_address(verb: &str, config: &str) -> String {
    let table: toml::Table = std::fs::read_to_string(config).expect("a file").parse().expect("good TOML");
    let (table_name, key) = if verb == "hub" { ("hub", "console") } else { ("edge", "admin") };
    table[table_name][key].as_str().expect("an address").to_owned()
}

async fn check_all() -> ExitCode {
    let data = tempfile::tempdir().expect("a folder");
    let plan = WorldPlan {
        exe: std::env::current_exe().expect("a program"),
        port_base: None,
        data: Some(data.path().to_owned()),
        run: "test".to_owned(),
        keep: false,
    };
    let progress = Arc::new(Progress::new(false));
    let world = World::start(plan, &progress).await.expect("a world");
    let supervisor = Supervisor::open(Arc::clone(&world), progress).await.expect("a supervisor");
    let pids = Pids::of(&world).await;
    assert_eq!(pids.all().len(), 8, "six replicas, hub and edge run");

    an_order_is_carried_out_once(&world, &supervisor).await;
    only_what_runs_the_version_goes_back(&world).await;
    orders_that_make_no_sense_change_nothing(&world, &supervisor).await;
    a_service_that_dies_is_started_again(&world).await;
    let last = Pids::of(&world).await;
    world.stop().await;
    for pid in pids.all().into_iter().chain(last.all()) {
        assert!(!runs(pid), "process {pid} was left behind");
    }
    println!("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
    ExitCode::SUCCESS
}

async fn an_order_is_carried_out_once(world: &World, supervisor: &Supervisor) {
    let before = Pids::of(world).await;
    let order = json!({ "actuation": "restart", "replica": "eu-1" });
    let (first, second) = tokio::join!(actuate(world, "1.1", &order), actuate(world, "1.1", &order));
    let third = actuate(world, "1.1", &order).await;
    assert_eq!(first.0, 200, "{}", first.1);
    assert!(first == second && second == third, "the same answer each time: {first:?} {second:?} {third:?}");
    let after = Pids::of(world).await;
    assert_ne!(before.of_replica("eu-1"), after.of_replica("eu-1"), "eu-1 is another process");
    assert_eq!(before.of_replica("eu-2"), after.of_replica("eu-2"), "eu-2 is the same process");
    assert!(!runs(before.of_replica("eu-1")), "the old process was killed");
    assert_eq!(supervisor.orders().await, 1);
    let other = json!({ "actuation": "restart", "replica": "eu-2" });
    assert_eq!(actuate(world, "1.1", &other).await.0, 409, "a key belongs to one order");
    println!("test an_order_is_carried_out_once ... ok");
}

async fn only_what_runs_the_version_goes_back(world: &World) {
    let id: ReplicaId = "us-2".parse().expect("a replica");
    let mut bad = world.fleet.release(id).await;
    bad.version = "1.5.0".parse().expect("a version");
    bad.defects = vec!["stream-stall".to_owned()];
    world.fleet.replace(id, bad, downbeat_drill::world::Exit::Gracefully).await.expect("it runs");
    let before = Pids::of(world).await;
    let order = json!({ "actuation": "roll_back", "slice": "region=us", "from": "1.5.0", "to": "1.4.2" });
    assert_eq!(actuate(world, "2.1", &order).await.0, 200);
    let release = world.fleet.release(id).await;
    assert_eq!((release.version.as_str(), release.defects.len()), ("1.4.2", 0));
    let after = Pids::of(world).await;
    assert_ne!(before.of_replica("us-2"), after.of_replica("us-2"));
    assert_eq!(before.of_replica("us-1"), after.of_replica("us-1"));
    until("the bad release has left", || !runs(before.of_replica("us-2"))).await;
    println!("test only_what_runs_the_version_goes_back ... ok");
}

async fn orders_that_make_no_sense_change_nothing(world: &World, supervisor: &Supervisor) {
    let orders = supervisor.orders().await;
    let restart = json!({ "actuation": "restart", "replica": "eu-1" });
    let table = [
        ("", restart.to_string(), 400),
        ("9.1", "{".to_owned(), 400),
        ("9.2", json!({ "actuation": "explode" }).to_string(), 400),
        ("9.3", json!({ "actuation": "restart", "replica": "eu-9" }).to_string(), 404),
        ("9.4", "x".repeat(100_000), 413),
    ];
    for (key, body, status) in table {
        let headers = format!("idempotency-key: {key}\r\n");
        assert_eq!(post(world.ports.supervisor(), "/actuate", &headers, &body).await.0, status, "{key}: {body:.40}");
    }
    let page = post(world.ports.supervisor(), "/heal", "origin: http://example.org\r\n", "").await;
    assert_eq!(page.0, 403, "no page of another origin breaks or heals anything");
    assert_eq!(post(world.ports.supervisor(), "/break/bad-deploy", "", "").await.0, 503, "nobody has come yet");
    assert_eq!(supervisor.orders().await, orders);
    println!("test orders_that_make_no_sense_change_nothing ... ok");
}

async fn a_service_that_dies_is_started_again(world: &World) {
    let hub = world.hub.pid().expect("the hub runs");
    kill(hub);
    until("another hub runs", || world.hub.pid().is_some_and(|pid| pid != hub)).await;
    let edge = world.edge.pid().expect("the edge runs");
    world.edge.kill().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!world.edge.runs() && !runs(edge), "one that was ended by us stays away");
    world.edge.start().await.expect("it comes when called");
    println!("test a_service_that_dies_is_started_again ... ok");
}

/// Who runs, by name.
struct Pids(Value);

impl Pids {
    async fn of(world: &World) -> Self {
        let mut all = serde_json::Map::new();
        for (name, state) in world.fleet.states().await {
            all.insert(name, json!(state.pid));
        }
        all.insert("hub".to_owned(), json!(world.hub.pid()));
        all.insert("edge".to_owned(), json!(world.edge.pid()));
        Self(Value::Object(all))
    }

    fn of_replica(&self, name: &str) -> i64 {
        self.0[name].as_i64().expect("it runs")
    }

    fn all(&self) -> Vec<i64> {
        self.0.as_object().expect("a map").values().filter_map(Value::as_i64).collect()
    }
}

/// True for a process that is there and no zombie.
fn runs(pid: impl Into<i64>) -> bool {
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.into()));
    std::fs::read_to_string(stat).is_ok_and(|stat| !stat.contains(") Z "))
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn actuate(world: &World, key: &str, order: &Value) -> (u16, String) {
    post(world.ports.supervisor(), "/actuate", &format!("idempotency-key: {key}\r\n"), &order.to_string()).await
}

/// A POST by hand: status and body.
async fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // A body that is too long may be refused before all of it is sent.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("in time");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
