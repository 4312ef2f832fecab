//! zrpc on blocking sockets: a [`Server`], a [`Channel`], and streams between them, without a runtime.
//!
//! The protocols live in `zrpc-core` as plain state machines; this crate moves bytes and time between them and
//! sockets, and decides nothing. Its nouns are those of the tokio driver, without `async`: what waits, waits.
//!
//! Here is a whole server with its client, through memory instead of a port:
//!
//! ```
//! use bytes::Bytes;
//! use zrpc_core::rpc::{Idempotency, Kind, Method, RawCodec, Request, Response, ServiceDescriptor};
//! use zrpc_std::{IncomingCall, Server, Service};
//!
//! static ECHO: ServiceDescriptor = ServiceDescriptor {
//!     name: "demo.Echo",
//!     methods: &[Method { path: "/demo.Echo/Say", kind: Kind::Unary, idempotency: Idempotency::Unknown }],
//!     file_descriptor_set: &[],
//! };
//!
//! struct Echo; // generated code writes this part
//!
//! impl Service for Echo {
//!     fn descriptor(&self) -> &'static ServiceDescriptor {
//!         &ECHO
//!     }
//!
//!     fn call(&self, method: usize, call: IncomingCall) {
//!         match method {
//!             0 => call.unary::<RawCodec>(|request| Ok(Response::new(request.into_message()))),
//!             _ => call.unimplemented(),
//!         }
//!     }
//! }
//!
//! let channel = Server::builder().service(Echo).in_memory()?;
//! for word in ["one", "two", "three"] {
//!     let request = Request::new(Bytes::from(word));
//!     let response = channel.unary::<RawCodec>(&ECHO.methods[0], request)?;
//!     assert_eq!(response.message(), word);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads
//!
//! A client has none of its own. The thread that calls writes its request, then reads until its answer is there; of
//! several that share a channel, one reads for all and passes that on when it is done. So nothing happens on a
//! connection while nobody calls: pings and settings of the server are answered by the next call, and messages of a
//! stream that nobody takes wait on the wire. A client that must prove between calls that it lives wants the tokio
//! driver. (One exception: a host name, unlike an address, is looked up on a thread of its own, since the system's
//! resolver knows no deadline.)
//!
//! A server has one thread for each connection and a bounded pool for handlers. A short unary handler runs where its
//! request was read, which is as fast as a bare socket; when one turns out long, another thread takes over the reading,
//! so that it holds up nobody. See [`ServerBuilder::max_connections`], [`ServerBuilder::max_calls`] and
//! [`ServerBuilder::max_queued`] for the bounds and [`ServerHandle::drain`] for the end.
//!
//! # Time
//!
//! A deadline covers the whole call: resolving, connecting, the request, the last message of the response. A handler
//! sees it as [`Request::deadline`](zrpc_core::rpc::Request::deadline) on the driver's [`clock`] and passes it on with
//! `Request::new(message).with_deadline(request.deadline())`.
//!
//! # Unix sockets
//!
//! A server listens on one with [`ServerBuilder::bind_uri`] (`unix:///run/rooms.sock`, `unix-abstract:rooms`) or, for other users
//! than its own, with [`ServerBuilder::bind_unix`] and a [`UnixBinding`] that says who may connect; a channel connects with the
//! same URI, or with `http+unix://` for gRPC. Handlers find the process that calls in
//! [`Request::peer`](zrpc_core::rpc::Request::peer). File descriptors travel with messages where both sides enable
//! `attachments`, and `spin` is the polling mode.
//!
//! # Giving up
//!
//! Dropping is cancellation: a client that drops a [`Streaming`] or a [`ClientStreaming`] resets the call on the wire.
//! A handler whose call is over hears it from its [`Streaming`] and its [`Replies`], whose next use fails with the
//! call's status; nobody can interrupt what it does between.
//!
//! # Other protocols
//!
//! [`pump::drive`] runs any machine of the core on the calling thread, HTTP/2 without gRPC for one;
//! [`ServerBuilder::sessions`] and [`ChannelBuilder::sessions`] serve other carriers of calls, and
//! [`Transport`] is all that a connection's bytes must offer.
//!
//! The driver needs `poll(2)` and runs on Unix systems.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(not(unix))]
compile_error!("zrpc-std waits with poll(2) and runs on Unix systems only; use zrpc-tokio here");

mod acceptor;
mod client;
pub mod clock;
mod line;
mod link;
pub mod memory;
mod patience;
pub mod pump;
mod server;
mod socket;
mod streaming;
mod transport;
pub mod websocket;

pub use acceptor::{Acceptor, TcpAcceptor, UnixAcceptor};
pub use client::builder::ChannelBuilder;
pub use client::channel::Channel;
pub use client::connection::BoxClientSession;
pub use client::endpoint::Connector;
pub use client::sender::{ClientStreaming, Sender};
pub use server::handle::{RunningServer, ServerHandle};
pub use server::replies::Replies;
pub use server::service::{IncomingCall, Service};
pub use server::slots::BoxServerSession;
pub use server::{Server, ServerBuilder};
pub use socket::Socket;
pub use streaming::Streaming;
pub use transport::{Listener, Transport};
pub use zrpc_core::policy::Backoff;
pub use zrpc_system::{Recorded, Recorder};
pub use zrpc_unix::{UnixAddress, UnixBinding};
