//! One server for clients of every protocol: each gets its calls answered, however its bytes are cut, and who speaks none
//! of them is told what is spoken here.

use crate::base::{Machine, Out, Output, Secret, Time};
use crate::http2;
use crate::native::{self, NativeClient};
use crate::rpc::{
    ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, SessionEnd, StartCall, Status,
};
use crate::stack::{
    AnyServer, AnyServerConfig, ClientConfig, GrpcClient, GrpcWebClient, ServerConfig, WebSocketClient,
    WebSocketClientConfig, WebSocketHttp2Client,
};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

type Client = Box<dyn ClientSession>;

fn websocket(text: bool) -> WebSocketClientConfig {
    WebSocketClientConfig { text, ..WebSocketClientConfig::default() }
}

fn clients(now: Time) -> Vec<(&'static str, Client)> {
    let secret = || Secret::from_seed([7; 32]);
    let http2 = http2::Config::default();
    vec![
        ("gRPC", Box::new(GrpcClient::new(now, &ClientConfig::default())) as Client),
        ("native", Box::new(NativeClient::new(now, native::Config::default().shared()))),
        ("gRPC-Web", Box::new(GrpcWebClient::new(&ClientConfig::default()))),
        ("WebSocket", Box::new(WebSocketClient::new(now, &websocket(false), secret()).unwrap())),
        ("JSON", Box::new(WebSocketClient::new(now, &websocket(true), secret()).unwrap())),
        (
            "WebSocket on HTTP/2",
            Box::new(WebSocketHttp2Client::new(now, &http2, &websocket(false), secret()).unwrap()),
        ),
        (
            "JSON on HTTP/2",
            Box::new(WebSocketHttp2Client::new(now, &http2, &websocket(true), secret()).unwrap()),
        ),
    ]
}

/// Polls a machine until it is idle; what it sent comes back.
fn turn<M: Machine + ?Sized>(
    machine: &mut M,
    now: Time,
    mut on_event: impl FnMut(&mut M, M::Event),
) -> Bytes {
    let mut sent = Vec::new();
    let mut out = Out::with_room(64 * 1024);
    loop {
        let output = machine.poll_output(now, &mut out);
        sent.extend_from_slice(&out.to_vec());
        out.clear();
        match output {
            Output::Event(event) => on_event(machine, event),
            Output::Full(_) => {}
            Output::Idle(_) => return sent.into(),
        }
    }
}

/// Answers each message with itself, and a call with OK when its client has ended.
fn echo(server: &mut AnyServer, event: ServerEvent) {
    match event {
        ServerEvent::Message { call, message, credit } => {
            server.consume(call, credit);
            let _ = server.send(call, message, false);
        }
        ServerEvent::HalfClosed { call } => {
            let _ = server.finish(call, &Status::OK, &Metadata::new());
        }
        _ => {}
    }
}

fn serve(server: &mut AnyServer, now: Time, events: &mut Vec<ServerEvent>) -> Bytes {
    turn(server, now, |server, event| {
        events.push(event.clone());
        echo(server, event);
    })
}

/// Carries bytes between the two, cut after so many, until both are quiet.
struct World {
    now: Time,
    client: Client,
    server: AnyServer,
    cut: usize,
    heard: Vec<ClientEvent>,
    at_server: Vec<ServerEvent>,
}

impl World {
    fn new(client: Client, cut: usize) -> World {
        let now = Time::START;
        let server = AnyServer::new(now, &AnyServerConfig::default());
        World { now, client, server, cut, heard: Vec::new(), at_server: Vec::new() }
    }

    fn settle(&mut self) {
        let World { now, client, server, cut, heard, at_server } = self;
        loop {
            let mut to_server = turn(&mut **client, *now, |client, event| {
                if let ClientEvent::Message { call, credit, .. } = &event {
                    client.consume(*call, *credit);
                }
                heard.push(event);
            });
            let mut to_client = Vec::new();
            let is_quiet = to_server.is_empty();
            while !to_server.is_empty() {
                server.handle_input(*now, to_server.split_to((*cut).min(to_server.len())));
                to_client.extend_from_slice(&serve(server, *now, at_server));
            }
            to_client.extend_from_slice(&serve(server, *now, at_server));
            let is_over = at_server.iter().any(|event| matches!(event, ServerEvent::Closed(_)));
            if is_quiet && to_client.is_empty() {
                if is_over {
                    client.handle_eof(*now);
                    let _last = turn(&mut **client, *now, |_, event| heard.push(event));
                }
                return;
            }
            for piece in to_client.chunks(*cut) {
                client.handle_input(*now, Bytes::copy_from_slice(piece));
            }
        }
    }

    fn call(&mut self, message: &'static str) -> Vec<ClientEvent> {
        let metadata = Metadata::new();
        let head =
            StartCall { path: "/test.Echo/Say", metadata: &metadata, deadline: None, compression: None };
        let call = self.client.start(self.now, head).unwrap();
        let _ = self.client.send(call, Bytes::from(message), false).unwrap();
        self.client.half_close(call).unwrap();
        self.settle();
        core::mem::take(&mut self.heard)
    }
}

#[test]
fn a_client_of_each_protocol_is_served_however_its_bytes_are_cut() {
    for cut in [1, 3, 7, 100, usize::MAX] {
        for (name, client) in clients(Time::START) {
            let mut world = World::new(client, cut);
            for message in ["one", "two"] {
                let heard = world.call(message);
                let said = heard.iter().find_map(|event| match event {
                    ClientEvent::Message { message, .. } => Some(message.clone()),
                    _ => None,
                });
                assert_eq!(said.as_deref(), Some(message.as_bytes()), "{name} by {cut}: {heard:?}");
                let is_ok = |event: &ClientEvent| matches!(event, ClientEvent::Ended { status, .. } if status.is_ok());
                assert_eq!(
                    heard.iter().filter(|event| is_ok(event)).count(),
                    1,
                    "{name} by {cut}: {heard:?}"
                );
            }
            assert_eq!(world.server.open_calls(), 0, "{name}");
        }
    }
}

#[test]
fn a_drain_reaches_clients_of_each_protocol_and_ends_the_connection() {
    for (name, client) in clients(Time::START) {
        let mut world = World::new(client, usize::MAX);
        world.call("one");
        world.server.drain(world.now, Duration::from_secs(5));
        for _ in 0..20 {
            world.settle();
            world.now = world.now + Duration::from_millis(500);
        }
        let is_over =
            world.heard.iter().any(|event| matches!(event, ClientEvent::Closed(_) | ClientEvent::Draining));
        assert!(is_over, "{name}: {:?}", world.heard);
    }
}

/// What a server says to these bytes, and how it ended.
fn answer_to(config: &AnyServerConfig, bytes: &'static [u8]) -> (String, Option<SessionEnd>) {
    let mut server = AnyServer::new(Time::START, config);
    server.handle_input(Time::START, Bytes::from_static(bytes));
    let mut end = None;
    let said = turn(&mut server, Time::START, |_, event| {
        if let ServerEvent::Closed(why) = event {
            end = Some(why);
        }
    });
    (String::from_utf8_lossy(&said).into_owned(), end)
}

#[test]
fn who_speaks_nothing_that_is_spoken_here_is_answered_in_http() {
    let all = AnyServerConfig::default();
    for bytes in [&b"hello, is anybody there?\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let (said, end) = answer_to(&all, bytes);
        assert!(said.starts_with("HTTP/1.1 400"), "{said}");
        assert!(matches!(end, Some(SessionEnd::Failed(_))), "{end:?}");
    }
    let (said, _) = answer_to(&all, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
}

#[test]
fn a_protocol_that_is_switched_off_is_refused_and_none_is_asked_where_grpc_is_alone() {
    let native = AnyServerConfig { native: None, ..AnyServerConfig::default() };
    let (said, end) = answer_to(&native, b"\xfazRPC\x01\0\0\x01\x01");
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    assert!(matches!(end, Some(SessionEnd::Failed(_))), "{end:?}");

    let alone = AnyServerConfig::only_grpc(ServerConfig::default());
    let mut server = AnyServer::new(Time::START, &alone);
    let said = turn(&mut server, Time::START, |_, _| {});
    assert_eq!(said.get(3), Some(&4), "SETTINGS go first");
}

#[test]
fn a_client_that_says_nothing_or_too_little_is_let_go_when_its_time_is_up() {
    for (bytes, why) in
        [(&b""[..], "said nothing"), (b"PR", "first words"), (b"POST / HTTP/1.1\r\n", "first words")]
    {
        let mut server = AnyServer::new(Time::START, &AnyServerConfig::default());
        server.handle_input(Time::START, Bytes::from_static(bytes));
        let mut out = Out::with_room(1024);
        let Output::Idle(Some(wake)) = server.poll_output(Time::START, &mut out) else { panic!("it waits") };
        let Output::Event(ServerEvent::Closed(SessionEnd::Failed(status))) =
            server.poll_output(wake.at, &mut out)
        else {
            panic!("it is over")
        };
        assert!(status.message().contains(why), "{status}");
        assert_eq!(server.poll_output(wake.at, &mut out), Output::Idle(None));
        assert!(out.is_empty());
    }
}

#[test]
fn a_silent_connection_ends_well_and_one_in_the_middle_of_a_word_does_not() {
    for (bytes, is_graceful) in [(&b""[..], true), (b"PR", false)] {
        let mut server = AnyServer::new(Time::START, &AnyServerConfig::default());
        server.handle_input(Time::START, Bytes::from_static(bytes));
        server.handle_eof(Time::START);
        let Output::Event(ServerEvent::Closed(end)) =
            server.poll_output(Time::START, &mut Out::with_room(1024))
        else {
            panic!("it is over")
        };
        assert_eq!(end == SessionEnd::Graceful, is_graceful, "{end:?}");
    }
    let mut server = AnyServer::new(Time::START, &AnyServerConfig::default());
    server.drain(Time::START, Duration::from_secs(10));
    let output = server.poll_output(Time::START, &mut Out::with_room(1024));
    assert_eq!(output, Output::Event(ServerEvent::Closed(SessionEnd::Graceful)));
}
