//! What a client decides by itself, each decision alone and without I/O: when to connect again.

pub mod backoff;

pub use backoff::{Attempts, Backoff, CONNECT_TIMEOUT};
