//! Generates zRPC services and clients from .proto files, without protoc.
//!
//! In `build.rs`:
//!
//! ```no_run
//! fn main() -> Result<(), zrpc_build::Error> {
//!     zrpc_build::compile(&["proto/chat.proto"], &["proto"])
//! }
//! ```
//!
//! and in the crate, which needs no dependency but `zrpc`:
//!
//! ```ignore
//! mod proto {
//!     ::zrpc::include_proto!();
//! }
//! use proto::my::package::v1::{Chat, ChatClient, ChatServer};
//! ```
//!
//! For each package there is a module with its messages (by prost) and, for each service `Chat`:
//!
//! | item | what it is |
//! |---|---|
//! | `trait Chat` | what a server implements, with plain `async fn`s |
//! | `ChatServer<S>` | serves an implementation |
//! | `ChatClient` | one function a method |
//! | `trait ChatApi` | what the client does, so that a test can put its own in place |
//! | `static CHAT` | the service's name and methods |
//! | `mod blocking` | the same five for blocking code |
//!
//! and once a package `FILE_DESCRIPTOR_SET`, for reflection. [`Builder`] chooses among these. The program `zrpc-gen`
//! does the same from the command line, for code that is checked in; its `--check` says whether that is up to date.
//!
//! Comments become documentation, whatever they contain: code in them never becomes a doctest. Errors point into the
//! .proto and say what to do:
//!
//! ```text
//! proto/chat.proto:12:11: name `Mesage` is not defined
//!    |
//! 12 |   rpc Say(Mesage) returns (Reply);
//!    |           ^^^^^^
//!    = define it in this file, or import the .proto that does
//! ```

mod builder;
pub mod command;
mod comments;
mod error;
mod generate;
mod layout;
mod names;
mod output;
mod schema;
mod service;

pub use builder::Builder;
pub use error::Error;
pub use output::Output;
/// Whose options [`Builder::messages`] changes.
pub use prost_build;
use std::path::Path;

/// Generates services and clients for both drivers into the build script's `OUT_DIR`. `includes` are the folders in
/// which imports are looked for; without any, those in which the files are.
///
/// # Errors
/// When a .proto is missing or wrong, or a file cannot be written.
pub fn compile<P: AsRef<Path>, I: AsRef<Path>>(protos: &[P], includes: &[I]) -> Result<(), Error> {
    Builder::new().compile(protos, includes)
}
