//! What a connection holds, the most that it may hold, and when it gives that back.
//!
//! The bound is the sum of the limits in [`Config`]: nothing that a peer can send makes a connection hold more. A buffer
//! may have twice the capacity of what it holds, hence the doubles.

use crate::base::Secret;
use crate::websocket::codec::{DEFLATER_BYTES, INFLATER_BYTES};
use crate::websocket::config::Config;
use crate::websocket::connection::{Connection, Head, Opening};
use crate::websocket::event::Event;
use crate::websocket::frame::CONTROL_MAX;
use crate::websocket::outbox::{ITEM_OVERHEAD, Outbox};
use crate::websocket::receive::SCRATCH_MAX;
use bytes::BytesMut;

/// What an inflater may add before it looks at the limit.
const INFLATE_STEP: usize = 32 * 1024;
/// A handshake's head on its way out, beside what the owner put into it.
const HANDSHAKE_BYTES: usize = 1024;

impl Connection {
    /// Bytes of memory held, without what is the owner's (payloads that wait to be sent or were delivered) or the input's.
    /// At most [`Config::memory_max`], whatever the peer does.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.opening.as_ref().map_or(0, |opening| size_of::<Opening>() + opening.reader.memory())
            + self.head.as_ref().map_or(0, |head| size_of::<Head>() + fields_capacity(head))
            + self.secret.as_ref().map_or(0, |_| size_of::<Secret>())
            + self.message.as_ref().map_or(0, |message| message.buffer.capacity())
            + self.scratch_held
            + self.inflater.as_ref().map_or(0, |inflater| inflater.memory())
            + self.deflater.as_ref().map_or(0, |deflater| deflater.memory())
            + self.asked_pong.as_ref().map_or(0, |payload| payload.len())
            + self.pending.capacity() * size_of::<Event>()
            + self.outbox.memory()
    }

    /// Whether there is something to give back once messages are rare.
    pub(super) fn can_give_back(&self) -> bool {
        self.scratch_held > 0
            || self.inflater.as_ref().is_some_and(|inflater| inflater.can_shrink())
            || self.deflater.as_ref().is_some_and(|deflater| deflater.can_shrink())
    }

    /// Gives back what the last messages needed.
    pub(super) fn give_back(&mut self) {
        self.scratch = BytesMut::new();
        self.scratch_held = 0;
        self.scratch_bytes = 0;
        if let Some(inflater) = &mut self.inflater {
            inflater.shrink();
        }
        if let Some(deflater) = &mut self.deflater {
            deflater.shrink();
        }
        self.outbox.shrink();
        self.pending.shrink_to_fit();
    }
}

fn fields_capacity(head: &Head) -> usize {
    match head {
        Head::Request(head) => head.fields.capacity(),
        Head::Response(head) => head.fields.capacity(),
    }
}

impl Config {
    /// The most that [`Connection::memory`] says, whatever the peer does, in bytes.
    #[must_use]
    pub fn memory_max(&self) -> usize {
        let deflate = self.deflate.map_or(0, |_| DEFLATER_BYTES + INFLATER_BYTES);
        // Each field costs a head of eight bytes in the list beside what it takes on the wire.
        let head = self.head.memory_max() + 2 * (self.head.head_bytes_max + 8 * self.head.fields_max);
        let message = 2 * (self.message_bytes_max + INFLATE_STEP);
        let messages = self.send_buffer_bytes / ITEM_OVERHEAD + 1;
        size_of::<Opening>()
            + size_of::<Head>()
            + head
            + HANDSHAKE_BYTES
            + size_of::<Secret>()
            + message
            + SCRATCH_MAX.max(self.message_bytes_max)
            + deflate
            + CONTROL_MAX
            + 16 * size_of::<Event>()
            + Outbox::bytes_max(self.pongs_max, messages)
    }
}
