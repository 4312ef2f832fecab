//! What crosses crates: tidy, interop, conformance.

pub mod arguments;
#[path = "interop/proto.rs"]
pub mod proto;
