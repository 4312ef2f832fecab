//! How typed messages become bytes and back. Protobuf by prost is the default; raw bytes need no schema.

use crate::rpc::{Origin, Status};
use alloc::string::{String, ToString};
use bytes::{Bytes, BytesMut};
use core::fmt;

/// Encodes `E` and decodes `D`.
pub trait Codec: Default + Send + Sync + 'static {
    /// What is sent.
    type Encode: Send + 'static;
    /// What is received.
    type Decode: Send + 'static;

    /// The sub-type after `application/grpc+`, for instance `proto`.
    const SUBTYPE: &'static str;

    /// Appends the message to `buffer`.
    fn encode(message: &Self::Encode, buffer: &mut BytesMut);

    /// How many bytes [`Codec::encode`] will append, as far as that is known.
    fn encoded_len(message: &Self::Encode) -> usize;

    /// The encoded message without a copy, for codecs whose messages are bytes already.
    #[must_use]
    fn share(message: &Self::Encode) -> Option<Bytes> {
        let _ = message;
        None
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the bytes are not a message of this type; the call ends as INTERNAL.
    fn decode(message: Bytes) -> Result<Self::Decode, CodecError>;
}

/// A message that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodecError(pub String);

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message cannot be decoded: {}", self.0)
    }
}

impl core::error::Error for CodecError {}

/// A message that cannot be read ends the call as INTERNAL.
impl From<CodecError> for Status {
    fn from(error: CodecError) -> Status {
        Status::internal(error.to_string()).with_origin(Origin::Library)
    }
}

/// Messages that stay bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;

    const SUBTYPE: &'static str = "proto";

    fn encode(message: &Bytes, buffer: &mut BytesMut) {
        buffer.extend_from_slice(message);
    }

    fn encoded_len(message: &Bytes) -> usize {
        message.len()
    }

    fn share(message: &Bytes) -> Option<Bytes> {
        Some(message.clone())
    }

    fn decode(message: Bytes) -> Result<Bytes, CodecError> {
        Ok(message)
    }
}

#[cfg(feature = "prost")]
pub use by_prost::ProstCodec;

#[cfg(feature = "prost")]
mod by_prost {
    use super::{Codec, CodecError};
    use bytes::{Bytes, BytesMut};
    use core::marker::PhantomData;

    /// Protobuf messages by prost: sends `E`, receives `D`.
    #[derive(Debug)]
    pub struct ProstCodec<E, D>(PhantomData<fn(E) -> D>);

    impl<E, D> Default for ProstCodec<E, D> {
        fn default() -> Self {
            ProstCodec(PhantomData)
        }
    }

    impl<E, D> Codec for ProstCodec<E, D>
    where
        E: prost::Message + 'static,
        D: prost::Message + Default + 'static,
    {
        type Encode = E;
        type Decode = D;

        const SUBTYPE: &'static str = "proto";

        fn encode(message: &E, buffer: &mut BytesMut) {
            message.encode_raw(buffer);
        }

        fn encoded_len(message: &E) -> usize {
            message.encoded_len()
        }

        fn decode(message: Bytes) -> Result<D, CodecError> {
            D::decode(message).map_err(|error| CodecError(alloc::format!("{error}")))
        }
    }
}
