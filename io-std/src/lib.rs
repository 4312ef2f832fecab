//! Blocking driver of zRPC: no runtime.
