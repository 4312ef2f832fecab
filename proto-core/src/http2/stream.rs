//! One stream: where it stands, its two windows, and what waits to be sent on it.

use crate::base::Time;
use crate::http2::config::Config;
use crate::http2::flow::{ReceiveWindow, SendWindow};
use crate::http2::outbox::Queue;
use crate::http2::state::State;
use crate::http2::validate::Head;

/// A stream's id, RFC 9113 §5.1.1: odd ones are the client's, even ones the server's, 0 is the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// The connection itself.
    pub const CONNECTION: StreamId = StreamId(0);

    /// The number on the wire.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The stream with this number; the reserved bit is dropped.
    #[must_use]
    pub const fn from_u32(number: u32) -> StreamId {
        StreamId(number & crate::http2::frame::MAX_31_BITS)
    }

    pub(super) const fn is_client(self) -> bool {
        self.0 % 2 == 1
    }
}

/// What the owner has commanded so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outbound {
    /// No head yet.
    Head,
    /// Head given; content or trailers may follow.
    Content,
    /// END_STREAM given.
    Ended,
}

/// What the peer has sent so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Inbound {
    /// No final head yet; so many informational ones.
    Head { informational: u8 },
    /// Head received; so much content is due, where that is known.
    Content { due: Option<u64> },
    /// END_STREAM received.
    Ended,
}

/// What the request's method means for what follows the heads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exchange {
    /// Content and trailers, either way.
    Ordinary,
    /// HEAD: the response has a length and no content.
    HeadOnly,
    /// CONNECT: once it is answered with 2xx, DATA either way and nothing else (RFC 9113 §8.5).
    Tunnel,
}

impl Exchange {
    pub(super) const fn of_request(head: &Head) -> Exchange {
        match head {
            Head { is_head: true, .. } => Exchange::HeadOnly,
            Head { is_connect: true, .. } => Exchange::Tunnel,
            _ => Exchange::Ordinary,
        }
    }

    /// What it becomes with a final response.
    pub(super) const fn answered(self, status: u16) -> Exchange {
        match self {
            Exchange::Tunnel if status >= 300 => Exchange::Ordinary,
            other => other,
        }
    }
}

/// Which list of the outbox a stream stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// None: nothing to send, or its own window is used up.
    Away,
    /// `ready` or `starved`.
    Listed,
    /// `waiting`: its first HEADERS may not be sent yet.
    Waiting,
}

/// One stream of a connection.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) state: State,
    pub(super) send: SendWindow,
    pub(super) recv: ReceiveWindow,
    pub(super) outbound: Outbound,
    pub(super) inbound: Inbound,
    pub(super) queue: Queue,
    /// What waits to be sent, with an overhead for each item.
    pub(super) queued_bytes: usize,
    pub(super) turn: Turn,
    /// `send` said `Blocked`, and `Writable` is owed.
    pub(super) blocked: bool,
    pub(super) exchange: Exchange,
    /// When it came to be.
    pub(super) since: Time,
}

impl Stream {
    pub(super) fn new(now: Time, send_window: u32, receive_window: u32, config: &Config) -> Stream {
        Stream {
            since: now,
            state: State::Idle,
            send: SendWindow::new(send_window),
            recv: ReceiveWindow::new(receive_window, config.stream_window_bytes),
            outbound: Outbound::Head,
            inbound: Inbound::Head { informational: 0 },
            queue: Queue::EMPTY,
            queued_bytes: 0,
            turn: Turn::Away,
            blocked: false,
            exchange: Exchange::Ordinary,
        }
    }

    /// Whether HEADERS of this stream were written or received.
    pub(super) fn is_started(&self) -> bool {
        self.state != State::Idle
    }
}
