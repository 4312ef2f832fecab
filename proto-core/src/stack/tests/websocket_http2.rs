//! How a client in a WebSocket on HTTP/2 leaves a server that does not do its part.

use crate::base::{Machine, Out, Output, Secret, Time};
use crate::http2::Config;
use crate::http2::trial::peer::Peer;
use crate::rpc::{ClientEvent, ClientSession, Metadata, StartCall};
use crate::stack::{WebSocketClientConfig, WebSocketHttp2Client};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

const ENABLE_CONNECT_PROTOCOL: u16 = 8;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A client with a call whose server took the WebSocket and lets it send so many bytes.
fn client(window: u32) -> (WebSocketHttp2Client, Peer) {
    let config = WebSocketClientConfig::default();
    let secret = Secret::from_seed([7; 32]);
    let client = WebSocketHttp2Client::new(Time::START, &Config::default(), &config, secret);
    let mut client = client.expect("the request can be sent");
    let metadata = Metadata::new();
    let head = StartCall { path: "/s/m", metadata: &metadata, deadline: None, compression: None };
    let call = client.start(Time::START, head).expect("calls may start at once");
    let _flow = client.send(call, vec![1; 30_000].into(), false).expect("a fresh call takes messages");
    let mut peer = Peer::new();
    peer.settings(&[(ENABLE_CONNECT_PROTOCOL, 1), (INITIAL_WINDOW_SIZE, window)]).settings_ack();
    client.handle_input(Time::START, peer.take());
    let _asked = turn(&mut client, Time::START);
    peer.headers(1, &[(":status", "200"), ("sec-websocket-protocol", "zrpc.v1")], false);
    client.handle_input(Time::START, peer.take());
    let _sent = turn(&mut client, Time::START);
    (client, peer)
}

/// Polls until the client is idle; its events, and when it wants to be woken.
fn turn(client: &mut WebSocketHttp2Client, now: Time) -> (Vec<ClientEvent>, Option<Time>) {
    let mut events = Vec::new();
    let mut out = Out::with_room(1 << 20);
    loop {
        match client.poll_output(now, &mut out) {
            Output::Event(event) => events.push(event),
            Output::Full(_) => out.clear(),
            Output::Idle(wake) => return (events, wake.map(|wake| wake.at)),
        }
    }
}

/// Sleeps from wake to wake until the last event; how long that took.
fn until_closed(client: &mut WebSocketHttp2Client) -> Duration {
    let mut now = Time::START;
    for _ in 0..100 {
        let (events, wake) = turn(client, now);
        if events.iter().any(|event| matches!(event, ClientEvent::Closed(_))) {
            return Duration::from_nanos(now.as_nanos() - Time::START.as_nanos());
        }
        now = wake.expect("who waits for something says until when");
    }
    panic!("it never ends");
}

#[test]
fn a_server_that_reads_nothing_does_not_hold_up_the_close() {
    for window in [0, 100] {
        let (mut client, _) = client(window);
        client.close(Time::START);
        let took = until_closed(&mut client);
        assert!(took <= Duration::from_secs(20), "it took {took:?} with a window of {window}");
    }
}

#[test]
fn a_stream_that_is_reset_while_it_is_blocked_ends_the_connection() {
    let (mut client, mut peer) = client(0);
    peer.reset(1, 8);
    client.handle_input(Time::START, peer.take());
    let took = until_closed(&mut client);
    assert!(took <= Duration::from_secs(20), "it took {took:?}");
}
