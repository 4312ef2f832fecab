//! Differential bodies: our codecs beside those of others on the same bytes. They agree, or `divergences.md` names the
//! rule by which they do not, with the reason.
//!
//! A difference is left out where it is known, by the narrowest condition that tells it; everything else is a finding.

mod grpc;
mod hpack;
mod loona;
mod nghttp2;
mod websocket;

pub use grpc::grpc;
pub use hpack::hpack;
pub use websocket::{frame_heads, messages as websocket};

/// What a codec made of some bytes: each item that it read, and whether it then refused what follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read<T> {
    pub items: Vec<T>,
    pub is_refused: bool,
}
