//! One connection through a door: bytes, ends and resets are passed on as they come, as far as the line lets
//! them.
//!
//! When the process behind the door is exchanged, a connection to the old one ends as soon as it is idle: the
//! last bytes were an answer and nothing follows. A client that keeps connections for later thus finds the new
//! process, and no request is cut.

use super::line::Line;
use super::{Backend, sockets};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// Bytes handed on at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A connection with an answer behind it and nothing following for so long is idle.
const IDLE_AFTER: Duration = Duration::from_millis(150);

/// Who spoke last on a connection, and when.
#[derive(Debug, Clone, Copy)]
enum Last {
    Asked,
    Answered(Instant),
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// Carries a connection to its end.
pub(super) async fn carry(
    client: &TcpStream,
    server: &TcpStream,
    line: Line,
    backend: Backend,
    behind: watch::Receiver<Option<Backend>>,
) {
    let last = Mutex::new(Last::Asked);
    let both = async {
        tokio::try_join!(
            pump(client, server, line.clone(), Way::In, &last),
            pump(server, client, line.clone(), Way::Out, &last),
        )
    };
    let cut = tokio::select! {
        ended = both => ended.is_err(),
        () = retired(&backend, behind, &last) => false,
        () = buried(&backend, line.clone()) => true,
    };
    if cut {
        sockets::reset(client);
        sockets::reset(server);
    }
}

async fn pump(from: &TcpStream, to: &TcpStream, mut line: Line, way: Way, last: &Mutex<Last>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        line.open().await;
        let bytes = tokio::select! {
            read = sockets::read(from, &mut chunk) => read,
            () = line.changed() => continue,
        };
        line.carry(*bytes.as_ref().unwrap_or(&0)).await;
        let bytes = bytes?;
        if bytes == 0 {
            return sockets::finish(to);
        }
        // A question counts before it can be seen behind the door, an answer when it is through.
        if way == Way::In {
            note(last, Last::Asked);
        }
        sockets::write_all(to, &chunk[..bytes]).await?;
        if way == Way::Out {
            note(last, Last::Answered(Instant::now()));
        }
    }
}

/// Waits until the process behind the door is gone and the line lets that be known.
async fn buried(backend: &Backend, mut line: Line) {
    backend.gone().await;
    line.open().await;
}

fn note(last: &Mutex<Last>, spoke: Last) {
    *last.lock().unwrap_or_else(PoisonError::into_inner) = spoke;
}

/// Waits until another process stands behind the door and this connection is idle.
async fn retired(backend: &Backend, mut behind: watch::Receiver<Option<Backend>>, last: &Mutex<Last>) {
    if behind.wait_for(|now| !backend.is(now.as_ref())).await.is_err() {
        return;
    }
    loop {
        let spoke = *last.lock().unwrap_or_else(PoisonError::into_inner);
        match spoke {
            Last::Answered(at) if at.elapsed() >= IDLE_AFTER => return,
            _ => tokio::time::sleep(IDLE_AFTER / 3).await,
        }
    }
}
