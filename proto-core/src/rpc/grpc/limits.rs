//! What a call may cost, beyond what its connection may.

use crate::rpc::compression::Compression;

/// Limits of calls, and how their messages are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a message that is received, after inflating. Abuse: a length or a compression that lies.
    pub receive_message_bytes_max: usize,
    /// Bytes of a message that is sent, before compressing.
    pub send_message_bytes_max: usize,
    /// When and how to compress what is sent.
    pub compression: Compression,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            receive_message_bytes_max: 4 * 1024 * 1024,
            send_message_bytes_max: u32::MAX as usize,
            compression: Compression::default(),
        }
    }
}
