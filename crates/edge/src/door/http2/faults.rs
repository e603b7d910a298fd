//! Every fault that a client can provoke, frame by frame, and what it is told (RFC 9113; invariant H3).
//!
//! Each sequence is also sent byte by byte, which must make no difference.

use super::answers::{Backlog, Handed, Key};
use super::machine::{Fault, Machine, STREAMS_MAX};
use super::slot::Next;
use crate::admit::calm::Excess;
use crate::codec::h2::{ErrorCode, FrameHead, Kind, Last, Reader};
use crate::codec::{AnswerHead, AnswerLength, Fields, Persistence, Trailers};
use bytes::Bytes;
use std::time::Instant;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 0xfa;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITISED: u8 = 0x20;
/// A head that ends its stream.
const WHOLE: u8 = END_STREAM | END_HEADERS;

/// `GET http://a/`, from the static table.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x01, 1, b'a'];
/// `POST http://a/` with five bytes.
const POST_FIVE: &[u8] = &[0x83, 0x86, 0x84, 0x01, 1, b'a', 0x0f, 0x0d, 1, b'5'];
/// `x: y`.
const FIELD: &[u8] = &[0x00, 1, b'x', 1, b'y'];
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What happens to a connection.
enum Step {
    /// Bytes come.
    Bytes(Vec<u8>),
    /// A stream's request is taken, and answered without a body.
    Answer(u32),
}

/// What the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing: all is well, or passed over.
    Nothing,
    /// The stream is reset.
    Reset(u32, ErrorCode),
    /// The connection ends.
    Ends(ErrorCode),
}
use Told::{Ends, Nothing};

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Step {
    let length = (payload.len() as u32).to_be_bytes();
    Step::Bytes([&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat())
}

fn number(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A connection that is open.
struct Rig {
    machine: Machine,
    reader: Reader,
    now: Instant,
    /// What the machine has written and somebody looked at.
    seen: usize,
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(now), reader: Reader::new(), now, seen: 0 }
    }

    fn open() -> Self {
        let mut rig = Self::new();
        rig.bytes(PREFACE).expect("a preface");
        rig.step(&frame(SETTINGS, 0, 0, &[]), usize::MAX).expect("settings");
        rig.told();
        rig
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.machine.receive(&mut self.reader, bytes, self.now)
    }

    fn step(&mut self, step: &Step, cut: usize) -> Result<(), Fault> {
        match step {
            Step::Bytes(bytes) => bytes.chunks(cut).try_for_each(|part| self.bytes(part)),
            Step::Answer(stream) => {
                let key = self.take(*stream);
                assert!(self.machine.answer(key, &head(AnswerLength::Known(0)), Last::Yes));
                self.machine.finish(key, ErrorCode::Cancel);
                Ok(())
            }
        }
    }

    /// Takes the request of a stream.
    fn take(&mut self, stream: u32) -> Key {
        let at = self.machine.find(stream).expect("the stream is there");
        let (taken, _) = self.machine.take_request(at).expect("nobody has taken it");
        assert_eq!(taken, stream);
        Key { stream, at }
    }

    /// Frames that were written since this was last asked.
    fn told(&mut self) -> Vec<(FrameHead, Vec<u8>)> {
        let out = self.machine.written();
        let (mut rest, mut frames) = (&out[self.seen..], Vec::new());
        self.seen = out.len();
        while let Some((head, behind)) = rest.split_first_chunk() {
            let head = FrameHead::parse(*head);
            let (payload, behind) = behind.split_at(head.length);
            frames.push((head, payload.to_vec()));
            rest = behind;
        }
        frames
    }
}

fn head(length: AnswerLength) -> AnswerHead {
    AnswerHead { status: 200, fields: Fields::default(), length, persistence: Persistence::Keep }
}

/// What comes of a sequence on an open connection, cut into pieces of so many bytes.
fn outcome(steps: &[Step], cut: usize) -> Told {
    let mut rig = Rig::open();
    if let Err(fault) = steps.iter().try_for_each(|step| rig.step(step, cut)) {
        return Ends(fault.code());
    }
    let code = |payload: &[u8]| u32::from_be_bytes(payload.try_into().expect("four bytes"));
    let resets = rig.told().into_iter().filter(|(head, _)| head.kind == Kind::Reset);
    let last = resets.map(|(head, payload)| (head.stream, code(&payload))).next_back();
    let Some((stream, told)) = last else { return Nothing };
    use ErrorCode::{Calm, Cancel, Compression, FlowControl, FrameSize, Internal, NoError, Protocol, RefusedStream};
    let codes = [NoError, Protocol, Internal, FlowControl, ErrorCode::StreamClosed, FrameSize, RefusedStream];
    let known = codes.into_iter().chain([Cancel, Compression, Calm]).find(|known| *known as u32 == told);
    Told::Reset(stream, known.expect("a code that we know"))
}

fn check(table: Vec<(&str, Vec<Step>, Told)>) {
    for (label, steps, expected) in table {
        for cut in [usize::MAX, 1, 5] {
            assert_eq!(outcome(&steps, cut), expected, "{label}, in pieces of {cut}");
        }
    }
}

fn get(stream: u32) -> Step {
    frame(HEADERS, WHOLE, stream, GET)
}

fn post(stream: u32) -> Step {
    frame(HEADERS, END_HEADERS, stream, POST_FIVE)
}

#[test]
fn faults_of_the_connection() {
    use ErrorCode::{Compression, FlowControl, FrameSize, Protocol, StreamClosed};
    let padded = |padding: u8, rest: &[u8]| [&[padding][..], rest].concat();
    check(vec![
        // 4.1, 4.2: the size of frames.
        ("a frame that is too long", vec![frame(UNKNOWN, 0, 0, &[0; 16_385])], Ends(FrameSize)),
        ("an unknown frame", vec![frame(UNKNOWN, 0xff, 7, b"what?")], Nothing),
        // 5.1: states.
        ("data on an idle stream", vec![frame(DATA, 0, 1, b"x")], Ends(Protocol)),
        ("a reset of an idle stream", vec![frame(RESET, 0, 1, &number(8))], Ends(Protocol)),
        ("room on an idle stream", vec![frame(WINDOW_UPDATE, 0, 1, &number(1))], Ends(Protocol)),
        ("data on a closed stream", vec![get(1), Step::Answer(1), frame(DATA, 0, 1, b"x")], Ends(StreamClosed)),
        ("a head on a closed stream", vec![get(1), Step::Answer(1), get(1)], Ends(StreamClosed)),
        (
            "data behind a reset",
            vec![post(1), frame(RESET, 0, 1, &number(8)), frame(DATA, 0, 1, b"x")],
            Ends(StreamClosed),
        ),
        ("a head behind a reset", vec![post(1), frame(RESET, 0, 1, &number(8)), get(1)], Ends(StreamClosed)),
        ("room on a closed stream", vec![get(1), Step::Answer(1), frame(WINDOW_UPDATE, 0, 1, &number(1))], Nothing),
        ("a reset of a closed stream", vec![get(1), Step::Answer(1), frame(RESET, 0, 1, &number(8))], Nothing),
        // 5.1.1: numbers.
        ("an even stream", vec![get(2)], Ends(Protocol)),
        ("a stream that was passed over", vec![get(5), get(3)], Ends(Protocol)),
        // 6.1: data.
        ("data of the connection", vec![frame(DATA, 0, 0, b"x")], Ends(Protocol)),
        ("more padding than frame", vec![post(1), frame(DATA, PADDED, 1, &padded(6, b"hello"))], Ends(Protocol)),
        ("padded without a length", vec![post(1), frame(DATA, PADDED, 1, &[])], Ends(FrameSize)),
        // 6.2, 6.10: heads.
        ("a head of the connection", vec![frame(HEADERS, WHOLE, 0, GET)], Ends(Protocol)),
        ("a head with more padding", vec![frame(HEADERS, WHOLE | PADDED, 1, &padded(7, GET))], Ends(Protocol)),
        ("a head padded without a length", vec![frame(HEADERS, WHOLE | PADDED, 1, &[])], Ends(FrameSize)),
        ("a head with half a priority", vec![frame(HEADERS, WHOLE | PRIORITISED, 1, &[0; 4])], Ends(FrameSize)),
        ("a block without a beginning", vec![frame(CONTINUATION, END_HEADERS, 1, GET)], Ends(Protocol)),
        ("a block goes on when it is over", vec![get(1), frame(CONTINUATION, END_HEADERS, 1, FIELD)], Ends(Protocol)),
        (
            "a block goes on elsewhere",
            vec![frame(HEADERS, END_STREAM, 1, GET), frame(CONTINUATION, END_HEADERS, 3, &[])],
            Ends(Protocol),
        ),
        ("a ping in a block", vec![frame(HEADERS, 0, 1, GET), frame(PING, 0, 0, &[0; 8])], Ends(Protocol)),
        ("data in a block", vec![frame(HEADERS, 0, 1, GET), frame(DATA, 0, 1, b"x")], Ends(Protocol)),
        ("an unknown frame in a block", vec![frame(HEADERS, 0, 1, GET), frame(UNKNOWN, 0, 0, &[])], Ends(Protocol)),
        ("an index that is none", vec![frame(HEADERS, WHOLE, 1, &[0xbe])], Ends(Compression)),
        ("half a field", vec![frame(HEADERS, WHOLE, 1, &FIELD[..4])], Ends(Compression)),
        ("a table that is too large", vec![frame(HEADERS, WHOLE, 1, &[0x3f, 0xe2, 0x1f])], Ends(Compression)),
        ("trailers that are none", vec![post(1), frame(HEADERS, WHOLE, 1, &[0xbe])], Ends(Compression)),
        // 6.3: priorities.
        ("a priority of the connection", vec![frame(PRIORITY, 0, 0, &[0; 5])], Ends(Protocol)),
        ("a priority of an idle stream", vec![frame(PRIORITY, 0, 9, &[0; 5])], Nothing),
        // 6.4: resets.
        ("a reset of the connection", vec![frame(RESET, 0, 0, &number(8))], Ends(Protocol)),
        ("a reset without a code", vec![get(1), frame(RESET, 0, 1, &[0; 3])], Ends(FrameSize)),
        // 6.5: settings.
        ("settings of a stream", vec![frame(SETTINGS, 0, 1, &[])], Ends(Protocol)),
        ("half a setting", vec![frame(SETTINGS, 0, 0, &[0; 5])], Ends(FrameSize)),
        ("an acknowledgement with settings", vec![frame(SETTINGS, ACK, 0, &setting(4, 1))], Ends(FrameSize)),
        ("a push that is neither on nor off", vec![frame(SETTINGS, 0, 0, &setting(2, 2))], Ends(Protocol)),
        ("a first window that is too large", vec![frame(SETTINGS, 0, 0, &setting(4, 1 << 31))], Ends(FlowControl)),
        ("frames that are too short", vec![frame(SETTINGS, 0, 0, &setting(5, 16_383))], Ends(Protocol)),
        (
            "a first window that makes another one too large",
            vec![get(1), frame(WINDOW_UPDATE, 0, 1, &number(0x7fff_0000)), frame(SETTINGS, 0, 0, &setting(4, 70_000))],
            Ends(FlowControl),
        ),
        // 6.6: pushes are the server's.
        ("a push", vec![frame(PUSH_PROMISE, END_HEADERS, 1, &[0; 4])], Ends(Protocol)),
        // 6.7: pings.
        ("a ping of a stream", vec![frame(PING, 0, 1, &[0; 8])], Ends(Protocol)),
        ("a ping that is too short", vec![frame(PING, 0, 0, &[0; 7])], Ends(FrameSize)),
        ("an answer to no ping", vec![frame(PING, ACK, 0, &[0; 8])], Nothing),
        // 6.8: farewells.
        ("a farewell of a stream", vec![frame(GOAWAY, 0, 1, &[0; 8])], Ends(Protocol)),
        ("half a farewell", vec![frame(GOAWAY, 0, 0, &[0; 7])], Ends(FrameSize)),
        ("a farewell with words", vec![frame(GOAWAY, 0, 0, &[0; 20])], Nothing),
        // 6.9: windows.
        ("room that is none", vec![frame(WINDOW_UPDATE, 0, 0, &number(0))], Ends(Protocol)),
        ("room without a number", vec![frame(WINDOW_UPDATE, 0, 0, &[0; 3])], Ends(FrameSize)),
        ("too much room", vec![frame(WINDOW_UPDATE, 0, 0, &number(0x7fff_ffff))], Ends(FlowControl)),
    ]);
}

#[test]
fn faults_of_a_stream() {
    use ErrorCode::{FlowControl, FrameSize, NoError, Protocol, StreamClosed};
    let reset = |code| Told::Reset(1, code);
    let with = |field: &[u8]| [GET, field].concat();
    let tangled = [&number(1)[..], &[0]].concat();
    check(vec![
        ("data behind the end", vec![get(1), frame(DATA, 0, 1, b"x")], reset(StreamClosed)),
        ("a second head", vec![get(1), get(1)], reset(StreamClosed)),
        ("room that is none", vec![get(1), frame(WINDOW_UPDATE, 0, 1, &number(0))], reset(Protocol)),
        ("too much room", vec![get(1), frame(WINDOW_UPDATE, 0, 1, &number(0x7fff_ffff))], reset(FlowControl)),
        ("a priority that is too short", vec![get(1), frame(PRIORITY, 0, 1, &[0; 4])], reset(FrameSize)),
        ("a stream that waits for itself", vec![get(1), frame(PRIORITY, 0, 1, &tangled)], reset(Protocol)),
        (
            "a head that waits for itself",
            vec![frame(HEADERS, WHOLE | PRIORITISED, 1, &[&tangled[..], GET].concat())],
            reset(Protocol),
        ),
        ("more data than said", vec![post(1), frame(DATA, 0, 1, b"hello!")], reset(Protocol)),
        (
            "more data than said, later",
            vec![post(1), frame(DATA, 0, 1, b"hell"), frame(DATA, 0, 1, b"o!")],
            reset(Protocol),
        ),
        ("less data than said", vec![post(1), frame(DATA, END_STREAM, 1, b"hell")], reset(Protocol)),
        ("less data and trailers", vec![post(1), frame(HEADERS, WHOLE, 1, FIELD)], reset(Protocol)),
        ("as much data as said", vec![post(1), frame(DATA, END_STREAM, 1, b"hello")], Nothing),
        (
            "trailers that do not end the stream",
            vec![post(1), frame(DATA, 0, 1, b"hello"), frame(HEADERS, END_HEADERS, 1, FIELD)],
            reset(Protocol),
        ),
        (
            "a pseudo-field in trailers",
            vec![post(1), frame(DATA, 0, 1, b"hello"), frame(HEADERS, WHOLE, 1, &[0x84])],
            reset(Protocol),
        ),
        ("no path", vec![frame(HEADERS, WHOLE, 1, &[0x82, 0x86, 0x01, 1, b'a'])], reset(Protocol)),
        ("a second path", vec![frame(HEADERS, WHOLE, 1, &with(&[0x84]))], reset(Protocol)),
        ("a pseudo-field behind a field", vec![frame(HEADERS, WHOLE, 1, &[FIELD, GET].concat())], reset(Protocol)),
        ("a capital", vec![frame(HEADERS, WHOLE, 1, &with(&[0x00, 1, b'X', 1, b'y']))], reset(Protocol)),
        ("a line break", vec![frame(HEADERS, WHOLE, 1, &with(&[0x00, 1, b'x', 1, b'\n']))], reset(Protocol)),
        ("a status", vec![frame(HEADERS, WHOLE, 1, &with(&[0x88]))], reset(Protocol)),
        // 8.1: an answer that needs no more of the body.
        ("an early answer", vec![post(1), Step::Answer(1)], reset(NoError)),
        ("data behind an early answer", vec![post(1), Step::Answer(1), frame(DATA, 0, 1, b"hello")], reset(NoError)),
        (
            "trailers behind an early answer",
            vec![post(1), Step::Answer(1), frame(HEADERS, WHOLE, 1, FIELD)],
            reset(NoError),
        ),
    ]);
}

#[test]
fn nothing_comes_before_preface_and_settings() {
    let get = [&[0, 0, GET.len() as u8, HEADERS, WHOLE, 0, 0, 0, 1][..], GET].concat();
    let table = [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), ErrorCode::Protocol),
        ([PREFACE, &get].concat(), ErrorCode::Protocol),
        ([PREFACE, &[0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]].concat(), ErrorCode::Protocol),
        ([PREFACE, &[0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]].concat(), ErrorCode::Protocol),
        ([PREFACE, &[0, 0, 1, DATA, 0, 0, 0, 0, 1, b'x']].concat(), ErrorCode::Protocol),
    ];
    for (bytes, code) in table {
        assert_eq!(Rig::new().bytes(&bytes), Err(Fault::Protocol(code)), "{bytes:?}");
    }
}

#[test]
fn h3_more_than_a_hundred_streams_are_refused_and_too_many_of_those_end_the_connection() {
    let mut rig = Rig::open();
    let stream = |i: usize| 2 * i as u32 + 1;
    for i in 0..STREAMS_MAX {
        rig.step(&get(stream(i)), usize::MAX).expect("room for all");
    }
    assert!(rig.told().is_empty() && rig.machine.open() == STREAMS_MAX);
    let more = (STREAMS_MAX..1_000).find_map(|i| Some((i, rig.step(&get(stream(i)), usize::MAX).err()?)));
    assert_eq!(more, Some((STREAMS_MAX + 100, Fault::Excess(Excess::Resets))));
    let told = rig.told();
    assert!(told.iter().all(|(head, payload)| head.kind == Kind::Reset && payload[..] == [0, 0, 0, 7]));
    // A stream that ends makes room for another one.
    let mut rig = Rig::open();
    for i in 0..1_000 {
        rig.step(&get(stream(i)), usize::MAX).expect("a stream");
        rig.step(&Step::Answer(stream(i)), usize::MAX).expect("an answer");
    }
    assert_eq!((rig.machine.open(), rig.machine.slots.len()), (0, 1));
}

#[test]
fn h3_a_client_that_gives_no_room_is_sent_no_more_than_it_gave() {
    let mut rig = Rig::open();
    rig.step(&frame(SETTINGS, 0, 0, &setting(4, 10)), usize::MAX).expect("settings");
    rig.step(&get(1), usize::MAX).expect("a stream");
    let key = rig.take(1);
    assert!(rig.machine.answer(key, &head(AnswerLength::Chunked), Last::No));
    let mut backlog = Backlog::default();
    backlog.push(Bytes::from(vec![b'x'; 1_000_000]));
    let sent = |rig: &mut Rig| -> usize {
        rig.told().iter().filter(|(head, _)| head.kind == Kind::Data).map(|(head, _)| head.length).sum()
    };
    assert_eq!(rig.machine.hand_over(key, &mut backlog), Handed::Some);
    assert_eq!((rig.machine.hand_over(key, &mut backlog), sent(&mut rig)), (Handed::Nothing, 10));
    // Room that is taken back is owed.
    rig.step(&frame(SETTINGS, 0, 0, &setting(4, 0)), usize::MAX).expect("settings");
    rig.step(&frame(WINDOW_UPDATE, 0, 1, &number(10)), usize::MAX).expect("room");
    assert_eq!((rig.machine.hand_over(key, &mut backlog), sent(&mut rig)), (Handed::Nothing, 0));
    rig.step(&frame(WINDOW_UPDATE, 0, 1, &number(7)), usize::MAX).expect("room");
    assert_ne!(rig.machine.woken & 1 << key.at, 0);
    assert_eq!((rig.machine.hand_over(key, &mut backlog), sent(&mut rig)), (Handed::Some, 7));
    // However much room there is, no more is held than the socket takes soon.
    for stream in [0, 1] {
        rig.step(&frame(WINDOW_UPDATE, 0, stream, &number(1_000_000)), usize::MAX).expect("room");
    }
    while rig.machine.hand_over(key, &mut backlog) == Handed::Some {}
    let held = sent(&mut rig);
    assert!((64 * 1024..=80 * 1024).contains(&held), "{held}");
    rig.machine.woken = 0;
    rig.machine.sent(held);
    assert_ne!(rig.machine.woken & 1 << key.at, 0, "whoever waits is told of the room");
}

#[test]
fn h3_a_body_holds_no_more_than_its_window_however_it_is_cut() {
    use super::slot::STREAM_WINDOW;
    let mut rig = Rig::open();
    rig.step(&frame(HEADERS, END_HEADERS, 1, &[0x83, 0x86, 0x84, 0x01, 1, b'a']), usize::MAX).expect("a stream");
    let key = rig.take(1);
    let piece = frame(DATA, 0, 1, &[b'x'; 1_000]);
    let whole = STREAM_WINDOW as usize / 1_000;
    for _ in 0..whole {
        rig.step(&piece, 13).expect("there is room");
    }
    assert!(rig.told().is_empty(), "no room is given before anything is consumed");
    assert!(rig.machine.slots[key.at].capacity() <= 2 * STREAM_WINDOW as usize);
    rig.step(&piece, 13).expect("the connection goes on");
    assert!(rig.told().iter().any(|(head, code)| head.kind == Kind::Reset && code[..] == [0, 0, 0, 3]));
    // What nobody will take any more is given back to the other streams, at once or with the next ones.
    for stream in (3..=11).step_by(2) {
        rig.step(&frame(HEADERS, END_HEADERS, stream, &[0x83, 0x86, 0x84, 0x01, 1, b'a']), usize::MAX)
            .expect("a stream");
        let key = rig.take(stream);
        let piece = frame(DATA, 0, stream, &[b'x'; 1_000]);
        let mut came = 0;
        for _ in 0..whole {
            rig.step(&piece, usize::MAX).expect("there is room for all");
            while let Next::Data(data) = rig.machine.next_piece(key) {
                came += data.len();
                rig.machine.consumed(key, data.len());
            }
        }
        assert_eq!(came, whole * 1_000);
        rig.machine.finish(key, ErrorCode::Cancel);
    }
}

#[test]
fn a_client_is_told_of_the_end_before_streams_are_refused() {
    let mut rig = Rig::open();
    rig.step(&get(1), usize::MAX).expect("a stream");
    rig.machine.leave();
    let told = rig.told();
    let kinds: Vec<Kind> = told.iter().map(|(head, _)| head.kind).collect();
    assert_eq!((kinds, &told[0].1[..4]), (vec![Kind::GoAway, Kind::Ping], &[0x7f, 0xff, 0xff, 0xff][..]));
    // What it had opened before it heard so is served; behind the answer to the ping it knows.
    rig.step(&get(3), usize::MAX).expect("a stream");
    rig.step(&frame(PING, ACK, 0, &told[1].1), usize::MAX).expect("an answer");
    let told = rig.told();
    assert_eq!((told[0].0.kind, &told[0].1[..]), (Kind::GoAway, &[0, 0, 0, 3, 0, 0, 0, 0][..]));
    rig.step(&get(5), usize::MAX).expect("passed over");
    assert_eq!(rig.told()[0].0.kind, Kind::Reset);
    assert!(!rig.machine.is_done());
    for stream in [1, 3] {
        rig.step(&Step::Answer(stream), usize::MAX).expect("an answer");
    }
    assert!(rig.machine.is_done());
}

#[test]
fn trailers_end_an_answer_with_and_without_a_body() {
    let mut trailers = Trailers::default();
    trailers.take(b"x-sum", b"1").expect("a field");
    for (pieces, kinds) in
        [(0, vec![Kind::Headers, Kind::Headers]), (1, vec![Kind::Headers, Kind::Data, Kind::Headers])]
    {
        let mut rig = Rig::open();
        rig.step(&get(1), usize::MAX).expect("a stream");
        let (key, mut backlog) = (rig.take(1), Backlog::default());
        assert!(rig.machine.answer(key, &head(AnswerLength::Chunked), Last::No));
        (0..pieces).for_each(|_| backlog.push(Bytes::from_static(b"x")));
        backlog.end(trailers.clone());
        assert_eq!(rig.machine.hand_over(key, &mut backlog), Handed::Some);
        let told = rig.told();
        assert_eq!(told.iter().map(|(head, _)| head.kind).collect::<Vec<_>>(), kinds);
        assert!(told.iter().rev().skip(1).all(|(head, _)| !head.has(END_STREAM)));
        assert!(told.last().is_some_and(|(head, _)| head.has(END_STREAM)));
    }
}
