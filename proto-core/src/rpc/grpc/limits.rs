//! What a call may cost, beyond what its connection may.

use crate::rpc::compression::Compression;
use crate::rpc::message::wire_length_max;
use crate::rpc::{Origin, Status};
use alloc::format;

/// Limits of calls, and how their messages are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a message that is received, after inflating. Abuse: a length or a compression that lies.
    pub receive_message_bytes_max: usize,
    /// Bytes of messages that have begun and not ended, on all calls of a connection together; one message may always
    /// grow to its limit. The call that goes beyond ends with RESOURCE_EXHAUSTED. A channel's configuration has no such limit
    /// by default, for it is the client that chooses how many calls it makes. Abuse: long messages on many calls, none of
    /// which ever ends.
    pub gathered_bytes_max: usize,
    /// Bytes of the heads of all open calls of a server's connection, its metadata with them; a call above it ends with
    /// RESOURCE_EXHAUSTED before it begins. Abuse: a field that was sent once and is referred to by every head (HTTP/2 bomb).
    pub heads_bytes_max: usize,
    /// Bytes of a message that is sent, before compressing.
    pub send_message_bytes_max: usize,
    /// When and how to compress what is sent.
    pub compression: Compression,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            receive_message_bytes_max: 4 * 1024 * 1024,
            gathered_bytes_max: 128 * 1024 * 1024,
            heads_bytes_max: 1024 * 1024,
            send_message_bytes_max: u32::MAX as usize,
            compression: Compression::default(),
        }
    }
}

/// What the calls of a connection have of messages that have begun and not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct GatheredBytes(usize);

impl GatheredBytes {
    /// A call that held `before` bytes holds `after` now.
    ///
    /// # Errors
    /// The status of that call when it grew and all together hold too much; it still counts until it is gone.
    pub(crate) fn change(&mut self, limits: &Limits, before: usize, after: usize) -> Result<(), Status> {
        self.0 = (self.0 + after).saturating_sub(before);
        let max = limits.gathered_bytes_effective();
        if after <= before || self.0 <= max {
            return Ok(());
        }
        let text = format!("the messages that the connection's calls are sending hold more than {max} bytes");
        Err(Status::resource_exhausted(text).with_origin(Origin::Library))
    }

    /// A call that held so many bytes is gone.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }
}

impl Limits {
    /// The limit on what is gathered, which leaves room for one message.
    fn gathered_bytes_effective(&self) -> usize {
        self.gathered_bytes_max.max(wire_length_max(true, self.receive_message_bytes_max))
    }

    /// The status of a call whose head is one too many.
    pub(super) fn too_many_heads(&self) -> Status {
        let text =
            format!("the heads of the connection's calls hold more than {} bytes", self.heads_bytes_max);
        Status::resource_exhausted(text).with_origin(Origin::Library).with_safe_to_retry()
    }

    /// The most that so many calls gather: the call that goes beyond the limit is ended after its reservation.
    pub(crate) fn gathered_bytes_of(&self, calls: usize) -> usize {
        let message = wire_length_max(true, self.receive_message_bytes_max);
        calls.saturating_mul(message).min(self.gathered_bytes_effective().saturating_add(message))
    }
}
