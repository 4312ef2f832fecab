//! What a connection reports.

use crate::http2::{ErrorCode, StreamId, Violation};
use alloc::string::String;
use bytes::Bytes;

/// What HEADERS carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeadersKind {
    /// A client opened a stream.
    Request,
    /// A 1xx response; the final one is still to come.
    Informational,
    /// The final response.
    Response,
    /// Fields after the content; they always end the stream.
    Trailers,
}

/// What a connection reports to its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer's SETTINGS arrived, the first ones or later ones.
    Settings,
    /// A header list; [`crate::http2::Connection::fields`] shows it until the next poll.
    Headers {
        /// The stream.
        stream: StreamId,
        /// What the list is.
        kind: HeadersKind,
        /// Whether the peer sends nothing more on the stream.
        end: bool,
        /// Whether the list exceeds its limit; the fields beyond are missing then.
        oversized: bool,
    },
    /// Content, as it arrived.
    Data {
        /// The stream.
        stream: StreamId,
        /// The content; a slice of the input.
        data: Bytes,
        /// Whether the peer sends nothing more on the stream.
        end: bool,
    },
    /// After a send said `Blocked`: there is room again.
    Writable {
        /// The stream.
        stream: StreamId,
    },
    /// The stream is over; its last event, and the only one of a stream whose head was malformed.
    Closed {
        /// The stream.
        stream: StreamId,
        /// How.
        reason: CloseReason,
    },
    /// A PING of [`crate::http2::Connection::ping`] was answered.
    Pong {
        /// Its payload.
        payload: [u8; 8],
    },
    /// The peer takes no new streams; those it names go on, the others got their `Closed`.
    GoAway {
        /// The last stream that it may have processed.
        last_stream: StreamId,
        /// Why.
        code: ErrorCode,
    },
    /// The connection is over, and with it every stream: the last event.
    Ended(End),
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides said END_STREAM.
    Finished,
    /// The peer reset it.
    ResetByPeer(ErrorCode),
    /// We reset it, by command.
    ResetByUs(ErrorCode),
    /// We reset it, because the peer broke a rule.
    Violation(Violation),
    /// The peer's GOAWAY says that it was not processed: trying again cannot do it twice.
    NotProcessed,
}

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End {
    /// Drained or closed by command, or closed by the peer while no stream was open.
    Graceful,
    /// The transport ended while streams were open or within a frame.
    TransportClosed,
    /// The peer broke a rule; the GOAWAY that says so is queued.
    Violation(Violation),
    /// The peer said GOAWAY with an error.
    PeerError {
        /// Its code.
        code: ErrorCode,
        /// What it said for people: at most 256 characters, control characters escaped.
        debug: String,
    },
}
