//! Each rule of the native protocol, held against both sides.
