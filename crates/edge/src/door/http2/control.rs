//! Frames that carry neither heads nor data: settings, pings, windows, resets, priorities, farewells.
//!
//! Source: RFC 9113, 6.3 to 6.9.

use super::closed::End;
use super::machine::{FAREWELL, Fault, Machine, Stage, of_stream, parent};
use crate::admit::calm::Frame;
use crate::codec::h2::{ErrorCode, FLAG_ACK, FrameHead, Overflow, Setting, parse_settings, put_pong, put_settings_ack};
use std::time::Instant;

impl Machine {
    pub(super) fn settings(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        of_connection(head)?;
        if head.has(FLAG_ACK) {
            exactly(payload, 0)?;
            return Ok(self.calm.received(Frame::Other, now)?);
        }
        self.calm.received(Frame::Settings, now)?;
        for setting in parse_settings(payload)? {
            match setting {
                Setting::TableSize(size) => self.encoder.table_size(size),
                Setting::Window(size) => self.change_windows(size)?,
            }
        }
        put_settings_ack(self.out.tail());
        if self.stage == Stage::New {
            self.stage = Stage::Open;
        }
        Ok(())
    }

    /// The room that streams begin with changes for those that have begun, too.
    fn change_windows(&mut self, size: u32) -> Result<(), Overflow> {
        let by = i64::from(size) - i64::from(self.first_window);
        for slot in self.slots.iter_mut().filter(|slot| slot.stream != 0) {
            slot.window.change(by)?;
        }
        self.first_window = size;
        self.woken |= self.blocked;
        Ok(())
    }

    pub(super) fn ping(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        of_connection(head)?;
        exactly(payload, 8)?;
        if !head.has(FLAG_ACK) {
            self.calm.received(Frame::Ping, now)?;
            put_pong(self.out.tail(), payload);
            return Ok(());
        }
        self.calm.received(Frame::Other, now)?;
        if self.stage == Stage::Leaving && payload == FAREWELL {
            self.close();
        }
        Ok(())
    }

    pub(super) fn goaway(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        of_connection(head)?;
        if payload.len() < 8 {
            return Err(ErrorCode::FrameSize.into());
        }
        self.calm.received(Frame::Other, now)?;
        self.is_left = true;
        Ok(())
    }

    pub(super) fn priority(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        of_stream(head)?;
        self.calm.received(Frame::Other, now)?;
        let Ok(priority) = payload.try_into() else {
            return self.stream_fault(head.stream, ErrorCode::FrameSize, now);
        };
        // Nobody heeds priorities any more; that a stream cannot wait for itself has stayed.
        if parent(priority) == head.stream {
            return self.stream_fault(head.stream, ErrorCode::Protocol, now);
        }
        Ok(())
    }

    pub(super) fn window_update(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        self.calm.received(Frame::WindowUpdate, now)?;
        let bytes = payload.try_into().map_err(|_| ErrorCode::FrameSize)?;
        let more = i64::from(u32::from_be_bytes(bytes) & 0x7fff_ffff);
        if head.stream == 0 {
            if more == 0 {
                return Err(ErrorCode::Protocol.into());
            }
            self.window.change(more)?;
            self.woken |= self.blocked;
            return Ok(());
        }
        self.not_idle(head.stream)?;
        let Some(at) = self.find(head.stream) else { return Ok(()) };
        if more == 0 {
            return self.reset(at, ErrorCode::Protocol, now);
        }
        if self.slots[at].window.change(more).is_err() {
            return self.reset(at, ErrorCode::FlowControl, now);
        }
        self.woken |= self.blocked & 1 << at;
        Ok(())
    }

    pub(super) fn reset_came(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        of_stream(head)?;
        exactly(payload, 4)?;
        self.not_idle(head.stream)?;
        self.calm.received(Frame::Reset, now)?;
        if let Some(at) = self.find(head.stream) {
            self.gone |= 1 << at;
            self.vacate(at, End::Closed);
        }
        Ok(())
    }
}

/// Checks that a frame is one of the connection.
fn of_connection(head: FrameHead) -> Result<(), ErrorCode> {
    if head.stream == 0 { Ok(()) } else { Err(ErrorCode::Protocol) }
}

fn exactly(payload: &[u8], length: usize) -> Result<(), ErrorCode> {
    if payload.len() == length { Ok(()) } else { Err(ErrorCode::FrameSize) }
}
