//! What a connection reports.

use crate::base::Fields;
use crate::http1::{RequestHead, ResponseHead, Violation};
use bytes::Bytes;

/// What a connection reports. An exchange is a request and its response; exchanges are numbered from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A server got a request.
    Request {
        /// The exchange.
        exchange: u64,
        /// Its head.
        head: RequestHead,
        /// It has no body.
        end: bool,
    },
    /// A client got the final response.
    Response {
        /// The exchange.
        exchange: u64,
        /// Its head.
        head: ResponseHead,
        /// It has no body.
        end: bool,
    },
    /// A piece of the peer's body.
    Data {
        /// The exchange.
        exchange: u64,
        /// Content; say [`crate::http1::Connection::consume`] once it was taken.
        data: Bytes,
        /// It is the last.
        end: bool,
    },
    /// The peer's body ended with trailers.
    Trailers {
        /// The exchange.
        exchange: u64,
        /// The trailers.
        fields: Fields,
    },
    /// After a send said `Blocked`: there is room again.
    Writable {
        /// The exchange.
        exchange: u64,
    },
    /// The exchange is over on both sides, and its last byte is written.
    Finished {
        /// The exchange.
        exchange: u64,
    },
    /// The connection is over; the last event.
    Ended(End),
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End {
    /// As intended: closed by command, drained, idle for too long, or closed by the peer between exchanges.
    Graceful,
    /// The peer went away within an exchange.
    TransportClosed,
    /// The peer broke a rule; a client that did it gets an answer.
    Violation(Violation),
}
