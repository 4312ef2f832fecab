//! Frames that go before all streams' frames: settings, acknowledgements, resets, window updates, GOAWAY.

use crate::base::Out;
use crate::http2::frame::goaway::{self, GoAway};
use crate::http2::frame::{ping, rst_stream, settings, window_update};
use crate::http2::reader::PREFACE;
use crate::http2::{ErrorCode, StreamId};
use alloc::collections::VecDeque;
use smallvec::SmallVec;

/// The pairs of a SETTINGS frame of ours.
pub(super) type SettingsPairs = SmallVec<[(u16, u32); 1]>;

/// What an HTTP/1 client gets: an answer that it can show.
const HTTP1_REPLY: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\n\
connection: close\r\ncontent-length: 58\r\n\r\nThis port speaks HTTP/2 with prior knowledge, not HTTP/1.\n";

/// A frame that waits. RFC 9113 §8.4.1: PUSH_PROMISE is none of them, so that no client can push, and no server does.
#[derive(Clone, Debug)]
pub(super) enum Control {
    Preface,
    Settings(SettingsPairs),
    SettingsAck,
    Ping {
        ack: bool,
        payload: [u8; 8],
    },
    Reset(StreamId, ErrorCode),
    WindowUpdate(StreamId, u32),
    GoAway {
        last_stream: StreamId,
        code: ErrorCode,
        debug: &'static str,
    },
    /// RST_STREAM that the owner of a client commanded; the peer has no part in how many there are.
    Cancel(StreamId, ErrorCode),
    Http1Reply,
}

impl Control {
    /// Whether the peer makes us send this as often as it likes.
    const fn is_reply(&self) -> bool {
        matches!(
            self,
            Control::SettingsAck
                | Control::Ping { ack: true, .. }
                | Control::Reset(..)
                | Control::WindowUpdate(..)
        )
    }

    /// Whether this is part of what each side sends first.
    const fn is_opening(&self) -> bool {
        matches!(self, Control::Preface | Control::Settings(_))
    }
}

/// The control frames that wait, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct ControlQueue {
    queue: VecDeque<Control>,
    replies: usize,
}

impl ControlQueue {
    /// What a frame that waits takes.
    pub(super) const ITEM_BYTES: usize = size_of::<Control>();

    pub(super) fn push(&mut self, frame: Control) {
        self.replies += usize::from(frame.is_reply());
        self.queue.push_back(frame);
    }

    /// Frames that the peer caused.
    pub(super) fn replies(&self) -> usize {
        self.replies
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = ControlQueue::default();
    }

    /// Forgets all but what has to come first, RFC 9113 §3.4.
    pub(super) fn keep_opening(&mut self) {
        self.queue.retain(Control::is_opening);
        self.replies = 0;
    }

    /// Gives all memory back, unless something waits.
    pub(super) fn shrink(&mut self) {
        if self.queue.is_empty() {
            self.clear();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<Control>()
    }

    /// Writes what there is room for.
    pub(super) fn write(&mut self, out: &mut Out) {
        while out.has_room() {
            let Some(frame) = self.queue.pop_front() else { return };
            self.replies -= usize::from(frame.is_reply());
            out.put_with(|out| match frame {
                Control::Preface => out.extend_from_slice(PREFACE),
                Control::Settings(pairs) => settings::emit(&pairs, out),
                Control::SettingsAck => settings::emit_ack(out),
                Control::Ping { ack, payload } => ping::emit(ack, payload, out),
                Control::Reset(stream, code) | Control::Cancel(stream, code) => {
                    rst_stream::emit(stream, code, out)
                }
                Control::WindowUpdate(stream, increment) => window_update::emit(stream, increment, out),
                Control::GoAway { last_stream, code, debug } => {
                    goaway::emit(GoAway { last_stream, code, debug: debug.as_bytes() }, out);
                }
                Control::Http1Reply => out.extend_from_slice(HTTP1_REPLY),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_http1_has_the_length_that_it_says() {
        let text = core::str::from_utf8(HTTP1_REPLY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&alloc::format!("content-length: {}", body.len())), "{}", body.len());
    }
}
