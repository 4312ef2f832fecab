//! How each protocol makes its sessions as a case wants them.

pub mod any;
pub mod grpc_web;
pub mod http2;
pub mod native;
pub mod websocket;
