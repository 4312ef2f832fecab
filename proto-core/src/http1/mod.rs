//! HTTP/1.1 (RFC 9112, with the semantics of RFC 9110), as far as RPC needs it: heads, bodies, keep-alive, refusals.
//!
//! | file | what it decides |
//! |---|---|
//! | `connection.rs` | one connection, either side: wiring |
//! | `receive.rs` `commands.rs` `event.rs` `config.rs` | what it reads, what it is told, what it reports, what it may cost |
//! | `body.rs` `outbox.rs` | where a body ends; what waits to be sent |
//! | `head.rs` | where a head ends, out of bytes that come in any pieces; the first refusals |
//! | `request_head.rs` `response_head.rs` | what a head says |
//! | `field_lines.rs` | names, values, and how long the body is |
//! | `write.rs` | heads on their way out, and the answer to what is refused |
//! | `violation.rs` | everything a peer can do wrong, with its answer |
//!
//! Strict where leniency is how requests are smuggled: a head that two readers could understand in two ways is refused.

mod body;
mod commands;
mod config;
mod connection;
mod event;
pub mod field_lines;
pub mod head;
mod outbox;
mod receive;
mod request_head;
mod response_head;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzz"))]
pub mod trial;
pub mod violation;
pub mod write;

pub use commands::{RequestBody, check_request};
pub use config::Config;
pub use connection::Connection;
pub use event::{End, Event};
pub use field_lines::{Framing, list_has};
pub use head::{HeadLimits, HeadReader};
pub use request_head::{RequestHead, Version};
pub use response_head::ResponseHead;
pub use violation::Violation;
