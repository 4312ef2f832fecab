//! DATA, RFC 9113 §6.1: counted against both windows by its whole length, handed on piece by piece.

use crate::http2::Violation;
use crate::http2::closed_memory::EndedBy;
use crate::http2::config::Credit;
use crate::http2::connection::Connection;
use crate::http2::event::{CloseReason, Event};
use crate::http2::frame::FrameHead;
use crate::http2::frame::flags;
use crate::http2::lifecycle::PingUse;
use crate::http2::state;
use crate::http2::stream::{Inbound, Stream, StreamId};
use bytes::Bytes;

impl Connection {
    /// A DATA frame begins.
    pub(super) fn on_data_head(&mut self, head: FrameHead, padding: u32) {
        let id = head.stream;
        if self.is_idle(id) {
            self.violate(Violation::IdleStream);
            return;
        }
        // RFC 9113 §6.8, §6.9: the whole frame is always counted, padding included, whatever becomes of its stream.
        if !self.recv.receive(head.length) {
            self.violate(Violation::ConnectionFlow);
            return;
        }
        self.tune(head.length);
        let Some(stream) = self.streams.get_mut(u64::from(id.0)) else {
            self.on_late_data(id, head.length);
            return;
        };
        let content = u64::from(head.length - padding);
        if let Err(violation) = check(stream, head.length, content, head.has(flags::END_STREAM)) {
            self.recv.consume(head.length);
            self.violate_stream(id, violation);
            return;
        }
        if head.length == padding && !head.has(flags::END_STREAM) {
            // Empty DATA without an end is work for nothing (CVE-2019-9518).
            self.charge_idle_frame();
        }
        if padding > 0 {
            self.consume(id, padding);
        }
    }

    /// A piece of the DATA frame that began last.
    pub(super) fn on_data(&mut self, id: StreamId, data: Bytes, end: bool) -> Option<Event> {
        let stream = self.streams.get_mut(u64::from(id.0))?;
        if end {
            stream.inbound = Inbound::Ended;
            stream.state = stream.state.on(state::Event::RecvEnd).unwrap_or(stream.state);
        }
        if self.config.credit == Credit::OnDelivery {
            self.consume(id, data.len() as u32);
        }
        if end && self.streams.get(u64::from(id.0)).is_some_and(|stream| stream.state == state::State::Closed)
        {
            self.pending.push_back(Event::Data { stream: id, data, end });
            self.remove(id, CloseReason::Finished);
            return None;
        }
        Some(Event::Data { stream: id, data, end })
    }

    /// DATA for a stream that is over: its credit goes back at once.
    fn on_late_data(&mut self, id: StreamId, length: u32) {
        self.recv.consume(length);
        self.announce_credit(id);
        match self.closed.recall(id) {
            Some(EndedBy::EndStream) => self.violate(Violation::ClosedStream),
            Some(EndedBy::Reset) => self.violate_stream(id, Violation::AfterReset),
            // RFC 9113 §5.4.2, §6.4: whoever sends RST_STREAM MUST be prepared for what was under way. It costs the
            // peer credit, as on an open stream, so only what is empty is charged.
            // A client that cancels many streams at once has forgotten the first while their DATA still comes.
            Some(EndedBy::Us) | None if length > 0 => {}
            Some(EndedBy::Us) | None => {
                self.charge_idle_frame();
            }
        }
    }

    /// Starts a sample of the path when much arrives.
    fn tune(&mut self, count: u32) {
        if self.tuning.receive(self.now, count, self.stream_window, self.config.grown_stream_window_max())
            && !self.pings.awaits(PingUse::Tuning)
        {
            self.send_ping(PingUse::Tuning);
        }
    }
}

/// Whether a DATA frame may come on this stream, and how much content is due after it.
fn check(stream: &mut Stream, length: u32, content: u64, end: bool) -> Result<(), Violation> {
    let due = match stream.inbound {
        Inbound::Head { .. } => return Err(Violation::DataBeforeHead),
        // RFC 9113 §5.1, §6.1: DATA after END_STREAM, on a half-closed stream, MUST be a stream error STREAM_CLOSED.
        Inbound::Ended => return Err(Violation::HalfClosed),
        Inbound::Content { due } => due,
    };
    let due = match due {
        None => None,
        // RFC 9113 §8.1.1: content that is not as long as content-length says is malformed.
        Some(due) => match due.checked_sub(content) {
            Some(left) if left == 0 || !end => Some(left),
            _ => return Err(Violation::ContentLength),
        },
    };
    // RFC 9113 §6.9.1: more than the window allows MUST be a stream or connection error FLOW_CONTROL_ERROR.
    if !stream.recv.receive(length) {
        return Err(Violation::StreamFlow);
    }
    stream.inbound = Inbound::Content { due };
    Ok(())
}
