//! A new configuration under traffic: nothing in flight ends, nothing counted is lost, and a bad one changes nothing.

use crate::client::read;
use crate::hub::Hub;
use crate::replica::{Replica, Script};
use crate::rig::{Rig, music, name, replica, settings};
use crate::secure::{certify, client, connect, der, files, secure, shown};
use downbeat_core::model::{Strength, TrafficPlan, Weight};
use downbeat_edge::{CertificateFiles, EdgeSettings, Launch, Listeners, Loaded, Origin, ReloadError, Source};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n";

/// An edge, and what it finds when it reads its configuration again.
struct Reloadable {
    rig: Rig,
    file: Arc<Mutex<Result<Loaded, Vec<String>>>>,
    settings: EdgeSettings,
}

impl Reloadable {
    async fn start(replicas: &[&Replica], change: impl FnOnce(&mut EdgeSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let addresses: Vec<_> = replicas.iter().map(|r| r.address).collect();
        let mut settings = settings(&folder, &addresses);
        change(&mut settings);
        let file = Arc::new(Mutex::new(Err(vec!["nothing written yet".to_owned()])));
        let read = file.clone();
        let source = Source::new(move || read.lock().expect("no panic while held").clone());
        let origin = Some(Origin { text: "# 1".into(), source, instead_of: None });
        let launch = Launch { settings: settings.clone(), origin, upgrades: None, listeners: Listeners::default() };
        let edge = launch.start().await.expect("an edge");
        Self { rig: Rig { edge, folder }, file, settings }
    }

    /// Writes a configuration with this text.
    fn write(&mut self, text: &str, change: impl FnOnce(&mut EdgeSettings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        *self.file.lock().expect("no panic while held") = Ok(Loaded { settings, text: text.into() });
    }

    fn kept(&self) -> Vec<String> {
        kept(self.rig.folder.path())
    }
}

/// The files of generations in a folder.
fn kept(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".toml"));
    names.sort();
    names
}

/// Leaves only one replica.
fn only(settings: &mut EdgeSettings, label: &str) {
    settings.replicas.retain(|r| r.name == name(label));
    settings.components[0].replicas = vec![name(label)];
}

async fn ask(stream: &mut TcpStream) -> Vec<u8> {
    stream.write_all(REQUEST).await.expect("the connection is open");
    let answer = read(stream).await;
    assert_eq!(answer.status, 200);
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_ends_no_connection_and_no_exchange() {
    let song = music(400_000);
    let slow = Script { pace: (20_000, Duration::from_millis(20)), ..Script::serving(&song) };
    let (old, new) = (Replica::start(slow).await, Replica::start(Script::serving(b"new")).await);
    let mut edge = Reloadable::start(&[&old], |settings| settings.threads = 2).await;

    let mut listener = TcpStream::connect(edge.rig.address()).await.expect("the edge listens");
    listener.write_all(REQUEST).await.expect("the edge reads");
    let mut peeked = [0; 1];
    listener.peek(&mut peeked).await.expect("the answer begins");
    let address = new.address;
    edge.write("# 2", |settings| {
        settings.replicas = vec![replica("r9", &format!("http://{address}"), 100)];
        settings.components[0].replicas = vec![name("r9")];
    });
    assert_eq!(edge.rig.edge.reload().await.expect("a good configuration"), 2);

    let mut other = TcpStream::connect(edge.rig.address()).await.expect("the edge listens");
    assert_eq!(ask(&mut other).await, b"new");
    let whole = read(&mut listener).await;
    assert!(whole.body == song, "the body in flight came from the old replica, whole");
    assert_eq!(ask(&mut listener).await, b"new", "its connection serves on, in the new generation");
    assert_eq!(edge.rig.state().await["generation"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_sees_one_series_and_the_plan_stays() {
    let weights = vec![Weight { replica: name("r1"), component: None, share: Strength::NONE }];
    let hub = Hub::start(TrafficPlan { epoch: 7, weights, ..TrafficPlan::default() }).await;
    let (one, two) = (Replica::start(Script::serving(b"1")).await, Replica::start(Script::serving(b"2")).await);
    let link = hub.link();
    let mut edge = Reloadable::start(&[&one, &two], |settings| settings.hub = link).await;
    edge.rig.until("the plan", |state| state["plan_epoch"] == 7).await;
    for generation in 2..=4_u64 {
        for _ in 0..5 {
            assert_eq!(edge.rig.get("/a").await.body, b"2", "the plan empties r1");
        }
        edge.write("# more", |settings| settings.limits.idle += Duration::from_secs(generation));
        let answer = edge.rig.admin("POST /v1/reload", "").await;
        assert_eq!((answer.status, answer.body), (200, format!("{{\"generation\":{generation}}}").into_bytes()));
    }
    let total = |rollups: &[downbeat_core::model::RollUp]| -> u64 {
        rollups.iter().flat_map(|r| &r.clients).map(|c| c.tally.total).sum()
    };
    let rollups = hub.until("all fifteen", |rollups| total(rollups) >= 15).await;
    assert_eq!(total(&rollups), 15);
    assert!(rollups.iter().zip(1..).all(|(r, seq)| r.seq == seq && r.boot == rollups[0].boot));
    assert_eq!(edge.rig.state().await["plan_epoch"], 7);

    edge.write("# without r2", |settings| only(settings, "r1"));
    assert_eq!(edge.rig.edge.reload().await.expect("a good configuration"), 5);
    assert_eq!(edge.rig.get("/a").await.body, b"1", "a plan that would leave nobody is not followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_changes_nothing() {
    let sound = Replica::start(Script::serving(b"sound")).await;
    let mut edge = Reloadable::start(&[&sound], |_| {}).await;
    *edge.file.lock().expect("no panic while held") = Err(vec!["line 1".into(), "line 2".into()]);
    let refused = edge.rig.admin("POST /v1/reload", "").await;
    let said: serde_json::Value = serde_json::from_slice(&refused.body).expect("JSON");
    assert_eq!((refused.status, &said["faults"]), (422, &serde_json::json!(["line 1", "line 2"])));

    edge.write("#", |settings| {
        settings.threads = 3;
        settings.data = "/elsewhere".into();
    });
    match edge.rig.edge.reload().await {
        Err(ReloadError::Fixed(what)) => assert_eq!(what, ["the data folder", "the number of threads"]),
        other => panic!("threads cannot change: {other:?}"),
    }
    edge.write("#", |settings| settings.components[0].replicas.clear());
    assert!(matches!(edge.rig.edge.reload().await, Err(ReloadError::Settings(_))));
    edge.write("#", |_| {});
    let page = "POST /v1/reload HTTP/1.1\r\nHost: admin\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n";
    let admin = edge.rig.edge.admin_address().expect("an admin endpoint");
    assert_eq!(crate::client::send(admin, page).await.status, 403);
    assert_eq!(edge.rig.edge.generation(), 1);
    assert_eq!(edge.rig.get("/a").await.body, b"sound");
}

/// Trials that are over as soon as anybody looks.
fn short_trials(settings: &mut EdgeSettings) {
    settings.trial = Duration::from_millis(1);
}

async fn passed(rig: &Rig, generation: u64) {
    let passed =
        |state: &serde_json::Value| state["generation"] == generation && state["configuration"]["footing"] == "proven";
    rig.until("a passed trial", passed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_three_that_passed_are_kept_and_counted_on() {
    let sound = Replica::start(Script::serving(b"sound")).await;
    let mut edge = Reloadable::start(&[&sound], short_trials).await;
    passed(&edge.rig, 1).await;
    for (text, generation) in [("# 2", 2), ("# 3", 3), ("# 4", 4)] {
        edge.write(text, |_| {});
        edge.rig.edge.reload().await.expect("a good configuration");
        passed(&edge.rig, generation).await;
    }
    edge.write("# 5", |settings| settings.trial = Duration::from_secs(60));
    assert_eq!(edge.rig.edge.reload().await.expect("a good configuration"), 5);
    assert_eq!(edge.rig.state().await["configuration"], serde_json::json!({"footing": "on_trial"}));
    assert_eq!(edge.kept(), ["configuration.2.toml", "configuration.3.toml", "configuration.4.toml", "trial.5.toml"]);

    let Reloadable { rig: Rig { edge: handle, folder }, settings, file } = edge;
    handle.stop().await;
    let start = async |text: &str| {
        let read = file.clone();
        let source = Source::new(move || read.lock().expect("no panic while held").clone());
        let origin = Some(Origin { text: text.into(), source, instead_of: None });
        let launch = Launch { settings: settings.clone(), origin, upgrades: None, listeners: Listeners::default() };
        launch.start().await.expect("an edge")
    };
    let same = start("# 4").await;
    assert_eq!(same.generation(), 4, "the same text is the same generation");
    same.stop().await;
    let other = start("# 6").await;
    assert_eq!(other.generation(), 5, "a trial that was not held to its end has left nothing behind");
    let rig = Rig { edge: other, folder };
    passed(&rig, 5).await;
    let Rig { edge: handle, folder } = rig;
    handle.stop().await;
    let rig =
        Reloadable { rig: Rig { edge: start("# 6").await, folder }, settings: settings.clone(), file: file.clone() };
    assert_eq!(rig.kept(), ["configuration.3.toml", "configuration.4.toml", "configuration.5.toml"]);
}

/// C2: a breach within the trial brings the configuration before back, and quarantine for the bad one.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_makes_it_worse_goes_back_by_itself() {
    let sound = Replica::start(Script::serving(b"sound")).await;
    let mut edge = Reloadable::start(&[&sound], short_trials).await;
    passed(&edge.rig, 1).await;
    for _ in 0..30 {
        assert_eq!(edge.rig.get("/a").await.body, b"sound");
    }
    edge.rig.until("thirty answers", |state| state["components"]["playback"]["requests"] == 30).await;

    let astray = format!("http://{}", crate::rig::nobody());
    edge.write("# astray", |settings| {
        settings.trial = Duration::from_secs(60);
        settings.replicas[0].url = astray.clone();
    });
    assert_eq!(edge.rig.edge.reload().await.expect("nothing is wrong with it in itself"), 2);
    let deadline = Instant::now() + Duration::from_secs(30);
    let state = loop {
        edge.rig.get("/a").await;
        let state = edge.rig.state().await;
        if state["configuration"]["footing"] != "on_trial" {
            break state;
        }
        assert!(Instant::now() < deadline, "it does not go back: {state:#}");
    };
    assert_eq!(
        (&state["generation"], &state["configuration"]["footing"]),
        (&3.into(), &"returned".into()),
        "{state:#}"
    );
    assert_eq!(state["configuration"]["from"], 2);
    let why = state["configuration"]["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("requests failed (100.0 %), 0.0 % in the minute before"), "{why}");
    assert_eq!(edge.rig.get("/a").await.body, b"sound");
    let metrics = String::from_utf8(edge.rig.admin("GET /metrics", "").await.body).expect("text");
    assert!(metrics.contains("downbeat_edge_configurations_returned_total 1"), "{metrics}");

    match edge.rig.edge.reload().await {
        Err(ReloadError::Quarantined(2)) => {}
        other => panic!("the same bytes are not taken again: {other:?}"),
    }
    edge.write("# mended", |_| {});
    assert_eq!(edge.rig.edge.reload().await.expect("other bytes"), 4);
    assert_eq!(edge.rig.get("/a").await.body, b"sound");
    passed(&edge.rig, 4).await;
    edge.rig.edge.stop().await;
    let kept = kept(edge.rig.folder.path());
    assert_eq!(kept, ["configuration.3.toml", "configuration.4.toml", "quarantined.2.toml"], "1 and 3 are one text");
}

/// Certificates come, change and go with the configuration, and nobody who is there notices.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_come_and_go_with_a_reload() {
    let sound = Replica::start(Script::serving(b"sound")).await;
    let mut first = Vec::new();
    let mut edge = Reloadable::start(&[&sound], |settings| first = secure(settings, &[&["a.example"]])).await;
    let second = files(edge.rig.folder.path(), "second");
    certify(&second, &["b.example"]);
    let all = [first.clone(), vec![second.clone()]].concat();
    let see = async |rig: &Rig, name: &str| {
        let config = client(&all, &[&rustls::version::TLS13], &[]);
        shown(&connect(rig.tls_address(), &config, name).await.expect("a handshake"))
    };
    let config = client(&all, &[&rustls::version::TLS13], &[]);
    let mut old = connect(edge.rig.tls_address(), &config, "a.example").await.expect("a handshake");
    let certificates = |list: &[&CertificateFiles]| {
        let list: Vec<CertificateFiles> = list.iter().map(|files| (*files).clone()).collect();
        move |settings: &mut EdgeSettings| settings.tls.as_mut().expect("it has TLS").certificates = list
    };

    edge.write("# both", certificates(&[&first[0], &second]));
    edge.rig.edge.reload().await.expect("a good configuration");
    assert_eq!(see(&edge.rig, "a.example").await, der(&first[0]));
    assert_eq!(see(&edge.rig, "b.example").await, der(&second));

    let config = client(&all, &[&rustls::version::TLS13], &[]);
    edge.write("# the second alone", certificates(&[&second]));
    edge.rig.edge.reload().await.expect("a good configuration");
    assert!(connect(edge.rig.tls_address(), &config, "a.example").await.is_err(), "it is shown another one's");

    certify(&second, &["b.example"]);
    edge.rig.edge.reload().await.expect("the same configuration once more");
    let renewed = client(std::slice::from_ref(&second), &[&rustls::version::TLS13], &[]);
    let stream = connect(edge.rig.tls_address(), &renewed, "b.example").await.expect("the new one is shown");
    assert_eq!(shown(&stream), der(&second));

    std::fs::remove_file(&second.key).expect("removed");
    edge.write("# without its key", certificates(&[&second]));
    assert!(matches!(edge.rig.edge.reload().await, Err(ReloadError::Tls(_))));
    assert!(connect(edge.rig.tls_address(), &renewed, "b.example").await.is_ok(), "the old one is shown");
    old.write_all(REQUEST).await.expect("the edge reads");
    assert_eq!(read(&mut old).await.body, b"sound", "whoever was there all the time has noticed nothing");
}
