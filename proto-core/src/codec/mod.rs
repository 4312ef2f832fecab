//! Pure transformations of bytes that several protocols share: no state outlives a call.

pub mod huffman;
pub mod prefix_int;
