//! Hostile requests through the edge to servers that nobody here wrote (invariant H1).
//!
//! Each case is either refused by the edge and reaches nobody, or goes on in one canonical form that nginx and haproxy
//! read exactly as the edge wrote it: as many requests, the same targets, the same lengths, and the next request on the
//! same connection in its place.

mod cases;
mod peers;
mod relay;
mod wire;

use crate::client::PATIENCE;
use crate::rig::{Rig, settings};
use cases::{Case, cases};
use peers::{HAPROXY, Kind, NGINX, Server};
use relay::{Passed, Recorder, Relay};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No fewer cases than these.
const CASES_MIN: usize = 60;
/// What a smuggler would like to see answered out of turn, and what has to be answered in turn.
const CANARY: &str = "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const CANARY_ONWARD: &str = "GET /canary 0";
/// Cases longer than this are not kept as seeds.
const SEED_BYTES_MAX: usize = 16 * 1024;

/// An edge, a server behind it, and who listens between and behind.
struct Arrangement {
    rig: Rig,
    relay: Relay,
    recorder: Recorder,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Arrangement {
    async fn with(kind: Kind) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = Recorder::start().await;
        let server = kind.start(folder.path(), recorder.address).await?;
        let relay = Relay::start(server.socket.clone()).await;
        let own = tempfile::tempdir().expect("a folder");
        let mut settings = settings(&own, &[relay.address]);
        settings.health.every = Duration::from_secs(3_600);
        Some(Self { rig: Rig::start(own, settings).await, relay, recorder, server, _folder: folder })
    }

    /// Sends bytes with the canary behind them; the answers' statuses, up to the end of the connection.
    async fn ask(&self, bytes: &[u8]) -> Result<Vec<u16>, String> {
        let mut stream = TcpStream::connect(self.rig.address()).await.expect("the edge listens");
        let mut all = Vec::new();
        let asking = async {
            // What is refused early is not read to its end, and then a part of it cannot be written any more.
            let _ = stream.write_all(bytes).await;
            let _ = stream.write_all(CANARY.as_bytes()).await;
            stream.read_to_end(&mut all).await
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Ok(Ok(_)) => Ok(statuses(&String::from_utf8_lossy(&all))),
            Ok(Err(error)) => Err(format!("{error} behind {}", String::from_utf8_lossy(&all))),
            Err(_) => Err(format!("no end of the connection behind {}", String::from_utf8_lossy(&all))),
        }
    }

    /// What went wrong with a case; nothing when it was refused, or understood alike by everybody.
    async fn try_case(&mut self, case: &Case) -> Result<(), String> {
        let answers = self.ask(&case.bytes).await?;
        let mut onward = case.onward.clone();
        let mut expected: Vec<u16> = onward.iter().map(|_| 200).chain(case.refused).collect();
        if answers.len() > expected.len() && case.refused.is_none() {
            expected.push(200);
            onward.push(CANARY_ONWARD.to_owned());
        }
        if answers != expected {
            return Err(format!("answered {answers:?} instead of {expected:?}"));
        }
        let wire = self.compare(&onward)?;
        // Whatever came before: the connections that were kept are in step.
        let after = self.ask(b"").await?;
        if after != [200] {
            return Err(format!("the request after it was answered with {after:?}"));
        }
        let next = self.compare(&[CANARY_ONWARD.to_owned()])?;
        match (wire.last(), next.first()) {
            (Some(last), Some(next)) if last.connection != next.connection => Err("the server hung up".to_owned()),
            _ => Ok(()),
        }
    }

    /// Compares what the edge wrote and what the server read with what is expected.
    fn compare(&mut self, onward: &[String]) -> Result<Vec<Passed>, String> {
        let (wire, read) = (self.relay.passed(), self.recorder.seen());
        let told: Vec<String> = wire.iter().map(|p| p.message.told()).collect();
        if told != onward || self.relay.rest() > 0 {
            return Err(format!("the edge wrote {told:?} and {} bytes instead of {onward:?}", self.relay.rest()));
        }
        if let Some(what) = wire.iter().find_map(|p| p.message.offence()) {
            return Err(format!("the edge wrote {what}: {wire:?}"));
        }
        let told: Vec<String> = read.iter().map(wire::Message::told).collect();
        if told != onward {
            return Err(format!("the server read {told:?} where the edge wrote {onward:?}"));
        }
        // Where the server says which path it decides on, that is the one the edge decided on (invariant H6).
        let differs = |m: &&wire::Message| m.values("x-read-as").any(|path| path.as_bytes() != decoded(m.target()));
        match read.iter().find(differs) {
            Some(message) => Err(format!("the server understood another path: {message:?}")),
            None => Ok(wire),
        }
    }
}

/// The path of a target with its percent-encodings decoded.
fn decoded(target: &str) -> Vec<u8> {
    let path = target.split('?').next().unwrap_or_default();
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("the edge writes whole encodings"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// The statuses of the answers in a text, without informational ones. No body here contains one.
fn statuses(text: &str) -> Vec<u16> {
    let after = text.split("HTTP/1.1 ").skip(1);
    after.filter_map(|rest| rest.get(..3)?.parse().ok()).filter(|status| *status >= 200).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_hostile_requests_are_refused_or_read_alike_by_all() {
    let cases = cases();
    let mut failures = Vec::new();
    let mut servers = Vec::new();
    for kind in [NGINX, HAPROXY] {
        let Some(mut arrangement) = Arrangement::with(kind).await else { continue };
        for case in &cases {
            if let Err(what) = arrangement.try_case(case).await {
                failures.push((case.name.clone(), format!("{} with {}: {what}", case.name, kind.name)));
                // What is left of a failure must not be blamed on the next case.
                arrangement.relay.passed();
                arrangement.recorder.seen();
            }
        }
        servers.push(arrangement.server.version.clone());
    }
    if servers.is_empty() {
        return;
    }
    let failed: BTreeSet<&String> = failures.iter().map(|(name, _)| name).collect();
    let well = || cases.iter().filter(|case| !failed.contains(&case.name));
    let refused = well().filter(|case| case.onward.is_empty()).count();
    let (all, good) = (cases.len(), well().count());
    println!("{good} of {all} cases: refused {refused}, re-serialised and agreed {} ({servers:?})", good - refused);
    let told: Vec<&str> = failures.iter().map(|(_, what)| what.as_str()).collect();
    assert!(failures.is_empty(), "{}", told.join("\n"));
    assert!(all >= CASES_MIN, "{all} cases");
}

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/request_head")
}

#[test]
fn every_case_is_a_seed_for_the_fuzzers() {
    let mut names = BTreeSet::new();
    let mut written = Vec::new();
    for case in cases() {
        assert!(names.insert(case.name.clone()), "two cases are called {}", case.name);
        let place = seeds().join(&case.name);
        if case.bytes.len() <= SEED_BYTES_MAX && std::fs::read(&place).ok().as_ref() != Some(&case.bytes) {
            std::fs::create_dir_all(seeds())
                .and_then(|()| std::fs::write(&place, &case.bytes))
                .expect("a written seed");
            written.push(case.name);
        }
    }
    assert!(written.is_empty(), "these seeds were not up to date and are written now, add them: {written:?}");
    assert!(names.len() >= CASES_MIN);
}
