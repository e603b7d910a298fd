//! Handing the listening sockets over to a new process, so that an upgrade refuses no connection.
//!
//! The old process starts the program anew, with the same arguments and one end of a socket pair as its standard input.
//! Over it go the listening sockets themselves (`SCM_RIGHTS`, unix(7)): both processes hold the same sockets, so no
//! connection that waits to be accepted is lost when the old one lets go. Then, a byte each:
//!
//! ```text
//! old -> new  C + socket, …, E                 sockets for clients (C, over TLS T) and operators (A), no more of them
//! new -> old  P                                prepared: the configuration is good
//! old -> new  G                                go: whatever cannot be there twice is free
//! new -> old  R                                ready: clients are served
//! ```
//!
//! Until the last byte the old process serves on, and it goes on serving when that byte does not come.

use downbeat_edge::Listeners;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the environment of a process that takes over.
const TAKES_OVER: &str = "DOWNBEAT_TAKES_OVER";
/// The new process has to get from one step to the next within this.
const STEP_WITHIN: Duration = Duration::from_secs(30);

const CLIENTS: u8 = b'C';
const TLS: u8 = b'T';
const ADMIN: u8 = b'A';
const END: u8 = b'E';
const PREPARED: u8 = b'P';
const GO: u8 = b'G';
const READY: u8 = b'R';

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandoverError {
    /// The program could not be started again.
    #[error("start {}: {source}", program.display())]
    Start {
        /// Which program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The other process is gone, or silent for too long, or speaks another language.
    #[error("{step}: {source}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

fn at(step: &'static str) -> impl Fn(io::Error) -> HandoverError {
    move |source| HandoverError::Step { step, source: plainly(source) }
}

/// What the end of a socket pair says of the other process, in plain words.
fn plainly(error: io::Error) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof, WouldBlock};
    match error.kind() {
        kind @ (BrokenPipe | ConnectionReset | UnexpectedEof) => {
            io::Error::new(kind, "the other process has ended; its log says why")
        }
        kind @ WouldBlock => io::Error::new(kind, "the other process was silent for too long"),
        _ => error,
    }
}

/// The program as it was started: a new one may lie at its path by now.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// Of this process; to be asked before anything replaces the file.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        Ok(Self { path: std::env::current_exe()?, arguments: std::env::args_os().skip(1).collect() })
    }
}

/// A successor that has the sockets and a good configuration, and waits for the word. Ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Successor {
    child: Option<Child>,
    link: UnixStream,
}

impl Successor {
    /// Starts the program again and hands it the sockets. Blocks for as long as the new process takes.
    pub(crate) fn prepare(program: &Program, listeners: &Listeners) -> Result<Self, HandoverError> {
        let (link, theirs) = UnixStream::pair().map_err(at("make a socket pair"))?;
        link.set_read_timeout(Some(STEP_WITHIN)).map_err(at("set a time limit"))?;
        let mut command = Command::new(&program.path);
        // The successor outlives its parent, whatever this process was told about its own.
        command.args(&program.arguments).env(TAKES_OVER, "1").env_remove(super::DIE_WITH_PARENT);
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        let started = command.spawn();
        let child = started.map_err(|source| HandoverError::Start { program: program.path.clone(), source })?;
        // With the command goes our copy of their end, so that their death is heard.
        drop(command);
        let mut successor = Self { child: Some(child), link };
        successor.send(listeners).map_err(at("hand the sockets over"))?;
        expect(&mut successor.link, PREPARED).map_err(at("wait for the new process to read its configuration"))?;
        Ok(successor)
    }

    fn send(&mut self, listeners: &Listeners) -> io::Result<()> {
        let clients = listeners.clients.iter().map(|listener| (CLIENTS, listener));
        let tls = listeners.tls.iter().map(|listener| (TLS, listener));
        let admin = listeners.admin.iter().map(|listener| (ADMIN, listener));
        for (role, listener) in clients.chain(tls).chain(admin) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut rights = SendAncillaryBuffer::new(&mut space);
            let fds = [listener.as_fd()];
            rights.push(SendAncillaryMessage::ScmRights(&fds));
            sendmsg(&self.link, &[IoSlice::new(&[role])], &mut rights, SendFlags::NOSIGNAL)?;
        }
        self.link.write_all(&[END])
    }

    /// Lets it start, and waits until it serves; returns the id of its process. Blocks.
    pub(crate) fn go(mut self) -> Result<u32, HandoverError> {
        self.link.write_all(&[GO]).map_err(at("give the word"))?;
        expect(&mut self.link, READY).map_err(at("wait for the new process to serve"))?;
        // It stands on its own from here on.
        Ok(self.child.take().map_or(0, |child| child.id()))
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended by itself cannot be killed, which is as well.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The old process, as the new one sees it.
#[derive(Debug)]
pub(crate) struct Predecessor(UnixStream);

impl Predecessor {
    /// Takes the sockets, when this process was started to take over. Blocks.
    pub(crate) fn meet() -> Result<Option<(Self, Listeners)>, HandoverError> {
        if std::env::var_os(TAKES_OVER).is_none() {
            return Ok(None);
        }
        let link = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from).map_err(at("take standard input"))?;
        let listeners = receive(&link).map_err(at("take the sockets"))?;
        Ok(Some((Self(link), listeners)))
    }

    /// Says that the configuration is good, and waits for the word. Blocks.
    pub(crate) fn prepared(&mut self) -> Result<(), HandoverError> {
        self.0.write_all(&[PREPARED]).map_err(at("tell the old process"))?;
        expect(&mut self.0, GO).map_err(at("wait for the old process's word"))
    }

    /// Says that clients are served.
    pub(crate) fn ready(mut self) -> Result<(), HandoverError> {
        self.0.write_all(&[READY]).map_err(at("tell the old process"))
    }
}

fn receive(link: &UnixStream) -> io::Result<Listeners> {
    let mut listeners = Listeners::default();
    loop {
        let mut role = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(link, &mut [IoSliceMut::new(&mut role)], &mut rights, RecvFlags::CMSG_CLOEXEC)?;
        let mut sockets = rights.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        match (got.bytes, role[0], sockets.next().map(TcpListener::from)) {
            (1, CLIENTS, Some(listener)) => listeners.clients.push(listener),
            (1, TLS, Some(listener)) => listeners.tls.push(listener),
            (1, ADMIN, Some(listener)) => listeners.admin = Some(listener),
            (1, END, None) => return Ok(listeners),
            (0, ..) => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn expect(link: &mut UnixStream, word: u8) -> io::Result<()> {
    let mut said = [0];
    link.read_exact(&mut said)?;
    if said == [word] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").expect("a free port")
    }

    #[test]
    fn sockets_arrive_by_their_roles() {
        let (mine, theirs) = UnixStream::pair().expect("a socket pair");
        let sent = Listeners {
            clients: vec![listener(), listener(), listener()],
            tls: vec![listener()],
            admin: Some(listener()),
        };
        let mut successor = Successor { child: None, link: mine };
        successor.send(&sent).expect("somebody holds the other end");
        let got = receive(&theirs).expect("sockets and an end");
        let address = |l: &TcpListener| l.local_addr().expect("bound");
        assert_eq!(
            got.clients.iter().map(address).collect::<Vec<_>>(),
            sent.clients.iter().map(address).collect::<Vec<_>>()
        );
        assert_eq!(got.tls.iter().map(address).collect::<Vec<_>>(), sent.tls.iter().map(address).collect::<Vec<_>>());
        assert_eq!(got.admin.as_ref().map(address), sent.admin.as_ref().map(address));
        drop(successor);
        assert!(receive(&theirs).is_err(), "an end without a word is no handover");
    }
}
