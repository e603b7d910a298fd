//! Active checks: asks each replica for the health path, again and again, over a new connection each time; and in quick
//! succession when it is looked at more closely ([`choose::look`](crate::choose::look)).

use crate::ask::call::{Reply, call};
use crate::ask::line::Line;
use crate::change::site::ReplicaId;
use crate::choose::look::{CHECK_EVERY, CHECKS};
use crate::codec::Method;
use crate::run::shared::Shared;
use downbeat_core::model::FailureKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Most bytes of a check's answer.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The path at which nothing is promised, so that every answer of a working server is good.
const ANY_PATH: &str = "/";

/// Checks one replica for ever.
pub(crate) async fn watch(shared: Arc<Shared>, replica: ReplicaId) {
    let mut ticks = interval(shared.settings.health.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let line = Rc::new(Line { shared, component: None, replica });
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let outcome = timed(&line, line.shared.settings.health.timeout).await;
                line.shared.check_ended(replica, outcome, Instant::now());
            }
            () = line.shared.look_at(replica) => look_closer(&line).await,
        }
    }
}

/// Many checks, none of which waits for the one before: one that gets no answer takes as long as all of them.
async fn look_closer(line: &Rc<Line>) {
    let mut checks = JoinSet::new();
    let mut ticks = interval(CHECK_EVERY);
    for _ in 0..CHECKS {
        ticks.tick().await;
        let line = line.clone();
        checks.spawn_local(async move {
            let outcome = timed(&line, line.shared.patience(line.replica)).await;
            line.shared.quick_check_ended(line.replica, outcome, Instant::now());
        });
    }
    while checks.join_next().await.is_some() {}
}

/// One check, of which is remembered how long it took when it was good.
async fn timed(line: &Line, patience: Duration) -> Result<u16, FailureKind> {
    let begun = Instant::now();
    let outcome = check(line, patience).await;
    if outcome.is_ok() {
        line.shared.check_took(line.replica, begun.elapsed());
    }
    outcome
}

/// One check: the status of a good answer, or how it failed.
async fn check(line: &Line, patience: Duration) -> Result<u16, FailureKind> {
    let addresses = line.shared.addresses(line.replica);
    let address = *addresses.first().ok_or(FailureKind::Unresolved)?;
    let reply = ask(line, address, patience).await?;
    if let Some(said) = line.shared.settings.version_header.as_ref().and_then(|name| reply.head.fields.get(name)) {
        line.shared.told_version(line.replica, said);
    }
    match reply.head.status {
        500.. => Err(FailureKind::Status),
        status if is_good(&line.shared.settings.health.path, status) => Ok(status),
        401 | 403 => Err(FailureKind::Denied),
        _ => Err(FailureKind::Wrong),
    }
}

/// True when the server at an address proves to be the replica: it answers the health path with the status that
/// the replica is known for (any 2xx before the first good check), and tells a version where one is expected.
pub(crate) async fn answers_as_service(line: &Line, address: SocketAddr) -> bool {
    let Ok(reply) = ask(line, address, line.shared.settings.health.timeout).await else { return false };
    let status = reply.head.status;
    let known = line.shared.good_status(line.replica).map_or((200..300).contains(&status), |good| good == status);
    let tells = line.shared.settings.version_header.as_ref().is_none_or(|name| reply.head.fields.get(name).is_some());
    known && tells
}

fn is_good(path: &str, status: u16) -> bool {
    (200..300).contains(&status) || (path == ANY_PATH && status < 500)
}

async fn ask(line: &Line, address: SocketAddr, patience: Duration) -> Result<Reply, FailureKind> {
    let health = &line.shared.settings.health;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: downbeat-check\r\nConnection: close\r\n\r\n",
        health.path,
        line.shared.site.replica(line.replica).authority()
    );
    let conversation = async {
        let connection = line.connect_to(address, patience).await?;
        let reply = call(connection, request.as_bytes(), &Method::Get, BODY_BYTES_MAX).await?;
        line.lag().await;
        line.open().await;
        Ok(reply)
    };
    timeout(patience, conversation).await.unwrap_or(Err(FailureKind::Late))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_good_check_is() {
        let table =
            [("/", 200, true), ("/", 404, true), ("/", 500, false), ("/healthz", 204, true), ("/healthz", 404, false)];
        for (path, status, good) in table {
            assert_eq!(is_good(path, status), good, "{path} {status}");
        }
    }
}
