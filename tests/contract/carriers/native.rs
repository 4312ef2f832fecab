//! The native protocol.

use crate::carrier::{NewClient, NewServer, Setup};
use std::sync::Arc;
use zrpc::core::native::{Config, NativeClient, NativeServer};

/// The sessions of a server.
pub fn server(setup: Setup) -> NewServer {
    let config = Arc::new(config(setup));
    Box::new(move |now| Box::new(NativeServer::new(now, Arc::clone(&config))))
}

/// The sessions of a client.
pub fn client(setup: Setup) -> NewClient {
    let config = Arc::new(config(setup));
    Box::new(move |now| Box::new(NativeClient::new(now, Arc::clone(&config))))
}

/// What either side's sessions are made with.
pub fn config(setup: Setup) -> Config {
    let mut config = Config { authority: "localhost".to_owned(), ..Config::default() };
    if let Some(bytes) = setup.message_bytes_max {
        config.limits.receive_message_bytes_max = bytes;
    }
    if let Some(calls) = setup.calls_max {
        config.max_calls = calls;
    }
    config
}
