//! Flow control: how much may still be sent, of a stream or of all together.
//!
//! Source: RFC 9113, 5.2 and 6.9.

/// Largest window.
pub(crate) const WINDOW_MAX: i64 = 0x7fff_ffff;
/// The window that holds before anybody says otherwise.
pub(crate) const WINDOW_FIRST: u32 = 65_535;

/// Room that the receiver has given. Below zero when it took room back that was used already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window(i64);

/// A window that becomes too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Window {
    pub(crate) const fn new(size: u32) -> Self {
        Self(size as i64)
    }

    /// Bytes that may be sent now.
    pub(crate) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Makes it larger, or smaller.
    pub(crate) const fn change(&mut self, by: i64) -> Result<(), Overflow> {
        let size = self.0 + by;
        if size > WINDOW_MAX {
            return Err(Overflow);
        }
        self.0 = size;
        Ok(())
    }

    /// Uses some of it; false when there is not so much.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.room();
        if fits {
            self.0 -= bytes as i64;
        }
        fits
    }
}

/// Room that we give: what the client may still send, and what has been consumed and not yet been given back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credit {
    window: Window,
    consumed: usize,
    /// Given back when so much has come together.
    step: usize,
}

impl Credit {
    /// Gives so much room; half of it is given back at a time.
    pub(crate) const fn new(size: u32) -> Self {
        Self { window: Window::new(size), consumed: 0, step: size as usize / 2 }
    }

    /// Takes in that so many bytes came; false when there was no room for them.
    #[must_use]
    pub(crate) fn came(&mut self, bytes: usize) -> bool {
        self.window.take(bytes)
    }

    /// Takes in that so many bytes are no longer held. Says what to give back, if it is time to.
    pub(crate) fn consumed(&mut self, bytes: usize) -> Option<u32> {
        self.consumed += bytes;
        if self.consumed < self.step {
            return None;
        }
        let more = u32::try_from(std::mem::take(&mut self.consumed)).ok()?;
        // No more is given back than came, so the window becomes no larger than it was.
        self.window.change(i64::from(more)).ok()?;
        Some(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_goes_below_zero_and_not_above_its_limit() {
        let mut window = Window::new(10);
        assert!(window.take(10) && !window.take(1));
        assert_eq!((window.change(-5), window.room()), (Ok(()), 0));
        assert_eq!((window.change(7), window.room()), (Ok(()), 2));
        assert_eq!(window.change(WINDOW_MAX), Err(Overflow));
        assert_eq!((window.change(WINDOW_MAX - 2), window.room()), (Ok(()), 0x7fff_ffff));
    }

    #[test]
    fn room_comes_back_when_half_of_it_is_consumed() {
        let mut credit = Credit::new(100);
        assert!(credit.came(100) && !credit.came(1));
        assert_eq!([credit.consumed(49), credit.consumed(1)], [None, Some(50)]);
        assert!(credit.came(50) && !credit.came(1));
    }
}
