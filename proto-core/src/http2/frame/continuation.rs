//! CONTINUATION, RFC 9113 §6.10: the next part of a header block. Its whole payload is the fragment; it has neither
//! padding nor priority. [`super::headers::emit`] writes it, `header_block.rs` gathers it.
