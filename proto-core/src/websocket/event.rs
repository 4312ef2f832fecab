//! What a connection reports.

use crate::websocket::handshake::Refusal;
use crate::websocket::{CloseCode, Violation};
use alloc::string::String;
use bytes::Bytes;
use core::fmt;

/// What a message is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// What a connection reports to its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is done; messages may be sent. [`crate::websocket::Connection::head`] shows the request or the
    /// response until the next poll.
    Opened,
    /// A whole message.
    Message {
        /// What it is made of.
        kind: Kind,
        /// Its bytes; of a text, UTF-8 that was checked.
        payload: Bytes,
        /// What to [`consume`](crate::websocket::Connection::consume) when the application took it.
        credit: usize,
    },
    /// A part of a message as it arrived, with [`crate::websocket::Delivery::Parts`].
    Part {
        /// What the message is made of.
        kind: Kind,
        /// Bytes; those of a text are checked, but a character may go on in the next part.
        payload: Bytes,
        /// Whether this is the last part of its message.
        end: bool,
        /// What to consume when the application took it.
        credit: usize,
    },
    /// A ping of [`crate::websocket::Connection::ping`] was answered.
    Pong {
        /// Its payload.
        payload: Bytes,
    },
    /// After a send said `Blocked`: there is room again.
    Writable,
    /// The peer closes, or answers our close. It sends no more messages; ours that are queued still go out.
    Closing {
        /// Its code.
        code: Option<CloseCode>,
        /// Its reason.
        reason: String,
    },
    /// The connection is over: the last event.
    Closed(End),
}

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End {
    /// Both sides said close.
    Closed {
        /// The code of the side that closed first.
        code: Option<CloseCode>,
        /// Its reason.
        reason: String,
        /// Whether that was the peer.
        by_peer: bool,
    },
    /// The handshake failed: a server's HTTP answer that says so is queued, a client tells why it hangs up.
    Refused(Refusal),
    /// The peer broke a rule; the close frame that says so is queued.
    Violation(Violation),
    /// The transport ended without a closing handshake.
    TransportClosed,
    /// Closed by command before the handshake was done.
    Abandoned,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Closed { code, reason, by_peer } => {
                let who = if *by_peer { "the peer" } else { "this side" };
                write!(f, "{who} closed the connection: {}", code.unwrap_or(CloseCode::NO_STATUS))?;
                if reason.is_empty() { Ok(()) } else { write!(f, ", {}", reason.escape_debug()) }
            }
            End::Refused(refusal) => write!(f, "the WebSocket handshake failed: {refusal}"),
            End::Violation(violation) => write!(f, "the peer broke the WebSocket protocol: {violation}"),
            End::TransportClosed => {
                f.write_str("the transport ended without a closing handshake (RFC 6455 §7.1.5)")
            }
            End::Abandoned => f.write_str("the connection was closed before its handshake was done"),
        }
    }
}

impl core::error::Error for End {}
