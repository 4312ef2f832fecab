//! Messages as JSON and back, by the descriptors that generated code carries.
//!
//! [`Schema`] is the [`Transcode`] of services: handed to a JSON carrier, it lets people and browsers write messages
//! as protobuf's JSON mapping has them (64-bit numbers and bytes as strings, enums by name, well-known types in their
//! own forms), while handlers see the same messages as ever.
//!
//! ```
//! # use zrpc_core::rpc::{Part, Transcode};
//! # fn show(descriptor: &'static zrpc_core::rpc::ServiceDescriptor) -> Result<(), Box<dyn std::error::Error>> {
//! let schema = zrpc_json::Schema::of([descriptor])?;
//! let say = schema.find("/demo.Echo/Say").ok_or("there is no such method")?;
//! let bytes = schema.to_bytes(say, Part::Request, r#"{"text":"hello"}"#)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bounds;
mod schema;

pub use schema::{Schema, SchemaError};
pub use zrpc_core::rpc::{NoSchema, Part, Transcode, TranscodeError};
