//! The native protocol of zRPC, docs/native-protocol.md: calls multiplexed on one connection with little around them.
//!
//! ```text
//! preface, HELLO       what both sides are and take
//! CALL                 a head, a message, an end, in any combination: a unary request is one frame, and so is its answer
//! CREDIT RESET PRIORITY PING PONG GOAWAY
//! ```
//!
//! | file | what it decides |
//! |---|---|
//! | `frame/`, `binary`, `varint`, `preface`, `interned` | bytes, and nothing of calls |
//! | `json/` | the same in JSON's words |
//! | `codec` | frames without bytes: what any encoding of them must be able to do |
//! | `connection`, `receive/`, `send`, `commands`, `lifecycle` | calls, and nothing of bytes |
//! | `call`, `inbound`, `outbound`, `ready`, `priority` | one call: its state, its credit, its turn |
//! | `violation`, `error_code`, `config`, `capabilities`, `memory` | what may go wrong, and how much there may be |
//! | `server`, `client` | the sessions |

mod binary;
mod call;
mod capabilities;
mod client;
pub mod codec;
mod commands;
mod config;
mod connection;
mod control;
mod error_code;
mod event;
mod frame;
mod inbound;
mod interned;
mod json;
mod lifecycle;
mod memory;
mod outbound;
pub mod preface;
mod priority;
mod ready;
mod receive;
mod send;
mod server;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzz"))]
pub mod trial;
mod varint;
mod violation;

pub use binary::Binary;
pub use capabilities::Capabilities;
pub use client::NativeClient;
pub use codec::Codec;
pub use config::Config;
pub use error_code::ErrorCode;
pub use json::Json;
pub use priority::Priority;
pub use server::NativeServer;
pub use violation::{Scope, Violation};

/// Which side of the connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The side that connected and starts calls.
    Client,
    /// The side that accepted and answers them.
    Server,
}

impl Role {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Role {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }
}
