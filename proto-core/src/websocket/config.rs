//! What a connection may do and take. Every queue, table and rate has its limit here, with the abuse that the limit stops.

use crate::base::Rate;
use crate::http1::HeadLimits;
use crate::websocket::deflate::Deflate;
use crate::websocket::handshake::Policy;
use core::time::Duration;

/// How messages reach the owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Each message once it is complete.
    Whole,
    /// Parts of messages as they arrive, so that a message may be larger than memory.
    Parts,
}

/// Who says that a message was taken, and so lets the next ones be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credit {
    /// A message counts as taken when its event is returned.
    OnDelivery,
    /// The owner says [`crate::websocket::Connection::consume`] once the application took it.
    Manual,
}

/// The settings and limits of a connection. The defaults suit a server of messages on a fast network.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of a message, after inflation. Abuse: memory without end, by length or by compression.
    pub message_bytes_max: usize,
    /// How messages reach the owner.
    pub delivery: Delivery,
    /// Who says that a message was taken.
    pub credit: Credit,
    /// Bytes of messages that were delivered and not taken, from which on nothing more is read.
    pub unread_bytes_max: usize,
    /// Bytes queued before `send` says `Blocked`.
    pub send_buffer_bytes: usize,
    /// What fragments may cost: each is charged what it lacks to 32 bytes, and earns its payload. Abuse: a message in
    /// fragments of one byte, each of which costs a head and a turn.
    pub fragments: Rate,
    /// Control frames; each data frame earns one. Abuse: floods of pings, each of which asks for an answer.
    pub control_frames: Rate,
    /// Pongs that wait for a peer that does not read; beyond them only the latest is kept (RFC 6455 §5.5.3 allows it).
    pub pongs_max: usize,
    /// What the head of the handshake may cost.
    pub head: HeadLimits,
    /// How long the opening handshake may take.
    pub handshake_timeout: Duration,
    /// How long the closing handshake may take.
    pub close_timeout: Duration,
    /// How long a message that was begun may rest. Abuse: memory held by messages that are never finished.
    pub message_timeout: Duration,
    /// After how long without a byte from the peer a ping asks whether it is there; none by default.
    pub heartbeat_interval: Option<Duration>,
    /// How long that ping may remain unanswered.
    pub heartbeat_timeout: Duration,
    /// Compression of messages, RFC 7692. Off by default; without the feature `deflate` it stays off.
    pub deflate: Option<Deflate>,
    /// Whom a server lets in.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            message_bytes_max: 16 * 1024 * 1024,
            delivery: Delivery::Whole,
            credit: Credit::OnDelivery,
            unread_bytes_max: 1024 * 1024,
            send_buffer_bytes: 256 * 1024,
            fragments: Rate { burst: 64 * 1024, per_second: 4 * 1024 },
            control_frames: Rate { burst: 1000, per_second: 100 },
            pongs_max: 16,
            head: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(30),
            heartbeat_interval: None,
            heartbeat_timeout: Duration::from_secs(20),
            deflate: None,
            policy: Policy::default(),
        }
    }
}
