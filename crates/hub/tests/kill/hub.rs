//! One life of the hub, as a process of its own.

use crate::service;
use downbeat_core::model::{Audience, Mode, Name, Policy, RemedyKind};
use downbeat_hub::settings::{
    ActuatorSettings, Dialect, HubSettings, PageSettings, SubscriberSettings, WebhookSettings,
};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const DATA: &str = "DOWNBEAT_KILL_DATA";
const RECEIVER: &str = "DOWNBEAT_KILL_RECEIVER";
/// What the process says when it listens, before the address.
const READY: &str = "listens at ";

/// The hub's process.
pub(crate) struct Hub {
    process: Child,
    /// What it says when it gives up.
    words: PathBuf,
}

impl Hub {
    /// Starts it. What it sends, it sends to `receiver`, an address of this life alone.
    pub(crate) fn start(data: &Path, receiver: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "hub", "--nocapture"]).env(DATA, data).env(RECEIVER, receiver);
        let words = data.with_extension("words");
        command.stdout(Stdio::piped()).stderr(File::create(&words).expect("a file"));
        Self { process: command.spawn().expect("a process"), words }
    }

    /// Waits until it listens, and says where. Blocks.
    pub(crate) fn ready(&mut self) -> SocketAddr {
        let lines = BufReader::new(self.process.stdout.as_mut().expect("piped")).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((_, address)) = line.split_once(READY) {
                return address.trim().parse().expect("an address");
            }
        }
        panic!("the hub does not start: {}", std::fs::read_to_string(&self.words).unwrap_or_default());
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("there is a kill");
        assert!(sent.success(), "the hub is there");
    }

    /// Waits until it has ended by itself; what it said then.
    pub(crate) fn ended(mut self) -> String {
        assert!(!self.process.wait().expect("a child").success(), "it does not call this a success");
        std::fs::read_to_string(&self.words).unwrap_or_default()
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("gone");
    }
}

/// Serves until killed, in the process that was started for it; does nothing in the test itself.
pub(crate) fn serve_if_asked() {
    let (Some(data), Ok(receiver)) = (std::env::var_os(DATA), std::env::var(RECEIVER)) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut hub = downbeat_hub::start(settings(data.into(), &receiver)).await.expect("the hub starts");
        let mut out = std::io::stdout();
        writeln!(out, "{READY}{}", hub.console_address()).and_then(|()| out.flush()).expect("the loop listens");
        hub.wait().await;
        panic!("the driver ended by itself");
    });
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn settings(data: PathBuf, receiver: &str) -> HubSettings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let hook = |channel: &str, audience| WebhookSettings {
        name: name(channel),
        audience,
        url: format!("{receiver}/{channel}"),
        secret: None,
        dialect: Dialect::Downbeat,
    };
    let mut policy = Policy { topology: service::topology(&["eu", "us", "ap"]), ..Policy::default() };
    policy.act.modes = RemedyKind::ALL.map(|kind| (kind, Mode::Auto)).into();
    policy.act.can_actuate = true;
    HubSettings {
        data,
        console: any,
        status: any,
        status_url: "http://status.example".into(),
        console_url: "http://console.example".into(),
        token: None,
        policy,
        probes: Vec::new(),
        references: Vec::new(),
        outbound_allow: vec!["127.0.0.0/8".parse().expect("a range")],
        resolver: None,
        webhooks: vec![hook("pager", Audience::OnCall), hook("crowd", Audience::Public)],
        watcher: None,
        actuator: Some(ActuatorSettings::Http {
            url: format!("{receiver}/actuator"),
            timeout: Duration::from_secs(30),
        }),
        reports: Default::default(),
        feeds: Vec::new(),
        upstreams: Vec::new(),
        metrics: Vec::new(),
        categories: Vec::new(),
        page: PageSettings::default(),
        breaker: None,
        subscribers: SubscriberSettings::default(),
    }
}
