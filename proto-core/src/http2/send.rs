//! Writing: control frames first, then streams in turn, each a frame's worth of content at a time.

use crate::base::Out;
use crate::http2::connection::Connection;
use crate::http2::control::Control;
use crate::http2::event::{CloseReason, Event};
use crate::http2::frame::headers;
use crate::http2::outbox::{Item, Queue};
use crate::http2::state;
use crate::http2::stream::{StreamId, Turn};

impl Connection {
    /// Writes what there is room for.
    pub(super) fn write(&mut self, out: &mut Out) {
        self.control.write(out);
        self.admit_waiting();
        while out.has_room() {
            let Some(id) = self.outbox.ready.pop_front() else { return };
            self.write_stream(id, out);
            // A stream that ended makes room for one that waits, and its RST_STREAM goes before others' content.
            self.control.write(out);
            self.admit_waiting();
        }
    }

    /// Whether the peer allows one more stream of ours (RFC 9113 §5.1.2: its limit MUST never be exceeded, so others
    /// wait).
    pub(super) fn may_start_stream(&self) -> bool {
        self.active_local < self.remote.max_concurrent_streams
    }

    /// Gives streams that wait a turn, as many as the peer allows.
    fn admit_waiting(&mut self) {
        while self.may_start_stream() {
            let Some(id) = self.outbox.waiting.pop_front() else { return };
            // Cancelled ones are gone; their ids are skipped, which closes them (RFC 9113 §5.1.1).
            let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { continue };
            stream.turn = Turn::Listed;
            self.outbox.ready.push_back(id);
            self.active_local += 1;
            stream.state = state::State::Open;
        }
    }

    /// Stores a queue that a command changed, and lists its stream if it can send.
    pub(super) fn requeue(&mut self, id: StreamId, queue: Queue) {
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
        stream.queue = queue;
        self.list(id);
    }

    /// Puts a stream in line if it has something that it can send.
    pub(super) fn list(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
        if stream.turn != Turn::Away {
            return;
        }
        let can_send = match self.outbox.front(stream.queue) {
            None => false,
            Some(Item::Data { end, data, .. }) => stream.send.available() > 0 || *end && data.is_empty(),
            Some(Item::Headers { .. } | Item::Reset(_)) => true,
        };
        if can_send {
            stream.turn = Turn::Listed;
            self.outbox.ready.push_back(id);
        }
    }

    fn write_stream(&mut self, id: StreamId, out: &mut Out) {
        // RFC 9113 §4.1: no payload MUST be larger than the max frame size that the peer allows.
        let max_frame = self.remote.max_frame_bytes as usize;
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
        stream.turn = Turn::Away;
        let mut wrote_data = false;
        loop {
            let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
            match self.outbox.front(stream.queue) {
                None => break,
                Some(Item::Headers { .. }) => {
                    if self.write_headers(id, out) {
                        return;
                    }
                }
                Some(Item::Reset(code)) => {
                    let code = *code;
                    self.reset_stream(id, code, CloseReason::ResetByUs(code));
                    return;
                }
                Some(Item::Data { .. }) if wrote_data => {
                    self.list(id);
                    break;
                }
                Some(Item::Data { .. }) => {
                    // RFC 9113 §5.2.1, §6.9.1: a sender MUST NOT exceed either window.
                    let limit = max_frame.min(stream.send.available()).min(self.send.available());
                    let mut queue = stream.queue;
                    let Some(written) = self.outbox.write_data(id, &mut queue, limit, out) else {
                        if stream.send.available() > 0 {
                            stream.turn = Turn::Listed;
                            self.outbox.starved.push_back(id);
                        }
                        break;
                    };
                    stream.queue = queue;
                    stream.send.take(written.len);
                    stream.queued_bytes = stream.queued_bytes.saturating_sub(written.cost);
                    self.send.take(written.len);
                    // The peer may answer each DATA frame with two WINDOW_UPDATE frames and a PING.
                    self.idle_frames.earn(self.config.idle_frames, 3);
                    wrote_data = true;
                    if written.end && self.sent_end(id) {
                        return;
                    }
                }
            }
        }
        self.unblock(id);
    }

    /// Writes the header list at the front; says whether the stream is over with it.
    fn write_headers(&mut self, id: StreamId, out: &mut Out) -> bool {
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return true };
        let mut queue = stream.queue;
        let Some(Item::Headers { fields, end, .. }) = self.outbox.pop(&mut queue) else { return false };
        stream.queue = queue;
        if self.is_own(id) {
            self.written_local = self.written_local.max(id);
        }
        // RFC 9113 §10.6: what is marked secret is written so that no table ever indexes it.
        let (encoder, max_frame) = (&mut self.encoder, self.remote.max_frame_bytes);
        out.put_with(|out| headers::emit(id, end, max_frame, out, |out| encoder.encode(&fields, out)));
        self.outbox.recycle(fields);
        end && self.sent_end(id)
    }

    /// Notes that END_STREAM was written; says whether the stream is over with it.
    fn sent_end(&mut self, id: StreamId) -> bool {
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return true };
        stream.state = stream.state.on(state::Event::SendEnd).unwrap_or(stream.state);
        if stream.state == state::State::Closed {
            self.remove(id, CloseReason::Finished);
            return true;
        }
        false
    }

    /// Owes `Writable` no longer once half of the buffer is free.
    fn unblock(&mut self, id: StreamId) {
        let limit = self.config.send_buffer_bytes;
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
        if stream.blocked && stream.queued_bytes <= limit / 2 {
            stream.blocked = false;
            self.pending.push_back(Event::Writable { stream: id });
        }
    }

    /// Lists the streams that waited for the connection's window.
    pub(super) fn feed_starved(&mut self) {
        let ready = &mut self.outbox.ready;
        ready.extend(self.outbox.starved.drain(..));
    }

    /// Tells the peer of the credit that came together, when it is worth a frame.
    pub(super) fn announce_credit(&mut self, id: StreamId) {
        if let Some(increment) = self.recv.take_update() {
            self.control.push(Control::WindowUpdate(StreamId::CONNECTION, increment));
        }
        let size = self.stream_window;
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else { return };
        if !stream.state.receives() || !stream.is_started() {
            return;
        }
        // What nobody reads needs no larger window, and would take what all streams share.
        if stream.recv.held() <= stream.recv.size() / 2 {
            stream.recv.grow(size);
        }
        if let Some(increment) = stream.recv.take_update() {
            self.control.push(Control::WindowUpdate(id, increment));
        }
    }

    /// Ends a stream with RST_STREAM, unless the peer never heard of it.
    pub(super) fn reset_stream(&mut self, id: StreamId, code: crate::http2::ErrorCode, reason: CloseReason) {
        // RFC 9113 §6.4: RST_STREAM MUST NOT be sent for a stream in the idle state.
        if !self.is_idle(id) {
            let is_own_choice = self.is_own(id) && matches!(reason, CloseReason::ResetByUs(_));
            self.control.push(if is_own_choice {
                Control::Cancel(id, code)
            } else {
                Control::Reset(id, code)
            });
        }
        self.remove(id, reason);
    }
}
