//! The native protocol in WebSocket messages, binary and JSON; and in a WebSocket that is a stream of HTTP/2.

use crate::carrier::{NewClient, NewServer, Setup};
use crate::carriers::{http2, native};
use bytes::Bytes;
use std::sync::Arc;
use zrpc::core::base::Secret;
use zrpc::core::codec::json::{Reader, write_str};
use zrpc::core::rpc::{Part, Transcode, TranscodeError};
use zrpc::core::stack::{
    WebSocketClient, WebSocketClientConfig, WebSocketHttp2Client, WebSocketServer, WebSocketServerConfig,
};

/// Messages of any bytes as texts: for each byte a character above those that JSON escapes.
#[derive(Debug)]
struct Characters;

const FIRST: u32 = 0x100;

impl Transcode for Characters {
    fn find(&self, _: &str) -> Option<u32> {
        Some(0)
    }

    fn to_bytes(&self, _: u32, _: Part, json: &str) -> Result<Bytes, TranscodeError> {
        let text = Reader::new(json).string().map_err(|error| TranscodeError(error.to_string()))?;
        let bytes = text.chars().map(|char| u8::try_from(u32::from(char).wrapping_sub(FIRST)));
        let bytes: Result<Vec<u8>, _> = bytes.collect();
        bytes.map(Bytes::from).map_err(|error| TranscodeError(error.to_string()))
    }

    fn to_json(&self, _: u32, _: Part, message: &[u8], json: &mut Vec<u8>) -> Result<(), TranscodeError> {
        let characters = message.iter().filter_map(|byte| char::from_u32(FIRST + u32::from(*byte)));
        write_str(&characters.collect::<String>(), json);
        Ok(())
    }
}

/// The sessions of a server, which takes both encodings.
pub fn server(setup: Setup) -> NewServer {
    let config = server_config(setup);
    Box::new(move |now| Box::new(WebSocketServer::new(now, &config)))
}

/// What a server's sessions are made with.
pub fn server_config(setup: Setup) -> WebSocketServerConfig {
    WebSocketServerConfig {
        native: native::config(setup),
        schema: Arc::new(Characters),
        ..WebSocketServerConfig::default()
    }
}

/// The sessions of a client, in binary messages.
pub fn client(setup: Setup) -> NewClient {
    sessions(WebSocketClientConfig { native: native::config(setup), ..WebSocketClientConfig::default() })
}

/// The sessions of a client in JSON.
pub fn client_in_json(setup: Setup) -> NewClient {
    sessions(WebSocketClientConfig {
        native: native::config(setup),
        text: true,
        schema: Arc::new(Characters),
        ..WebSocketClientConfig::default()
    })
}

/// The sessions of a client in a stream of HTTP/2, in binary messages.
pub fn client_on_http2(setup: Setup) -> NewClient {
    let config = WebSocketClientConfig { native: native::config(setup), ..WebSocketClientConfig::default() };
    let http2 = http2::client_config(setup).http2;
    Box::new(move |now| {
        let client = WebSocketHttp2Client::new(now, &http2, &config, Secret::from_seed([7; 32]));
        Box::new(client.expect("a request that can be made"))
    })
}

fn sessions(config: WebSocketClientConfig) -> NewClient {
    Box::new(move |now| {
        let client = WebSocketClient::new(now, &config, Secret::from_seed([7; 32]));
        Box::new(client.expect("a request that can be made"))
    })
}
