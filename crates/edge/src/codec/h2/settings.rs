//! What a client says of itself before anything else.
//!
//! Source: RFC 9113, 6.5.

use super::frame::{ErrorCode, FRAME_MAX};
use super::window::WINDOW_MAX;

/// Longest frame that anybody may allow.
const FRAME_LIMIT: u32 = 0x00ff_ffff;

pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;
const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_FRAME_SIZE: u16 = 5;

/// One of a client's settings that makes a difference here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Most bytes of the table with which fields are written to it.
    TableSize(u32),
    /// Room that each stream begins with.
    Window(u32),
}

/// Reads a frame's settings; what is not known is passed over.
///
/// # Errors
/// With the code that the connection ends with.
pub(crate) fn parse_settings(payload: &[u8]) -> Result<impl Iterator<Item = Setting>, ErrorCode> {
    let (settings, rest) = payload.as_chunks::<6>();
    if !rest.is_empty() {
        return Err(ErrorCode::FrameSize);
    }
    for setting in settings {
        check(setting)?;
    }
    Ok(settings.iter().filter_map(|setting| match split(setting) {
        (HEADER_TABLE_SIZE, size) => Some(Setting::TableSize(size)),
        (INITIAL_WINDOW_SIZE, size) => Some(Setting::Window(size)),
        _ => None,
    }))
}

const fn split([a, b, value @ ..]: &[u8; 6]) -> (u16, u32) {
    (u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*value))
}

fn check(setting: &[u8; 6]) -> Result<(), ErrorCode> {
    match split(setting) {
        (ENABLE_PUSH, 2..) => Err(ErrorCode::Protocol),
        (INITIAL_WINDOW_SIZE, size) if i64::from(size) > WINDOW_MAX => Err(ErrorCode::FlowControl),
        // We send no longer frames than everybody has to take.
        (MAX_FRAME_SIZE, size) if (size as usize) < FRAME_MAX || size > FRAME_LIMIT => Err(ErrorCode::Protocol),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_pass_and_settings_that_do_not() {
        let of = |number: u16, value: u32| [&number.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let table = [
            (of(1, 0), Ok(vec![Setting::TableSize(0)])),
            (of(4, 0x7fff_ffff), Ok(vec![Setting::Window(0x7fff_ffff)])),
            ([of(2, 1), of(0xffff, 7), of(4, 5), of(4, 6)].concat(), Ok(vec![Setting::Window(5), Setting::Window(6)])),
            (vec![], Ok(vec![])),
            (of(5, 16_384), Ok(vec![])),
            (of(5, 0x00ff_ffff), Ok(vec![])),
            (of(2, 2), Err(ErrorCode::Protocol)),
            (of(4, 0x8000_0000), Err(ErrorCode::FlowControl)),
            (of(5, 16_383), Err(ErrorCode::Protocol)),
            (of(5, 0x0100_0000), Err(ErrorCode::Protocol)),
            (vec![0; 5], Err(ErrorCode::FrameSize)),
        ];
        for (payload, expected) in table {
            assert_eq!(parse_settings(&payload).map(Iterator::collect::<Vec<_>>), expected, "{payload:?}");
        }
    }
}
