//! The messages of one direction as they leave: bounded, and compressed where that is asked for and worth it.

use crate::base::Misuse;
use crate::rpc::Encoding;
use crate::rpc::compression::compress;
use crate::rpc::grpc::limits::Limits;
use bytes::Bytes;

/// The payload of a message, and whether it is compressed.
pub(crate) fn pack(
    message: Bytes,
    encoding: Option<Encoding>,
    limits: &Limits,
) -> Result<(bool, Bytes), Misuse> {
    let limit = limits.send_message_bytes_max.min(u32::MAX as usize);
    if message.len() > limit {
        return Err(Misuse::TooLarge { size: message.len(), limit });
    }
    let Some(encoding) = encoding.filter(|_| message.len() >= limits.compression.threshold_bytes) else {
        return Ok((false, message));
    };
    match compress(encoding, limits.compression.level, &message) {
        Some(packed) if packed.len() < message.len() => Ok((true, packed)),
        _ => Ok((false, message)),
    }
}
