//! Calls of gRPC-Web in memory: binary and text, on HTTP/1.1 and beside plain gRPC on HTTP/2.

use super::turn;
use crate::base::{Machine, Misuse, Time};
use crate::rpc::grpc_web::{WebConfig, WebForm};
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Code, Metadata, ServerEvent, ServerSession, SessionEnd, StartCall,
    Status,
};
use crate::stack::{ClientConfig, GrpcClient, GrpcServer, GrpcWebClient, GrpcWebServer, ServerConfig};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// A client, a server that echoes each message three times, and the time.
struct Duo {
    now: Time,
    client: Box<dyn ClientSession>,
    server: Box<dyn ServerSession>,
    at_client: Vec<ClientEvent>,
    at_server: Vec<ServerEvent>,
}

fn server_config() -> ServerConfig {
    ServerConfig { web: Some(WebConfig::default()), ..ServerConfig::default() }
}

fn http1(form: WebForm) -> Duo {
    let config = ClientConfig { web: Some(form), ..ClientConfig::default() };
    Duo::new(
        Box::new(GrpcWebClient::new(&config)),
        Box::new(GrpcWebServer::new(Time::START, &server_config())),
    )
}

fn http2(form: Option<WebForm>) -> Duo {
    let config = ClientConfig { web: form, ..ClientConfig::default() };
    let client = GrpcClient::new(Time::START, &config);
    Duo::new(Box::new(client), Box::new(GrpcServer::new(Time::START, &server_config())))
}

fn everywhere() -> [Duo; 5] {
    [
        http1(WebForm::Binary),
        http1(WebForm::Text),
        http2(Some(WebForm::Binary)),
        http2(Some(WebForm::Text)),
        // The same connections carry plain gRPC, which the same expectations hold for.
        http2(None),
    ]
}

impl Duo {
    fn new(client: Box<dyn ClientSession>, server: Box<dyn ServerSession>) -> Duo {
        let mut duo = Duo { now: Time::START, client, server, at_client: Vec::new(), at_server: Vec::new() };
        duo.settle();
        assert_eq!(core::mem::take(&mut duo.at_client), [ClientEvent::Ready]);
        duo
    }

    fn settle(&mut self) {
        loop {
            let to_server = turn(&mut self.client, self.now, &mut self.at_client);
            let quiet = to_server.is_empty();
            self.server.handle_input(self.now, to_server);
            let to_client = turn(&mut self.server, self.now, &mut self.at_server);
            if quiet && to_client.is_empty() {
                return;
            }
            self.client.handle_input(self.now, to_client);
        }
    }

    fn ask(&mut self, message: Bytes, metadata: &Metadata, deadline: Option<Time>) -> CallId {
        let head = StartCall { path: "/test.Service/Method", metadata, deadline, compression: None };
        let call = self.client.start(self.now, head).unwrap();
        let _ready = self.client.send(call, message, false).unwrap();
        self.client.half_close(call).unwrap();
        self.settle();
        call
    }

    fn opened(&self) -> CallId {
        let opened = self.at_server.iter().rev().find_map(|event| match event {
            ServerEvent::Opened { call } => Some(*call),
            _ => None,
        });
        opened.expect("a call was opened")
    }

    fn messages(&self) -> Vec<Bytes> {
        let message = |event: &ClientEvent| match event {
            ClientEvent::Message { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.at_client.iter().filter_map(message).collect()
    }

    fn ended(&self) -> (Status, Metadata) {
        let ended = self.at_client.iter().find_map(|event| match event {
            ClientEvent::Ended { status, trailers, .. } => Some((status.clone(), trailers.clone())),
            _ => None,
        });
        ended.expect("the call has ended")
    }
}

fn metadata(list: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in list {
        metadata.append(key, value).unwrap();
    }
    metadata
}

#[test]
fn a_stream_of_answers_comes_with_head_and_trailers_on_each_carrier_in_each_form() {
    for mut duo in everywhere() {
        for length in [0usize, 1, 5, 700, 40_000] {
            let message = Bytes::from(vec![length as u8; length]);
            duo.ask(message.clone(), &metadata(&[("k", "v")]), None);
            let call = duo.opened();
            let head = duo.server.request(call).unwrap();
            assert_eq!((head.path, head.metadata.get("k")), ("/test.Service/Method", Some("v")));
            assert_eq!(head.authority, "localhost");
            assert!(duo.at_server.iter().any(|event| *event == ServerEvent::HalfClosed { call }));
            duo.server.send_head(call, &metadata(&[("h", "1")]), None).unwrap();
            for _ in 0..3 {
                let _flow = duo.server.send(call, message.clone(), false).unwrap();
                duo.settle();
            }
            duo.server.finish(call, &Status::OK, &metadata(&[("t", "a:b")])).unwrap();
            duo.settle();
            assert!(duo.messages() == vec![message; 3], "{length} bytes");
            let (status, trailers) = duo.ended();
            assert_eq!((status, trailers.get("t")), (Status::OK, Some("a:b")));
            duo.at_client.clear();
            duo.at_server.clear();
        }
        assert_eq!((duo.client.open_calls(), duo.server.open_calls()), (0, 0));
        assert!(duo.client.has_room());
    }
}

#[test]
fn what_the_protocol_says_for_itself_is_no_metadata_on_either_side() {
    let list = |metadata: &Metadata| -> Vec<String> { metadata.iter().map(|(key, _)| key.into()).collect() };
    for mut duo in everywhere() {
        for fails_at_once in [false, true] {
            let asked = duo.ask(Bytes::from("hi"), &metadata(&[("k", "v")]), None);
            let call = duo.opened();
            let mut keys = list(duo.server.request(call).unwrap().metadata);
            keys.retain(|key| key != "user-agent");
            assert_eq!(keys, ["k"]);
            if !fails_at_once {
                duo.server.send_head(call, &metadata(&[("h", "1")]), None).unwrap();
                duo.settle();
                assert_eq!(duo.client.response_metadata(asked).map(list), Some(["h".into()].into()));
            }
            duo.server.finish(call, &Status::not_found("gone"), &metadata(&[("t", "1")])).unwrap();
            duo.settle();
            let (status, trailers) = duo.ended();
            assert_eq!(
                (list(&trailers), list(status.metadata())),
                (["t".into()].into(), ["t".into()].into())
            );
            duo.at_client.clear();
            duo.at_server.clear();
        }
    }
}

#[test]
fn an_error_comes_with_message_details_and_trailers_with_and_without_messages_before_it() {
    let details = [8, 3, 18, 1, b'x'];
    for sends_message in [false, true] {
        for mut duo in everywhere() {
            duo.ask(Bytes::from("hi"), &Metadata::new(), None);
            let call = duo.opened();
            if sends_message {
                let _ready = duo.server.send(call, Bytes::from("part"), false).unwrap();
            }
            let status = Status::invalid_argument("50% ☺").with_details(details.to_vec());
            duo.server.finish(call, &status, &metadata(&[("t", "1")])).unwrap();
            duo.settle();
            let (status, trailers) = duo.ended();
            assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "50% ☺"));
            assert_eq!((status.details(), trailers.get("t")), (&details[..], Some("1")));
            assert_eq!(duo.messages().len(), usize::from(sends_message));
        }
    }
}

#[test]
fn a_deadline_ends_the_call_at_both_sides() {
    for mut duo in everywhere() {
        let deadline = duo.now + Duration::from_millis(100);
        duo.ask(Bytes::from("hi"), &Metadata::new(), Some(deadline));
        assert_eq!(duo.server.request(duo.opened()).unwrap().deadline, Some(deadline));
        duo.now = deadline;
        duo.settle();
        assert_eq!(duo.ended().0.code(), Code::DeadlineExceeded);
        assert_eq!((duo.client.open_calls(), duo.server.open_calls()), (0, 0));
    }
}

#[test]
fn a_cancelled_call_resets_its_stream_on_http2_and_closes_the_connection_of_http1() {
    for (mut duo, is_http1) in [(http1(WebForm::Binary), true), (http2(Some(WebForm::Binary)), false)] {
        let call = duo.ask(Bytes::from("hi"), &Metadata::new(), None);
        duo.client.cancel(call).unwrap();
        duo.settle();
        assert_eq!(duo.ended().0.code(), Code::Cancelled);
        let is_closed = duo.at_client.last() == Some(&ClientEvent::Closed(SessionEnd::Graceful));
        assert_eq!((is_closed, duo.client.takes_calls()), (is_http1, !is_http1));
        if is_http1 {
            // What closing the transport looks like to the server.
            duo.server.handle_eof(duo.now);
            duo.settle();
        }
        let is_cancelled = |event: &ServerEvent| matches!(event, ServerEvent::Ended { status, .. } if status.code() == Code::Cancelled);
        assert!(duo.at_server.iter().any(is_cancelled), "{:?}", duo.at_server);
    }
}

#[test]
fn calls_on_http1_wait_for_their_turn_and_are_served_in_order() {
    let mut duo = http1(WebForm::Binary);
    for message in ["1", "2", "3"] {
        duo.ask(Bytes::from(message), &Metadata::new(), None);
    }
    assert_eq!((duo.client.open_calls(), duo.server.open_calls(), duo.client.has_room()), (3, 1, false));
    for message in ["1", "2", "3"] {
        let call = duo.opened();
        let _ready = duo.server.send(call, Bytes::from(message), false).unwrap();
        duo.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
        duo.settle();
    }
    assert_eq!(duo.messages(), ["1", "2", "3"]);
    assert_eq!((duo.client.open_calls(), duo.client.has_room()), (0, true));
}

#[test]
fn what_waits_when_a_connection_of_http1_ends_was_not_processed_and_is_safe_to_retry() {
    let mut duo = http1(WebForm::Binary);
    duo.ask(Bytes::from("1"), &Metadata::new(), None);
    duo.ask(Bytes::from("2"), &Metadata::new(), None);
    duo.server.close(duo.now);
    duo.settle();
    duo.client.handle_eof(duo.now);
    duo.settle();
    let ends: Vec<(Code, bool)> = duo
        .at_client
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Ended { status, .. } => Some((status.code(), status.safe_to_retry())),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(Code::Unavailable, true), (Code::Unavailable, false)]);
}

#[test]
fn a_draining_server_of_http1_answers_the_open_call_and_the_client_hears_that_it_drains() {
    let mut duo = http1(WebForm::Text);
    duo.ask(Bytes::from("1"), &Metadata::new(), None);
    duo.server.drain(duo.now, Duration::from_secs(5));
    let call = duo.opened();
    duo.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
    duo.settle();
    assert_eq!(duo.ended().0, Status::OK);
    assert!(duo.at_client.contains(&ClientEvent::Draining), "{:?}", duo.at_client);
    assert_eq!(duo.at_client.last(), Some(&ClientEvent::Closed(SessionEnd::Graceful)));
    assert_eq!(duo.at_server.last(), Some(&ServerEvent::Closed(SessionEnd::Graceful)));
}

#[test]
fn a_client_says_before_it_sends_that_a_request_has_one_message() {
    for mut duo in [http1(WebForm::Binary), http2(Some(WebForm::Text))] {
        assert!(!duo.client.takes_request_streams());
        let none = Metadata::new();
        let head = StartCall { path: "/s/m", metadata: &none, deadline: None, compression: None };
        let call = duo.client.start(duo.now, head).unwrap();
        let _ready = duo.client.send(call, Bytes::from("1"), false).unwrap();
        let refused = duo.client.send(call, Bytes::from("2"), false);
        assert!(
            matches!(refused, Err(Misuse::Unsupported(text)) if text.contains("one message")),
            "{refused:?}"
        );
        // The call goes on with the one.
        duo.client.half_close(call).unwrap();
        duo.settle();
        assert!(!duo.server.takes_request_stream(duo.opened()));
    }
    assert!(http2(None).client.takes_request_streams());
}

#[test]
fn a_client_that_drains_serves_what_waits_and_then_ends() {
    let mut duo = http1(WebForm::Binary);
    duo.ask(Bytes::from("1"), &Metadata::new(), None);
    duo.ask(Bytes::from("2"), &Metadata::new(), None);
    duo.client.drain(duo.now);
    for _ in 0..2 {
        let call = duo.opened();
        duo.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
        duo.settle();
    }
    assert_eq!(duo.at_client.last(), Some(&ClientEvent::Closed(SessionEnd::Graceful)));
}
