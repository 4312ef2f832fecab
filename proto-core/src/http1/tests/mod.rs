//! Conformance, by section of RFC 9112, and what a hostile peer tries.

mod heads;
