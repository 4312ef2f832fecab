//! A client and server in WebSocket messages over a link that delivers in any pieces at any time: see
//! `crate::rpc::trial::pair`.

use crate::base::{Secret, Time};
use crate::native;
use crate::rpc::grpc::Limits;
use crate::rpc::trial::pair::{CALLS_AT_ONCE, LARGE, pair as pair_of};
use crate::rpc::trial::schema::AnyBytes;
use crate::stack::{WebSocketClient, WebSocketClientConfig, WebSocketServer, WebSocketServerConfig};
use crate::websocket;
use alloc::sync::Arc;
use core::time::Duration;

/// Whatever is done on either side, and however the link delivers, both sides agree with the model; the first byte says in
/// which encoding.
pub fn websocket_pair(input: &[u8]) {
    let (text, input) = form(input);
    let server = WebSocketServer::new(Time::START, &server_config());
    let client = WebSocketClient::new(Time::START, &client_config(text), Secret::from_seed([7; 32]));
    let client = client.expect("the request can be sent");
    pair_of(input, client, server, |_, _| {});
}

fn form(input: &[u8]) -> (bool, &[u8]) {
    input.split_first().map_or((false, input), |(first, rest)| (first % 2 == 1, rest))
}

fn native() -> native::Config {
    native::Config {
        max_calls: CALLS_AT_ONCE,
        initial_credit: 20_000,
        part_bytes: 5_000,
        send_buffer_bytes: 3_000,
        opening_timeout: Duration::MAX,
        limits: Limits { receive_message_bytes_max: LARGE, ..Limits::default() },
        ..native::Config::default()
    }
}

fn websocket() -> websocket::Config {
    websocket::Config {
        handshake_timeout: Duration::MAX,
        message_timeout: Duration::MAX,
        ..websocket::Config::default()
    }
}

fn server_config() -> WebSocketServerConfig {
    WebSocketServerConfig { native: native(), websocket: websocket(), schema: Arc::new(AnyBytes) }
}

fn client_config(text: bool) -> WebSocketClientConfig {
    WebSocketClientConfig {
        native: native(),
        websocket: websocket(),
        text,
        schema: Arc::new(AnyBytes),
        ..WebSocketClientConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    #[test]
    fn both_sides_agree_with_the_model_in_either_encoding_and_however_the_link_delivers() {
        for seed in 0..60 {
            let mut chance = Entropy::from_seed(seed);
            let len = chance.below(900);
            let input: Vec<u8> = (0..len).map(|_| chance.next_u64() as u8).collect();
            websocket_pair(&input);
        }
    }
}
