//! Web push under a reader that nobody here wrote: http-ece opens what was sealed, as a browser does, and checks who sent it.

use crate::packages;
use downbeat_core::incident::Command as Order;
use downbeat_core::model::{Appointment, Name, Policy};
use downbeat_hub::settings::{ChannelKind, HubSettings, SubscriberSettings};
use downbeat_hub::start;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A browser and its push service in one: prints its keys, then each message as the browser reads it.
const BROWSER: &str = r#"
import base64, http.server, json, os
import http_ece
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
def text(b): return base64.urlsafe_b64encode(b).rstrip(b'=').decode()
def raw(t): return base64.urlsafe_b64decode(t + '=' * (-len(t) % 4))
key, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
def claims(header):
    assert header.startswith('vapid t=')
    token, sender = header[len('vapid t='):].split(', k=')
    signed, signature = token.rsplit('.', 1)
    r, s = int.from_bytes(raw(signature)[:32], 'big'), int.from_bytes(raw(signature)[32:], 'big')
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(sender))
    public.verify(utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    head, body = signed.split('.')
    assert json.loads(raw(head)) == {'typ': 'JWT', 'alg': 'ES256'}
    return {'sender': sender, **json.loads(raw(body))}
class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        opened = http_ece.decrypt(body, private_key=key, auth_secret=auth, version='aes128gcm')
        head = {name: self.headers[name] for name in ['ttl', 'urgency', 'topic', 'content-encoding']}
        print(json.dumps({'message': json.loads(opened), 'head': head, 'claims': claims(self.headers['authorization'])}), flush=True)
        self.send_response(201)
        self.send_header('content-length', '0')
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Service)
print(json.dumps({'p256dh': text(point), 'auth': text(auth), 'port': server.server_port}), flush=True)
server.serve_forever()
"#;

struct Browser {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Browser {
    fn start() -> Option<Self> {
        let (python, package) = (packages::program("DOWNBEAT_PYTHON", "python3")?, packages::file("python/http_ece")?);
        let folder = package.parent().expect("it lies in a folder").to_owned();
        let mut command = Command::new(python);
        command.args(["-c", BROWSER]).env("PYTHONPATH", folder).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let said = BufReader::new(child.stdout.take().expect("it was asked for"));
        Some(Self { child, said })
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it speaks");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(data: &std::path::Path) -> HubSettings {
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let subscribers = SubscriberSettings { open_to: vec![ChannelKind::Push], mail: None };
    let policy = Policy { topology: crate::story::settings().policy.topology, ..Policy::default() };
    let outbound_allow = vec!["127.0.0.0/8".parse().expect("a range")];
    let (data, status_url) = (data.to_path_buf(), "https://status.example".into());
    HubSettings {
        data,
        console: any,
        status: any,
        status_url,
        policy,
        subscribers,
        outbound_allow,
        ..crate::story::settings()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_ece_opens_what_only_the_browser_should() {
    let Some(mut browser) = Browser::start() else { return };
    let keys = browser.next();
    let data = tempfile::tempdir().expect("a folder");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let at = |path: &str| format!("http://{}{path}", hub.status_address());
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let post = async |path: &str, form: &[(&str, &str)]| {
        let form: Vec<String> = form.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        let request = client.post(at(path)).header("content-type", "application/x-www-form-urlencoded");
        request.body(form.join("&")).send().await.expect("answered").status().as_u16()
    };
    let service = format!("http://127.0.0.1:{}", keys["port"]);
    let endpoint = format!("{service}/push/x?y=1");
    let key = |name: &str| keys[name].as_str().expect("a text");
    let wish = [("channel", "push"), ("address", &*endpoint), ("p256dh", key("p256dh")), ("auth", key("auth"))];
    assert_eq!(post("/subscribe", &wish).await, 303);

    let question = browser.next();
    let page = client.get(at("/subscribe")).send().await.expect("answered").text().await.expect("text");
    let claims = &question["claims"];
    assert!(page.contains(&format!("data-key=\"{}\"", claims["sender"].as_str().expect("a key"))), "{page}");
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(service), &json!("https://status.example")));
    assert_eq!(question["message"]["confirm"], true);
    assert_eq!(question["head"]["content-encoding"], "aes128gcm");
    let subscription = question["message"]["subscription"].as_str().expect("a path").to_owned();
    // What the service worker does with it.
    assert_eq!(post(&format!("{subscription}/confirm"), &[]).await, 303);

    let (doors, name) = (hub.doors(), |text: &str| Name::new(text).expect("a good name"));
    let start = doors.clock.now() + Duration::from_secs(3_600);
    let (title, end) = ("New <disks> für alle".into(), start + Duration::from_secs(3_600));
    let appointment = Appointment { title, components: [name("playback")].into(), start, end };
    let order = Order::Schedule(appointment, format!("It may pause. {}", "🎵".repeat(2_000)));
    doors.commands.send(name("mira"), order).await.expect("scheduled");
    let told = browser.next();
    assert_eq!(
        (&told["message"]["title"], &told["head"]["topic"]),
        (&json!("Scheduled: New <disks> für alle"), &json!("maintenance-1"))
    );
    assert_eq!(told["message"]["url"], "https://status.example/maintenance/1");
    let body = told["message"]["body"].as_str().expect("a text");
    assert!(body.starts_with("It may pause. 🎵") && body.ends_with('…'), "{body}");
    assert_eq!((&told["head"]["urgency"], &told["claims"]["sender"]), (&json!("normal"), &claims["sender"]));
    assert_eq!(post(&format!("{subscription}/unsubscribe"), &[]).await, 200);
    assert_eq!(doors.subscribers.counts().await.expect("counted").confirmed, 0);
    hub.stop().await;
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
