//! What waits to be written: the handshake's head, control frames, messages, and at the very end the close frame.
//!
//! Control frames go between the frames of messages, never behind all of them. A server's message leaves as one frame by
//! reference. A client's is masked, which is a copy, so a long one leaves in fragments as there is room.

use crate::base::{Out, Secret};
use crate::websocket::Kind;
use crate::websocket::frame::{CONTROL_MAX, FrameHead, Opcode};
use crate::websocket::mask;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a queued message costs beside its payload, in bytes: many small ones are as much memory as a large one.
pub(super) const ITEM_OVERHEAD: usize = 64;
/// Bytes that wait in the output from which on pongs wait for it, where only the latest is kept. Abuse: pings of a peer
/// that never reads.
const PONGS_ROOM: usize = 16 * 1024;
/// Payload of one masked frame.
const MASKED_MAX: usize = 64 * 1024;

/// The payload of a control frame.
#[derive(Clone, Copy, Debug)]
struct Control {
    bytes: [u8; CONTROL_MAX],
    len: u8,
}

impl Control {
    /// At most 125 bytes of `payload`.
    fn new(payload: &[u8]) -> Control {
        let mut bytes = [0; CONTROL_MAX];
        let len = payload.len().min(CONTROL_MAX);
        bytes.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
        Control { bytes, len: len as u8 }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
struct Message {
    kind: Kind,
    compressed: bool,
    payload: Bytes,
    /// Bytes of the payload that were written in earlier frames.
    written: usize,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    handshake: Vec<u8>,
    pongs: VecDeque<Control>,
    pings: VecDeque<Control>,
    messages: VecDeque<Message>,
    close: Option<Box<Control>>,
    /// Payload and overhead of all messages.
    queued: usize,
}

impl Outbox {
    /// What goes out before any frame.
    pub(super) fn set_handshake(&mut self, head: Vec<u8>) {
        self.handshake = head;
    }

    /// Queues an answer to a ping. A peer that does not read gets only the latest beyond `pongs_max`.
    pub(super) fn push_pong(&mut self, payload: &[u8], pongs_max: usize) {
        if self.pongs.len() >= pongs_max.max(1) {
            // RFC 6455 §5.5.3: of several pings that were not answered yet, only the most recent one must be.
            self.pongs.clear();
        }
        self.pongs.push_back(Control::new(payload));
    }

    /// Queues a ping.
    pub(super) fn push_ping(&mut self, payload: &[u8]) {
        self.pings.push_back(Control::new(payload));
    }

    /// Queues a message.
    pub(super) fn push_message(&mut self, kind: Kind, compressed: bool, payload: Bytes) {
        self.queued = self.queued.saturating_add(payload.len()).saturating_add(ITEM_OVERHEAD);
        self.messages.push_back(Message { kind, compressed, payload, written: 0 });
    }

    /// Queues the last frame.
    pub(super) fn set_close(&mut self, payload: &[u8]) {
        // RFC 6455 §5.5.1: nothing is sent after a close frame; a pong would be.
        self.close = Some(Box::new(Control::new(payload)));
    }

    /// Bytes of queued messages, with their overhead.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handshake.is_empty()
            && self.pongs.is_empty()
            && self.pings.is_empty()
            && self.messages.is_empty()
            && self.close.is_none()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Outbox::default();
    }

    /// Gives memory back.
    pub(super) fn shrink(&mut self) {
        self.pongs.shrink_to_fit();
        self.pings.shrink_to_fit();
        self.messages.shrink_to_fit();
    }

    /// Bytes held, without payloads of messages, which are the owner's.
    pub(super) fn memory(&self) -> usize {
        self.handshake.capacity()
            + (self.pongs.capacity() + self.pings.capacity()) * size_of::<Control>()
            + self.messages.capacity() * size_of::<Message>()
            + self.close.as_ref().map_or(0, |_| size_of::<Control>())
    }

    /// The most that lists of `pongs` pongs and `messages` messages take.
    pub(super) const fn bytes_max(pongs: usize, messages: usize) -> usize {
        2 * (pongs + PINGS_MAX + 8) * size_of::<Control>() + 2 * (messages + 4) * size_of::<Message>()
    }

    /// How many pings wait.
    pub(super) fn pings(&self) -> usize {
        self.pings.len()
    }

    /// Writes what there is room for; only the handshake's head before that is done. Frames are masked when there is a
    /// secret to do it with.
    pub(super) fn write(&mut self, out: &mut Out, is_open: bool, secret: &mut Option<Box<Secret>>) {
        while out.has_room() {
            if !self.handshake.is_empty() {
                out.put_bytes(core::mem::take(&mut self.handshake).into());
            } else if !is_open {
                return;
            } else if let Some(pong) = self.pongs.pop_front_if(|_| out.len() < PONGS_ROOM) {
                // RFC 6455 §5.4: control frames go between the fragments of a message.
                put_control(out, Opcode::Pong, pong.as_slice(), secret);
            } else if let Some(ping) = self.pings.pop_front() {
                put_control(out, Opcode::Ping, ping.as_slice(), secret);
            } else if let Some(message) = self.messages.front_mut() {
                put_part(out, message, secret);
                if message.written == message.payload.len() {
                    self.queued = self.queued.saturating_sub(message.payload.len() + ITEM_OVERHEAD);
                    self.messages.pop_front();
                }
            } else if let Some(close) = self.close.take_if(|_| self.pongs.is_empty()) {
                put_control(out, Opcode::Close, close.as_slice(), secret);
            } else {
                return;
            }
        }
    }
}

/// Pings of the owner and of the heartbeat that wait for room.
pub(super) const PINGS_MAX: usize = 8;

fn put_control(out: &mut Out, opcode: Opcode, payload: &[u8], secret: &mut Option<Box<Secret>>) {
    put_frame(
        out,
        FrameHead { fin: true, compressed: false, opcode, mask: None, length: 0 },
        payload,
        secret,
    );
}

/// Writes the next frame of a message.
fn put_part(out: &mut Out, message: &mut Message, secret: &mut Option<Box<Secret>>) {
    let opcode = match (message.written, message.kind) {
        (0, Kind::Text) => Opcode::Text,
        (0, Kind::Binary) => Opcode::Binary,
        // RFC 6455 §5.4: fragments after the first are continuations, in order.
        _ => Opcode::Continuation,
    };
    let left = message.payload.len() - message.written;
    let count = if secret.is_some() { left.min(MASKED_MAX) } else { left };
    let part = message.payload.slice(message.written..message.written + count);
    // RFC 7692 §6.1: only the first frame of a compressed message says so.
    let compressed = message.compressed && message.written == 0;
    let head = FrameHead { fin: count == left, compressed, opcode, mask: None, length: 0 };
    message.written += count;
    if secret.is_some() {
        put_frame(out, head, &part, secret);
    } else {
        let (bytes, len) = FrameHead { length: count as u64, ..head }.to_bytes();
        out.put_slice(bytes.get(..len).unwrap_or_default());
        out.put_bytes(part);
    }
}

fn put_frame(out: &mut Out, head: FrameHead, payload: &[u8], secret: &mut Option<Box<Secret>>) {
    // RFC 6455 §5.1: a client MUST mask each frame; a server MUST NOT.
    // RFC 6455 §5.3, §10.3: each frame has a fresh key that nobody can predict.
    let mask = secret.as_mut().map(|secret| secret.next_bytes());
    let (bytes, len) = FrameHead { mask, length: payload.len() as u64, ..head }.to_bytes();
    out.put_with(|scratch| {
        scratch.extend_from_slice(bytes.get(..len).unwrap_or_default());
        match mask {
            Some(key) => mask::append(scratch, payload, key, 0),
            None => scratch.extend_from_slice(payload),
        }
    });
}
