//! Blocking driver of zRPC: no runtime.

mod client;
pub mod clock;
mod line;
mod link;
pub mod memory;
pub mod pump;
mod server;
mod socket;
mod streaming;
mod transport;

pub use client::backoff::Backoff;
pub use client::channel::{Channel, ChannelBuilder};
pub use client::connection::BoxClientSession;
pub use client::endpoint::Connector;
pub use client::sender::{ClientStreaming, Sender};
pub use server::handle::{RunningServer, ServerHandle};
pub use server::replies::Replies;
pub use server::service::{IncomingCall, Service};
pub use server::slots::BoxServerSession;
pub use server::{Server, ServerBuilder};
pub use socket::{Socket, TcpAcceptor};
pub use streaming::Streaming;
pub use transport::{Listener, Transport};
