//! HTTP/2, RFC 9113: a connection of either side as one machine that turns bytes into streams.
//!
//! It serves anyone who wants HTTP/2, with or without gRPC on top.
//!
//! | file | what it decides |
//! |---|---|
//! | `frame/` | how each frame looks |
//! | `reader.rs`, `header_block.rs` | where frames and header blocks begin and end |
//! | `state.rs`, `stream.rs`, `flow.rs` | where a stream stands and what it may send |
//! | `receive/` | what each frame means |
//! | `outbox.rs`, `control.rs`, `send.rs` | what is written next |
//! | `lifecycle.rs` | begin, wait, drain, end |
//! | `memory.rs` | what it holds, and when it gives that back |
//! | `violation.rs`, `config.rs` | what a peer can do wrong, and how much of anything it may do |

mod closed_memory;
mod commands;
pub mod config;
pub mod connection;
mod control;
pub mod error_code;
pub mod event;
pub mod flow;
pub mod frame;
mod header_block;
mod lifecycle;
mod memory;
mod outbox;
mod pings;
mod reader;
mod receive;
mod send;
pub mod settings;
pub mod state;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzz"))]
pub mod trial;
pub mod validate;
pub mod violation;
mod window_tuning;

pub use config::{Config, Credit};
pub use connection::{Connection, Role};
pub use error_code::ErrorCode;
pub use event::{CloseReason, End, Event, HeadersKind};
pub use outbox::Prefix;
pub use reader::PREFACE;
pub use settings::RemoteSettings;
pub use stream::StreamId;
pub use violation::{Scope, Violation};
