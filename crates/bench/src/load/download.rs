//! One paced download, watched byte by byte: which upstream serves it, how long nothing came, whether it is whole.

use super::http::{self, Head};
use crate::process::local;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use socket2::{Domain, Socket, Type};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What the kernel may hold for the client: little, so that the client sees what happens when it happens.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Nothing for this long: the download hangs.
const PATIENCE: Duration = Duration::from_secs(15);
/// A gap within this after a fault is the fault's.
const AFTERMATH: Duration = Duration::from_secs(2);

/// How a download ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// All bytes, and the right ones.
    Whole,
    /// All bytes, and not the right ones: the worst of all.
    Wrong,
    /// Anything else, in words.
    Broken(String),
}

/// What a client saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) end: End,
    /// The longest time between two reads, from the fault on.
    pub(crate) gap_ms: f64,
}

/// Downloads a path; calls `fault` with the upstream's port once so many bytes have come.
pub(crate) fn run(port: u16, path: &str, digest: &[u8], fault_at: usize, mut fault: impl FnMut(u16)) -> Seen {
    let mut watch = Watch { last: Instant::now(), fault: None, longest: Duration::ZERO };
    let whole = fetch(port, path, |bytes, head| {
        watch.came();
        if bytes >= fault_at && watch.fault.is_none() {
            head.upstream.into_iter().for_each(&mut fault);
            watch.fault = Some(Instant::now());
        }
    });
    let end = match whole {
        Ok(found) if found == digest => End::Whole,
        Ok(_) => End::Wrong,
        Err(error) => End::Broken(error.to_string()),
    };
    Seen { end, gap_ms: watch.longest.as_secs_f64() * 1e3 }
}

/// The times at which bytes came.
struct Watch {
    last: Instant,
    fault: Option<Instant>,
    longest: Duration,
}

impl Watch {
    fn came(&mut self) {
        let now = Instant::now();
        if self.fault.is_some_and(|at| now.duration_since(at) < AFTERMATH || self.last < at + AFTERMATH) {
            self.longest = self.longest.max(now - self.last);
        }
        self.last = now;
    }
}

/// The digest of the body.
fn fetch(port: u16, path: &str, mut progress: impl FnMut(usize, &Head)) -> Result<Vec<u8>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.connect(&local(port).into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").as_bytes())?;
    let mut buffer = vec![0; RECEIVE_BUFFER];
    let mut start = Vec::new();
    let head = loop {
        let count = read(&mut stream, &mut buffer, start.len())?;
        start.extend_from_slice(&buffer[..count]);
        if let Some(head) = http::head(&start)? {
            break head;
        }
    };
    if head.status != 200 {
        return Err(Error::other(format!("status {}", head.status)));
    }
    let mut digest = Sha256::new();
    digest.update(&start[head.bytes..]);
    let mut bytes = start.len() - head.bytes;
    while bytes < head.length {
        let count = read(&mut stream, &mut buffer, bytes)?;
        digest.update(&buffer[..count]);
        bytes += count;
        progress(bytes, &head);
    }
    Ok(digest.finalize().to_vec())
}

fn read(stream: &mut TcpStream, buffer: &mut [u8], so_far: usize) -> Result<usize> {
    match stream.read(buffer) {
        Ok(0) => Err(Error::new(ErrorKind::UnexpectedEof, format!("cut after {so_far} bytes"))),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(Error::new(ErrorKind::TimedOut, format!("hung after {so_far} bytes")))
        }
        other => other,
    }
}
