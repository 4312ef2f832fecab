//! Frames that go before all calls' frames (docs/native-protocol.md §9): preface, HELLO, PING, CREDIT, RESET, GOAWAY.

use crate::base::Out;
use crate::native::capabilities::Capabilities;
use crate::native::codec::Codec;
use crate::native::config::Config;
use crate::native::{ErrorCode, Priority};
use alloc::collections::VecDeque;

/// A frame that waits.
#[derive(Clone, Debug)]
pub(super) enum Control {
    Preface,
    Refusal(&'static str),
    Hello,
    Ping([u8; 8]),
    Pong([u8; 8]),
    Credit(u64, u32),
    Priority(u64, Priority),
    /// RESET that the peer caused.
    Reset(u64, ErrorCode, &'static str),
    /// RESET that the owner, or time, caused; the peer has no part in how many there are.
    Cancel(u64, ErrorCode),
    GoAway {
        last: u64,
        code: ErrorCode,
        text: &'static str,
    },
}

impl Control {
    /// Whether the peer makes us send this as often as it likes.
    const fn is_reply(&self) -> bool {
        matches!(self, Control::Pong(_) | Control::Reset(..) | Control::Credit(..))
    }

    const fn is_opening(&self) -> bool {
        matches!(self, Control::Preface | Control::Hello)
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

    /// Forgets all but what has to come first.
    pub(super) fn keep_opening(&mut self) {
        self.queue.retain(Control::is_opening);
        self.replies = 0;
    }

    /// Gives all memory back, unless something waits.
    pub(super) fn shrink(&mut self) {
        if self.queue.is_empty() {
            *self = ControlQueue::default();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<Control>()
    }

    /// Writes what there is room for.
    pub(super) fn write<C: Codec>(&mut self, codec: &mut C, config: &Config, is_client: bool, out: &mut Out) {
        while out.has_room() {
            let Some(frame) = self.queue.pop_front() else { return };
            self.replies -= usize::from(frame.is_reply());
            match frame {
                Control::Preface => codec.put_preface(out),
                Control::Refusal(text) => codec.put_refusal(text, out),
                Control::Hello => {
                    let capabilities: Capabilities = config.capabilities();
                    let authority = if is_client { &*config.authority } else { "" };
                    codec.put_hello(&capabilities, authority, &config.agent, out);
                }
                Control::Ping(token) => codec.put_ping(false, token, out),
                Control::Pong(token) => codec.put_ping(true, token, out),
                Control::Credit(call, amount) => codec.put_credit(call, amount, out),
                Control::Priority(call, priority) => codec.put_priority(call, priority, out),
                Control::Reset(call, code, text) => codec.put_reset(call, code, text, out),
                Control::Cancel(call, code) => codec.put_reset(call, code, "", out),
                Control::GoAway { last, code, text } => codec.put_goaway(last, code, text, out),
            }
        }
    }
}
