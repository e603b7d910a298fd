//! Mail under a server and a reader that nobody here wrote: aiosmtpd takes it, Python's `email` reads it.

use crate::packages;
use downbeat_core::incident::Command as Order;
use downbeat_core::model::{Appointment, MaintenanceId, Name, Policy};
use downbeat_core::tell::subscription::Choice;
use downbeat_hub::settings::{ChannelKind, HubSettings, MailSettings, MailTls, SubscriberSettings};
use downbeat_hub::start;
use downbeat_hub::subscribers::{Address, Wish};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Takes mail on any port, and prints each one as its reader sees it. The first attempt for `grey@` is put off.
const SERVER: &str = "
import email, email.policy, json, sys, time
from aiosmtpd.controller import Controller
greeted = set()
class Reader:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('gone@'):
            return '550 no such mailbox'
        if address.startswith('grey@') and address not in greeted:
            greeted.add(address)
            return '451 come again'
        envelope.rcpt_tos.append(address)
        return '250 fine'
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        names = ['From', 'Subject', 'Message-ID', 'References', 'List-Unsubscribe', 'List-Unsubscribe-Post']
        text = mail.get_body(('plain',)).get_content().replace('\\r\\n', '\\n')
        print(json.dumps({'to': envelope.rcpt_tos, 'defects': [str(it) for it in mail.defects],
            'text': text, 'html': mail.get_body(('html',)).get_content(),
            **{name: str(mail[name]) for name in names}}), flush=True)
        return '250 taken'
controller = Controller(Reader(), hostname='127.0.0.1', port=int(sys.argv[1]))
controller.start()
print('ready', flush=True)
while True: time.sleep(60)
";

struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start() -> Option<Self> {
        let (python, package) = (packages::program("DOWNBEAT_PYTHON", "python3")?, packages::file("python/aiosmtpd")?);
        let folder = package.parent().expect("it lies in a folder").to_owned();
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = probe.local_addr().expect("a bound socket has an address").port();
        drop(probe);
        let mut command = Command::new(python);
        command.args(["-c", SERVER, &port.to_string()]).env("PYTHONPATH", folder).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let said = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut server = Self { child, said, port };
        assert_eq!(server.line(), "ready");
        Some(server)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it speaks");
        line.trim().to_owned()
    }

    fn mail(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(data: &std::path::Path, port: u16) -> HubSettings {
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let mail = MailSettings {
        host: "localhost".into(),
        port,
        tls: MailTls::Off,
        login: None,
        from: "Encore status <status@example.org>".into(),
    };
    let subscribers = SubscriberSettings { open_to: vec![ChannelKind::Mail], mail: Some(mail) };
    let policy = Policy { topology: crate::story::settings().policy.topology, ..Policy::default() };
    let (data, status_url) = (data.to_path_buf(), "https://status.example".into());
    HubSettings { data, console: any, status: any, status_url, policy, subscribers, ..crate::story::settings() }
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosmtpd_takes_what_a_reader_can_thread_and_leave() {
    let Some(mut server) = Server::start() else { return };
    let data = tempfile::tempdir().expect("a folder");
    let hub = start(settings(data.path(), server.port)).await.expect("the hub starts");
    let (doors, name) = (hub.doors(), |text: &str| Name::new(text).expect("a good name"));
    let address = |text: &str| Address::read(ChannelKind::Mail, text).expect("an address");
    let wish = |text: &str| Wish::new(address(text), Choice::default());
    doors.subscribers.ask(doors.clock.now(), wish("anna@example.org")).await.expect("asked");
    let question = server.mail();
    assert_eq!((&question["to"][0], &question["defects"]), (&"anna@example.org".into(), &serde_json::json!([])));
    let text = question["text"].as_str().expect("a text");
    let link = text.split_whitespace().find(|word| word.contains("/subscription/")).expect("a link");
    let token = link.rsplit('/').next().expect("a token").to_owned();
    doors.subscribers.confirm(doors.clock.now(), token.clone()).await.expect("confirmed");
    let others = ["grey@example.org", "gone@example.org"].map(wish);
    doors.subscribers.add(doors.clock.now(), others.into()).await.expect("added");

    let start = doors.clock.now() + Duration::from_secs(3_600);
    let (title, end) = ("New <disks> für alle".into(), start + Duration::from_secs(3_600));
    let appointment = Appointment { title, components: [name("playback")].into(), start, end };
    let order = Order::Schedule(appointment, "It may **pause**.\n.\nFrom <script>alert(1)</script>".into());
    doors.commands.send(name("mira"), order).await.expect("scheduled");
    let mut told = [server.mail(), server.mail()];
    told.sort_by_key(|mail| mail["to"][0].as_str().map(str::to_owned));
    let anna = &told[0];
    assert_eq!((&anna["to"][0], &told[1]["to"][0]), (&"anna@example.org".into(), &"grey@example.org".into()));
    assert_eq!(anna["Subject"], "Scheduled: New <disks> für alle");
    assert_eq!(anna["From"], "Encore status <status@example.org>");
    assert_eq!(anna["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    assert_eq!(anna["List-Unsubscribe"], format!("<https://status.example/subscription/{token}/unsubscribe>"));
    assert!(anna["text"].as_str().expect("a text").contains("It may **pause**.\n.\nFrom <script>"), "{anna}");
    assert!(!anna["html"].as_str().expect("a text").contains("<script"), "{anna}");

    doors.commands.send(name("mira"), Order::Cancel(MaintenanceId(1), "Not now.".into())).await.expect("cancelled");
    let mut over = [server.mail(), server.mail()];
    over.sort_by_key(|mail| mail["to"][0].as_str().map(str::to_owned));
    assert_eq!(over[0]["References"], anna["References"], "a client shows one conversation");
    assert_ne!(over[0]["Message-ID"], anna["Message-ID"]);
    hub.stop().await;
}
