//! The kill switch of an edge, by real processes (A13): it works with the hub dead, survives a restart, and keeps the edge
//! from plans that ask for more.

mod support;

use downbeat_core::model::{Name, Strength, TrafficPlan, Weight};
use serde_json::Value;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use support::running::{read_head, replica};
use support::{Service, text, wait_for};

/// What a hub says, and what it heard.
#[derive(Default)]
struct Desk {
    plan: TrafficPlan,
    newest: Value,
    dead: bool,
}

/// A hub that answers roll-ups with its plan, as the real one does.
struct Hub {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    fn at(address: SocketAddr) -> Self {
        let listener = wait_for("the hub's port", || TcpListener::bind(address).ok());
        let address = listener.local_addr().expect("bound");
        let desk = Arc::new(Mutex::new(Desk::default()));
        let own = desk.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.lock().expect("unpoisoned").dead {
                    return;
                }
                // An edge that is killed in the middle of a roll-up ends only that.
                let _ = answer(stream, &own);
            }
        });
        Self { address, desk, thread: Some(thread) }
    }

    fn says(&self, plan: TrafficPlan) {
        self.desk.lock().expect("unpoisoned").plan = plan;
    }

    /// Waits until the edge tells that it has refused this plan; why.
    fn hears_refused(&self, epoch: u64) -> String {
        wait_for("a refusal", || {
            let refused = self.desk.lock().expect("unpoisoned").newest["plan_refused"].clone();
            (refused[0] == epoch).then(|| refused[1].as_str().unwrap_or_default().to_owned())
        })
    }

    /// Nobody listens at its port any more.
    fn die(mut self) {
        self.desk.lock().expect("unpoisoned").dead = true;
        TcpStream::connect(self.address).expect("it hears its end");
        self.thread.take().expect("it runs").join().expect("it ends");
    }
}

fn answer(mut stream: TcpStream, desk: &Mutex<Desk>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(head) = read_head(&mut reader)? else { return Ok(()) };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut desk = desk.lock().expect("unpoisoned");
    desk.newest = serde_json::from_slice(&body)?;
    if desk.newest["plan_epoch"].as_u64() >= Some(desk.plan.epoch) {
        return stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    let plan = serde_json::to_string(&desk.plan)?;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{plan}", plan.len())
}

fn plan(epoch: u64, removed: &[&str]) -> TrafficPlan {
    let name = |text: &str| Name::new(text).expect("a good name");
    let weight = |replica: &&str| Weight { replica: name(replica), component: None, share: Strength::NONE };
    TrafficPlan { epoch, weights: removed.iter().map(weight).collect(), ..TrafficPlan::default() }
}

/// One edge, whatever process it is.
struct Edge<'a> {
    folder: &'a Path,
    service: Service,
    admin: SocketAddr,
}

impl<'a> Edge<'a> {
    fn start(folder: &'a Path) -> Self {
        let mut service = Service::start(folder, "edge");
        let admin = service.addresses(2)["edge admin"].trim_start_matches("http://").parse().expect("an address");
        Self { folder, service, admin }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    fn state(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/v1/state")?).ok()
    }

    fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        wait_for(what, || self.state().filter(&wanted));
    }

    fn says(&self, args: &[&str]) -> String {
        let output = support::run(self.folder, args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

fn configure(folder: &Path, hub: SocketAddr) {
    let replicas = ["r1", "r2", "r3"]
        .map(|name| format!("[[replica]]\nname = \"{name}\"\nregion = \"eu\"\nurl = \"http://{}\"\n", replica()));
    let config = format!(
        "[service]\nname = \"Music\"\n[edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nhub = \"http://{hub}\"\n\
         {}[[component]]\nname = \"playback\"\nreplicas = [\"r1\", \"r2\", \"r3\"]\n",
        replicas.concat()
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("a written file");
}

#[test]
fn a13_a_held_edge_takes_no_plan_that_asks_for_more_with_or_without_a_hub() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = Hub::at(([127, 0, 0, 1], 0).into());
    let address = hub.address;
    configure(folder.path(), address);
    let mut edge = Edge::start(folder.path());
    hub.says(plan(1, &["r1"]));
    edge.until("the first plan", |state| state["plan_epoch"] == 1 && state["hold"].is_null());

    edge.says(&["edge", "hold", "--because", "plan 2 is wrong"]);
    edge.until("the hold", |state| state["hold"] == "plan 2 is wrong");
    hub.says(plan(2, &["r1", "r2"]));
    let why = hub.hears_refused(2);
    assert!(why.contains("on hold at this edge (plan 2 is wrong)") && why.contains("less of replica r2"), "{why}");
    edge.until("the first plan still", |state| state["plan_epoch"] == 1);
    assert!(edge.get("/metrics").expect("metrics").contains("downbeat_edge_automation_on_hold 1"));
    let top = edge.says(&["top", "--once", "--edge", &format!("http://{}", edge.admin)]);
    assert!(top.contains("automation is on hold here: plan 2 is wrong"), "{top}");
    hub.says(plan(3, &[]));
    edge.until("what only gives back", |state| state["plan_epoch"] == 3);
    hub.says(plan(4, &["r1"]));
    hub.hears_refused(4);
    edge.says(&["edge", "release"]);
    edge.until("the same plan after the release", |state| state["plan_epoch"] == 4 && state["hold"].is_null());

    hub.die();
    // Nobody tells this edge anything: the file is all there is.
    std::fs::write(folder.path().join("downbeat-data/edge/hold"), "").expect("writable");
    edge.until("a hold without a hub", |state| state["hold"] == "");
    wait_for("the plan on disk", || {
        let kept = std::fs::read_to_string(folder.path().join("downbeat-data/edge/plan.json")).ok()?;
        kept.contains("\"epoch\":4").then_some(())
    });
    edge.service.process.kill();
    edge = Edge::start(folder.path());
    let state = edge.state().expect("it serves");
    assert_eq!((&state["hold"], &state["plan_epoch"]), (&"".into(), &4.into()), "both from the disk: {state:#}");

    let hub = Hub::at(address);
    hub.says(plan(5, &["r1", "r2"]));
    let why = hub.hears_refused(5);
    assert!(why.contains("on hold at this edge,"), "{why}");
    edge.says(&["edge", "release", "--data", "downbeat-data"]);
    edge.until("the plan of the next hub", |state| state["plan_epoch"] == 5);
    assert!(edge.says(&["edge", "release"]).contains("there was no hold"));
}
