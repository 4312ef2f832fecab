//! The session: one connection turned into calls. Every carrier implements the same two traits, so that a driver
//! moves bytes and time and need not know which protocol it serves.
//!
//! ```text
//! client: start -> (send)* -> half_close        server: Opened -> (Message)* -> HalfClosed
//!         <- Head <- (Message)* <- Ended                 -> send_head -> (send)* -> finish, then <- Ended
//! ```
//!
//! Exactly one `Ended` comes for each call, whatever happens: status, reset, deadline, cancellation, lost connection.
//! After it the id is `Misuse::Gone`.

use crate::base::{Flow, Machine, Misuse, Time};
use crate::rpc::{Encoding, Metadata, Status};
use alloc::borrow::Cow;
use bytes::Bytes;
use core::hash::Hasher;
use core::time::Duration;

/// A call on its connection; never used twice on the same connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub(crate) u64);

impl CallId {
    /// The call with this number; for sessions that are written outside this crate.
    #[must_use]
    pub const fn from_u64(number: u64) -> CallId {
        CallId(number)
    }

    /// The number, for logs and for maps.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Hashes [`CallId`]s for maps. Ids are handed out in order, so one multiplication spreads them; and so few calls are
/// open at once that a peer gains nothing by ids that collide.
#[derive(Clone, Copy, Default, Debug)]
pub struct CallIdHasher(u64);

impl Hasher for CallIdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// What a client says when it starts a call.
#[derive(Clone, Copy, Debug)]
pub struct StartCall<'a> {
    /// `/package.Service/Method`.
    pub path: &'a str,
    /// Metadata of the request.
    pub metadata: &'a Metadata,
    /// When the call ends as DEADLINE_EXCEEDED, wherever it is.
    pub deadline: Option<Time>,
    /// The encoding of messages sent with `compress`.
    pub compression: Option<Encoding>,
}

/// What a server knows of a call from its head; valid until the call has ended.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `/package.Service/Method`, byte for byte as it came.
    pub path: &'a str,
    /// The authority that the client asked for.
    pub authority: &'a str,
    /// The request's metadata.
    pub metadata: &'a Metadata,
    /// When the call ends as DEADLINE_EXCEEDED.
    pub deadline: Option<Time>,
    /// The encoding that the client uses.
    pub encoding: Option<Encoding>,
}

/// What a server's session reports.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A client started a call; [`ServerSession::request`] says which.
    Opened {
        /// The call.
        call: CallId,
    },
    /// A whole message arrived, decompressed.
    Message {
        /// The call.
        call: CallId,
        /// The message without its prefix.
        message: Bytes,
        /// What to hand to `consume` once the application has taken the message.
        credit: u32,
    },
    /// The client sends no more messages.
    HalfClosed {
        /// The call.
        call: CallId,
    },
    /// After a send said `Blocked`: there is room again.
    Writable {
        /// The call.
        call: CallId,
    },
    /// The call is over, and this is all that comes for it. The status is the one that was sent when the handler
    /// finished the call; CANCELLED when the client gave up; DEADLINE_EXCEEDED when time ran out.
    Ended {
        /// The call.
        call: CallId,
        /// How it ended.
        status: Status,
    },
    /// A request was answered before it became a call, by a refusal of the carrier's own, such as an origin that is not
    /// allowed or a handshake that cannot be taken; the connection goes on. For logs.
    Refused {
        /// What was wrong with it, as a sentence without its end; what the peer wrote is escaped in it.
        why: Cow<'static, str>,
    },
    /// The connection is over; the last event.
    Closed(SessionEnd),
}

/// What a client's session reports.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server took the connection: its settings arrived.
    Ready,
    /// The response's metadata arrived; [`ClientSession::response_metadata`] shows it.
    Head {
        /// The call.
        call: CallId,
    },
    /// A whole message arrived, decompressed.
    Message {
        /// The call.
        call: CallId,
        /// The message without its prefix.
        message: Bytes,
        /// What to hand to `consume` once the application has taken the message.
        credit: u32,
    },
    /// After a send said `Blocked`: there is room again.
    Writable {
        /// The call.
        call: CallId,
    },
    /// The call is over, and this is all that comes for it.
    Ended {
        /// The call.
        call: CallId,
        /// How it ended.
        status: Status,
        /// The metadata that came with the status.
        trailers: Metadata,
    },
    /// The server takes no new calls on this connection; those that are open go on.
    Draining,
    /// The connection is over; the last event. Each open call got its `Ended` before.
    Closed(SessionEnd),
}

/// Why a connection is over.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionEnd {
    /// As intended: drained, closed by command, or closed by the peer between calls.
    Graceful,
    /// Something went wrong: who caused it and what it was.
    Failed(Status),
}

const NO_ATTACHMENTS: Misuse = Misuse::Unsupported(
    "this connection carries no attachments; use a native Unix socket with attachments enabled",
);

/// One connection of a server.
pub trait ServerSession: Machine<Event = ServerEvent> {
    /// The head of an open call.
    fn request(&self, call: CallId) -> Option<RequestHead<'_>>;

    /// Sends the response's metadata. Without it, the first `send` or `finish` sends an empty head.
    ///
    /// # Errors
    /// When the head is sent already or the call is over.
    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse>;

    /// Sends a message; compressed when `compress` is set, an encoding was agreed on and it is worth it.
    ///
    /// # Errors
    /// When the last send said `Blocked`, the message is too large, or the call is finished.
    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse>;

    /// Sends a message with so many attachments (file descriptors), which the driver has ready in the order of their
    /// messages; [`crate::base::Out::take_attachments`] says when they must leave. See [`ServerSession::attachments_max`].
    ///
    /// # Errors
    /// As `send`; `Unsupported` when the carrier takes none or not as many.
    fn send_with_attachments(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        if count == 0 { self.send(call, message, compress) } else { Err(NO_ATTACHMENTS) }
    }

    /// How many attachments may be sent with one message; 0 where the carrier or the peer takes none.
    fn attachments_max(&self) -> u8 {
        0
    }

    /// How many attachments the message has whose event was returned last. The driver takes as many from what it received,
    /// in order, after it has dropped [`ServerSession::take_unclaimed_attachments`]. Where fewer arrived, the peer lied:
    /// the driver closes the connection.
    fn attachments(&self) -> u8 {
        0
    }

    /// How many attachments came before those of the last message event, and after those of the one before, with messages
    /// that nobody is told of, as their call was over. The driver closes as many, the oldest first: before it takes those
    /// of a message, and when the session is idle.
    fn take_unclaimed_attachments(&mut self) -> u32 {
        0
    }

    /// Ends the call with a status; what is queued goes out before it.
    ///
    /// # Errors
    /// When the call is finished already or over; `TooLarge` when the client takes no trailers of this size, with which
    /// the call goes on.
    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse>;

    /// Whether the client of this call can send more than one message; where it cannot, a driver refuses methods that take
    /// more.
    fn takes_request_stream(&self, call: CallId) -> bool {
        let _ = call;
        true
    }

    /// Gives credit for a message back to the client, or the sum for several.
    fn consume(&mut self, call: CallId, credit: u32);

    /// Takes no new calls, lets open ones go on for `grace`, then ends the connection.
    fn drain(&mut self, now: Time, grace: Duration);

    /// Ends the connection now; open calls end as UNAVAILABLE.
    fn close(&mut self, now: Time);

    /// Calls that are open.
    fn open_calls(&self) -> usize;
}

/// One connection of a client.
pub trait ClientSession: Machine<Event = ClientEvent> {
    /// Starts a call. Waits its turn when the server allows no more at once.
    ///
    /// # Errors
    /// When the connection takes no calls, or a field cannot be sent.
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse>;

    /// Sends a message; compressed when `compress` is set, an encoding was chosen and it is worth it.
    ///
    /// # Errors
    /// When the last send said `Blocked`, the message is too large, or the call is half closed.
    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse>;

    /// Sends a message with so many attachments (file descriptors), which the driver has ready in the order of their
    /// messages; [`crate::base::Out::take_attachments`] says when they must leave. See [`ClientSession::attachments_max`].
    ///
    /// # Errors
    /// As `send`; `Unsupported` when the carrier takes none or not as many.
    fn send_with_attachments(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        if count == 0 { self.send(call, message, compress) } else { Err(NO_ATTACHMENTS) }
    }

    /// How many attachments may be sent with one message; 0 where the carrier or the peer takes none.
    fn attachments_max(&self) -> u8 {
        0
    }

    /// How many attachments the message has whose event was returned last. The driver takes as many from what it received,
    /// in order, after it has dropped [`ClientSession::take_unclaimed_attachments`]. Where fewer arrived, the peer lied:
    /// the driver closes the connection.
    fn attachments(&self) -> u8 {
        0
    }

    /// How many attachments came before those of the last message event, and after those of the one before, with messages
    /// that nobody is told of, as their call was over. The driver closes as many, the oldest first: before it takes those
    /// of a message, and when the session is idle.
    fn take_unclaimed_attachments(&mut self) -> u32 {
        0
    }

    /// Says that no more messages come from this side.
    ///
    /// # Errors
    /// When that was said before or the call is over.
    fn half_close(&mut self, call: CallId) -> Result<(), Misuse>;

    /// Gives the call up; it ends as CANCELLED here and is reset at the server.
    ///
    /// # Errors
    /// When the call is over.
    fn cancel(&mut self, call: CallId) -> Result<(), Misuse>;

    /// Whether a call can send more than one message; where it cannot, a driver refuses to start one that would.
    fn takes_request_streams(&self) -> bool {
        true
    }

    /// Gives credit for a message back to the server, or the sum for several.
    fn consume(&mut self, call: CallId, credit: u32);

    /// The response's metadata, from `Head` until `Ended`.
    fn response_metadata(&self, call: CallId) -> Option<&Metadata>;

    /// Starts no new calls and closes when the open ones are over.
    fn drain(&mut self, now: Time);

    /// Ends the connection now; open calls end as CANCELLED.
    fn close(&mut self, now: Time);

    /// Calls that are open or wait for their turn.
    fn open_calls(&self) -> usize;

    /// Whether a call may be started.
    fn takes_calls(&self) -> bool;

    /// Whether what is sent waits until the server has taken the connection: a driver that reads only while somebody
    /// waits reads until `Ready` first.
    fn awaits_server(&self) -> bool {
        false
    }

    /// Whether a call started now would begin at once, and not wait for others to end.
    fn has_room(&self) -> bool {
        self.takes_calls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use core::hash::Hash;

    #[test]
    fn ids_that_are_handed_out_in_order_hash_far_apart() {
        let hash = |id: u64| {
            let mut hasher = CallIdHasher::default();
            CallId(id).hash(&mut hasher);
            hasher.finish()
        };
        // A client's streams on HTTP/2 have odd ids; a table takes its slot from the low bits, its tag from the high ones.
        let ids = || (0..128).map(|call| hash(2 * call + 1));
        let slots: BTreeSet<u64> = ids().map(|hash| hash % 256).collect();
        let tags: BTreeSet<u64> = ids().map(|hash| hash >> 57).collect();
        assert!(slots.len() > 64 && tags.len() > 64, "{} slots, {} tags", slots.len(), tags.len());
    }
}
