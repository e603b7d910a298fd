//! Bytes that go from a replica to a client without coming into this process: splice(2) through a pipe.
//!
//! A pipe is filled only when it is empty. Then a fill that finds nothing to do can mean only that the replica has sent
//! nothing, and not that the pipe is full, which the kernel tells with the same word.

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that a pipe holds: read ahead of a slow client, and moved by one call.
const CAPACITY: usize = 256 * 1024;
/// Most pipes of a thread in use and put by; further bodies are copied instead.
const PIPES_MAX: usize = 256;

/// The pipes of one thread.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    idle: RefCell<Vec<Ends>>,
    lent: std::cell::Cell<usize>,
}

/// A pipe for one body, given back when dropped.
#[derive(Debug)]
pub(crate) struct Pipe {
    pipes: Rc<Pipes>,
    /// Always there until the drop.
    ends: Option<Ends>,
    bytes: usize,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipes {
    /// An empty pipe; none when there are too many, or the system gives none.
    pub(crate) fn take(self: &Rc<Self>) -> Option<Pipe> {
        if self.lent.get() >= PIPES_MAX {
            return None;
        }
        let idle = self.idle.borrow_mut().pop();
        let ends = idle.or_else(|| Ends::new().ok())?;
        self.lent.set(self.lent.get() + 1);
        Some(Pipe { pipes: self.clone(), ends: Some(ends), bytes: 0 })
    }
}

impl Ends {
    fn new() -> rustix::io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Where the system gives less, less goes through with each call.
        let _ = fcntl_setpipe_size(&write, CAPACITY);
        Ok(Self { read, write })
    }
}

impl Pipe {
    /// Bytes in the pipe.
    pub(crate) const fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Waits for bytes of a replica and takes at most `limit` of them; 0 when it sends no more. May be dropped while it
    /// waits; nothing is lost.
    pub(crate) async fn fill(&mut self, from: &TcpStream, limit: u64) -> io::Result<usize> {
        assert!(self.is_empty(), "a pipe is filled when it is empty");
        let limit = usize::try_from(limit).unwrap_or(CAPACITY).min(CAPACITY);
        let ends = self.ends();
        let moved = move_bytes(from, Interest::READABLE, || {
            splice(from, None, &ends.write, None, limit, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
        });
        let moved = moved.await?;
        self.bytes = moved;
        Ok(moved)
    }

    /// Waits for room at a client and gives it what it takes. May be dropped while it waits; nothing is lost.
    pub(crate) async fn drain(&mut self, to: &TcpStream) -> io::Result<()> {
        let ends = self.ends();
        let moved = move_bytes(to, Interest::WRITABLE, || {
            splice(&ends.read, None, to, None, self.bytes, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
        });
        let moved = moved.await?;
        if moved == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes -= moved;
        Ok(())
    }

    fn ends(&self) -> &Ends {
        self.ends.as_ref().expect("the ends are there until the drop")
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.pipes.lent.set(self.pipes.lent.get() - 1);
        // One that still holds bytes of a body is closed: nobody else may get them.
        if let Some(ends) = self.ends.take().filter(|_| self.bytes == 0) {
            self.pipes.idle.borrow_mut().push(ends);
        }
    }
}

async fn move_bytes(
    socket: &TcpStream,
    interest: Interest,
    mut splice: impl FnMut() -> rustix::io::Result<usize>,
) -> io::Result<usize> {
    socket.async_io(interest, || retried(&mut splice).map_err(io::Error::from)).await
}

/// A call that a signal interrupted is made again.
fn retried(call: &mut impl FnMut() -> rustix::io::Result<usize>) -> rustix::io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            outcome => return outcome,
        }
    }
}
