//! Async driver of zRPC on tokio.
