//! A15: connections that say little or nothing and wait (slowloris): each holds next to nothing, and all are gone in time.

use crate::host::{Handlers, Victim, opened};
use std::time::Duration;
use zrpc::core::stack::AnyServerConfig;
use zrpc_tests::attacks::http2::half_a_head;
use zrpc_tests::attacks::wire::{Wire, kind};
use zrpc_tests::attacks::{native, websocket};

/// Connections that stall at once.
const CONNECTIONS: usize = 5_000;
/// Bytes of heap for each of them.
const HEAP: i64 = 8 * 1024;
/// The longest that any stage may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Where a connection can stop, by what it has said until then.
fn stalls() -> Vec<(&'static str, Vec<u8>)> {
    let half_a_block = opened().frame(kind::HEADERS, 0, 1, &[0x82; 40]).take();
    let mut half_a_hello = native::opened().take();
    half_a_hello.pop();
    vec![
        ("nothing", Vec::new()),
        ("half a preface", b"PRI * HT".to_vec()),
        ("a preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("SETTINGS, and no acknowledgement of ours", Wire::http2(&[]).take()),
        ("half a HEADERS frame", half_a_head()),
        ("a block without its end", half_a_block),
        ("half a frame's head", opened().raw(&[0, 0]).take()),
        ("half a head of HTTP/1.1", b"POST /a.B/C HTTP/1.1\r\nHost: victim\r\n".to_vec()),
        ("half a handshake of WebSocket", websocket::handshake("")[..60].to_vec()),
        ("half a preface of the native protocol", b"\xfazRP".to_vec()),
        ("half a HELLO", half_a_hello),
    ]
}

#[test]
fn a15_stalled_connections_hold_little_and_are_all_reaped_in_time() {
    let stalls = stalls();
    let mut victims: Vec<(&str, Victim)> = Vec::new();
    for index in 0..CONNECTIONS {
        let (stage, said) = &stalls[index % stalls.len()];
        let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
        victim.take(said, true);
        victims.push((stage, victim));
    }
    for (stage, victim) in &mut victims {
        assert!(victim.live() <= HEAP, "{stage}: {} bytes of heap", victim.live());
        assert_eq!(victim.end(), None, "{stage}");
        victim.wait(LIMIT + Duration::from_secs(1));
        assert!(victim.end().is_some(), "{stage}: still there");
    }
    for (stage, victim) in victims {
        assert_eq!(victim.over().left, 0, "{stage}");
    }
}

#[test]
fn a15_a_head_that_comes_octet_by_octet_has_no_more_time_than_one_that_stops() {
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    victim.take(&opened().take(), true);
    let head = half_a_head();
    let start = opened().take().len();
    for octet in &head[start..] {
        victim.wait(Duration::from_secs(1));
        victim.take(&[*octet], true);
    }
    assert!(head.len() - start > 11);
    assert!(victim.end().is_some(), "the frame's limit counts from its first octet");
}

#[test]
fn a15_a_peer_that_sends_busily_in_odd_pieces_is_not_taken_for_one_that_stalls() {
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    victim.take(&opened().take(), true);
    let mut wire = Wire::default();
    for stream in (1..200).step_by(2) {
        wire.call(stream, true);
    }
    // Each piece ends within a frame.
    for piece in wire.take().chunks(131) {
        victim.wait(Duration::from_millis(500));
        victim.take(piece, true);
    }
    assert_eq!(victim.end(), None);
    assert_eq!(victim.started(), 100);
}
