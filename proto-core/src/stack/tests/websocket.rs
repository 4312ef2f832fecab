//! Calls in WebSocket messages: who is let in, what a person at a console sees, and how each end becomes the other's.

use crate::base::{Machine, Out, Output, Secret, Time};
use crate::rpc::trial::schema::AnyBytes;
use crate::rpc::{
    ClientEvent, ClientSession, Code, Metadata, ServerEvent, ServerSession, SessionEnd, StartCall, Status,
};
use crate::stack::{WebSocketClient, WebSocketClientConfig, WebSocketServer, WebSocketServerConfig};
use crate::websocket::{CloseCode, Config, Connection, End, Event, Kind, Origins, Request};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

fn server_config() -> WebSocketServerConfig {
    WebSocketServerConfig { schema: Arc::new(AnyBytes), ..WebSocketServerConfig::default() }
}

/// Answers each message with itself, and each call with OK when its client has ended.
fn echo(server: &mut WebSocketServer, event: &ServerEvent) {
    match event {
        ServerEvent::Message { call, message, credit } => {
            server.consume(*call, *credit);
            let _ = server.send(*call, message.clone(), false);
        }
        ServerEvent::HalfClosed { call } => {
            let _ = server.finish(*call, &Status::OK, &Metadata::new());
        }
        _ => {}
    }
}

/// Polls a machine until it is idle: what it sent, and what it reported.
fn turn<M: Machine>(
    machine: &mut M,
    now: Time,
    mut on_event: impl FnMut(&mut M, &M::Event),
) -> (Bytes, Vec<M::Event>) {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    loop {
        let mut out = Out::with_room(64 * 1024);
        let output = machine.poll_output(now, &mut out);
        sent.extend_from_slice(&out.to_vec());
        match output {
            Output::Event(event) => {
                on_event(machine, &event);
                events.push(event);
            }
            Output::Full(_) if !out.is_empty() => {}
            Output::Full(_) | Output::Idle(_) => return (sent.into(), events),
        }
    }
}

/// A WebSocket client that knows nothing of calls, as a console or a browser is, and the server that it talks to.
struct Console {
    peer: Connection,
    server: WebSocketServer,
    now: Time,
    ends: Vec<SessionEnd>,
    calls: Vec<ServerEvent>,
}

impl Console {
    fn open(config: &WebSocketServerConfig, request: &Request) -> (Console, Vec<Event>) {
        let now = Time::START;
        let secret = Secret::from_seed([1; 32]);
        let peer = Connection::client(now, Arc::new(Config::default()), request, secret).unwrap();
        let server = WebSocketServer::new(now, config);
        let mut console = Console { peer, server, now, ends: Vec::new(), calls: Vec::new() };
        let events = console.settle();
        (console, events)
    }

    fn in_json() -> Console {
        Console::open(&server_config(), &Request::new("localhost", "/").subprotocol("zrpc.v1+json")).0
    }

    /// Lets both talk until neither has anything to say; what the peer was told.
    fn settle(&mut self) -> Vec<Event> {
        let mut told = Vec::new();
        loop {
            let (up, events) = turn(&mut self.peer, self.now, |_, _| {});
            let is_quiet = up.is_empty() && events.is_empty();
            told.extend(events);
            self.server.handle_input(self.now, up);
            let (down, events) = turn(&mut self.server, self.now, echo);
            for event in events {
                match event {
                    ServerEvent::Closed(end) => self.ends.push(end),
                    event => self.calls.push(event),
                }
            }
            if is_quiet && down.is_empty() {
                return told;
            }
            self.peer.handle_input(self.now, down);
        }
    }

    fn say(&mut self, text: &str) -> Vec<String> {
        let _ = self.peer.send(Kind::Text, Bytes::copy_from_slice(text.as_bytes()), false).unwrap();
        self.settle().into_iter().map(shown).collect()
    }
}

fn shown(event: Event) -> String {
    match event {
        Event::Message { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
        Event::Closing { code, reason } => {
            alloc::format!("close {} {reason}", code.map_or(0, CloseCode::as_u16))
        }
        Event::Closed(end) => alloc::format!("closed: {end}"),
        event => alloc::format!("{event:?}"),
    }
}

#[test]
fn a_person_at_a_console_calls_and_is_answered_a_text_for_each_frame() {
    let mut console = Console::in_json();
    let said = console.say(r#"{"hello":{}}"#);
    assert!(said.len() == 1 && said[0].starts_with(r#"{"hello":{"version":1,"max_calls":256"#), "{said:?}");
    let said = console.say(r#"{"call":1,"head":{"path":"/a.B/C"},"message":{"bytes":"aGk="}}"#);
    assert_eq!(said, [r#"{"call":1,"message":{"bytes":"aGk="},"size":2}"#]);
    let said = console.say(r#"[{"call":1,"message":{"bytes":""}},{"call":1,"end":true}]"#);
    assert_eq!(said, [r#"{"call":1,"message":{"bytes":""},"size":0,"end":{"code":0}}"#]);
    assert_eq!(console.say(r#"{"ping":"00000000000000ab"}"#), [r#"{"pong":"00000000000000ab"}"#]);
}

#[test]
fn a_client_without_a_subprotocol_of_ours_gets_http_s_answer_with_the_reason() {
    let offers: [&[&str]; 3] = [&[], &["mcp"], &["zrpc.v2", "zrpc.v1+xml"]];
    for offer in offers {
        let lines: String =
            offer.iter().map(|name| alloc::format!("Sec-WebSocket-Protocol: {name}\r\n")).collect();
        let mut server = WebSocketServer::new(Time::START, &server_config());
        let request = alloc::format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
        );
        server.handle_input(Time::START, request.into());
        let (answer, events) = turn(&mut server, Time::START, |_, _| {});
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            answer.ends_with(
                "none of the subprotocols in Sec-WebSocket-Protocol is spoken here (RFC 6455 §4.2.2)\n"
            ),
            "{answer}"
        );
        assert!(matches!(&events[..], [ServerEvent::Closed(SessionEnd::Failed(_))]), "{events:?}");
    }
}

#[test]
fn pages_of_other_origins_are_refused_unless_the_configuration_lets_them_in() {
    let request =
        Request::new("localhost", "/").subprotocol("zrpc.v1").field("origin", "https://elsewhere.example");
    let (_, events) = Console::open(&server_config(), &request);
    assert!(
        matches!(&events[..], [Event::Closed(End::Refused(refusal))] if refusal.status() == 403),
        "{events:?}"
    );
    let mut config = server_config();
    config.websocket.policy.origins = Origins::SameAnd(vec!["https://elsewhere.example".into()]);
    let (_, events) = Console::open(&config, &request);
    assert_eq!(events, [Event::Opened]);
}

#[test]
fn a_message_of_the_other_kind_closes_with_1003_and_ends_all_calls() {
    let (mut console, _) =
        Console::open(&server_config(), &Request::new("localhost", "/").subprotocol("zrpc.v1"));
    let said = console.say("{}");
    assert!(said[0].starts_with("close 1003 zrpc.v1 has binary messages"), "{said:?}");
    assert!(matches!(&console.ends[..], [SessionEnd::Failed(status)] if status.code() == Code::Internal));

    let mut console = Console::in_json();
    let _ = console.say(r#"{"call":1,"head":{"path":"/a.B/C"}}"#);
    let _ = console.peer.send(Kind::Binary, Bytes::from_static(b"{}"), false).unwrap();
    let said: Vec<String> = console.settle().into_iter().map(shown).collect();
    assert!(said[0].starts_with("close 1003 zrpc.v1+json has text messages"), "{said:?}");
    let ended = console
        .calls
        .iter()
        .any(|event| matches!(event, ServerEvent::Ended { status, .. } if status.code() == Code::Internal));
    assert!(ended && console.ends.len() == 1, "{:?}", console.calls);
}

#[test]
fn a_mistake_in_json_is_answered_with_goaway_and_closes_with_1002_and_its_place() {
    let mut console = Console::in_json();
    let _ = console.say(r#"{"hello":{}}"#);
    let said = console.say(r#"{"call":1,"head":{"path":"/a.B/C"},}"#);
    assert!(
        said[0].starts_with(r#"{"goaway":{"last":0,"code":1,"text":"a text message is no JSON"}}"#),
        "{said:?}"
    );
    assert_eq!(said[1], "close 1002 at byte 35 the JSON text should have a key in quotes");
    assert!(matches!(&console.ends[..], [SessionEnd::Failed(_)]), "{:?}", console.ends);
}

#[test]
fn the_close_code_of_the_peer_says_how_calls_end() {
    for (code, expected) in
        [(1000, Code::Unavailable), (1008, Code::PermissionDenied), (4009, Code::FailedPrecondition)]
    {
        let mut console = Console::in_json();
        let _ = console.say(r#"{"call":1,"head":{"path":"/a.B/C"}}"#);
        console.peer.close(console.now, CloseCode::new(code).unwrap(), "enough").unwrap();
        let _ = console.settle();
        let Some(ServerEvent::Ended { status, .. }) = console.calls.last() else {
            panic!("{:?}", console.calls)
        };
        assert_eq!(status.code(), expected, "{code}");
        assert_eq!(console.ends.len(), 1);
    }
}

/// A client and a server of ours, until both are quiet.
fn settle(
    client: &mut WebSocketClient,
    server: &mut WebSocketServer,
    now: Time,
) -> (Vec<ClientEvent>, Vec<ServerEvent>) {
    let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
    loop {
        let (up, events) = turn(client, now, |client, event| {
            if let ClientEvent::Message { call, credit, .. } = event {
                client.consume(*call, *credit);
            }
        });
        let is_quiet = up.is_empty() && events.is_empty();
        at_client.extend(events);
        server.handle_input(now, up);
        let (down, events) = turn(server, now, echo);
        at_server.extend(events);
        if is_quiet && down.is_empty() {
            return (at_client, at_server);
        }
        client.handle_input(now, down);
    }
}

fn pair(text: bool) -> (WebSocketClient, WebSocketServer) {
    let config =
        WebSocketClientConfig { text, schema: Arc::new(AnyBytes), ..WebSocketClientConfig::default() };
    let client = WebSocketClient::new(Time::START, &config, Secret::from_seed([2; 32])).unwrap();
    (client, WebSocketServer::new(Time::START, &server_config()))
}

fn start(client: &mut WebSocketClient, message: Bytes) {
    let none = Metadata::new();
    let head = StartCall { path: "/a.B/C", metadata: &none, deadline: None, compression: None };
    let call = client.start(Time::START, head).unwrap();
    let _ = client.send(call, message, false).unwrap();
    client.half_close(call).unwrap();
}

#[test]
fn calls_that_start_before_the_handshake_is_done_leave_with_it_in_either_encoding() {
    for text in [false, true] {
        for size in [0, 10, 5_000, 1_000_000] {
            let (mut client, mut server) = pair(text);
            let message = Bytes::from(vec![b'x'; size]);
            start(&mut client, message.clone());
            let (events, _) = settle(&mut client, &mut server, Time::START);
            let answered = events
                .iter()
                .any(|event| matches!(event, ClientEvent::Message { message: got, .. } if *got == message));
            let ended = events
                .iter()
                .any(|event| matches!(event, ClientEvent::Ended { status, .. } if status.is_ok()));
            assert!(events.contains(&ClientEvent::Ready) && answered && ended, "{text} {size} {events:?}");
        }
    }
}

#[test]
fn a_drain_lets_open_calls_end_and_then_both_sides_say_close() {
    for text in [false, true] {
        let (mut client, mut server) = pair(text);
        let none = Metadata::new();
        let head = StartCall { path: "/a.B/C", metadata: &none, deadline: None, compression: None };
        let call = client.start(Time::START, head).unwrap();
        let _ = settle(&mut client, &mut server, Time::START);
        server.drain(Time::START, Duration::from_secs(9));
        let (events, _) = settle(&mut client, &mut server, Time::START);
        assert!(events.contains(&ClientEvent::Draining) && !client.takes_calls());
        client.half_close(call).unwrap();
        let (events, at_server) = settle(&mut client, &mut server, Time::START);
        assert!(
            events.iter().any(|event| matches!(event, ClientEvent::Ended { status, .. } if status.is_ok())),
            "{events:?}"
        );
        assert_eq!(at_server.last(), Some(&ServerEvent::Closed(SessionEnd::Graceful)), "{at_server:?}");
        client.handle_eof(Time::START);
        let (events, _) = settle(&mut client, &mut server, Time::START);
        assert_eq!(events, [ClientEvent::Closed(SessionEnd::Graceful)]);
    }
}

#[test]
fn a_lost_transport_ends_calls_as_unavailable_and_a_refused_handshake_says_why() {
    let (mut client, mut server) = pair(false);
    start(&mut client, Bytes::new());
    let (up, _) = turn(&mut client, Time::START, |_, _| {});
    server.handle_input(Time::START, up);
    client.handle_eof(Time::START);
    let (_, events) = turn(&mut client, Time::START, |_, _| {});
    assert!(
        matches!(&events[..], [ClientEvent::Ended { status, .. }, ClientEvent::Closed(_)] if status.code() == Code::Unavailable)
    );

    let (mut client, _) = pair(false);
    start(&mut client, Bytes::new());
    let _ = turn(&mut client, Time::START, |_, _| {});
    client.handle_input(Time::START, "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".into());
    let (_, events) = turn(&mut client, Time::START, |_, _| {});
    let Some(ClientEvent::Ended { status, .. }) = events.first() else { panic!("{events:?}") };
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("401") && status.safe_to_retry(), "{status}");
}

#[test]
fn a_peer_that_answers_no_heartbeat_is_let_go() {
    let mut config = server_config();
    config.websocket.heartbeat_interval = Some(Duration::from_secs(5));
    config.websocket.heartbeat_timeout = Duration::from_secs(2);
    let (mut console, _) = Console::open(&config, &Request::new("localhost", "/").subprotocol("zrpc.v1"));
    console.now = console.now + Duration::from_secs(5);
    let (ping, _) = turn(&mut console.server, console.now, |_, _| {});
    assert_eq!(ping.to_vec(), b"\x89\x09heartbeat");
    console.now = console.now + Duration::from_secs(2);
    let (_, events) = turn(&mut console.server, console.now, |_, _| {});
    assert!(
        matches!(&events[..], [ServerEvent::Closed(SessionEnd::Failed(status))] if status.to_string().contains("ping")),
        "{events:?}"
    );
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_up_the_end_for_longer_than_a_closing_handshake_may_take() {
    let (mut client, mut server) = pair(false);
    let none = Metadata::new();
    let head = StartCall { path: "/a.B/C", metadata: &none, deadline: None, compression: None };
    let call = client.start(Time::START, head).unwrap();
    let (_, events) = settle(&mut client, &mut server, Time::START);
    let Some(ServerEvent::Opened { call: opened }) = events.first() else { panic!("{call:?} {events:?}") };
    let _ = server.send(*opened, Bytes::from(vec![7; 50_000]), false).unwrap();
    // No room: nothing leaves.
    let mut out = Out::with_room(0);
    assert!(matches!(server.poll_output(Time::START, &mut out), Output::Full(_)));
    server.close(Time::START);
    let mut events = Vec::new();
    let mut now = Time::START;
    let limit = now + server_config().websocket.close_timeout;
    while !events.iter().any(|event| matches!(event, ServerEvent::Closed(SessionEnd::Graceful))) {
        match server.poll_output(now, &mut out) {
            Output::Event(event) => events.push(event),
            Output::Full(wake) | Output::Idle(wake) => now = wake.expect("it waits for something").at,
        }
        assert!(now <= limit, "{events:?}");
    }
    assert!(now > Time::START, "it gave the client no time");
}
