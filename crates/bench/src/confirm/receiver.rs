//! The receiver of everybody's webhooks: when somebody was called, and when it was said to be over.

use super::subject::Subject;
use crate::process::local;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who sends nothing more is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest message that is taken, bytes.
const BODY_MAX: usize = 1 << 20;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Somebody is called.
    Call,
    /// It works again.
    Over,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) at: Instant,
    pub(super) subject: Subject,
    pub(super) said: Said,
    /// Downbeat's number of it.
    pub(super) incident: Option<u64>,
}

/// The fields of all webhooks that matter here; none has all of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    /// Prometheus: `firing` or `resolved`. Vigil: `dead` and others.
    status: String,
    /// Vigil: `startup`, `changed`, `reminder`.
    r#type: String,
    /// Downbeat.
    audience: String,
    stage: String,
    incident: Option<u64>,
}

/// Listens until the program ends.
pub(super) struct Receiver {
    port: u16,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    /// Starts listening.
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind(local(0)).context("listen for webhooks")?;
        let port = listener.local_addr().context("read a port")?.port();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = messages.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // A message that is cut short is none.
                std::thread::spawn(move || hear(stream).map(|message| locked(&kept).extend(message)));
            }
        });
        Ok(Self { port, messages })
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// All that was said so far.
    pub(super) fn messages(&self) -> Vec<Message> {
        locked(&self.messages).clone()
    }

    /// How long nobody has called for.
    pub(super) fn quiet_for(&self) -> Duration {
        let messages = locked(&self.messages);
        messages
            .iter()
            .rfind(|message| message.said == Said::Call)
            .map_or(Duration::MAX, |message| message.at.elapsed())
    }
}

/// The incidents that Downbeat told of, each once.
pub(super) fn incidents(messages: &[Message]) -> BTreeSet<u64> {
    messages.iter().filter_map(|message| message.incident).collect()
}

/// Messages stay true if a thread that added one has panicked.
fn locked(messages: &Mutex<Vec<Message>>) -> MutexGuard<'_, Vec<Message>> {
    messages.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hear(stream: TcpStream) -> std::io::Result<Option<Message>> {
    let at = Instant::now();
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0).min(BODY_MAX);
            }
            _ if path.is_empty() => path = line.split(' ').nth(1).unwrap_or_default().to_owned(),
            _ => {}
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(read(at, &path, &body))
}

/// What a message at a path says; none if it says nothing of interest.
fn read(at: Instant, path: &str, body: &[u8]) -> Option<Message> {
    let subject = Subject::ALL.into_iter().find(|subject| subject.path() == path)?;
    let body: Body = serde_json::from_slice(body).ok()?;
    let said = match subject {
        Subject::Downbeat => match (body.audience.as_str(), body.stage.as_str()) {
            (_, "resolved") | ("public", "monitoring") => Said::Over,
            ("on_call", _) => Said::Call,
            _ => return None,
        },
        Subject::Prometheus | Subject::Blackbox if body.status == "firing" => Said::Call,
        Subject::Vigil if body.r#type == "startup" => return None,
        Subject::Vigil if body.status == "dead" => Said::Call,
        Subject::Prometheus | Subject::Blackbox | Subject::Vigil => Said::Over,
    };
    Some(Message { at, subject, said, incident: body.incident })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_all_are_understood() {
        let at = Instant::now();
        let table = [
            ("/downbeat", r#"{"incident": 3, "audience": "on_call", "stage": "investigating"}"#, Some(Said::Call)),
            ("/downbeat", r#"{"incident": 3, "audience": "public", "stage": "investigating"}"#, None),
            ("/downbeat", r#"{"incident": 3, "audience": "public", "stage": "monitoring"}"#, Some(Said::Over)),
            ("/downbeat", r#"{"incident": 3, "audience": "on_call", "stage": "resolved"}"#, Some(Said::Over)),
            ("/prometheus", r#"{"status": "firing", "alerts": []}"#, Some(Said::Call)),
            ("/blackbox", r#"{"status": "resolved"}"#, Some(Said::Over)),
            ("/vigil", r#"{"type": "changed", "status": "dead"}"#, Some(Said::Call)),
            ("/vigil", r#"{"type": "changed", "status": "healthy"}"#, Some(Said::Over)),
            ("/vigil", r#"{"type": "startup", "status": "healthy"}"#, None),
            ("/nobody", r#"{"status": "firing"}"#, None),
            ("/vigil", "no JSON", None),
        ];
        for (path, body, said) in table {
            assert_eq!(read(at, path, body.as_bytes()).map(|message| message.said), said, "{path} {body}");
        }
        let ours = read(at, "/downbeat", br#"{"incident": 3, "audience": "on_call", "stage": "identified"}"#);
        assert_eq!(incidents(&[ours.expect("a message"), ours.expect("a message")]), BTreeSet::from([3]));
    }

    #[test]
    fn what_is_posted_is_heard() -> Result<()> {
        let receiver = Receiver::start()?;
        let mut stream = TcpStream::connect(local(receiver.port())).context("reach the receiver")?;
        let body = r#"{"status": "firing"}"#;
        let head = format!("POST /blackbox HTTP/1.1\r\nhost: a:1\r\nContent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).context("post")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("read the answer")?;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let deadline = Instant::now() + PATIENCE;
        while receiver.messages().is_empty() {
            assert!(Instant::now() < deadline, "the message was not kept");
            std::thread::yield_now();
        }
        assert!(receiver.quiet_for() < PATIENCE);
        Ok(())
    }
}
