//! Takes frames out of a client's bytes, however they are cut.
//!
//! A frame is looked at where it lies in what was read; only one that is cut is kept until the rest of it is there. DATA is
//! not kept at all: its bytes go on as they come.

use super::frame::{ErrorCode, FLAG_END_STREAM, FLAG_PADDED, FRAME_MAX, FrameHead, HEAD, Kind, Last, PREFACE};

/// Room that is kept from one cut frame to the next; a larger one is given back.
const KEPT_MAX: usize = 1024;

/// What was taken out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A whole frame of any kind but DATA.
    Frame(FrameHead, &'a [u8]),
    /// A DATA frame begins; so many of its bytes are no data.
    Data(FrameHead, usize),
    /// Some of its data.
    Piece(&'a [u8]),
    /// It has ended.
    DataEnd(Last),
}

/// Reads the bytes of one client.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// A frame that was cut, as far as it has come.
    kept: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So much of the preface has come.
    Preface(usize),
    /// A frame comes next, or goes on in `kept`.
    Head,
    /// The frame in `kept` has been handed out.
    Told,
    Data {
        data: usize,
        padding: usize,
        last: Last,
    },
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { state: State::Preface(0), kept: Vec::new() }
    }

    /// True while bytes are awaited that belong to what has come already: a preface, or a frame.
    pub(crate) fn is_amid(&self) -> bool {
        match self.state {
            State::Preface(_) => true,
            State::Head => !self.kept.is_empty(),
            State::Told | State::Data { .. } => false,
        }
    }

    /// Takes the next part off the front of `input`; `None` when there is nothing whole in it.
    ///
    /// # Errors
    /// With the code that the connection ends with.
    pub(crate) fn next<'b, 'a: 'b>(&'b mut self, input: &mut &'a [u8]) -> Result<Option<Part<'b>>, ErrorCode> {
        match self.state {
            State::Preface(seen) => {
                let part = take(input, PREFACE.len() - seen);
                if part != &PREFACE[seen..seen + part.len()] {
                    return Err(ErrorCode::Protocol);
                }
                let seen = seen + part.len();
                self.state = if seen == PREFACE.len() { State::Head } else { State::Preface(seen) };
            }
            State::Told => {
                self.kept.clear();
                self.kept.shrink_to(KEPT_MAX);
                self.state = State::Head;
            }
            State::Data { data: 0, padding, last } => {
                let padding = padding - take(input, padding).len();
                if padding > 0 {
                    self.state = State::Data { data: 0, padding, last };
                    return Ok(None);
                }
                self.state = State::Head;
                return Ok(Some(Part::DataEnd(last)));
            }
            State::Data { data, padding, last } => {
                let piece = take(input, data);
                self.state = State::Data { data: data - piece.len(), padding, last };
                return Ok(Some(Part::Piece(piece)).filter(|_| !piece.is_empty()));
            }
            State::Head => {}
        }
        self.frame(input)
    }

    fn frame<'b, 'a: 'b>(&'b mut self, input: &mut &'a [u8]) -> Result<Option<Part<'b>>, ErrorCode> {
        if input.is_empty() || self.state != State::Head {
            return Ok(None);
        }
        if self.kept.is_empty() && input.len() >= wanted(input)? {
            let frame = take(input, wanted(input)?);
            return self.whole(frame).map(Some);
        }
        loop {
            let missing = wanted(&self.kept)? - self.kept.len();
            if missing == 0 {
                break;
            }
            let part = take(input, missing);
            if part.is_empty() {
                return Ok(None);
            }
            self.kept.extend_from_slice(part);
        }
        let (head, payload) = split(&self.kept);
        if head.kind == Kind::Data {
            let padding = payload.first().copied();
            self.kept.clear();
            return self.data(head, padding).map(Some);
        }
        self.state = State::Told;
        Ok(Some(Part::Frame(head, &self.kept[HEAD..])))
    }

    fn whole<'a>(&mut self, frame: &'a [u8]) -> Result<Part<'a>, ErrorCode> {
        let (head, payload) = split(frame);
        if head.kind == Kind::Data { self.data(head, payload.first().copied()) } else { Ok(Part::Frame(head, payload)) }
    }

    /// A DATA frame begins, with a byte that says how much padding is in it, if it is of that kind.
    fn data<'a>(&mut self, head: FrameHead, length: Option<u8>) -> Result<Part<'a>, ErrorCode> {
        let behind = if head.has(FLAG_PADDED) { length.map_or(0, usize::from) } else { 0 };
        let no_data = behind + usize::from(head.has(FLAG_PADDED));
        let data = head.length.checked_sub(no_data).ok_or(ErrorCode::Protocol)?;
        self.state = State::Data { data, padding: behind, last: Last::of(head.flags, FLAG_END_STREAM) };
        Ok(Part::Data(head, no_data))
    }
}

fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (part, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    part
}

/// Bytes with which a frame that begins like this can be handed out.
fn wanted(bytes: &[u8]) -> Result<usize, ErrorCode> {
    let Some(head) = bytes.first_chunk() else { return Ok(HEAD) };
    let head = FrameHead::parse(*head);
    match head.length {
        FRAME_TOO_LONG.. => Err(ErrorCode::FrameSize),
        // There has to be a byte for the length of the padding.
        0 if head.kind == Kind::Data && head.has(FLAG_PADDED) => Err(ErrorCode::FrameSize),
        _ if head.kind == Kind::Data => Ok(HEAD + usize::from(head.has(FLAG_PADDED))),
        length => Ok(HEAD + length),
    }
}

const FRAME_TOO_LONG: usize = FRAME_MAX + 1;

fn split(frame: &[u8]) -> (FrameHead, &[u8]) {
    let (head, payload) = frame.split_first_chunk().expect("no frame is handed out without its head");
    (FrameHead::parse(*head), payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags, 0, 0, 0, 7][..], payload].concat()
    }

    /// Everything in some bytes, told in words; data in one piece.
    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let (mut reader, mut told, mut data) = (Reader::new(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            loop {
                match reader.next(&mut input) {
                    Ok(Some(Part::Frame(head, payload))) => told.push(format!("{:?} {}", head.kind, payload.len())),
                    Ok(Some(Part::Data(head, no_data))) => told.push(format!("Data {} {no_data}", head.length)),
                    Ok(Some(Part::Piece(piece))) => data.extend_from_slice(piece),
                    Ok(Some(Part::DataEnd(last))) => {
                        told.push(format!("{} {last:?}", String::from_utf8_lossy(&std::mem::take(&mut data))));
                    }
                    Ok(None) if input.is_empty() => break,
                    Ok(None) => {}
                    Err(code) => {
                        told.push(format!("{code:?}"));
                        return told;
                    }
                }
            }
        }
        told
    }

    #[test]
    fn frames_are_seen_however_the_bytes_are_cut() {
        let all = [
            PREFACE.to_vec(),
            frame(4, 0, &[0; 6]),
            frame(4, 1, &[]),
            frame(1, 0, b"head"),
            frame(0, 0, b""),
            frame(0, 8, b"\x03data\0\0\0"),
            frame(0, 8, b"\0"),
            frame(0, 9, b"\0end"),
            frame(9, 4, &[1; 300]),
            frame(0xfa, 0, b"what?"),
        ]
        .concat();
        let expected = [
            "Settings 6",
            "Settings 0",
            "Headers 4",
            "Data 0 0",
            " No",
            "Data 8 4",
            "data No",
            "Data 1 1",
            " No",
            "Data 4 1",
            "end Yes",
            "Continuation 300",
            "Unknown 5",
        ];
        for step in 1..=all.len() {
            assert_eq!(told(&all.chunks(step).collect::<Vec<_>>()), expected, "in steps of {step}");
        }
    }

    #[test]
    fn what_is_no_frame_ends_the_connection() {
        let table = [
            (b"GET / HTTP/1.1\r\n".to_vec(), "Protocol"),
            ([PREFACE.to_vec(), frame(0, 8, &[])].concat(), "FrameSize"),
            ([PREFACE.to_vec(), frame(0, 8, &[3, 0, 0])].concat(), "Protocol"),
            ([PREFACE.to_vec(), frame(0xfa, 0, &[0; 16_385])].concat(), "FrameSize"),
            ([PREFACE.to_vec(), frame(0, 0, &[0; 16_385])].concat(), "FrameSize"),
        ];
        for (bytes, code) in table {
            for step in [1, 7, bytes.len()] {
                assert_eq!(told(&bytes.chunks(step).collect::<Vec<_>>()), [code], "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_long_frame_that_was_cut_leaves_no_long_buffer() {
        let bytes = [PREFACE.to_vec(), frame(0xfa, 0, &[0; 16_384])].concat();
        let mut reader = Reader::new();
        for mut input in [&bytes[..100], &bytes[100..]] {
            while let Ok(Some(_)) = reader.next(&mut input) {}
        }
        assert!(!reader.is_amid() && reader.kept.capacity() <= KEPT_MAX);
    }
}
