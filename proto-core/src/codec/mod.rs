//! Pure transformations of bytes that several protocols share: no state outlives a call.

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod huffman;
pub mod json;
pub mod prefix_int;
