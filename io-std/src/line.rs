//! The two halves of a call as streams use them, whichever side of the call this is.

use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use zrpc_core::rpc::{Attachments, CallId, CallIdHasher, Codec, CodecError, Metadata, Status};

/// The half that receives messages.
pub(crate) trait Incoming: Send + Sync {
    /// Waits for the next message; `None` when they ended well.
    fn next(&self) -> Result<Option<Message>, Status>;

    /// Waits for the metadata that comes before the messages, once; empty when none comes.
    fn head(&self) -> Metadata;

    /// The metadata that came with the status, once.
    fn trailers(&self) -> Metadata;

    /// Ends the call because of a message that was received.
    fn refuse(&self, status: &Status);

    /// Nobody takes the rest.
    fn stop(&self);
}

/// The half that sends messages.
pub(crate) trait Outgoing: Send + Sync {
    /// Waits for room and sends a message.
    fn send(&self, message: Message, compress: bool) -> Result<(), Status>;

    /// Says that no more messages come.
    fn finish(&self);
}

/// A message on its way, and what travels with it.
#[derive(Default)]
pub(crate) struct Message {
    pub(crate) bytes: Bytes,
    pub(crate) attachments: Attachments,
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message { bytes, attachments: Attachments::new() }
    }
}

/// What belongs to each call of a connection, by its id.
pub(crate) type ByCall<T> = HashMap<CallId, T, BuildHasherDefault<CallIdHasher>>;

/// A message as bytes; not copied when it is bytes already.
pub(crate) fn encode<C: Codec>(message: &C::Encode) -> Bytes {
    if let Some(bytes) = C::share(message) {
        return bytes;
    }
    let mut buffer = BytesMut::with_capacity(C::encoded_len(message));
    C::encode(message, &mut buffer);
    buffer.freeze()
}

/// Bytes as a message; those that are none end the call as INTERNAL.
pub(crate) fn decode<T>(decode: fn(Bytes) -> Result<T, CodecError>, message: Bytes) -> Result<T, Status> {
    decode(message).map_err(Status::from)
}
