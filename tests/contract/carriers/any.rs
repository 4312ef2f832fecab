//! A server of every protocol, which listens to what its client speaks.

use crate::carrier::{NewServer, Setup};
use crate::carriers::{http2, native, websocket};
use zrpc::core::stack::{AnyServer, AnyServerConfig, ServerConfig, SharedAnyServerConfig};

/// The sessions of a server.
pub fn server(setup: Setup) -> NewServer {
    let config = SharedAnyServerConfig::from(&AnyServerConfig {
        grpc: ServerConfig { web: Some(Default::default()), ..http2::server_config(setup) },
        native: Some(native::config(setup)),
        websocket: Some(websocket::server_config(setup)),
        ..AnyServerConfig::default()
    });
    Box::new(move |now| Box::new(AnyServer::sharing(now, &config)))
}
