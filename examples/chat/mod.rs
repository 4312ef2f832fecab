//! The chat room of the examples: the messages, services and clients that `zrpc-gen` made of `chat.proto`.

mod generated;

pub use generated::zrpc::examples::chat::v1::*;
