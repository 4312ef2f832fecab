//! What the laws compare of a session's events, whichever carrier it has: without what depends on the schedule by design.

use crate::rpc::{ClientEvent, ServerEvent};

/// A server's event as its owner would tell it. Credit for a message that came in parts is given back early, lest a large
/// one never fits; and room to write only says that the owner may go on.
pub(crate) fn told_by_server(event: &ServerEvent) -> Option<ServerEvent> {
    match event {
        ServerEvent::Writable { .. } => None,
        ServerEvent::Message { call, message, .. } => {
            Some(ServerEvent::Message { call: *call, message: message.clone(), credit: 0 })
        }
        event => Some(event.clone()),
    }
}

/// A client's event as its owner would tell it; as [`told_by_server`].
pub(crate) fn told_by_client(event: &ClientEvent) -> Option<ClientEvent> {
    match event {
        ClientEvent::Writable { .. } => None,
        ClientEvent::Message { call, message, .. } => {
            Some(ClientEvent::Message { call: *call, message: message.clone(), credit: 0 })
        }
        event => Some(event.clone()),
    }
}

/// The call that a server's event belongs to; what belongs to none has a number of its own.
pub(crate) fn call_at_server(event: &ServerEvent) -> u64 {
    match event {
        ServerEvent::Opened { call }
        | ServerEvent::Message { call, .. }
        | ServerEvent::HalfClosed { call }
        | ServerEvent::Writable { call }
        | ServerEvent::Ended { call, .. } => call.as_u64(),
        ServerEvent::Refused { .. } => u64::MAX - 1,
        ServerEvent::Closed(_) => u64::MAX,
    }
}

/// The call that a client's event belongs to; as [`call_at_server`].
pub(crate) fn call_at_client(event: &ClientEvent) -> u64 {
    match event {
        ClientEvent::Head { call }
        | ClientEvent::Message { call, .. }
        | ClientEvent::Writable { call }
        | ClientEvent::Ended { call, .. } => call.as_u64(),
        ClientEvent::Ready | ClientEvent::Draining => 0,
        ClientEvent::Closed(_) => u64::MAX,
    }
}
