//! Requests and responses between two machines.

use super::Pair;
use crate::base::{Field, Fields, Flow, Misuse};
use crate::http2::{CloseReason, Config, Credit, End, ErrorCode, Event, HeadersKind, Prefix, StreamId};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

fn request() -> Fields {
    [
        Field::new(b":method", b"POST"),
        Field::new(b":scheme", b"http"),
        Field::new(b":path", b"/a"),
        Field::new(b":authority", b"example.com"),
    ]
    .into_iter()
    .collect()
}

fn response() -> Fields {
    [Field::new(b":status", b"200")].into_iter().collect()
}

fn data(events: &[Event], id: StreamId) -> Vec<u8> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Data { stream, data, .. } if *stream == id => Some(data.to_vec()),
            _ => None,
        })
        .flatten()
        .collect()
}

#[test]
fn a_request_is_answered_with_head_content_and_trailers() {
    let mut pair = Pair::new();
    let id = pair.client.open(request(), false).unwrap();
    assert_eq!(
        pair.client.send_data(id, Prefix::new(*b"12345"), Bytes::from_static(b"hello"), true),
        Ok(Flow::Ready)
    );
    pair.settle();
    assert_eq!(
        pair.at_server,
        [
            Event::Settings,
            Event::Headers { stream: id, kind: HeadersKind::Request, end: false, oversized: false },
            Event::Data { stream: id, data: Bytes::from_static(b"12345hello"), end: true },
        ]
    );
    assert_eq!(pair.server.fields(), &request());
    pair.server.send_headers(id, response(), false).unwrap();
    let _ = pair.server.send_data(id, Prefix::NONE, Bytes::from_static(b"world"), false).unwrap();
    pair.server.send_headers(id, [Field::new(b"x", b"y")].into_iter().collect(), true).unwrap();
    pair.at_client.clear();
    pair.settle();
    assert_eq!(
        pair.at_client,
        [
            Event::Headers { stream: id, kind: HeadersKind::Response, end: false, oversized: false },
            Event::Data { stream: id, data: Bytes::from_static(b"world"), end: false },
            Event::Headers { stream: id, kind: HeadersKind::Trailers, end: true, oversized: false },
            Event::Closed { stream: id, reason: CloseReason::Finished },
        ]
    );
    assert_eq!((pair.client.open_streams(), pair.server.open_streams()), (0, 0));
    assert_eq!(pair.server.reset(id, ErrorCode::CANCEL), Err(Misuse::Gone));
}

#[test]
fn rfc9113_5_2_content_beyond_the_windows_waits_for_credit_and_arrives_whole() {
    let config = Config { credit: Credit::Manual, ..Config::default() };
    let mut pair = Pair::with(Config::default(), config);
    let id = pair.client.open(request(), false).unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let flow = pair.client.send_data(id, Prefix::NONE, Bytes::from(content.clone()), false).unwrap();
    assert_eq!(flow, Flow::Blocked);
    assert_eq!(pair.client.send_data(id, Prefix::NONE, Bytes::new(), false), Err(Misuse::Blocked));
    pair.client.finish(id).unwrap();
    pair.settle();
    let mut seen = data(&pair.at_server, id);
    assert_eq!(seen.len(), 256 * 1024, "the stream's window");
    let mut rounds = 0;
    while seen.len() < content.len() {
        pair.server.consume(id, u32::MAX);
        pair.at_server.clear();
        pair.settle();
        seen.extend(data(&pair.at_server, id));
        rounds += 1;
        assert!(rounds < 100);
    }
    assert!(seen == content);
}

#[test]
fn rfc9113_5_1_2_streams_above_the_peers_limit_wait_for_their_turn() {
    let server = Config { max_concurrent_streams: 2, ..Config::default() };
    let mut pair = Pair::with(Config::default(), server);
    pair.settle();
    let ids: Vec<StreamId> = (0..5).map(|_| pair.client.open(request(), true).unwrap()).collect();
    pair.settle();
    assert_eq!(pair.server.open_streams(), 2);
    pair.client.reset(ids[3], ErrorCode::CANCEL).unwrap();
    for answered in 0..4 {
        let open: Vec<StreamId> = ids.iter().copied().filter(|id| *id != ids[3]).collect();
        pair.server.send_headers(open[answered], response(), true).unwrap();
        pair.settle();
    }
    assert_eq!((pair.client.open_streams(), pair.server.open_streams()), (0, 0));
    assert!(
        !pair
            .at_server
            .iter()
            .any(|event| matches!(event, Event::Closed { stream, .. } if *stream == ids[3]))
    );
}

#[test]
fn rfc9113_6_8_a_drain_serves_what_is_open_and_then_ends() {
    let mut pair = Pair::new();
    let first = pair.client.open(request(), true).unwrap();
    pair.settle();
    pair.server.drain(pair.now, Duration::from_secs(60));
    pair.settle();
    assert_eq!(pair.client.open(request(), true), Err(Misuse::Draining));
    pair.server.send_headers(first, response(), true).unwrap();
    pair.at_client.clear();
    pair.settle();
    assert_eq!(
        pair.at_client,
        vec![
            Event::Headers { stream: first, kind: HeadersKind::Response, end: true, oversized: false },
            Event::Closed { stream: first, reason: CloseReason::Finished },
            Event::Ended(End::Graceful),
        ]
    );
    assert_eq!(pair.at_server.last(), Some(&Event::Ended(End::Graceful)));
}

#[test]
fn rfc9113_6_8_streams_above_the_line_are_safe_to_try_again() {
    let mut pair = Pair::new();
    pair.settle();
    pair.server.close(pair.now);
    let late = pair.client.open(request(), true).unwrap();
    pair.at_client.clear();
    pair.settle();
    assert!(pair.at_client.contains(&Event::Closed { stream: late, reason: CloseReason::NotProcessed }));
    assert_eq!(pair.at_client.last(), Some(&Event::Ended(End::Graceful)));
}

#[test]
fn large_transfers_grow_the_windows_up_to_their_limit() {
    let server = Config { window_bytes_max: 4 << 20, ..Config::default() };
    let mut pair = Pair::with(Config::default(), server);
    pair.settle();
    let id = pair.client.open(request(), false).unwrap();
    let chunk = Bytes::from(vec![1; 8 << 20]);
    for _ in 0..20 {
        if pair.client.send_data(id, Prefix::NONE, chunk.clone(), false) == Err(Misuse::Blocked) {
            pair.wait(Duration::from_millis(1));
        }
    }
    pair.settle();
    assert!((512 << 10..=4 << 20).contains(&pair.server.stream_window), "{}", pair.server.stream_window);
}
