//! What a connection may do and take. Every queue, table, counter and rate has its limit here, with the abuse that the
//! limit stops.

use crate::base::Rate;
use crate::http2::frame::MAX_31_BITS;
use alloc::sync::Arc;
use core::ops::RangeInclusive;
use core::time::Duration;

/// Windows of streams that the connection's window has room for as both grow, as it has by default: so many minus one may
/// be left unread before other streams have to wait.
pub(super) const STREAMS_UNREAD: u32 = 4;

/// What keepalive may ask at the most often; without it, an interval of zero would never let go.
const KEEPALIVE_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Who gives flow-control credit back to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credit {
    /// Data counts as consumed when its event is returned.
    OnDelivery,
    /// The owner says [`crate::http2::Connection::consume`] once the application took the data.
    Manual,
}

/// The settings and limits of a connection. The defaults suit an RPC server on a fast network.
#[derive(Clone, Debug)]
pub struct Config {
    /// Streams that the peer may have open at once. Abuse: work without end on one connection.
    pub max_concurrent_streams: u32,
    /// Streams that may wait in a client because the server allows no more at once; further ones are refused.
    pub max_queued_streams: usize,
    /// Bytes that a stream's peer may send ahead at first. Abuse: memory for data that nobody reads.
    pub stream_window_bytes: u32,
    /// Bytes that all streams together may send ahead at first.
    pub connection_window_bytes: u32,
    /// Bytes up to which the connection's window grows on a link that is long or fast, and a stream's up to a quarter.
    pub window_bytes_max: u32,
    /// Bytes of payload that a frame may have; 2^14 to 2^24-1.
    pub max_frame_bytes: u32,
    /// Bytes of the header table that the peer's encoder may use, and the most that ours uses.
    pub header_table_bytes: u32,
    /// Bytes of a header list, counted as name + value + 32 a field. Abuse: a small block that inflates (HPACK bomb).
    pub header_list_bytes_max: u32,
    /// Fields of a header list. Abuse: many empty fields.
    pub header_fields_max: usize,
    /// CONTINUATION frames of one block. Abuse: a block that never ends.
    pub continuations_max: u32,
    /// 1xx responses before the final one. Abuse: informational responses without end.
    pub informational_max: u8,
    /// Bytes queued on one stream before `send` says `Blocked`.
    pub send_buffer_bytes: usize,
    /// Replies (acknowledgements, resets) that may wait for a peer that does not read.
    pub unread_replies_max: usize,
    /// Streams reset, by the peer or because of what it did; each stream that finishes earns three back. On a server, one
    /// that is reset within 10 ms costs three. Abuse: rapid reset, and resets it makes us send. Wide enough for a client
    /// whose deadlines pass while a server is overloaded.
    pub resets: Rate,
    /// Frames without work: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown types, late frames.
    pub idle_frames: Rate,
    /// Whether extended CONNECT (RFC 8441) is served.
    pub extended_connect: bool,
    /// Who gives credit back.
    pub credit: Credit,
    /// How long the peer may take for its preface and first SETTINGS, and to acknowledge ours.
    pub settings_timeout: Duration,
    /// How long a header block may take from its first to its last frame, and a frame that is not DATA from its first to
    /// its last octet. Abuse: a connection that holds memory for what never comes.
    pub header_timeout: Duration,
    /// After how long without a byte from the peer a PING asks whether it is there; none by default.
    pub keepalive_interval: Option<Duration>,
    /// How long that PING may remain unanswered.
    pub keepalive_timeout: Duration,
    /// Whether PINGs are also sent while no stream is open.
    pub keepalive_without_streams: bool,
    /// After how long without a stream the connection drains; never by default.
    pub idle_timeout: Option<Duration>,
    /// The seed of the randomness that shows on the wire (PING payloads).
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_concurrent_streams: 256,
            max_queued_streams: 100_000,
            stream_window_bytes: 256 * 1024,
            connection_window_bytes: 1024 * 1024,
            window_bytes_max: 8 * 1024 * 1024,
            max_frame_bytes: 16_384,
            header_table_bytes: 4096,
            header_list_bytes_max: 16 * 1024,
            header_fields_max: 128,
            continuations_max: 8,
            informational_max: 16,
            send_buffer_bytes: 256 * 1024,
            unread_replies_max: 1000,
            resets: Rate { burst: 500, per_second: 200 },
            idle_frames: Rate { burst: 900, per_second: 330 },
            extended_connect: false,
            credit: Credit::OnDelivery,
            settings_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            keepalive_interval: None,
            keepalive_timeout: Duration::from_secs(20),
            keepalive_without_streams: false,
            idle_timeout: None,
            seed: 0,
        }
    }
}

/// RFC 9113 §6.5.2: what our own frame size is advertised as MUST be within 2^14 and 2^24-1.
/// RFC 9113 §4.2: so frames of 2^14 octets can always be received.
pub(super) const MAX_FRAME_BYTES: RangeInclusive<u32> = 16_384..=16_777_215;

impl Config {
    /// Bytes up to which a stream's window grows: a stream that nobody reads must leave room in the connection's window
    /// for the others.
    pub(super) fn grown_stream_window_max(&self) -> u32 {
        self.window_bytes_max / STREAMS_UNREAD
    }

    /// The same with each value that RFC 9113 does not allow moved to the nearest that it does, so that no frame of
    /// ours breaks a rule.
    pub(super) fn in_range(config: Arc<Config>) -> Arc<Config> {
        let windows = [config.stream_window_bytes, config.connection_window_bytes, config.window_bytes_max];
        let is_in_range = MAX_FRAME_BYTES.contains(&config.max_frame_bytes)
            && windows.iter().all(|size| *size <= MAX_31_BITS)
            && config.keepalive_interval.is_none_or(|interval| interval >= KEEPALIVE_INTERVAL_MIN);
        if is_in_range {
            return config;
        }
        Arc::new(Config {
            max_frame_bytes: config.max_frame_bytes.clamp(*MAX_FRAME_BYTES.start(), *MAX_FRAME_BYTES.end()),
            stream_window_bytes: config.stream_window_bytes.min(MAX_31_BITS),
            connection_window_bytes: config.connection_window_bytes.min(MAX_31_BITS),
            window_bytes_max: config.window_bytes_max.min(MAX_31_BITS),
            keepalive_interval: config
                .keepalive_interval
                .map(|interval| interval.max(KEEPALIVE_INTERVAL_MIN)),
            ..Config::clone(&config)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_5_2_our_frame_size_is_advertised_within_its_range_whatever_is_configured() {
        for (configured, used) in [(0, 16_384), (16_384, 16_384), (1 << 20, 1 << 20), (u32::MAX, 16_777_215)]
        {
            let config = Config { max_frame_bytes: configured, ..Config::default() };
            assert_eq!(Config::in_range(Arc::new(config)).max_frame_bytes, used);
        }
    }

    #[test]
    fn windows_and_the_keepalive_interval_are_brought_into_their_ranges() {
        let config = Config {
            stream_window_bytes: u32::MAX,
            connection_window_bytes: u32::MAX,
            window_bytes_max: u32::MAX,
            keepalive_interval: Some(Duration::ZERO),
            ..Config::default()
        };
        let config = Config::in_range(Arc::new(config));
        assert_eq!(config.stream_window_bytes, MAX_31_BITS);
        assert_eq!(config.connection_window_bytes, MAX_31_BITS);
        assert_eq!(config.window_bytes_max, MAX_31_BITS);
        assert_eq!(config.keepalive_interval, Some(KEEPALIVE_INTERVAL_MIN));
    }
}
