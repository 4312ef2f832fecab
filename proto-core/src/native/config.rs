//! What a connection may do and take. Every queue, table, counter and rate has its limit here, with the abuse that the
//! limit stops (docs/native-protocol.md §11).

use crate::base::Rate;
use crate::native::capabilities::{self, Capabilities};
use crate::rpc::Encoding;
use crate::rpc::grpc::Limits;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

/// What keepalive may ask at the most often; without it, an interval of zero would never let go.
const KEEPALIVE_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// The settings and limits of a connection, either side. The defaults suit an RPC server on a fast network.
#[derive(Clone, Debug)]
pub struct Config {
    /// Calls that a client may have open at once. Abuse: work without end on one connection.
    pub max_calls: u32,
    /// Calls that may wait in a client because the server allows no more at once; further ones are refused.
    pub max_queued_calls: usize,
    /// What each call's messages to this side may cost ahead, in bytes; 1024 to 2^31-1. Abuse: memory for messages that
    /// nobody reads. 65,536 are taken whatever it says, since the peer may send before it was told.
    pub initial_credit: u32,
    /// Bytes of metadata, counted as key + value + 32 an entry. Abuse: a short reference that stands for a long key.
    pub metadata_bytes_max: u32,
    /// Entries of metadata. Abuse: many empty ones.
    pub metadata_entries_max: usize,
    /// Names that this side remembers, and the most that it asks the peer to; 1024 at the most.
    pub interned_max: u32,
    /// The largest frame that is taken, in bytes; 65,536 to 16,777,215. Abuse: a length that makes this side gather.
    pub frame_bytes_max: u32,
    /// How much of a message goes into one frame, in bytes, so that calls take turns.
    pub part_bytes: u32,
    /// Bytes queued on one call before `send` says `Blocked`.
    pub send_buffer_bytes: usize,
    /// Attachments that are taken with one message; 64 at the most, 0 for none.
    pub attachments_max: u8,
    /// Replies (PONG, RESET, CREDIT) that may wait for a peer that does not read.
    pub unread_replies_max: usize,
    /// Calls reset, by the client or because of what the peer did; each call that ends with a status gives three back. On a
    /// server, one that is reset within 10 ms costs three. Abuse: calls opened and cancelled at once.
    pub resets: Rate,
    /// Frames without work: PING, PONG, PRIORITY, small CREDIT, unknown types, late frames beyond their credit.
    pub idle_frames: Rate,
    /// How long the peer may take for its preface and HELLO.
    pub opening_timeout: Duration,
    /// After how long without a byte from the peer a PING asks whether it is there; none by default.
    pub keepalive_interval: Option<Duration>,
    /// How long that PING may remain unanswered.
    pub keepalive_timeout: Duration,
    /// Whether PINGs are also sent while no call is open.
    pub keepalive_without_calls: bool,
    /// What the peer is told about how often it should send PINGs at the most; in whole milliseconds.
    pub ping_interval_min: Duration,
    /// After how long without a call the connection drains; never by default.
    pub idle_timeout: Option<Duration>,
    /// Limits of messages, and how they are compressed.
    pub limits: Limits,
    /// What a client says is the authority of its calls.
    pub authority: String,
    /// What a side says that it is, for logs.
    pub agent: String,
    /// The seed of the randomness that shows on the wire (PING tokens).
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_calls: 256,
            max_queued_calls: 100_000,
            initial_credit: 256 * 1024,
            metadata_bytes_max: 16 * 1024,
            metadata_entries_max: 128,
            interned_max: 128,
            frame_bytes_max: 64 * 1024,
            part_bytes: 32 * 1024,
            send_buffer_bytes: 256 * 1024,
            attachments_max: 0,
            unread_replies_max: 1000,
            resets: Rate { burst: 500, per_second: 200 },
            idle_frames: Rate { burst: 900, per_second: 330 },
            opening_timeout: Duration::from_secs(10),
            keepalive_interval: None,
            keepalive_timeout: Duration::from_secs(20),
            keepalive_without_calls: false,
            ping_interval_min: Duration::ZERO,
            idle_timeout: None,
            limits: Limits::default(),
            authority: "localhost".into(),
            agent: concat!("zrpc/", env!("CARGO_PKG_VERSION")).into(),
            seed: 0,
        }
    }
}

impl Config {
    /// The same in one place of memory, for many connections, with each value moved to the nearest that the protocol
    /// allows.
    #[must_use]
    pub fn shared(mut self) -> Arc<Config> {
        let frames = capabilities::DEFAULT.frame_bytes_max..=capabilities::FRAME_BYTES_MAX;
        let credit = capabilities::CREDIT_MIN..=capabilities::CREDIT_MAX;
        self.initial_credit = self.initial_credit.clamp(*credit.start(), *credit.end());
        self.frame_bytes_max = self.frame_bytes_max.clamp(*frames.start(), *frames.end());
        // A head with the metadata that is taken fits into a frame.
        let metadata_room = self.frame_bytes_max - capabilities::HEAD_ROOM;
        self.metadata_bytes_max = self.metadata_bytes_max.min(metadata_room);
        self.part_bytes = self.part_bytes.clamp(1024, capabilities::FRAME_BYTES_MAX);
        self.interned_max = self.interned_max.min(capabilities::INTERNED_MAX);
        self.attachments_max = self.attachments_max.min(capabilities::ATTACHMENTS_MAX);
        self.keepalive_interval = self.keepalive_interval.map(|time| time.max(KEEPALIVE_INTERVAL_MIN));
        Arc::new(self)
    }

    /// What HELLO says.
    pub(super) fn capabilities(&self) -> Capabilities {
        let built_in = Encoding::ALL.iter().filter(|encoding| encoding.is_built_in());
        Capabilities {
            calls_max: self.max_calls,
            initial_credit: self.initial_credit,
            message_bytes_max: self.limits.receive_message_bytes_max as u64,
            metadata_bytes_max: self.metadata_bytes_max,
            interned_max: self.interned_max,
            encodings: built_in.fold(0, |bits, encoding| bits | capabilities::bit(*encoding)),
            attachments_max: self.attachments_max,
            ping_interval_min_ms: u32::try_from(self.ping_interval_min.as_millis()).unwrap_or(u32::MAX),
            frame_bytes_max: self.frame_bytes_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_the_protocol_does_not_allow_are_moved_to_the_nearest_that_it_does() {
        let config = Config {
            initial_credit: 0,
            frame_bytes_max: u32::MAX,
            metadata_bytes_max: u32::MAX,
            part_bytes: 0,
            interned_max: u32::MAX,
            attachments_max: 255,
            keepalive_interval: Some(Duration::ZERO),
            ..Config::default()
        };
        let config = config.shared();
        assert_eq!((config.initial_credit, config.frame_bytes_max), (1024, 16_777_215));
        assert_eq!((config.part_bytes, config.interned_max, config.attachments_max), (1024, 1024, 64));
        assert!(config.metadata_bytes_max < config.frame_bytes_max);
        assert_eq!(config.keepalive_interval, Some(KEEPALIVE_INTERVAL_MIN));
        let untouched = Config::default().shared();
        assert_eq!(alloc::format!("{untouched:?}"), alloc::format!("{:?}", Config::default()));
    }
}
