//! A client that speaks HTTP/2: its connection, on which each request is a stream with an exchange of its own.
//!
//! The `h2` library has limits of its own for most floods; what it has no figure for is counted beside it
//! (`admit::calm`). A client that goes beyond is told ENHANCE_YOUR_CALM and sent away.

use crate::admit::calm::{Excess, HEADER_BLOCK_BYTES};
use crate::codec::{Follows, request_from_parts};
use crate::door::caller::Caller;
use crate::door::metered::{Meter, Metered};
use crate::door::stream::Stream;
use crate::door::wire::Wire;
use crate::exchange::{exchange, refuse};
use crate::run::worker::{Roster, Worker};
use crate::tell::events;
use bytes::{Bytes, BytesMut};
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Sleep, sleep, timeout};

/// Most requests of one client at once.
pub(crate) const STREAMS_MAX: u32 = 100;
/// Room for a request's body that nobody has consumed yet.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all requests of a client together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Most bytes of one answer that the connection holds until the socket takes them.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that were reset before they were served.
const PENDING_RESETS_MAX: usize = 20;
/// Longest wait for the end of a connection that floods.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Serves one client until it goes. `start` is what was read already.
pub(crate) async fn serve(roster: &Rc<Roster>, wire: Wire, start: BytesMut, caller: Caller) {
    let now = Instant::now();
    let meter = Rc::new(RefCell::new(Meter::new(now)));
    let io = Metered::new(wire, start, meter.clone());
    let Ok(Ok(connection)) = timeout(roster.on_duty().shared.settings.limits.head, terms().handshake(io)).await else {
        return;
    };
    let streams = JoinSet::new();
    let (running, open) = (BTreeMap::new(), Rc::default());
    Session { roster, caller, connection, meter, streams, running, open, idle_since: now, stage: Stage::Open }
        .run()
        .await;
}

pub(crate) fn terms() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BLOCK_BYTES as u32)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX);
    builder
}

/// A connection and its streams.
struct Session<'a> {
    roster: &'a Rc<Roster>,
    caller: Caller,
    connection: Connection<Metered, Bytes>,
    meter: Rc<RefCell<Meter>>,
    streams: JoinSet<u32>,
    /// By stream, so that a reset ends what it is about.
    running: BTreeMap<u32, AbortHandle>,
    /// Streams being served.
    open: Rc<Cell<usize>>,
    idle_since: Instant,
    stage: Stage,
}

/// Whether the connection takes more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// It ends with the streams there are.
    Closing,
}

/// What happens next on a connection.
pub(crate) enum Stir {
    Request(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    Reset(Vec<u32>),
    Flood(Excess),
    Over,
    Ended(Option<u32>),
    Stopping,
    Look,
}

impl Session<'_> {
    async fn run(mut self) {
        let look_every = {
            let worker = self.roster.on_duty();
            worker.shared.settings.limits.idle.min(worker.shared.settings.limits.head)
        };
        let mut look = pin!(sleep(look_every));
        let roster = self.roster;
        let mut stopping = pin!(roster.stopping());
        loop {
            match self.stir(look.as_mut(), stopping.as_mut()).await {
                Stir::Request(request) => self.begin(*request),
                Stir::Reset(streams) => self.abort(&streams),
                Stir::Ended(stream) => self.ended(stream),
                Stir::Stopping => self.wind_down(),
                Stir::Flood(excess) => return self.calm(excess).await,
                Stir::Over => return,
                Stir::Look => match self.look(Instant::now()) {
                    Look::GoOn => look.as_mut().reset((Instant::now() + look_every).into()),
                    Look::Flood(excess) => return self.calm(excess).await,
                    Look::GiveUp => return,
                },
            }
        }
    }

    async fn stir(&mut self, look: Pin<&mut Sleep>, stopping: Pin<&mut impl Future<Output = ()>>) -> Stir {
        let Self { connection, meter, streams, stage, .. } = self;
        tokio::select! {
            biased;
            stir = poll_fn(|cx| turn(connection, meter, cx)) => stir,
            Some(ended) = streams.join_next() => Stir::Ended(ended.ok()),
            () = stopping, if *stage == Stage::Open => Stir::Stopping,
            () = look => Stir::Look,
        }
    }

    fn begin(&mut self, (request, respond): (Request<RecvStream>, SendResponse<Bytes>)) {
        let id = respond.stream_id().as_u32();
        let resets = self.meter.borrow_mut().resets_up_to(id);
        self.abort(&resets);
        if resets.contains(&id) {
            return;
        }
        // Each request is served by the newest generation.
        let (worker, caller, open) = (self.roster.on_duty(), self.caller, self.open.clone());
        // On the heap by itself: a task's future is moved several times before it runs.
        let handle = self.streams.spawn_local(Box::pin(async move {
            answer(&worker, request, respond, caller, open).await;
            id
        }));
        self.running.insert(id, handle);
    }

    fn abort(&mut self, streams: &[u32]) {
        for stream in streams {
            if let Some(handle) = self.running.remove(stream) {
                handle.abort();
            }
        }
    }

    fn ended(&mut self, stream: Option<u32>) {
        if let Some(stream) = stream {
            self.running.remove(&stream);
        }
        self.idle_since = Instant::now();
    }

    fn wind_down(&mut self) {
        self.stage = Stage::Closing;
        self.connection.graceful_shutdown();
    }

    /// Looks at the clock: who sends nothing, takes nothing, or does not come to an end?
    fn look(&mut self, now: Instant) -> Look {
        let worker = self.roster.on_duty();
        let limits = &worker.shared.settings.limits;
        let meter = self.meter.borrow();
        if let Err(excess) = meter.calm.check(limits.head, now) {
            return Look::Flood(excess);
        }
        let stalled = now.saturating_duration_since(meter.taken_at) >= limits.client_stall;
        let idle = now.saturating_duration_since(self.idle_since) >= limits.idle;
        drop(meter);
        match (self.streams.is_empty(), self.connection.has_streams(), self.stage) {
            (false, _, _) => Look::GoOn,
            // Answers that were handed over and that the client has not taken.
            (true, true, _) => {
                if stalled {
                    Look::GiveUp
                } else {
                    Look::GoOn
                }
            }
            (true, false, Stage::Open) => {
                if idle {
                    self.wind_down();
                }
                Look::GoOn
            }
            // It was told to go, and has nothing to wait for.
            (true, false, Stage::Closing) => Look::GiveUp,
        }
    }

    /// Sends the client away.
    async fn calm(mut self, excess: Excess) {
        self.roster.on_duty().shared.counters.calmed.fetch_add(1, Ordering::Relaxed);
        events::connection_calmed(self.caller.address, excess);
        self.streams.abort_all();
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        // Whatever goes wrong here, the connection ends with the drop.
        let _ = timeout(LAST_WORDS, poll_fn(|cx| self.connection.poll_closed(cx))).await;
    }
}

/// What a look at the clock says.
enum Look {
    GoOn,
    GiveUp,
    Flood(Excess),
}

/// One turn of the connection: reads and writes what there is, until something has to be done.
pub(crate) fn turn<W: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<Metered<W>, Bytes>,
    meter: &RefCell<Meter>,
    cx: &mut Context<'_>,
) -> Poll<Stir> {
    let polled = connection.poll_accept(cx);
    let mut meter = meter.borrow_mut();
    match (meter.excess, polled) {
        (Some(excess), _) => Poll::Ready(Stir::Flood(excess)),
        (None, Poll::Ready(Some(Ok(request)))) => Poll::Ready(Stir::Request(Box::new(request))),
        (None, Poll::Ready(Some(Err(_)) | None)) => Poll::Ready(Stir::Over),
        (None, Poll::Pending) if meter.resets.is_empty() => Poll::Pending,
        // All requests that came before the resets have been accepted.
        (None, Poll::Pending) => Poll::Ready(Stir::Reset(std::mem::take(&mut meter.resets).into_iter().collect())),
    }
}

async fn answer(
    worker: &Rc<Worker>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    caller: Caller,
    open: Rc<Cell<usize>>,
) {
    let (parts, body) = request.into_parts();
    let follows = if body.is_end_stream() { Follows::Nothing } else { Follows::Body };
    let mut stream = Stream::new(body, respond, caller, open);
    let after = match request_from_parts(&parts, follows) {
        Ok(head) => exchange(worker, &mut stream, &head).await,
        Err(refusal) => refuse(worker, &mut stream, &refusal).await,
    };
    stream.finish(after);
}
