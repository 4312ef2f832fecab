//! What crosses crates: tidy, interop, conformance.
