//! zrpc on tokio: a [`Server`], a [`Channel`], and streams between them.
//!
//! The protocols live in `zrpc-core` as plain state machines; this crate moves bytes and time between them and
//! tokio's sockets, and decides nothing. One task owns a connection: it reads as much as there is, handles every
//! event, and writes all that came of it in one system call. A handler that is done at its first poll costs no
//! spawn; a caller that is alone on its connection writes on its own thread.
//!
//! Here is a whole server with its client, through memory instead of a port:
//!
//! ```
//! use bytes::Bytes;
//! use zrpc_core::rpc::{Idempotency, Kind, Method, RawCodec, Request, Response, ServiceDescriptor, Status};
//! use zrpc_tokio::{Handling, IncomingCall, Server, Service};
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
//!     fn call(&self, method: usize, call: IncomingCall) -> Handling {
//!         match method {
//!             0 => call.unary::<RawCodec, _, _>(|request| async { Ok(Response::new(request.into_message())) }),
//!             _ => call.unimplemented(),
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Status> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let channel = Server::builder().service(Echo).in_memory();
//! for word in ["one", "two", "three"] {
//!     let request = Request::new(Bytes::from(word));
//!     let response = channel.unary::<RawCodec>(&ECHO.methods[0], request).await?;
//!     assert_eq!(response.message(), word);
//! }
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Handlers
//!
//! A handler runs inside the task of its connection until it waits for the first time, and in a task of its own
//! from then on. So most calls cost no spawn; but one that computes for long before it waits holds up the other
//! calls of its connection, and belongs into `tokio::task::spawn_blocking`. A handler that panics ends its call as
//! INTERNAL, and is logged.
//!
//! Code that sees every call, on either side, is an [`Interceptor`](zrpc_core::rpc::Interceptor). Its hooks do not
//! wait; a server that must wait before it decides wraps its service and answers with [`Handling::defer`].
//!
//! # Time
//!
//! A deadline covers the whole call: waiting for a connection, the request, the last message of the response. A
//! handler sees it as [`Request::deadline`](zrpc_core::rpc::Request::deadline), asks what is left of it with
//! [`Remaining::remaining`], and passes it on with `Request::new(message).with_deadline(request.deadline())`.
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
//! Dropping is cancellation. A client that drops the future of a unary call, a [`Streaming`] or a
//! [`ClientStreaming`] resets the call on the wire; a server drops the handler where it waits, so what must be
//! undone belongs into a `Drop`. The same happens when the deadline passes or the connection is lost.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attached;
mod client;
pub mod clock;
mod incoming;
mod line;
mod memory;
mod options;
mod pool;
pub mod pump;
mod replies;
mod sender;
mod server;
mod streaming;
mod timer;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(unix)]
mod unix;
mod watch;
pub mod websocket;

pub use client::connector::{Connecting, Connector, Transport};
pub use client::{Channel, ChannelBuilder};
pub use clock::Remaining;
pub use incoming::{Handling, IncomingCall, Service};
pub use memory::{MemoryConnector, MemoryListener, memory};
pub use replies::Replies;
pub use sender::{ClientStreaming, Sender};
#[cfg(unix)]
pub use server::listener::UnixAcceptor;
pub use server::listener::{Accepted, Listener};
#[doc(hidden)]
pub use server::listener::{Carried, SocketOptions};
pub use server::uri::{UriListener, UriStream};
pub use server::{Server, ServerBuilder, ServerHandle};
pub use streaming::Streaming;
#[cfg(unix)]
pub use unix::UnixSocket;
pub use zrpc_core::policy::Backoff;
pub use zrpc_system::{Recorded, Recorder};
#[cfg(unix)]
pub use zrpc_unix::{UnixAddress, UnixBinding};
