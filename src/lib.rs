//! RPC whose protocols are values, not processes.
//!
//! One dependency for users: the vocabulary of calls is here, the drivers stand in [`crate::tokio`] (async,
//! feature `tokio`) and [`crate::blocking`] (feature `std`), and the state machines below them in [`crate::core`].
//! Code that `zrpc-build` generates from .proto files refers to this crate alone.
//!
//! A service, its server and a client of it, through memory instead of a port:
//!
//! ```
//! # mod generated { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat/generated/mod.rs")); }
//! # use generated::zrpc::examples::chat::v1 as chat;
//! # #[cfg(not(all(feature = "tokio", feature = "std")))] fn main() {}
//! # #[cfg(all(feature = "tokio", feature = "std"))] mod shown {
//! # use super::chat;
//! use chat::{Chat, ChatClient, ChatServer, ImportReply, Line, ListenRequest, SayReply, SayRequest};
//! use zrpc::tokio::{Replies, Server, Streaming};
//! use zrpc::{Request, Response, Status};
//!
//! struct Room;
//!
//! impl Chat for Room {
//!     async fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
//!         match request.message().text.as_str() {
//!             "" => Err(Status::invalid_argument("the text is empty; say something")),
//!             _ => Ok(Response::new(SayReply { number: 1, listeners: 0 })),
//!         }
//!     }
//!
//!     async fn listen(&self, _: Request<ListenRequest>, mut replies: Replies<Line>) -> Result<(), Status> {
//!         for number in 1..=3 {
//!             replies.send(Line { number, ..Line::default() }).await?; // waits while the client does not read
//!         }
//!         Ok(())
//!     }
//!     # async fn import(&self, _: Request<Streaming<Line>>) -> Result<Response<ImportReply>, Status> {
//!     #     Ok(Response::new(ImportReply::default()))
//!     # }
//!     # async fn talk(&self, _: Request<Streaming<SayRequest>>, _: Replies<Line>) -> Result<(), Status> { Ok(()) }
//!     // import: many requests, one reply; talk: both at once
//! }
//!
//! # pub async fn run() -> Result<(), Status> {
//! let client = ChatClient::new(Server::builder().service(ChatServer::new(Room)).in_memory());
//! let reply = client.say(SayRequest { text: "hello".into(), ..SayRequest::default() }).await?;
//! assert_eq!(reply.message().number, 1);
//!
//! let mut lines = client.listen(ListenRequest::default()).await?;
//! let mut heard = 0;
//! while let Some(line) = lines.message().await? {
//!     heard = line.number;
//! }
//! assert_eq!(heard, 3);
//! # Ok(())
//! # }
//! # }
//! # #[cfg(all(feature = "tokio", feature = "std"))] fn main() {
//! #     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! #     runtime.block_on(shown::run()).unwrap();
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

// Generated code says `::zrpc`, also inside this crate.
extern crate self as zrpc;

pub mod rich;

/// What the README shows is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use zrpc_json as json;
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub use zrpc_std as blocking;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use zrpc_tokio as tokio;

pub use zrpc_core as core;
pub use zrpc_core::rpc::{
    Code, Codec, CodecError, Encoding, Idempotency, Kind, Metadata, MetadataError, Method, Origin,
    ProstCodec, RawCodec, Request, Response, ServiceDescriptor, Status,
};

/// The messages of generated code are prost's.
pub use prost;
/// The well-known messages of protobuf: `Timestamp`, `Duration`, `Any`, …
pub use prost_types;

/// How a call ends: with a value, or with a [`Status`] that says why not.
pub type Result<T> = ::core::result::Result<T, Status>;

/// Includes what a build script generated with `zrpc_build::compile`: a module for each package.
///
/// ```ignore
/// mod proto {
///     ::zrpc::include_proto!();
/// }
/// use proto::my::package::v1::ChatClient;
/// ```
#[macro_export]
macro_rules! include_proto {
    () => {
        include!(concat!(env!("OUT_DIR"), "/mod.rs"));
    };
}
