//! One paced download, watched byte by byte: which upstream serves it, how long nothing came, whether it is whole.
//!
//! Every arrival is noted with its time. Two figures come out of them: the longest silence around the fault, and the
//! longest one in a while of the same length just before it, which is what the machine does by itself.

use super::http::{self, Head};
use crate::process::local;
use rustix::process::{getpriority_process, setpriority_process};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use socket2::{Domain, Socket, Type};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// What the kernel may hold for the client: a few milliseconds' worth, so that the client sees what happens when it
/// happens, but more than one segment of the loopback (64 KB), or every segment would wait for a timer of the kernel.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// Nothing for this long: the download hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// A silence that begins within this after the fault is the fault's; one that ends within this before it is the
/// machine's.
pub(crate) const AROUND: Duration = Duration::from_millis(250);
/// The watching thread goes so far ahead of the others: what it sees late would look like a silence.
const AHEAD: i32 = 10;

/// What is downloaded, and when the fault hits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) port: u16,
    pub(crate) path: &'a str,
    /// SHA-256 of the body.
    pub(crate) digest: &'a [u8],
    /// The fault hits once so many bytes have come.
    pub(crate) fault_at: usize,
}

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
    /// The longest silence that the fault may have made.
    pub(crate) gap_ms: f64,
    /// The longest one just before the fault.
    pub(crate) before_ms: f64,
}

/// Downloads on a thread of its own; calls `fault` with the upstream's port when it is time. That must not take long:
/// nothing is read meanwhile.
pub(crate) fn run(plan: Plan<'_>, fault: impl FnMut(u16) + Send) -> Seen {
    thread::scope(|scope| scope.spawn(|| watched(plan, fault)).join().expect("a download does not panic"))
}

fn watched(plan: Plan<'_>, mut fault: impl FnMut(u16)) -> Seen {
    // Where we may not go ahead, the figures are a little worse than they need be.
    let _ = getpriority_process(None).and_then(|now| setpriority_process(None, now - AHEAD));
    let mut watch = Watch::default();
    let whole = fetch(plan, |bytes, head| {
        watch.arrivals.push(Instant::now());
        if bytes >= plan.fault_at && watch.fault.is_none() {
            watch.fault = Some(Instant::now());
            head.upstream.into_iter().for_each(&mut fault);
        }
    });
    let end = match whole {
        Ok(found) if found == plan.digest => End::Whole,
        Ok(_) => End::Wrong,
        Err(error) => End::Broken(error.to_string()),
    };
    let (before, after) = watch.silences();
    Seen { end, gap_ms: after.as_secs_f64() * 1e3, before_ms: before.as_secs_f64() * 1e3 }
}

/// The times at which bytes came, and that of the fault.
#[derive(Default)]
struct Watch {
    arrivals: Vec<Instant>,
    fault: Option<Instant>,
}

impl Watch {
    /// The longest silence just before the fault, and the longest one that it may have made.
    fn silences(&self) -> (Duration, Duration) {
        let (mut before, mut after) = (Duration::ZERO, Duration::ZERO);
        let Some(fault) = self.fault else { return (before, after) };
        for pair in self.arrivals.windows(2) {
            let (begin, end) = (pair[0], pair[1]);
            if end <= fault && end + AROUND >= fault {
                before = before.max(end - begin);
            } else if end > fault && begin <= fault + AROUND {
                after = after.max(end - begin);
            }
        }
        (before, after)
    }
}

/// The digest of the body.
fn fetch(plan: Plan<'_>, mut progress: impl FnMut(usize, &Head)) -> Result<Vec<u8>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.connect(&local(plan.port).into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", plan.path).as_bytes())?;
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
        // A machine that is put to sleep and woken up does this, without any signal of ours.
        Err(error) if error.kind() == ErrorKind::Interrupted => read(stream, buffer, so_far),
        Ok(0) => Err(Error::new(ErrorKind::UnexpectedEof, format!("cut after {so_far} bytes"))),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(Error::new(ErrorKind::TimedOut, format!("hung after {so_far} bytes")))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_before_and_after_the_fault_are_told_apart() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let silences = |arrivals: &[u64], fault: Option<u64>| {
            let watch = Watch { arrivals: arrivals.iter().map(|ms| at(*ms)).collect(), fault: fault.map(at) };
            let (before, after) = watch.silences();
            (before.as_millis(), after.as_millis())
        };
        assert_eq!(silences(&[0, 90, 91], None), (0, 0));
        assert_eq!(silences(&[600, 603, 605, 607, 650, 652], Some(605)), (3, 43));
        assert_eq!(silences(&[0, 100, 600, 602, 604, 606], Some(602)), (500, 2), "it ends just before the fault");
        assert_eq!(silences(&[0, 300, 600, 602, 604], Some(604)), (300, 0), "the one before that is too early");
        assert_eq!(silences(&[600, 602, 1_602], Some(600)), (0, 1_000), "as long as it takes");
        assert_eq!(silences(&[600, 602, 851, 853, 900], Some(600)), (0, 249), "what begins later is not the fault's");
    }
}
