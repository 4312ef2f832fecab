//! Commands: what the owner asks of a connection. They queue; `poll_output` writes. A command that fails changes nothing.

use crate::base::{Flow, Misuse, Time};
use crate::websocket::CloseCode;
use crate::websocket::connection::{Connection, Phase};
use crate::websocket::event::{End, Kind};
use crate::websocket::frame::CONTROL_MAX;
use crate::websocket::outbox::PINGS_MAX;
use alloc::boxed::Box;
use bytes::Bytes;

impl Connection {
    /// Sends a message, which is not copied when it is long and this is a server. `compress` asks for compression where it
    /// was agreed on; it is left off for short messages and for those that it would not make shorter.
    ///
    /// # Errors
    /// `Blocked` after a send that said so; `OutOfOrder` before [`Event::Opened`](crate::websocket::Event::Opened) and after
    /// a close; `InvalidPayload` for a text that is not UTF-8.
    pub fn send(&mut self, kind: Kind, payload: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.check_open()?;
        if self.blocked {
            return Err(Misuse::Blocked);
        }
        // RFC 6455 §5.6: the payload of a text message MUST be UTF-8.
        if kind == Kind::Text && core::str::from_utf8(&payload).is_err() {
            return Err(Misuse::InvalidPayload("a text message is UTF-8"));
        }
        let (payload, compressed) = if compress { self.compressed(payload) } else { (payload, false) };
        self.outbox.push_message(kind, compressed, payload);
        self.blocked = self.outbox.queued() >= self.config.send_buffer_bytes;
        Ok(if self.blocked { Flow::Blocked } else { Flow::Ready })
    }

    fn compressed(&mut self, payload: Bytes) -> (Bytes, bool) {
        let threshold = self.config.deflate.unwrap_or_default().threshold_bytes;
        let Some(deflater) = self.deflater.as_mut().filter(|_| payload.len() >= threshold) else {
            return (payload, false);
        };
        match deflater.message(&payload) {
            // A compressor that keeps its context has counted on the peer's reading of this.
            Some(shorter) if shorter.len() < payload.len() || deflater.keeps_context() || threshold == 0 => {
                (shorter, true)
            }
            _ => (payload, false),
        }
    }

    /// Asks the peer for a pong, which an event reports; of several that wait, the last.
    ///
    /// # Errors
    /// `TooLarge` above 125 bytes, `Blocked` while several pings wait to be written, `OutOfOrder` as with
    /// [`Connection::send`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Misuse> {
        self.check_open()?;
        if payload.len() > CONTROL_MAX {
            return Err(Misuse::TooLarge { size: payload.len(), limit: CONTROL_MAX });
        }
        if self.outbox.pings() >= PINGS_MAX {
            return Err(Misuse::Blocked);
        }
        self.outbox.push_ping(payload);
        self.asked_pong = Some(Box::from(payload));
        Ok(())
    }

    /// The application took messages whose credit adds up to this; with `Credit::Manual`, more are read then.
    pub fn consume(&mut self, credit: usize) {
        let was_held = self.is_held();
        self.unread = self.unread.saturating_sub(credit);
        self.released |= was_held && !self.is_held();
    }

    /// Closes the connection: what is queued goes out, then a close frame; messages are still received until the peer
    /// answers, for `close_timeout` at most. A reason longer than 123 bytes is cut. Before the handshake is done, the
    /// connection just ends.
    ///
    /// # Errors
    /// `OutOfOrder` when the connection closes already, `Closed` when it is over.
    pub fn close(&mut self, now: Time, code: CloseCode, reason: &str) -> Result<(), Misuse> {
        self.now = self.now.max(now);
        if self.phase == Phase::Opening {
            self.end(End::Abandoned);
            return Ok(());
        }
        self.check_open()?;
        // RFC 6455 §7.4.1: codes that stand for what was not said MUST NOT be sent.
        if !code.may_be_sent() {
            return Err(Misuse::InvalidPayload("this close code must not be sent"));
        }
        self.begin_close(code, reason);
        Ok(())
    }

    fn check_open(&self) -> Result<(), Misuse> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Opening => Err(Misuse::OutOfOrder("the handshake is not done; wait for Opened")),
            // RFC 6455 §5.5.1: nothing MUST be sent after a close frame.
            Phase::Closing | Phase::Leaving => Err(Misuse::OutOfOrder("the connection closes")),
            Phase::Ended => Err(Misuse::Closed),
        }
    }

    /// Whether the owner, who was told to wait, may go on.
    pub(super) fn has_become_writable(&mut self) -> bool {
        let is_writable = self.blocked
            && self.phase == Phase::Open
            && self.outbox.queued() <= self.config.send_buffer_bytes / 2;
        if is_writable {
            self.blocked = false;
        }
        is_writable
    }
}
