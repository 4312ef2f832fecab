//! RPC whose protocols are values, not processes.
//!
//! One dependency for users: the vocabulary of calls is here, the drivers stand in [`crate::tokio`] (async,
//! feature `tokio`) and [`crate::blocking`] (feature `std`), and the state machines below them in [`crate::core`].
//! Code that `zrpc-build` generates from .proto files refers to this crate alone.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

// Generated code says `::zrpc`, also inside this crate.
extern crate self as zrpc;

pub mod rich;

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
