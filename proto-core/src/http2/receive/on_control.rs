//! PRIORITY, RST_STREAM, PING, GOAWAY and WINDOW_UPDATE: small frames that carry no content.

use crate::http2::Violation;
use crate::http2::closed_memory::EndedBy;
use crate::http2::config::STREAMS_UNREAD;
use crate::http2::connection::Connection;
use crate::http2::control::Control;
use crate::http2::event::{CloseReason, End, Event};
use crate::http2::frame::{FrameHead, flags, goaway, ping, priority, rst_stream, window_update};
use crate::http2::lifecycle::{PingUse, Timer};
use crate::http2::stream::{Inbound, StreamId};
use crate::http2::{ErrorCode, connection::Role};
use alloc::boxed::Box;
use alloc::string::String;

/// Bytes of a GOAWAY's debug data that are kept for people.
const DEBUG_BYTES: usize = 256;

impl Connection {
    /// RFC 9113 §6.3: checked and ignored.
    pub(super) fn on_priority(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Event>, Violation> {
        priority::parse(head, payload)?;
        self.charge_idle_frame();
        Ok(None)
    }

    pub(super) fn on_rst_stream(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Event>, Violation> {
        let code = rst_stream::parse(payload)?;
        let id = head.stream;
        // RFC 9113 §6.4: RST_STREAM on an idle stream MUST be a connection error PROTOCOL_ERROR.
        if self.is_idle(id) {
            return Err(Violation::IdleStream);
        }
        let Some(stream) = self.streams.get(u64::from(id.0)) else {
            // RFC 9113 §5.4.2: RST_STREAM MUST NOT be sent in response to RST_STREAM.
            self.closed.note(id, EndedBy::Reset);
            self.charge_idle_frame();
            return Ok(None);
        };
        // A client that has its whole answer costs nothing by a reset; one that resets what it asked for does.
        let had_all = self.role == Role::Client && stream.inbound == Inbound::Ended;
        if !had_all && !self.charge_reset(id) {
            return Ok(None);
        }
        // RFC 9113 §6.4: after RST_STREAM was received, nothing more is sent on the stream.
        self.remove(id, CloseReason::ResetByPeer(code));
        Ok(None)
    }

    pub(super) fn on_ping(&mut self, head: FrameHead, payload: &[u8]) -> Result<Option<Event>, Violation> {
        let payload = ping::parse(payload)?;
        if !head.has(flags::ACK) {
            if self.charge_idle_frame() {
                // RFC 9113 §6.7: a PING without ACK MUST be answered with the same payload.
                self.control.push(Control::Ping { ack: true, payload });
            }
            return Ok(None);
        }
        // RFC 9113 §6.7: a PING that is an acknowledgement MUST NOT be answered.
        let Some(for_what) = self.pings.take(payload) else {
            self.charge_idle_frame();
            return Ok(None);
        };
        match for_what {
            PingUse::Owner => return Ok(Some(Event::Pong { payload })),
            PingUse::Drain => self.draw_line(),
            PingUse::Keepalive => {
                self.timers.disarm(Timer::KeepaliveAck);
                if let Some(interval) = self.config.keepalive_interval {
                    self.timers.arm(Timer::Keepalive, self.now + interval);
                }
            }
            PingUse::Tuning => self.grow_windows(),
        }
        Ok(None)
    }

    fn grow_windows(&mut self) {
        let max = self.config.grown_stream_window_max();
        if let Some((_, Some(size))) = self.tuning.finish(self.now, self.stream_window, max) {
            self.stream_window = size;
            self.recv.grow(size.saturating_mul(STREAMS_UNREAD));
            self.announce_credit(StreamId::CONNECTION);
        }
    }

    pub(super) fn on_goaway(&mut self, payload: &[u8]) -> Result<Option<Event>, Violation> {
        let frame = goaway::parse(payload)?;
        // RFC 9113 §6.8: the last stream MUST NOT be raised by a later GOAWAY.
        if self.goaway_received.is_some_and(|before| frame.last_stream > before) {
            return Err(Violation::GoAwayRaised);
        }
        if self.goaway_received.is_some() && !self.charge_idle_frame() {
            return Ok(None);
        }
        self.goaway_received = Some(frame.last_stream);
        if frame.code != ErrorCode::NO_ERROR {
            // RFC 9113 §6.8: debug data may be logged, so it MUST be harmless: short, and with nothing that a terminal obeys.
            let kept = &frame.debug[..frame.debug.len().min(DEBUG_BYTES)];
            let debug: String = String::from_utf8_lossy(kept).chars().flat_map(char::escape_debug).collect();
            self.peer_error = Some(Box::new(End::PeerError { code: frame.code, debug }));
        }
        self.pending.push_back(Event::GoAway { last_stream: frame.last_stream, code: frame.code });
        // RFC 9113 §6.8: streams of ours above the line were not and will not be processed.
        let mut at = Some(u64::from(frame.last_stream.0));
        while let Some(id) = self.streams.next_id(at) {
            at = Some(id);
            let id = StreamId(id as u32);
            if id.is_client() == (self.role == Role::Client) {
                self.remove(id, CloseReason::NotProcessed);
            }
        }
        Ok(None)
    }

    pub(super) fn on_window_update(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Event>, Violation> {
        let id = head.stream;
        if id != StreamId::CONNECTION && self.is_idle(id) {
            return Err(Violation::IdleStream);
        }
        let increment = window_update::parse(head, payload)?;
        if !self.charge_idle_frame() {
            return Ok(None);
        }
        if id == StreamId::CONNECTION {
            // RFC 9113 §6.9.1: a window above 2^31-1 MUST end the connection, or the stream whose it is.
            if !self.send.widen(increment) {
                return Err(Violation::ConnectionWindowOverflow);
            }
            self.feed_starved();
            return Ok(None);
        }
        // RFC 9113 §5.1, §6.9: WINDOW_UPDATE for a half-closed or closed stream MUST NOT be an error.
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return Ok(None) };
        if !stream.send.widen(increment) {
            return Err(Violation::StreamWindowOverflow);
        }
        self.list(id);
        Ok(None)
    }
}
