//! A call on its connection, either side: what is known of it, and whose turn it is.

use crate::base::Time;
use crate::native::Priority;
use crate::native::codec::Path;
use crate::native::inbound::Inbound;
use crate::native::outbound::Outbound;
use crate::rpc::{Metadata, Status};
use alloc::boxed::Box;
use alloc::string::String;

/// Whether a call stands in line to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Turn {
    /// It has nothing that it can send.
    #[default]
    Away,
    /// It stands in line.
    Listed,
    /// A client's, until the server allows one more.
    Waiting,
}

/// How far a call is told to its owner.
#[derive(Clone, Debug, Default)]
pub(super) enum Told {
    /// It is open.
    #[default]
    Open,
    /// A client's: its status arrived, and its end is told next.
    Ending(Box<(Status, Metadata)>),
    /// A client's that ended well and without metadata.
    EndingWell,
    /// A server's: the owner knows of its end, or never knew of it; what is queued is still to be sent.
    Ended,
}

/// A call.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// Its number in frames; 0 until it has one.
    pub(super) wire: u64,
    /// A client's that counts among those that the server allows.
    pub(super) is_admitted: bool,
    pub(super) told: Told,
    pub(super) turn: Turn,
    pub(super) priority: Priority,
    pub(super) deadline: Option<Time>,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    /// Where the path of a request stands: with a client until it is written.
    pub(super) path: Path,
    pub(super) path_text: String,
    /// The peer's metadata: of the request at a server, of the response at a client.
    pub(super) metadata: Metadata,
    /// The response has begun, at a client.
    pub(super) has_response: bool,
    /// When it came to be, at a server.
    pub(super) since: Option<Time>,
}

impl Call {
    /// Whether the owner may be told of anything but the end.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self.told, Told::Ended)
    }

    /// Whether it stands in this line.
    pub(super) fn stands_in(&self, turn: Turn, urgency: u8) -> bool {
        self.turn == turn && self.priority.urgency() == urgency
    }

    /// Forgets all but memory that the next call can use. In place, as calls are large.
    pub(super) fn recycle(&mut self) {
        let Call {
            wire,
            is_admitted,
            told,
            turn,
            priority,
            deadline,
            inbound,
            outbound,
            path,
            path_text,
            metadata,
            has_response,
            since,
        } = self;
        (*wire, *is_admitted, *has_response) = (0, false, false);
        (*told, *turn, *priority, *deadline, *since) = Default::default();
        (*inbound, *path) = Default::default();
        outbound.recycle();
        path_text.clear();
        metadata.clear();
    }

    /// Bytes of heap memory held, without payloads that wait to be sent.
    pub(super) fn memory(&self) -> usize {
        self.path_text.capacity()
            + self.metadata.fields().capacity()
            + self.inbound.memory()
            + self.outbound.memory()
    }
}
