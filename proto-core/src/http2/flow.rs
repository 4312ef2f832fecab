//! Flow-control windows, RFC 9113 §5.2 and §6.9. A connection has one of each kind, each stream has one of each kind.

use crate::http2::frame::MAX_31_BITS;

/// What we may still send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendWindow(i64);

impl SendWindow {
    /// RFC 9113 §6.9.2: every window begins at 65,535 until something else is said.
    pub const INITIAL: u32 = 65_535;

    /// A window of this size.
    #[must_use]
    pub const fn new(size: u32) -> SendWindow {
        SendWindow(size as i64)
    }

    /// Bytes that may be sent; 0 while the window is negative.
    #[must_use]
    pub fn available(self) -> usize {
        // RFC 9113 §6.9.2: a sender MUST track a negative window and MUST NOT send until it is positive.
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Notes that `count` bytes were sent.
    pub fn take(&mut self, count: usize) {
        self.0 -= count as i64;
    }

    /// Widens the window; false when it would exceed 2^31-1.
    #[must_use]
    pub fn widen(&mut self, increment: u32) -> bool {
        self.shift(i64::from(increment))
    }

    /// Applies a change of SETTINGS_INITIAL_WINDOW_SIZE; false when the window would exceed 2^31-1.
    #[must_use]
    pub fn shift(&mut self, difference: i64) -> bool {
        // RFC 9113 §6.9.1: a sender MUST NOT allow a window to exceed 2^31-1.
        if self.0 + difference > i64::from(MAX_31_BITS) {
            return false;
        }
        self.0 += difference;
        true
    }
}

/// What the peer may still send, and what it will be allowed to.
///
/// `open + held + returned = size`, where `held` is delivered and not consumed yet, `returned` consumed and not
/// announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiveWindow {
    open: i64,
    held: u32,
    size: u32,
}

impl ReceiveWindow {
    /// A window that the peer knows to be `open` and that shall be `size`.
    #[must_use]
    pub const fn new(open: u32, size: u32) -> ReceiveWindow {
        ReceiveWindow { open: open as i64, held: 0, size }
    }

    /// Applies what our SETTINGS take away, once the peer has acknowledged them (RFC 9113 §6.9.2).
    pub fn shift(&mut self, difference: i64) {
        self.open += difference;
    }

    /// Notes that `count` bytes arrived; false when the peer had no room for them.
    #[must_use]
    pub fn receive(&mut self, count: u32) -> bool {
        // RFC 9113 §6.9.1: a frame without content, which ends a stream, may come whatever the window is.
        if count > 0 && i64::from(count) > self.open {
            return false;
        }
        self.open -= i64::from(count);
        self.held += count;
        true
    }

    /// Notes that `count` bytes were consumed.
    pub fn consume(&mut self, count: u32) {
        self.held = self.held.saturating_sub(count);
    }

    /// Bytes that were delivered and not consumed.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.held
    }

    /// Bytes that the window shall be.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Grows the window; the peer learns of it with the next update.
    pub fn grow(&mut self, size: u32) {
        self.size = self.size.max(size).min(MAX_31_BITS);
    }

    /// The increment to announce, once it is worth a frame: half of the window, or anything once the peer has none.
    pub fn take_update(&mut self) -> Option<u32> {
        let returned = i64::from(self.size) - i64::from(self.held) - self.open;
        let worth = returned > 0 && (returned >= i64::from(self.size / 2) || self.open <= 0);
        if !worth {
            return None;
        }
        self.open += returned;
        u32::try_from(returned).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_9_1_a_send_window_never_exceeds_31_bits() {
        let mut window = SendWindow::new(MAX_31_BITS);
        assert!(!window.widen(1));
        window.take(1);
        assert!(window.widen(1));
        assert_eq!(window.available(), MAX_31_BITS as usize);
    }

    #[test]
    fn rfc9113_6_9_2_settings_may_drive_a_window_negative() {
        let mut window = SendWindow::new(100);
        window.take(80);
        assert!(window.shift(-100));
        assert_eq!(window.available(), 0);
        assert!(window.widen(81));
        assert_eq!(window.available(), 1);
    }

    #[test]
    fn credit_is_announced_by_halves_and_never_lost() {
        let mut window = ReceiveWindow::new(100, 100);
        assert!(window.receive(40));
        window.consume(40);
        assert_eq!(window.take_update(), None);
        assert!(window.receive(20));
        window.consume(10);
        assert_eq!(window.take_update(), Some(50));
        assert!(!window.receive(91));
        assert!(window.receive(90));
        assert_eq!(window.take_update(), None);
        window.consume(1);
        assert_eq!(window.take_update(), Some(1));
        window.consume(99);
        assert_eq!(window.take_update(), Some(99));
        assert_eq!((window.open, window.held), (100, 0));
    }

    #[test]
    fn rfc9113_6_9_1_an_empty_frame_passes_a_window_that_settings_drove_negative() {
        let mut window = ReceiveWindow::new(65_535, 20_000);
        assert!(window.receive(30_000));
        window.shift(-45_535);
        assert!(window.receive(0) && !window.receive(1));
    }

    #[test]
    fn a_grown_window_is_announced_with_the_next_update() {
        let mut window = ReceiveWindow::new(100, 100);
        window.grow(300);
        assert_eq!(window.take_update(), Some(200));
    }
}
