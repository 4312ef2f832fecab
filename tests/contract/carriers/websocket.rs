//! The native protocol in WebSocket messages.

use crate::carrier::{NewClient, NewServer, Setup};
use crate::carriers::native;
use zrpc::core::base::Secret;
use zrpc::core::stack::{WebSocketClient, WebSocketClientConfig, WebSocketServer, WebSocketServerConfig};

/// The sessions of a server.
pub fn server(setup: Setup) -> NewServer {
    let config = WebSocketServerConfig { native: native::config(setup), ..WebSocketServerConfig::default() };
    Box::new(move |now| Box::new(WebSocketServer::new(now, &config)))
}

/// The sessions of a client, in binary messages.
pub fn client(setup: Setup) -> NewClient {
    let config = WebSocketClientConfig { native: native::config(setup), ..WebSocketClientConfig::default() };
    Box::new(move |now| {
        let client = WebSocketClient::new(now, &config, Secret::from_seed([7; 32]));
        Box::new(client.expect("a request that can be made"))
    })
}
