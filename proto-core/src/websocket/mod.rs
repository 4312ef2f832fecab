//! WebSocket, RFC 6455 with the compression of RFC 7692: a connection of either side as one machine that turns bytes into
//! messages.
//!
//! It serves anyone who wants messages between a browser and a server, with or without RPC on top:
//!
//! ```
//! use std::sync::Arc;
//! use zrpc_core::base::{Machine, Out, Output, Secret, Time};
//! use zrpc_core::websocket::{Config, Connection, Event, Kind, Request};
//!
//! let (now, config) = (Time::START, Arc::new(Config::default()));
//! let mut server = Connection::server(now, Arc::clone(&config));
//! // The seed comes from the system's randomness, a fresh one for each connection.
//! let secret = Secret::from_seed([7; 32]);
//! let mut client = Connection::client(now, config, &Request::new("localhost", "/chat"), secret)?;
//! let mut heard = None;
//! while heard.is_none() {
//!     let mut out = Out::with_room(64 * 1024);
//!     while let Output::Event(event) = client.poll_output(now, &mut out) {
//!         match event {
//!             Event::Opened => drop(client.send(Kind::Text, "hello".into(), false)?),
//!             Event::Message { payload, .. } => heard = Some(payload),
//!             _ => {}
//!         }
//!     }
//!     server.handle_input(now, out.to_vec().into());
//!     out.clear();
//!     while let Output::Event(event) = server.poll_output(now, &mut out) {
//!         if let Event::Message { kind, payload, .. } = event {
//!             let _ = server.send(kind, payload, false)?;
//!         }
//!     }
//!     client.handle_input(now, out.to_vec().into());
//! }
//! assert_eq!(heard.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), zrpc_core::base::Misuse>(())
//! ```
//!
//! | file | what it decides |
//! |---|---|
//! | `handshake/` | who may connect, and what is agreed on |
//! | `frame.rs`, `mask.rs`, `reader.rs` | how frames look, and where they begin and end |
//! | `receive.rs`, `message.rs`, `utf8.rs` | what each frame means, and what a message may be |
//! | `extension.rs`, `deflate.rs`, `codec.rs` | compression: its grammar, its agreement, its work |
//! | `outbox.rs`, `commands.rs` | what is written next |
//! | `close.rs`, `lifecycle.rs` | open, wait, close, end |
//! | `memory.rs` | what it holds, and when it gives that back |
//! | `violation.rs`, `config.rs` | what a peer can do wrong, and how much of anything it may do |

pub mod close;
mod codec;
mod commands;
pub mod config;
pub mod connection;
pub mod deflate;
pub mod event;
mod extension;
pub mod frame;
pub mod handshake;
mod lifecycle;
pub mod mask;
mod memory;
mod message;
mod outbox;
mod reader;
mod receive;
mod sha1;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzz"))]
pub mod trial;
pub mod utf8;
pub mod violation;

pub use close::CloseCode;
pub use config::{Config, Credit, Delivery};
pub use connection::{Connection, Head, Role};
pub use deflate::Deflate;
pub use event::{End, Event, Kind};
pub use handshake::{
    Agreement, Origins, Policy, Refusal, Request, accept_connect, check_connect_response, connect_fields,
};
pub use violation::Violation;
