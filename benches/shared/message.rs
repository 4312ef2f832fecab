//! The messages and names that all stacks share, so that each sends the same bytes.
//!
//! `bytes::Bytes` as the field's type lets prost hand out a slice of what was read: no stack copies a payload to
//! decode it, and none is measured on memcpy.

use bytes::Bytes;

/// `service Echo { rpc Unary; rpc Upload (stream); rpc Download returns (stream) }`.
pub const UNARY: &str = "/bench.Echo/Unary";
/// Counts the messages that are streamed up.
pub const UPLOAD: &str = "/bench.Echo/Upload";
/// Streams its request down again until the client cancels.
pub const DOWNLOAD: &str = "/bench.Echo/Download";

/// A payload, either way.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Payload {
    /// Returned as it came.
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
}

/// The answer to an upload.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Total {
    /// How many messages came.
    #[prost(uint64, tag = "1")]
    pub messages: u64,
}

/// A body of `size` bytes that no compressor and no page of zeroes makes cheaper.
pub fn body(size: usize) -> Bytes {
    (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// A gRPC message on the wire: the prefix of five bytes, then the encoded payload.
pub fn framed(body: &Bytes) -> Bytes {
    use prost::Message;
    let message = Payload { body: body.clone() }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0][..], &length, &message].concat().into()
}
