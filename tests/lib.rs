//! What crosses crates: tidy, interop, conformance, contract, attacks.

pub mod arguments;
#[path = "attacks/script/mod.rs"]
pub mod attacks;
pub mod interop;
#[path = "interop/proto.rs"]
pub mod proto;

pub mod echo;
