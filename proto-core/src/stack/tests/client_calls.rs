//! A client's calls: their deadlines, their turn, and how a connection takes them along.

use super::wire::{OK, RESPONSE, Said, client};
use crate::base::{Flow, Machine, Misuse};
use crate::rpc::{ClientEvent, ClientSession, Code, Metadata, Origin, SessionEnd, StartCall, Status};
use crate::stack::ClientConfig;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn statuses(events: Vec<ClientEvent>) -> Vec<(u64, Status)> {
    let ended = |event| match event {
        ClientEvent::Ended { call, status, .. } => Some((call.as_u64(), status)),
        _ => None,
    };
    events.into_iter().filter_map(ended).collect()
}

#[test]
fn gotcha_5_1_a_deadline_that_is_used_up_fails_at_once_and_reaches_nobody() {
    let mut wire = client(&ClientConfig::default(), &[]);
    wire.now = wire.now + MS;
    let metadata = Metadata::new();
    for deadline in [wire.now, crate::base::Time::START] {
        let head =
            StartCall { path: "/a/b", metadata: &metadata, deadline: Some(deadline), compression: None };
        let call = wire.machine.start(wire.now, head).unwrap();
        wire.deliver();
        assert_eq!(wire.ended().code(), Code::DeadlineExceeded);
        assert_eq!(wire.said(call.as_u64() as u32), []);
    }
    // Ids that were skipped are no trouble.
    let call = wire.start(None);
    wire.peer.headers(call.as_u64() as u32, &[&RESPONSE[..], &OK].concat(), true);
    wire.deliver();
    assert_eq!(wire.ended(), Status::OK);
}

#[test]
fn gotcha_5_1_the_timeout_on_the_wire_is_what_is_left() {
    let mut wire = client(&ClientConfig::default(), &[]);
    wire.start(Some(Duration::from_millis(250)));
    assert_eq!(wire.said(1)[0].field("grpc-timeout"), Some("250000u"));
    wire.start(None);
    assert_eq!(wire.said(3)[0].field("grpc-timeout"), None);
}

#[test]
fn gotcha_5_1_a_request_says_what_the_protocol_document_asks_for() {
    let config = ClientConfig { user_agent: "app/1 grpc-zrpc/2".into(), ..ClientConfig::default() };
    let mut wire = client(&ClientConfig { secure: true, ..config.clone() }, &[]);
    wire.start(None);
    assert_eq!(wire.said(1)[0].field(":scheme"), Some("https"));
    let mut wire = client(&config, &[]);
    wire.start(None);
    let said = wire.said(1);
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/test.Service/Method"),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "app/1 grpc-zrpc/2"),
    ] {
        assert_eq!(said[0].field(name), Some(value), "{name}");
    }
}

#[test]
fn a_deadline_ends_a_call_that_waits_for_its_turn_and_the_server_never_hears_of_it() {
    let mut wire = client(&ClientConfig::default(), &[(3, 1)]);
    wire.start(None);
    wire.start(Some(100 * MS));
    wire.wait(99 * MS);
    assert_eq!(statuses(wire.events()), []);
    wire.wait(MS);
    assert_eq!(wire.ended().code(), Code::DeadlineExceeded);
    wire.peer.headers(1, &[&RESPONSE[..], &OK].concat(), true);
    wire.deliver();
    assert_eq!(wire.said(3), []);
    wire.start(None);
    assert_eq!(wire.said(5).len(), 1, "its turn has come");
}

#[test]
fn a_deadline_ends_a_call_that_waits_for_flow_control() {
    let mut wire = client(&ClientConfig::default(), &[(4, 0)]);
    let call = wire.start(Some(100 * MS));
    assert_eq!(wire.machine.send(call, Bytes::from(vec![0; 1 << 20]), false), Ok(Flow::Blocked));
    assert_eq!(wire.machine.send(call, Bytes::new(), false), Err(Misuse::Blocked));
    wire.wait(100 * MS);
    assert_eq!(wire.ended().code(), Code::DeadlineExceeded);
    assert_eq!(wire.said(1).last(), Some(&Said::Reset(8)));
}

#[test]
fn gotcha_5_5_a_cancel_that_comes_with_the_deadline_is_the_deadline() {
    let mut wire = client(&ClientConfig::default(), &[]);
    wire.start(Some(100 * MS));
    wire.now = wire.now + 100 * MS;
    wire.peer.reset(1, 8);
    wire.deliver();
    assert_eq!(wire.ended().code(), Code::DeadlineExceeded);
}

#[test]
fn gotcha_5_5_calls_above_the_line_of_a_goaway_are_safe_to_retry_and_the_rest_go_on() {
    let mut wire = client(&ClientConfig::default(), &[(3, 2)]);
    for _ in 0..3 {
        wire.start(None);
    }
    wire.peer.goaway(1, 0);
    wire.deliver();
    let events = wire.events();
    assert_eq!(events.iter().filter(|event| matches!(event, ClientEvent::Draining)).count(), 1);
    for (call, status) in statuses(events) {
        assert!(
            call > 1 && status.code() == Code::Unavailable && status.safe_to_retry(),
            "{call}: {status:?}"
        );
    }
    assert!(!wire.machine.takes_calls());
    assert_eq!(wire.machine.open_calls(), 1);
    wire.peer.headers(1, &[&RESPONSE[..], &OK].concat(), true);
    wire.deliver();
    let events = wire.events();
    assert_eq!(events.last(), Some(&ClientEvent::Closed(SessionEnd::Graceful)));
    assert_eq!(statuses(events), [(1, Status::OK)]);
}

#[test]
fn a_lost_connection_says_which_calls_were_never_sent() {
    let mut wire = client(&ClientConfig::default(), &[(3, 1)]);
    wire.start(None);
    wire.start(None);
    wire.machine.handle_eof(wire.now);
    wire.deliver();
    let ended = statuses(wire.events());
    let told: Vec<_> = ended
        .iter()
        .map(|(call, status)| (*call, status.code(), status.origin(), status.safe_to_retry()))
        .collect();
    let unavailable = |call, safe| (call, Code::Unavailable, Origin::Transport, safe);
    assert_eq!(told, [unavailable(3, true), unavailable(1, false)]);
}

#[test]
fn closing_cancels_every_call_also_those_that_were_never_sent() {
    let mut wire = client(&ClientConfig::default(), &[(3, 1)]);
    wire.start(None);
    wire.start(None);
    wire.machine.close(wire.now);
    wire.deliver();
    let events = wire.events();
    assert_eq!(events.last(), Some(&ClientEvent::Closed(SessionEnd::Graceful)));
    let codes: Vec<_> = statuses(events).into_iter().map(|(call, status)| (call, status.code())).collect();
    assert_eq!(codes, [(1, Code::Cancelled), (3, Code::Cancelled)]);
}

#[test]
fn the_peers_error_is_told_to_its_calls_and_to_the_owner() {
    let mut wire = client(&ClientConfig::default(), &[]);
    wire.start(None);
    wire.peer.goaway(1, 11);
    wire.deliver();
    wire.machine.handle_eof(wire.now);
    wire.deliver();
    let events = wire.events();
    let Some(ClientEvent::Closed(SessionEnd::Failed(end))) = events.last().cloned() else {
        panic!("{events:?}")
    };
    assert!(end.message().contains("ENHANCE_YOUR_CALM"), "{end}");
    assert_eq!(statuses(events), [(1, end)]);
}

#[test]
fn gotcha_5_2_metadata_that_the_server_does_not_take_fails_its_call_alone() {
    let mut wire = client(&ClientConfig::default(), &[(6, 500)]);
    wire.start(None);
    let mut metadata = Metadata::new();
    metadata.append("large", &"x".repeat(500)).unwrap();
    let head = StartCall { path: "/a/b", metadata: &metadata, deadline: None, compression: None };
    let refused = wire.machine.start(wire.now, head);
    assert!(matches!(refused, Err(Misuse::TooLarge { limit: 500, .. })), "{refused:?}");
    assert_eq!(wire.machine.open_calls(), 1);
    wire.start(None);
    assert_eq!(wire.said(3).len(), 1, "the id was not used up");
}

#[test]
fn ends_are_said_once_and_nothing_follows_them() {
    let mut wire = client(&ClientConfig::default(), &[]);
    let call = wire.start(None);
    let _ = wire.machine.send(call, Bytes::from_static(b"queued"), false).unwrap();
    wire.machine.half_close(call).unwrap();
    assert!(matches!(wire.machine.half_close(call), Err(Misuse::OutOfOrder(_))));
    assert!(matches!(wire.machine.send(call, Bytes::new(), false), Err(Misuse::OutOfOrder(_))));
    wire.deliver();
    assert_eq!(wire.said(1)[1], Said::Data { bytes: b"\0\0\0\0\x06queued".to_vec(), end: true });
    wire.machine.cancel(call).unwrap();
    wire.deliver();
    assert_eq!(wire.ended().code(), Code::Cancelled);
    assert_eq!(wire.machine.half_close(call), Err(Misuse::Gone));
    assert_eq!(wire.machine.send(call, Bytes::new(), false), Err(Misuse::Gone));
}

#[test]
fn writable_comes_once_after_each_blocked() {
    let mut config = ClientConfig::default();
    config.http2.send_buffer_bytes = 1000;
    let mut wire = client(&config, &[(4, 0)]);
    let call = wire.start(None);
    for round in 0..5 {
        assert_eq!(wire.machine.send(call, Bytes::from(vec![0; 2000]), false), Ok(Flow::Blocked), "{round}");
        wire.deliver();
        assert_eq!(wire.events(), []);
        wire.peer.window_update(1, 1900);
        wire.deliver();
        wire.peer.window_update(1, 105);
        wire.deliver();
        assert_eq!(wire.events(), [ClientEvent::Writable { call }], "{round}");
    }
}
