//! A client and a server that are fed with any bytes: they never panic, hold no more than their limits allow, tell of each
//! call's end once, and come to rest.
//!
//! The first byte of the input says how it is cut; the rest arrives after the handshake, as it is.

use crate::base::{Machine, Out, Output, Secret, Time};
use crate::http2::trial::peer::Peer;
use crate::native;
use crate::rpc::grpc::Limits;
use crate::rpc::grpc_web::WebForm;
use crate::rpc::trial::schema::AnyBytes;
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status,
};
use crate::stack::trial::http2;
use crate::stack::{
    AnyServer, AnyServerConfig, ClientConfig, GrpcClient, GrpcServer, GrpcWebClient, GrpcWebServer,
    ServerConfig, WebSocketClientConfig, WebSocketHttp2Client,
};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// Calls that the client has open when the bytes arrive.
const CALLS: u64 = 3;
const LIMITS: u64 = 5_000;

/// A server survives any bytes. It echoes messages, and finishes calls when they are half-closed.
pub fn server(input: &[u8]) {
    let config = server_config();
    let mut peer = Peer::new();
    peer.preface().settings(&[]).settings_ack();
    let server = GrpcServer::new(Time::START, &config);
    serve(server, peer.take(), input, |server| (server.memory(), config.memory_max()));
}

/// The same of a server that finds out from the bytes what is spoken, beginning with the first.
pub fn any_server(input: &[u8]) {
    let config = AnyServerConfig::from(server_config());
    let server = AnyServer::new(Time::START, &config);
    serve(server, Bytes::new(), input, |server| (server.memory(), config.memory_max()));
}

/// The same of gRPC-Web on HTTP/1.1.
pub fn web_server(input: &[u8]) {
    let config = server_config();
    let server = GrpcWebServer::new(Time::START, &config);
    serve(server, Bytes::new(), input, |server| (server.memory(), config.web_memory_max()));
}

/// A client survives any bytes, and each of its calls ends.
pub fn client(input: &[u8]) {
    let config = client_config();
    let mut peer = Peer::new();
    peer.settings(&[]).settings_ack();
    let client = GrpcClient::new(Time::START, &config);
    call(client, peer.take(), input, |client| (client.memory(), config.memory_max(CALLS as usize)));
}

/// The same of gRPC-Web on HTTP/1.1; whether the first byte is odd says in which form.
pub fn web_client(input: &[u8]) {
    let is_text = input.first().is_some_and(|first| first % 2 == 1);
    let form = if is_text { WebForm::Text } else { WebForm::Binary };
    let config = ClientConfig { web: Some(form), ..client_config() };
    let client = GrpcWebClient::new(&config);
    call(client, Bytes::new(), input, |client| (client.memory(), config.web_memory_max(CALLS as usize)));
}

/// The same in a WebSocket on HTTP/2, whose server serves extended CONNECT; the bytes begin with its answer.
pub fn websocket_http2_client(input: &[u8]) {
    let native = native::Config { limits: limits(), ..native::Config::default() };
    let config =
        WebSocketClientConfig { native, schema: Arc::new(AnyBytes), ..WebSocketClientConfig::default() };
    let mut peer = Peer::new();
    peer.settings(&[(8, 1)]).settings_ack();
    let secret = Secret::from_seed([7; 32]);
    let client = WebSocketHttp2Client::new(Time::START, &http2(0), &config, secret);
    let client = client.expect("the request can be sent");
    let bound = WebSocketHttp2Client::memory_max(&http2(0), &config, CALLS as usize);
    call(client, peer.take(), input, |client| (client.memory(), bound));
}

fn server_config() -> ServerConfig {
    ServerConfig { http2: http2(0), limits: limits(), ..ServerConfig::default() }
}

fn client_config() -> ClientConfig {
    ClientConfig { http2: http2(0), limits: limits(), ..ClientConfig::default() }
}

/// Feeds a server; `memory` says what it holds and the most that it may.
fn serve<S: ServerSession>(
    mut server: S,
    handshake: Bytes,
    input: &[u8],
    memory: impl Fn(&S) -> (usize, usize),
) {
    let (mut open, mut ended) = (BTreeSet::new(), BTreeSet::new());
    feed(&mut server, handshake, input, |server, event| {
        let (held, most) = memory(server);
        assert!(held <= most, "{held} bytes, where {most} are the most");
        match event {
            ServerEvent::Opened { call } => assert!(open.insert(call), "a call is opened once"),
            ServerEvent::Message { call, message, credit } => {
                assert!(open.contains(&call) && message.len() as u64 <= LIMITS);
                server.consume(call, credit);
                // Refused while the client does not read, or when the call is over.
                let _refused = server.send(call, message, true);
            }
            ServerEvent::HalfClosed { call } => {
                let _refused = server.finish(call, &Status::OK, &Metadata::new());
            }
            ServerEvent::Ended { call, .. } => assert!(open.remove(&call) && ended.insert(call), "one end"),
            ServerEvent::Closed(_) => {
                assert!(open.is_empty(), "every call ends before its connection");
                return true;
            }
            ServerEvent::Writable { .. } | ServerEvent::Refused { .. } => {}
        }
        false
    });
    assert_eq!(server.open_calls(), 0);
}

/// Feeds a client that has started its calls.
fn call<C: ClientSession>(
    mut client: C,
    handshake: Bytes,
    input: &[u8],
    memory: impl Fn(&C) -> (usize, usize),
) {
    let mut open = BTreeSet::new();
    let metadata = Metadata::new();
    for number in 0..CALLS {
        let deadline = Some(Time::START + Duration::from_millis(500 * (number + 1)));
        let head = StartCall { path: "/any.Service/Bytes", metadata: &metadata, deadline, compression: None };
        let call: CallId = client.start(Time::START, head).expect("a fresh connection takes calls");
        let _ =
            client.send(call, Bytes::from_static(b"request"), false).expect("a fresh call takes messages");
        open.insert(call);
    }
    feed(&mut client, handshake, input, |client, event| {
        let (held, most) = memory(client);
        assert!(held <= most, "{held} bytes, where {most} are the most");
        match event {
            ClientEvent::Message { call, message, credit } => {
                assert!(open.contains(&call) && message.len() as u64 <= LIMITS);
                client.consume(call, credit);
            }
            ClientEvent::Head { call } => assert!(open.contains(&call)),
            ClientEvent::Ended { call, .. } => assert!(open.remove(&call), "one end"),
            ClientEvent::Closed(_) => {
                assert!(open.is_empty(), "every call ends before its connection");
                return true;
            }
            ClientEvent::Ready | ClientEvent::Draining | ClientEvent::Writable { .. } => {}
        }
        false
    });
    assert!(open.is_empty(), "{open:?} never ended");
}

fn limits() -> Limits {
    Limits { receive_message_bytes_max: LIMITS as usize, ..Limits::default() }
}

/// Gives `machine` the handshake, the input in pieces and then the end of the transport; `on_event` says which event is
/// the last.
fn feed<M: Machine>(
    machine: &mut M,
    handshake: Bytes,
    input: &[u8],
    mut on_event: impl FnMut(&mut M, M::Event) -> bool,
) {
    let (cut, rest) = input.split_first().unwrap_or((&1, &[]));
    let mut now = Time::START;
    let mut is_over = false;
    machine.handle_input(now, handshake);
    let pieces = rest.chunks(usize::from(*cut).max(1)).map(Bytes::copy_from_slice);
    for piece in pieces.map(Some).chain([None]) {
        match piece {
            Some(piece) => machine.handle_input(now, piece),
            None => machine.handle_eof(now),
        }
        let mut out = Out::with_room(1 << 20);
        loop {
            match machine.poll_output(now, &mut out) {
                Output::Event(event) => {
                    assert!(!is_over, "nothing follows the last event");
                    is_over = on_event(machine, event);
                }
                Output::Full(_) => out.clear(),
                Output::Idle(wake) => {
                    assert!(wake.is_none_or(|wake| wake.at > now && !is_over), "{wake:?}");
                    break;
                }
            }
        }
        now = now + Duration::from_millis(1);
    }
    assert!(is_over, "the end of the transport ends the connection");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    /// Frames whose heads are mostly right, with payloads that are mostly not.
    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..3_000).map(|seed| {
            let mut chance = Entropy::from_seed(seed);
            let mut input = alloc::vec![chance.next_u64() as u8];
            for _ in 0..chance.below(12) {
                let len = chance.below(40) as u8;
                let kind = [0, 0, 0, 1, 1, 3, 4, 6, 7, 8, 9, 77][chance.below(12) as usize];
                let flags = [0, 1, 4, 5, 8, 32][chance.below(6) as usize];
                input.extend([0, 0, len, kind, flags, 0, 0, 0, [0, 1, 1, 1, 3, 5][chance.below(6) as usize]]);
                // Indexed fields of the static table, and the bytes that message prefixes are made of.
                let palette = [0, 0, 0, 1, 5, 0x82, 0x83, 0x84, 0x86, 0x88, 0x8d, chance.next_u64() as u8];
                input.extend((0..len).map(|_| palette[chance.below(palette.len() as u64) as usize]));
            }
            input
        })
    }

    #[test]
    fn a_server_survives_any_bytes() {
        inputs().for_each(|input| server(&input));
    }

    #[test]
    fn servers_of_other_carriers_survive_any_bytes() {
        inputs().take(1_000).for_each(|input| {
            any_server(&input);
            web_server(&input);
        });
    }

    #[test]
    fn clients_of_other_carriers_survive_any_bytes_and_each_of_their_calls_ends() {
        inputs().take(1_000).for_each(|input| {
            web_client(&input);
            websocket_http2_client(&input);
        });
    }

    #[test]
    fn a_client_survives_any_bytes_and_each_of_its_calls_ends() {
        client(&[]);
        inputs().for_each(|input| client(&input));
    }
}
