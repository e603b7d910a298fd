//! HTTP/2 without sockets: frames, settings, windows, and the fields of heads and trailers.
//!
//! What a connection does with them is the door's business (`door::http2`). Source: RFC 9113, RFC 7541.

mod answer;
mod frame;
mod hpack;
mod reader;
mod request;
mod settings;
mod window;

pub(crate) use answer::{put_answer, put_continue, put_trailers};
pub(crate) use frame::{
    ErrorCode, FLAG_ACK, FLAG_END_HEADERS, FLAG_END_STREAM, FLAG_PADDED, FLAG_PRIORITY, FRAME_MAX, FrameHead, Kind,
    Last, put_data_head, put_goaway, put_ping, put_pong, put_reset, put_settings, put_settings_ack, put_window_update,
};
pub(crate) use hpack::{BadBlock, Decoder, Encoder};
pub(crate) use reader::{Part, Reader};
pub(crate) use request::{BadHead, Follows, HeadBuilder, TrailersBuilder};
pub(crate) use settings::{INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, Setting, parse_settings};
pub(crate) use window::{Credit, Overflow, WINDOW_FIRST, Window};
