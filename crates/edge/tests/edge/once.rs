//! What is not idempotent reaches replicas at most once, whatever they do (invariant H4).

use crate::replica::{Head, Keep, Replica, Script};
use crate::rig::Rig;
use std::time::Duration;

/// Requests of other methods than the idempotent ones, with bodies that are kept and bodies that are streamed.
fn requests() -> Vec<String> {
    let long = "x".repeat(100_000);
    let bodies = [
        "\r\n".to_owned(),
        "Content-Length: 2\r\n\r\nhi".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_owned(),
        format!("Content-Length: 100000\r\n\r\n{long}"),
        format!("Transfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\r\n0\r\n\r\n"),
    ];
    let methods = ["POST", "PATCH", "BREW"];
    let request = |method: &str, body: &str| format!("{method} /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{body}");
    methods.iter().flat_map(|method| bodies.iter().map(|body| request(method, body))).collect()
}

fn reached(replicas: &[Replica]) -> usize {
    replicas.iter().map(|replica| replica.seen().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_what_is_not_idempotent_reaches_replicas_at_most_once() {
    for head in [Head::Hang, Head::Hangup, Head::Garbage, Head::Status(500), Head::Status(503)] {
        let failing = || Script { head, ..Script::serving(b"sound") };
        let (rig, replicas) = Rig::with(vec![failing(), failing(), failing()], |settings| {
            settings.health.every = Duration::from_secs(3_600);
            settings.retry.first_byte = Duration::from_millis(400);
        })
        .await;
        for request in requests() {
            let before = reached(&replicas);
            let status = rig.send(&request).await.status;
            let line = request.lines().next().unwrap_or_default();
            assert!((500..=504).contains(&status), "{line} with {head:?}: {status}");
            assert!(reached(&replicas) <= before + 1, "{line} with {head:?} came twice");
        }
        assert!(reached(&replicas) > 0, "{head:?}: none came at all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_a_connection_that_closes_under_a_request_does_not_bring_it_twice() {
    let closing = || Script { keep: Keep::Close, ..Script::serving(b"sound") };
    let (rig, replicas) = Rig::with(vec![closing(), closing()], |settings| {
        settings.health.every = Duration::from_secs(3_600);
    })
    .await;
    for request in requests() {
        // It leaves a connection in the pool that the replica closes just now.
        assert_eq!(rig.get("/b").await.status, 200);
        let before = reached(&replicas);
        assert_eq!(rig.send(&request).await.status, 200);
        assert_eq!(reached(&replicas), before + 1);
    }
}
