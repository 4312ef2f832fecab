//! Calls of all kinds, their ends, and what a peer does wrong.

use super::Pair;
use crate::base::{Flow, Misuse};
use crate::rpc::grpc::Limits;
use crate::rpc::{
    ClientEvent, ClientSession, Code, Metadata, ServerEvent, ServerSession, SessionEnd, StartCall, Status,
};
use crate::stack::{ClientConfig, ServerConfig};
use alloc::vec;
use bytes::Bytes;
use core::time::Duration;

fn ended(events: &[ClientEvent]) -> &Status {
    match events.last() {
        Some(ClientEvent::Ended { status, .. }) => status,
        other => panic!("expected Ended, got {other:?}"),
    }
}

#[test]
fn a_unary_call_is_answered_with_metadata_message_status_and_trailers() {
    let mut pair = Pair::new();
    let mut metadata = Metadata::new();
    metadata.append("k", "v").unwrap();
    let head = StartCall { path: "/a.B/C", metadata: &metadata, deadline: None, compression: None };
    let call = pair.client.start(pair.now, head).unwrap();
    assert_eq!(pair.client.send(call, Bytes::from_static(b"ping"), false), Ok(Flow::Ready));
    pair.client.half_close(call).unwrap();
    pair.settle();
    assert_eq!(
        pair.server_events(),
        [
            ServerEvent::Opened { call },
            ServerEvent::Message { call, message: Bytes::from_static(b"ping"), credit: 9 },
            ServerEvent::HalfClosed { call },
        ]
    );
    let request = pair.server.request(call).unwrap();
    assert_eq!(
        (request.path, request.authority, request.metadata.get("k")),
        ("/a.B/C", "localhost", Some("v"))
    );
    pair.server.send_head(call, &metadata, None).unwrap();
    let _ = pair.server.send(call, Bytes::from_static(b"pong"), false).unwrap();
    pair.server.finish(call, &Status::OK, &metadata).unwrap();
    assert_eq!(pair.server.finish(call, &Status::OK, &metadata), Err(Misuse::Gone));
    pair.settle();
    assert_eq!(pair.server_events(), [ServerEvent::Ended { call, status: Status::OK }]);
    assert_eq!(
        pair.client_events(),
        [
            ClientEvent::Head { call },
            ClientEvent::Message { call, message: Bytes::from_static(b"pong"), credit: 9 },
            ClientEvent::Ended { call, status: Status::OK, trailers: metadata },
        ]
    );
    assert_eq!((pair.client.open_calls(), pair.server.open_calls()), (0, 0));
    assert_eq!((pair.client.http2().open_streams(), pair.server.http2().open_streams()), (0, 0));
}

#[test]
fn an_error_without_messages_is_trailers_only_and_carries_its_details() {
    let mut pair = Pair::new();
    let call = pair.start(None);
    pair.settle();
    let status = Status::not_found("no such thing: 100%").with_details(vec![8, 5]);
    pair.server.finish(call, &status, &Metadata::new()).unwrap();
    pair.settle();
    let events = pair.client_events();
    assert_eq!(events.len(), 1, "{events:?}");
    let seen = ended(&events);
    assert_eq!(
        (seen.code(), seen.message(), seen.details()),
        (Code::NotFound, "no such thing: 100%", &[8, 5][..])
    );
    assert_eq!(pair.server.http2().open_streams(), 0, "the request's rest is refused with NO_ERROR");
}

#[test]
fn a_deadline_ends_the_call_on_both_sides_wherever_it_is() {
    let mut pair = Pair::new();
    let call = pair.start(Some(Duration::from_millis(100)));
    let _ = pair.client.send(call, Bytes::from_static(b"1"), false).unwrap();
    pair.settle();
    pair.server.send_head(call, &Metadata::new(), None).unwrap();
    pair.settle();
    pair.client_events();
    pair.server_events();
    pair.wait(Duration::from_millis(99));
    assert_eq!((pair.client_events(), pair.server_events()), (vec![], vec![]));
    pair.wait(Duration::from_millis(1));
    assert_eq!(ended(&pair.client_events()).code(), Code::DeadlineExceeded);
    let ServerEvent::Ended { status, .. } = &pair.server_events()[0] else { panic!() };
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[test]
fn a_cancelled_call_ends_once_on_each_side() {
    let mut pair = Pair::new();
    let call = pair.start(None);
    pair.settle();
    pair.client.cancel(call).unwrap();
    assert_eq!(pair.client.cancel(call), Err(Misuse::Gone));
    pair.settle();
    assert_eq!(ended(&pair.client_events()).code(), Code::Cancelled);
    let events = pair.server_events();
    assert!(
        matches!(&events[..], [ServerEvent::Opened { .. }, ServerEvent::Ended { status, .. }] if status.code() == Code::Cancelled),
        "{events:?}"
    );
    assert_eq!(pair.server.send(call, Bytes::new(), false), Err(Misuse::Gone));
}

#[test]
fn a_message_larger_than_every_window_arrives_and_a_slow_reader_holds_the_sender_back() {
    let mut server = ServerConfig {
        limits: Limits { receive_message_bytes_max: 16 << 20, ..Limits::default() },
        ..ServerConfig::default()
    };
    server.http2.window_bytes_max = 256 << 10;
    let mut pair = Pair::with(&ClientConfig::default(), &server);
    let call = pair.start(None);
    let large = Bytes::from(vec![7; 10 << 20]);
    assert_eq!(pair.client.send(call, large.clone(), false), Ok(Flow::Blocked));
    pair.settle();
    assert!(pair.client_events().contains(&ClientEvent::Writable { call }));
    let events = pair.server_events();
    let Some(ServerEvent::Message { message, credit, .. }) = events.last() else { panic!("{events:?}") };
    assert!(*message == large);
    let credit = *credit;
    // The first message is not consumed, so the next ones stop at the window.
    let mut sent = 0usize;
    for _ in 0..2000 {
        sent += usize::from(pair.client.send(call, Bytes::from(vec![1; 1000]), false).is_ok());
        pair.settle();
    }
    let unread = pair.server_events().len();
    assert!(unread < 262 && unread < sent, "{unread} of {sent} arrived");
    pair.server.consume(call, credit);
    for _ in 0..unread {
        pair.server.consume(call, 1005);
    }
    pair.settle();
    assert!(!pair.server_events().is_empty());
}

#[test]
fn a_lost_connection_ends_every_call_once_and_then_itself() {
    use crate::base::Machine;
    let mut pair = Pair::new();
    let calls = [pair.start(None), pair.start(None)];
    pair.settle();
    pair.client.handle_eof(pair.now);
    pair.settle();
    let events = pair.client_events();
    assert_eq!(events.len(), 3, "{events:?}");
    for (event, expected) in events.iter().zip(calls) {
        let ClientEvent::Ended { call, status, .. } = event else { panic!("{event:?}") };
        assert_eq!((*call, status.code()), (expected, Code::Unavailable));
    }
    assert!(matches!(events[2], ClientEvent::Closed(SessionEnd::Failed(_))));
    let metadata = Metadata::new();
    let head = StartCall { path: "/a/b", metadata: &metadata, deadline: None, compression: None };
    assert_eq!(pair.client.start(pair.now, head), Err(Misuse::Closed));
}
