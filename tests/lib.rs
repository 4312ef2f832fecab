//! What crosses crates: tidy, interop, conformance, contract.

pub mod arguments;
pub mod interop;
#[path = "interop/proto.rs"]
pub mod proto;

pub mod echo;
