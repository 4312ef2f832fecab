//! The pure state machines of zRPC.
//!
//! A protocol here is a value: it is fed bytes and the current time, and answers with bytes to send, events,
//! and the next instant at which it wants to be woken. It owns no socket, reads no clock and starts no thread,
//! so the same code runs under tokio, under blocking sockets, in a game loop, in a fuzzer and in a simulator.
//!
//! Here is a whole connection, both sides in memory; a driver does the same with sockets and a clock:
//!
//! ```
//! use bytes::Bytes;
//! use zrpc_core::base::{Machine, Out, Output, Time};
//! use zrpc_core::rpc::{ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status};
//! use zrpc_core::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};
//!
//! /// Polls a machine until it is idle; its events go to `on_event`, the bytes that it sends come back.
//! fn turn<M: Machine>(machine: &mut M, now: Time, mut on_event: impl FnMut(&mut M, M::Event)) -> Bytes {
//!     let mut out = Out::with_room(64 * 1024);
//!     while let Output::Event(event) = machine.poll_output(now, &mut out) {
//!         on_event(machine, event);
//!     }
//!     out.to_vec().into()
//! }
//!
//! let now = Time::START;
//! let mut client = GrpcClient::new(now, &ClientConfig::default());
//! let mut server = GrpcServer::new(now, &ServerConfig::default());
//! let none = Metadata::new();
//! let head = StartCall { path: "/demo.Echo/Say", metadata: &none, deadline: None, compression: None };
//! let call = client.start(now, head)?;
//! let _ = client.send(call, Bytes::from("hello"), false)?;
//! client.half_close(call)?;
//!
//! let mut answer = None;
//! while answer.is_none() {
//!     let to_server = turn(&mut client, now, |client, event| match event {
//!         ClientEvent::Message { call, message, credit } => {
//!             client.consume(call, credit);
//!             assert_eq!(message, "hello");
//!         }
//!         ClientEvent::Ended { status, .. } => answer = Some(status),
//!         _ => {}
//!     });
//!     server.handle_input(now, to_server);
//!     let to_client = turn(&mut server, now, |server, event| match event {
//!         ServerEvent::Message { call, message, credit } => {
//!             server.consume(call, credit);
//!             let _ = server.send(call, message, false);
//!         }
//!         ServerEvent::HalfClosed { call } => {
//!             let _ = server.finish(call, &Status::OK, &Metadata::new());
//!         }
//!         _ => {}
//!     });
//!     client.handle_input(now, to_client);
//! }
//! assert_eq!(answer, Some(Status::OK));
//! # Ok::<(), zrpc_core::base::Misuse>(())
//! ```
//!
//! | folder | what it decides |
//! |---|---|
//! | [`base`] | time, timers, entropy, the two verbs, scatter-gather output, budgets |
//! | [`codec`] | prefix integers and Huffman strings |
//! | [`hpack`] | header compression, RFC 7541 |
//! | [`http1`] | heads and connections of HTTP/1.1, RFC 9112 |
//! | [`http2`] | connections and streams, RFC 9113 |
//! | [`native`] | zRPC's own protocol, docs/native-protocol.md: calls with little around them |
//! | [`policy`] | what a client decides by itself: when to connect again |
//! | [`recorder`] | what a connection was told, written down, and the same machine told it again |
//! | [`rpc`] | calls: metadata, status, messages, deadlines, compression, gRPC |
//! | [`stack`] | composites: the only place where layers meet |
//! | [`websocket`] | messages between a browser and a server, RFC 6455 and RFC 7692 |
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod base;
pub mod codec;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod hpack;
pub mod http1;
pub mod http2;
pub mod native;
pub mod policy;
pub mod recorder;
pub mod rpc;
pub mod stack;
pub mod websocket;
