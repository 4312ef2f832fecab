//! Composites: the only place where layers meet. Each owns its layers, drains a lower one's events into commands of the
//! upper one, and is itself a machine with the same two verbs.

mod any_server;
mod carrier;
mod grpc_http2;
mod grpc_http2_client;
mod grpc_http2_server;
mod grpc_web_client;
mod grpc_web_http1;
mod grpc_web_server;
mod one_at_a_time;
mod opening;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzz"))]
pub mod trial;
mod tunnels;
mod websocket;
mod websocket_client;
mod websocket_http2;
mod websocket_link;
mod websocket_server;

pub use any_server::{AnyServer, AnyServerConfig, SharedAnyServerConfig};
pub use carrier::{NewClientSession, client_sessions};
pub use grpc_http2::{ClientConfig, ServerConfig, SharedServerConfig};
pub use grpc_http2_client::GrpcClient;
pub use grpc_http2_server::GrpcServer;
pub use grpc_web_client::GrpcWebClient;
pub use grpc_web_server::GrpcWebServer;
pub use websocket::{SharedWebSocketConfig, WebSocketClientConfig, WebSocketServerConfig};
pub use websocket_client::WebSocketClient;
pub use websocket_http2::WebSocketHttp2Client;
pub use websocket_server::WebSocketServer;
