//! How each protocol makes its sessions as a case wants them.

pub mod http2;
pub mod native;
pub mod websocket;
