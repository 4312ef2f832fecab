//! The pure state machines of zRPC.
//!
//! A protocol here is a value: it is fed bytes and the current time, and answers with bytes to send, events,
//! and the next instant at which it wants to be woken. It owns no socket, reads no clock and starts no thread,
//! so the same code runs under tokio, under blocking sockets, in a game loop, in a fuzzer and in a simulator.
//!
//! | folder | what it decides |
//! |---|---|
//! | [`base`] | time, timers, entropy, the two verbs, scatter-gather output, budgets |
//! | [`codec`] | prefix integers and Huffman strings |
//! | [`hpack`] | header compression, RFC 7541 |
//! | [`http2`] | connections and streams, RFC 9113 |
//! | [`rpc`] | calls: metadata, status, messages, deadlines, compression, gRPC |
//! | [`stack`] | composites: the only place where layers meet |
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod base;
pub mod codec;
pub mod hpack;
pub mod http2;
pub mod rpc;
pub mod stack;
