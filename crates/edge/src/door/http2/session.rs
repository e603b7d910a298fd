//! One connection and those who serve its streams, driven together by one task.
//!
//! A turn of the task reads what has come, lets those streams go on that have something to go on with, and writes what
//! came of it with one call. Each place for a stream has a future of its own, which serves one request after the other
//! in it: it is made once and not moved or made anew for each request.

use super::farewell::part;
use super::machine::{Fault, Machine, STREAMS_MAX, Stage};
use super::ready::{Ready, Set, numbers};
use super::stream::Stream;
use crate::codec::h2::Reader;
use crate::codec::{Refusal, RequestHead};
use crate::door::caller::Caller;
use crate::exchange::After;
use crate::run::timer::{Alarm, Timers};
use bytes::BytesMut;
use std::cell::RefCell;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of one read.
const READ: usize = 16 * 1024;
/// Reads of one turn.
const READS: usize = 8;
/// Rounds of one turn, in which what was sent makes room for more to be sent.
const ROUNDS: usize = 8;
/// A client that leaves so many bytes lying is not listened to: what it is answered with would come on top.
const UNREAD_MAX: usize = 256 * 1024;
/// A client that was told to open no more streams has so long to say that it has heard.
const FAREWELL: Duration = Duration::from_secs(1);

/// Those beside the streams who have a bell.
const READABLE: usize = 120;
const WRITABLE: usize = 121;
const STOPPING: usize = 122;
const CLOCK: usize = 123;
const STREAMS: Set = (1 << STREAMS_MAX) - 1;

/// Who answers the requests.
pub(crate) trait Host: Clone + 'static {
    /// Answers one request, or tells why it is refused.
    async fn answer(&self, stream: &mut Stream, head: Result<RequestHead, Refusal>) -> After;

    /// How long who may do what.
    fn terms(&self) -> Terms;

    /// Returns when no more requests shall be taken.
    async fn stopping(&self);

    /// A client was sent away.
    fn sent_away(&self, fault: Fault);
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// For a frame, or a header block.
    pub(crate) head: Duration,
    /// Without any request.
    pub(crate) idle: Duration,
    /// To take anything of what it is sent.
    pub(crate) stall: Duration,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Last words are to be said.
    Closed,
    /// The client has gone, or does not listen.
    Gone,
}

/// A future on the heap.
type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// A connection and its streams.
pub(crate) struct Session<W, H> {
    wire: W,
    host: H,
    caller: Caller,
    reader: Reader,
    machine: Rc<RefCell<Machine>>,
    timers: Rc<Timers>,
    ready: Arc<Ready>,
    bells: Bells,
    /// Those who serve the streams, by their place.
    servers: Vec<Server>,
    /// The place that comes first in the next turn, so that all of them come first in turn.
    first: usize,
    stop: Stop,
    clock: Alarm,
    since: Instant,
    /// Since when no stream has been served.
    idle_since: Option<Instant>,
    leaving_since: Option<Instant>,
    /// Bytes that the client has taken, and when that was last found to have changed.
    taken: u64,
    last_taken: (u64, Instant),
    listening: Listening,
    writing: Writing,
}

/// Whether the edge serves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Awaited,
    Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listening {
    Open,
    /// Until the client has taken what lies there for it.
    Paused,
}

/// What the wire has of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// It takes more.
    Free,
    /// It may still hold something that it was given.
    Unflushed,
    /// It takes nothing now.
    Stuck,
}

struct Bells {
    readable: Waker,
    writable: Waker,
    stopping: Waker,
    clock: Waker,
}

/// Who serves the streams of one place.
struct Server {
    bell: Waker,
    future: Option<Boxed>,
}

impl<W: AsyncRead + AsyncWrite + Unpin, H: Host> Session<W, H> {
    pub(crate) fn new(wire: W, host: H, caller: Caller, timers: Rc<Timers>) -> Self {
        let (now, ready) = (Instant::now(), Arc::new(Ready::default()));
        let bells = Bells {
            readable: ready.bell(READABLE),
            writable: ready.bell(WRITABLE),
            stopping: ready.bell(STOPPING),
            clock: ready.bell(CLOCK),
        };
        // All of them are looked after in the first turn.
        [&bells.readable, &bells.stopping, &bells.clock].into_iter().for_each(Waker::wake_by_ref);
        let mut clock = timers.alarm();
        clock.set(now + host.terms().look_every());
        Self {
            wire,
            host,
            caller,
            reader: Reader::new(),
            machine: Rc::new(RefCell::new(Machine::new(now))),
            timers,
            ready,
            bells,
            servers: Vec::new(),
            first: 0,
            stop: Stop::Awaited,
            clock,
            since: now,
            idle_since: Some(now),
            leaving_since: None,
            taken: 0,
            last_taken: (0, now),
            listening: Listening::Open,
            writing: Writing::Free,
        }
    }

    /// Serves the client until it goes, or has to go. `start` is what was read already.
    pub(crate) async fn run(mut self, start: BytesMut) {
        let host = self.host.clone();
        let mut stopping = pin!(host.stopping());
        let mut end = self.take_in(&start).err();
        // An idle client shall hold no buffer.
        drop(start);
        if end.is_none() {
            end = Some(poll_fn(|cx| self.turn(cx, stopping.as_mut())).await);
        }
        if end == Some(End::Closed) {
            // Whoever served the streams goes first.
            self.servers.clear();
            let out = self.machine.borrow_mut().last_words();
            Box::pin(part(self.wire, out)).await;
        }
    }

    fn turn(&mut self, cx: &Context<'_>, stopping: Pin<&mut impl Future<Output = ()>>) -> Poll<End> {
        self.ready.wakes(cx.waker());
        let rung = self.ready.take();
        match self.attend(rung, stopping) {
            Ok(()) => {}
            Err(end) => return Poll::Ready(end),
        }
        let machine = self.machine.borrow();
        if machine.is_done() && machine.out.is_empty() && self.writing == Writing::Free {
            return Poll::Ready(End::Closed);
        }
        if machine.woken != 0 {
            // Others come first.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Looks after those who have rung.
    fn attend(&mut self, rung: Set, stopping: Pin<&mut impl Future<Output = ()>>) -> Result<(), End> {
        let has = |number: usize| rung & 1 << number != 0;
        if has(READABLE) {
            self.read()?;
        }
        if has(STOPPING) && self.stop == Stop::Awaited {
            let stopped = stopping.poll(&mut Context::from_waker(&self.bells.stopping)).is_ready();
            if stopped {
                self.stop = Stop::Heard;
                self.leave(Instant::now());
            }
        }
        if has(CLOCK) {
            self.tick()?;
        }
        if has(WRITABLE) && self.writing == Writing::Stuck {
            self.writing = Writing::Unflushed;
        }
        let mut due = rung & STREAMS;
        for _ in 0..ROUNDS {
            self.serve(due);
            self.write()?;
            due = 0;
            if self.machine.borrow().woken == 0 {
                break;
            }
        }
        self.rest();
        Ok(())
    }

    fn read(&mut self) -> Result<(), End> {
        for _ in 0..READS {
            if self.machine.borrow().out.len() > UNREAD_MAX {
                self.listening = Listening::Paused;
                return Ok(());
            }
            let mut room = [const { MaybeUninit::uninit() }; READ];
            let mut buffer = ReadBuf::uninit(&mut room);
            let mut cx = Context::from_waker(&self.bells.readable);
            match Pin::new(&mut self.wire).poll_read(&mut cx, &mut buffer) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_)) => return Err(End::Gone),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Err(End::Gone),
                Poll::Ready(Ok(())) => self.take_in(buffer.filled())?,
            }
        }
        // There is more, and others come first.
        self.bells.readable.wake_by_ref();
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), End> {
        let received = self.machine.borrow_mut().receive(&mut self.reader, bytes, Instant::now());
        received.map_err(|fault| self.send_away(fault))
    }

    fn send_away(&mut self, fault: Fault) -> End {
        self.machine.borrow_mut().fail(fault.code());
        self.host.sent_away(fault);
        End::Closed
    }

    /// Lets streams go on: those that are due, and those that wait no longer.
    fn serve(&mut self, due: Set) {
        let (gone, woken) = {
            let mut machine = self.machine.borrow_mut();
            (std::mem::take(&mut machine.gone), std::mem::take(&mut machine.woken))
        };
        for at in numbers(gone, 0) {
            if let Some(server) = self.servers.get_mut(at) {
                server.future = None;
            }
        }
        for at in numbers(due | woken, self.first) {
            while self.servers.len() <= at {
                self.servers.push(Server { bell: self.ready.bell(self.servers.len()), future: None });
            }
            if self.servers[at].future.is_none() && woken & 1 << at != 0 {
                let stream = Stream::new(self.machine.clone(), at, self.caller, self.timers.alarm());
                self.servers[at].future = Some(Box::pin(attend(self.host.clone(), stream)));
            }
            let Server { bell, future } = &mut self.servers[at];
            if let Some(future) = future {
                // It goes on for ever.
                let _ = future.as_mut().poll(&mut Context::from_waker(bell));
            }
            self.first = (at + 1) % STREAMS_MAX;
        }
    }

    fn write(&mut self) -> Result<(), End> {
        if self.writing == Writing::Stuck {
            return Ok(());
        }
        let mut cx = Context::from_waker(&self.bells.writable);
        loop {
            let written = {
                let machine = self.machine.borrow();
                if machine.out.is_empty() {
                    break;
                }
                let wire = Pin::new(&mut self.wire);
                match machine.out.single() {
                    // The kernel has less to look at.
                    Some(bytes) => wire.poll_write(&mut cx, bytes),
                    None => wire.poll_write_vectored(&mut cx, &machine.out.slices()),
                }
            };
            match written {
                Poll::Pending => {
                    self.writing = Writing::Stuck;
                    return Ok(());
                }
                Poll::Ready(Ok(sent @ 1..)) => {
                    self.machine.borrow_mut().sent(sent);
                    self.taken += sent as u64;
                    self.writing = Writing::Unflushed;
                }
                Poll::Ready(Ok(0) | Err(_)) => return Err(End::Gone),
            }
        }
        if self.writing == Writing::Unflushed {
            self.writing = match Pin::new(&mut self.wire).poll_flush(&mut cx) {
                Poll::Pending => Writing::Stuck,
                Poll::Ready(Ok(())) => Writing::Free,
                Poll::Ready(Err(_)) => return Err(End::Gone),
            };
        }
        if self.listening == Listening::Paused {
            self.listening = Listening::Open;
            self.bells.readable.wake_by_ref();
        }
        Ok(())
    }

    /// Notes when the last stream has ended.
    fn rest(&mut self) {
        match (self.machine.borrow().open(), self.idle_since) {
            (0, None) => self.idle_since = Some(Instant::now()),
            (1.., Some(_)) => self.idle_since = None,
            _ => {}
        }
    }

    fn leave(&mut self, now: Instant) {
        self.machine.borrow_mut().leave();
        self.leaving_since = Some(now);
        self.clock.set(now + FAREWELL);
        self.bells.clock.wake_by_ref();
    }

    fn tick(&mut self) -> Result<(), End> {
        while self.clock.poll_ring(&mut Context::from_waker(&self.bells.clock)).is_ready() {
            let now = Instant::now();
            self.clock.set(now + self.host.terms().look_every());
            self.look(now)?;
        }
        Ok(())
    }

    /// Looks at the clock: who sends nothing, takes nothing, or does not come to an end?
    fn look(&mut self, now: Instant) -> Result<(), End> {
        let (terms, passed) = (self.host.terms(), |since: Instant| now.saturating_duration_since(since));
        let (stage, open, waits) = {
            let machine = self.machine.borrow();
            (machine.stage, machine.open(), !machine.out.is_empty() || self.writing != Writing::Free)
        };
        if stage == Stage::New && passed(self.since) >= terms.head {
            return Err(End::Gone);
        }
        let checked = self.machine.borrow().check(terms.head, now);
        checked.map_err(|fault| self.send_away(fault))?;
        if self.taken != self.last_taken.0 {
            self.last_taken = (self.taken, now);
        }
        // Streams have patience of their own. Without them, answers were handed over that the client has not taken.
        if open == 0 && waits && passed(self.last_taken.1) >= terms.stall {
            return Err(End::Gone);
        }
        if stage == Stage::Leaving && self.leaving_since.is_some_and(|since| passed(since) >= FAREWELL) {
            self.machine.borrow_mut().close();
        }
        if open == 0 && !waits && matches!(stage, Stage::New | Stage::Open) {
            self.doze(now, terms);
        }
        Ok(())
    }

    /// A client without requests holds no more memory than it has to, and is told to go when that has lasted.
    fn doze(&mut self, now: Instant, terms: Terms) {
        self.servers.clear();
        self.machine.borrow_mut().out.shrink();
        if self.idle_since.is_some_and(|since| now.saturating_duration_since(since) >= terms.idle) {
            self.leave(now);
        }
    }
}

/// Serves one place for streams.
async fn attend<H: Host>(host: H, mut stream: Stream) {
    loop {
        let head = stream.next_request().await;
        let after = host.answer(&mut stream, head).await;
        stream.finish(after);
    }
}

impl Terms {
    /// How often the clock is looked at.
    fn look_every(&self) -> Duration {
        self.idle.min(self.head)
    }
}
