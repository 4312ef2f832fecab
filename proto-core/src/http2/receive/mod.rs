//! What each frame means, a frame a file. Nothing here writes: answers are queued, events are returned.

mod on_control;
mod on_data;
mod on_headers;
mod on_settings;

use crate::http2::Violation;
use crate::http2::connection::{Connection, Phase};
use crate::http2::event::Event;
use crate::http2::frame::{FrameHead, FrameType};
use crate::http2::reader::Piece;
use crate::http2::stream::StreamId;
use bytes::Bytes;

impl Connection {
    /// Reads as far as the next event.
    pub(super) fn read(&mut self) -> Option<Event> {
        while self.phase != Phase::Ended {
            // Before more is read, so that it does not matter how much of what follows has arrived.
            self.leave_if_done();
            if !self.pending.is_empty() {
                break;
            }
            if self.control.replies() > self.config.unread_replies_max {
                self.violate(Violation::UnreadReplies);
                break;
            }
            let piece = match self.reader.next(self.config.max_frame_bytes) {
                Ok(Some(piece)) => piece,
                Ok(None) => {
                    self.await_frame();
                    return None;
                }
                Err(Violation::Preface) => {
                    self.refuse_preface();
                    break;
                }
                // RFC 9113 §5.4: whichever frame causes a connection error, that error is reported.
                Err(violation) => {
                    self.violate(violation);
                    break;
                }
            };
            // Frames may have queued events of their own; those came first, and after the last one nothing comes.
            if let Some(event) = self.on_piece(piece)
                && self.phase != Phase::Ended
            {
                self.pending.push_back(event);
            }
            if !self.pending.is_empty() {
                break;
            }
        }
        self.pending.pop_front()
    }

    fn on_piece(&mut self, piece: Piece) -> Option<Event> {
        let head = match &piece {
            Piece::Frame(head, _) | Piece::DataHead { head, .. } => *head,
            Piece::Data { head, data, end } => return self.on_data(head.stream, data.clone(), *end),
        };
        if let Err(violation) = self.check_order(head) {
            self.violate(violation);
            return None;
        }
        match piece {
            Piece::Frame(head, payload) => self.on_frame(head, payload),
            Piece::DataHead { head, padding } => {
                self.on_data_head(head, padding);
                None
            }
            Piece::Data { .. } => None,
        }
    }

    /// Whether a frame of this type may come now at all.
    fn check_order(&self, head: FrameHead) -> Result<(), Violation> {
        // RFC 9113 §3.4: the first frame of each side MUST be SETTINGS.
        if !self.remote.received && head.kind != FrameType::Settings {
            return Err(Violation::PrefaceWithoutSettings);
        }
        // RFC 9113 §6.2, §6.6, §6.10: within a block another frame than CONTINUATION on its stream MUST be a connection
        // error.
        // RFC 9113 §5.5: so MUST an unknown one in the middle of a field block.
        if let Some(block) = &self.block
            && (head.kind != FrameType::Continuation || head.stream != block.head.stream)
        {
            return Err(Violation::InterruptedHeaders);
        }
        let on_connection = head.stream == StreamId::CONNECTION;
        match head.kind {
            // RFC 9113 §6.1, §6.2, §6.3, §6.4, §6.6, §6.10: on stream 0 these MUST be a connection error
            // PROTOCOL_ERROR.
            FrameType::Data
            | FrameType::Headers
            | FrameType::Priority
            | FrameType::RstStream
            | FrameType::PushPromise
            | FrameType::Continuation
                if on_connection =>
            {
                Err(Violation::StreamZero)
            }
            // RFC 9113 §6.5, §6.7, §6.8: on a stream these MUST be a connection error PROTOCOL_ERROR.
            FrameType::Settings | FrameType::Ping | FrameType::GoAway if !on_connection => {
                Err(Violation::NotStreamZero)
            }
            _ => Ok(()),
        }
    }

    fn on_frame(&mut self, head: FrameHead, payload: Bytes) -> Option<Event> {
        let result = match head.kind {
            FrameType::Headers => self.on_headers(head, &payload),
            FrameType::Continuation => self.on_continuation(head, &payload),
            FrameType::PushPromise => self.on_push_promise(head, &payload),
            FrameType::Settings => self.on_settings(head, &payload),
            FrameType::Priority => self.on_priority(head, &payload),
            FrameType::RstStream => self.on_rst_stream(head, &payload),
            FrameType::Ping => self.on_ping(head, &payload),
            FrameType::GoAway => self.on_goaway(&payload),
            FrameType::WindowUpdate => self.on_window_update(head, &payload),
            FrameType::Unknown(_) | FrameType::Data => {
                // RFC 9113 §5.5: unknown frames MUST be ignored; they cost all the same.
                self.charge_idle_frame();
                Ok(None)
            }
        };
        match result {
            Ok(event) => event,
            Err(violation) => {
                self.violate_stream(head.stream, violation);
                None
            }
        }
    }
}
