//! What a connection tells its session, whichever side it is.

use crate::native::ErrorCode;
use crate::native::Violation;
use crate::rpc::session::SessionEnd;
use crate::rpc::{Metadata, Status};
use alloc::string::String;
use bytes::Bytes;

/// Something happened; the names are those of [`crate::rpc::ServerEvent`] and [`crate::rpc::ClientEvent`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Ready,
    Opened(u64),
    Head(u64),
    Message {
        call: u64,
        message: Bytes,
        credit: u32,
        attachments: u8,
    },
    HalfClosed(u64),
    Writable(u64),
    /// A client's call ends as its state says.
    Ending(u64),
    Ended {
        call: u64,
        status: Status,
        trailers: Metadata,
    },
    Draining,
    Closed(SessionEnd),
}

/// Why a connection is over.
#[derive(Clone, Debug)]
pub(super) enum End {
    Graceful,
    TransportClosed,
    /// What carries the connection has ended, and said why.
    Carrier(Status),
    Violation(Violation),
    PeerError {
        code: ErrorCode,
        text: String,
    },
    /// The server does not speak this version.
    Refused {
        lowest: u8,
        highest: u8,
        text: String,
    },
}
