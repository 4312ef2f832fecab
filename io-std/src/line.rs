//! The two halves of a call as streams use them, whichever side of the call this is.

use bytes::{Bytes, BytesMut};
use zrpc_core::rpc::{Codec, CodecError, Metadata, Origin, Status};

/// The half that receives messages.
pub(crate) trait Incoming: Send + Sync {
    /// Waits for the next message; `None` when they ended well.
    fn next(&self) -> Result<Option<Bytes>, Status>;

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
    fn send(&self, message: Bytes, compress: bool) -> Result<(), Status>;

    /// Says that no more messages come.
    fn finish(&self);
}

/// A message as bytes.
pub(crate) fn encode<C: Codec>(message: &C::Encode) -> Bytes {
    let mut buffer = BytesMut::with_capacity(C::encoded_len(message));
    C::encode(message, &mut buffer);
    buffer.freeze()
}

/// Bytes as a message; those that are none end the call as INTERNAL.
pub(crate) fn decode<T>(decode: fn(Bytes) -> Result<T, CodecError>, message: Bytes) -> Result<T, Status> {
    decode(message).map_err(|error| Status::internal(error.to_string()).with_origin(Origin::Library))
}
