//! gRPC on HTTP/2.

use crate::carrier::{NewClient, NewServer, Setup};
use zrpc::core::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};

/// The sessions of a server.
pub fn server(setup: Setup) -> NewServer {
    let config = server_config(setup);
    Box::new(move |now| Box::new(GrpcServer::new(now, &config)))
}

/// The sessions of a client.
pub fn client(setup: Setup) -> NewClient {
    let config = client_config(setup);
    Box::new(move |now| Box::new(GrpcClient::new(now, &config)))
}

/// What a server's sessions are made with.
pub fn server_config(setup: Setup) -> ServerConfig {
    let mut config = ServerConfig::default();
    if let Some(bytes) = setup.message_bytes_max {
        config.limits.receive_message_bytes_max = bytes;
    }
    if let Some(calls) = setup.calls_max {
        config.http2.max_concurrent_streams = calls;
    }
    config
}

/// What a client's sessions are made with.
pub fn client_config(setup: Setup) -> ClientConfig {
    let mut config = ClientConfig { authority: "localhost".to_owned(), ..ClientConfig::default() };
    if let Some(bytes) = setup.message_bytes_max {
        config.limits.receive_message_bytes_max = bytes;
    }
    config
}
