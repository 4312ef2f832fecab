//! RFC 9113 §4: frames, and the compression of header lists.

use super::wire::{Wire, fields};
use crate::base::Flow;
use crate::hpack::HpackError;
use crate::http2::connection::Role;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{Config, Event, HeadersKind, Prefix, StreamId, Violation};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const ONE: StreamId = StreamId(1);

/// The request of a stream that is finished with it.
fn request(stream: u32) -> Event {
    Event::Headers { stream: StreamId(stream), kind: HeadersKind::Request, end: true, oversized: false }
}

#[test]
fn rfc9113_4_1_frames_of_unknown_types_are_ignored() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Unknown(0x0a), 0xff, 0, b"anything"));
    wire.ignored();
    wire.say(|peer| peer.headers(1, &REQUEST, false).frame(FrameType::Unknown(0xff), 0, 1, b""));
    assert_eq!(wire.events.len(), 1);
    wire.goes_on();
}

#[test]
fn rfc9113_4_1_undefined_flags_are_ignored_when_received_and_unset_when_sent() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Ping, !flags::ACK, 0, b"12345678"));
    assert_eq!(wire.frames_of(FrameType::Ping)[0].flags, flags::ACK);
    let block = wire.peer.block(&REQUEST);
    let all = flags::END_STREAM | flags::END_HEADERS | 0x02 | 0x10 | 0x40 | 0x80;
    wire.say(|peer| peer.frame(FrameType::Headers, all, 1, &block));
    assert_eq!(wire.events, [request(1)]);
}

#[test]
fn rfc9113_4_1_the_reserved_bit_is_unset_when_sent() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers((1 << 31) - 1, &REQUEST, true));
    wire.machine.reset(StreamId((1 << 31) - 1), crate::http2::ErrorCode::CANCEL).expect("it is open");
    let mut events = Vec::new();
    let sent = super::turn(&mut wire.machine, wire.now, &mut events);
    assert_eq!(sent[5..9], [0x7f, 0xff, 0xff, 0xff]);
}

#[test]
fn rfc9113_4_1_no_payload_is_larger_than_the_max_frame_size_that_the_peer_allows() {
    for (allowed, pairs) in [(16_384, vec![]), (20_000, vec![(id::MAX_FRAME_SIZE, 20_000)])] {
        let mut wire = Wire::server();
        let more = (id::INITIAL_WINDOW_SIZE, 1 << 20);
        wire.say(|peer| peer.settings(&[&pairs[..], &[more]].concat()).window_update(0, 1 << 20));
        wire.say(|peer| peer.headers(1, &REQUEST, true));
        wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
        let content = Bytes::from(vec![7; 100_000]);
        assert_eq!(wire.machine.send_data(ONE, Prefix::NONE, content, true), Ok(Flow::Ready));
        wire.settle();
        let sizes: Vec<usize> =
            wire.frames_of(FrameType::Data).iter().map(|frame| frame.payload.len()).collect();
        assert_eq!(sizes.iter().max(), Some(&allowed));
        assert_eq!(sizes.iter().sum::<usize>(), 100_000);
    }
}

#[test]
fn rfc9113_4_2_frames_of_16384_octets_can_always_be_received() {
    let mut wire = Wire::server_with(Config { max_frame_bytes: 1, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[7; 16_384], true));
    assert!(wire.events.iter().any(|event| matches!(event, Event::Data { end: true, .. })));
    wire.goes_on();
}

#[test]
fn rfc9113_4_2_a_wrong_size_in_headers_ends_the_whole_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, flags::PRIORITY | flags::END_HEADERS, 1, &[0; 4]));
    wire.ended_by(Violation::FrameSize);
}

#[test]
fn rfc9113_4_3_a_field_block_is_sent_as_one_contiguous_run_of_frames() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).headers(3, &REQUEST, true));
    let long = "\u{7f}".repeat(40_000);
    for stream in [ONE, StreamId(3)] {
        let list = fields(&[(":status", "200"), ("x", &long)]);
        wire.machine.send_headers(stream, list, true).expect("the stream is open");
    }
    wire.say(|peer| peer.ping(*b"between?"));
    let kinds: Vec<(FrameType, u32)> = wire.frames.iter().map(|frame| (frame.kind, frame.stream)).collect();
    for stream in [1, 3] {
        let at = kinds.iter().position(|at| *at == (FrameType::Headers, stream)).expect("HEADERS were sent");
        let run = kinds[at + 1..].iter().take_while(|at| **at == (FrameType::Continuation, stream));
        assert!(run.count() >= 2, "{kinds:?}");
    }
    assert_eq!(kinds.iter().filter(|(kind, _)| *kind == FrameType::Headers).count(), 2);
}

#[test]
fn rfc9113_4_3_every_block_is_decoded_even_that_of_a_stream_that_is_refused() {
    let mut wire = Wire::server_with(Config { max_concurrent_streams: 1, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    let list = [&REQUEST[..], &[("x", "the table remembers this")]].concat();
    wire.say(|peer| peer.headers(3, &list, false));
    assert_eq!(wire.reset_code(3), Some(Violation::TooManyStreams.code()));
    wire.machine.reset(ONE, crate::http2::ErrorCode::CANCEL).expect("it is open");
    wire.say(|peer| peer.headers(5, &list, true));
    assert_eq!(wire.machine.fields(), &fields(&list));
}

#[test]
fn rfc9113_4_3_a_block_that_cannot_be_decoded_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, flags::END_HEADERS, 1, &[0xff, 0x00]));
    wire.ended_by(Violation::Compression(HpackError::IndexOutOfRange { index: 127, last: 61 }));
}

#[test]
fn rfc9113_4_3_1_the_block_after_a_smaller_table_was_acknowledged_begins_with_an_update() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::HEADER_TABLE_SIZE, 0)]).headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), true).expect("the stream is open");
    wire.settle();
    assert_eq!(wire.frames_of(FrameType::Headers)[0].payload[0], 0x20);
}

#[test]
fn rfc9113_4_3_1_a_block_that_lacks_the_update_that_is_due_ends_the_connection() {
    let mut wire = Wire::server_with(Config { header_table_bytes: 0, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.ended_by(Violation::Compression(HpackError::SizeUpdateMissing { max: 0 }));
}

#[test]
fn rfc9113_4_3_1_until_it_acknowledges_a_smaller_table_a_peer_may_use_the_initial_one() {
    let mut wire = Wire::raw(Role::Server, Config { header_table_bytes: 0, ..Config::default() });
    let list = [&REQUEST[..], &[("x", "the table remembers this")]].concat();
    wire.say(|peer| peer.preface().settings(&[]).headers(1, &list, true).headers(3, &list, true));
    assert_eq!(wire.events, [Event::Settings, request(1), request(3)]);
    assert_eq!(wire.machine.fields(), &fields(&list));
}

#[test]
fn rfc9113_6_5_3_a_table_that_shrinks_and_grows_in_order_within_one_frame_is_emptied() {
    let mut wire = Wire::server();
    let head = fields(&[(":status", "200"), ("x", "the table remembers this")]);
    for stream in [1, 3] {
        wire.say(|peer| peer.headers(stream, &REQUEST, true));
        wire.machine.send_headers(StreamId(stream), head.clone(), true).expect("the stream is open");
        wire.settle();
    }
    let short = wire.frames_of(FrameType::Headers)[0].payload.len();
    let pairs = [(id::HEADER_TABLE_SIZE, 0), (id::HEADER_TABLE_SIZE, 4096)];
    wire.say(|peer| peer.settings(&pairs).headers(5, &REQUEST, true));
    wire.machine.send_headers(StreamId(5), head, true).expect("the stream is open");
    wire.settle();
    let block = &wire.frames_of(FrameType::Headers)[0].payload;
    assert_eq!(block[0], 0x20, "the smallest size comes first");
    assert!(block.len() > short + 10, "nothing of the old table is referred to");
}
