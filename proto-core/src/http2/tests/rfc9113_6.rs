//! RFC 9113 §6.1 to §6.6 and §6.10: DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, CONTINUATION.

use super::wire::{Wire, fields};
use crate::base::{Flow, Misuse};
use crate::http2::connection::Role;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::settings::RemoteSettings;
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{Config, ErrorCode, Event, HeadersKind, Prefix, StreamId, Violation};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const ONE: StreamId = StreamId(1);

/// A server that has answered a request with a head, content and trailers.
fn answered() -> Wire {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let flow = wire.machine.send_data(ONE, Prefix::NONE, Bytes::from(vec![1; 20_000]), false);
    assert_eq!(flow, Ok(Flow::Ready));
    wire.machine.send_headers(ONE, fields(&[("a", "b")]), true).expect("the stream is open");
    wire.settle();
    wire
}

/// A client that has not heard that its SETTINGS were acknowledged, with an open stream.
fn unacknowledged() -> Wire {
    let mut wire = Wire::raw(Role::Client, Config::default());
    wire.say(|peer| peer.settings(&[]));
    wire.open(true);
    wire
}

fn promise(wire: &mut Wire, stream: u32, promised: u8) {
    let payload = [&[0, 0, 0, promised][..], &wire.peer.block(&REQUEST)].concat();
    wire.say(|peer| peer.frame(FrameType::PushPromise, flags::END_HEADERS, stream, &payload));
}

#[test]
fn rfc9113_6_1_data_is_never_padded_when_sending() {
    assert!(answered().frames_of(FrameType::Data).iter().all(|frame| !frame.has(flags::PADDED)));
}

#[test]
fn rfc9113_6_2_headers_are_never_padded_when_sending() {
    assert!(answered().frames_of(FrameType::Headers).iter().all(|frame| !frame.has(flags::PADDED)));
}

/// A frame that belongs to a stream, on stream 0.
fn on_stream_0(kind: FrameType, payload: &[u8]) {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(kind, 0, 0, payload));
    wire.ended_by(Violation::StreamZero);
}

#[test]
fn rfc9113_6_1_data_on_stream_0_ends_the_connection() {
    on_stream_0(FrameType::Data, b"x");
}

#[test]
fn rfc9113_6_2_headers_on_stream_0_end_the_connection() {
    on_stream_0(FrameType::Headers, b"");
}

#[test]
fn rfc9113_6_3_priority_on_stream_0_ends_the_connection() {
    on_stream_0(FrameType::Priority, &[0; 5]);
}

#[test]
fn rfc9113_6_4_rst_stream_on_stream_0_ends_the_connection() {
    on_stream_0(FrameType::RstStream, &[0; 4]);
}

#[test]
fn rfc9113_6_6_push_promise_on_stream_0_ends_the_connection() {
    on_stream_0(FrameType::PushPromise, &[0, 0, 0, 2]);
}

#[test]
fn rfc9113_6_10_continuation_on_stream_0_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Continuation, flags::END_HEADERS, 0, b""));
    wire.ended_by(Violation::StreamZero);
}

#[test]
fn rfc9113_6_1_data_on_a_stream_that_is_half_closed_is_a_stream_error() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).data(1, b"x", true));
    wire.reset_by(1, Violation::HalfClosed);
}

#[test]
fn rfc9113_6_1_padding_is_taken_off_counted_and_given_back() {
    let mut wire = Wire::server_with(Config { stream_window_bytes: 100, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    for _ in 0..20 {
        let padded = [&[49][..], &[0; 49]].concat();
        wire.say(|peer| peer.frame(FrameType::Data, flags::PADDED, 1, &padded));
        assert_eq!(wire.events, []);
        let update = wire.frames_of(FrameType::WindowUpdate);
        assert_eq!(update.iter().map(|frame| frame.payload[3]).collect::<Vec<u8>>(), [50]);
    }
    let padded = [&[3][..], b"content", &[0; 3]].concat();
    wire.say(|peer| peer.frame(FrameType::Data, flags::PADDED | flags::END_STREAM, 1, &padded));
    assert_eq!(wire.events, [Event::Data { stream: ONE, data: Bytes::from_static(b"content"), end: true }]);
}

#[test]
fn rfc9113_6_1_padding_as_long_as_the_payload_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false).frame(FrameType::Data, flags::PADDED, 1, &[1]));
    wire.ended_by(Violation::Padding);
}

#[test]
fn rfc9113_6_6_padding_as_long_as_the_payload_ends_the_connection() {
    let mut wire = unacknowledged();
    let kind = flags::PADDED | flags::END_HEADERS;
    wire.say(|peer| peer.frame(FrameType::PushPromise, kind, 1, &[5, 0, 0, 0, 2]));
    wire.ended_by(Violation::Padding);
}

#[test]
fn rfc9113_6_2_headers_without_end_are_followed_by_continuation() {
    let mut wire = Wire::server();
    let block = wire.peer.block(&REQUEST);
    let (first, rest) = block.split_at(3);
    wire.say(|peer| peer.frame(FrameType::Headers, flags::END_STREAM, 1, first));
    assert_eq!(wire.events, []);
    wire.say(|peer| {
        peer.frame(FrameType::Continuation, 0, 1, b"").frame(
            FrameType::Continuation,
            flags::END_HEADERS,
            1,
            rest,
        )
    });
    let kind = HeadersKind::Request;
    assert_eq!(wire.events, [Event::Headers { stream: ONE, kind, end: true, oversized: false }]);
}

#[test]
fn rfc9113_6_2_another_frame_before_the_end_of_headers_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b"").data(1, b"x", false));
    wire.ended_by(Violation::InterruptedHeaders);
}

#[test]
fn rfc9113_6_10_another_frame_or_another_stream_where_continuation_was_due_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b"").settings(&[]));
    wire.ended_by(Violation::InterruptedHeaders);
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b"").frame(FrameType::Continuation, 4, 3, b""));
    wire.ended_by(Violation::InterruptedHeaders);
}

#[test]
fn rfc9113_6_6_another_frame_before_the_end_of_a_promise_and_its_continuation_ends_the_connection() {
    let mut wire = unacknowledged();
    wire.say(|peer| peer.frame(FrameType::PushPromise, 0, 1, &[0, 0, 0, 2]).ping(*b"between!"));
    wire.ended_by(Violation::InterruptedHeaders);
}

#[test]
fn rfc9113_6_10_a_stray_continuation_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false).frame(FrameType::Continuation, 4, 1, b""));
    wire.ended_by(Violation::StrayContinuation);
}

#[test]
fn rfc9113_6_3_a_length_other_than_five_is_a_stream_error() {
    for length in [0, 4, 6] {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).frame(FrameType::Priority, 0, 1, &[0; 6][..length]));
        wire.reset_by(1, Violation::PrioritySize);
    }
}

#[test]
fn rfc9113_6_3_priority_may_come_for_any_stream_and_changes_nothing() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Priority, 0, 99, &[0, 0, 0, 1, 7]));
    wire.ignored();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    assert_eq!(wire.events.len(), 1, "an idle stream stayed idle");
}

#[test]
fn rfc9113_6_4_nothing_more_is_sent_after_rst_stream_was_received() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    wire.say(|peer| peer.reset(1, 8));
    assert!(wire.frames.iter().all(|frame| frame.stream != 1), "{:?}", wire.frames);
    assert_eq!(wire.machine.finish(ONE), Err(Misuse::Gone));
}

#[test]
fn rfc9113_6_4_after_sending_rst_stream_frames_under_way_are_processed() {
    let mut wire = Wire::server_with(Config { connection_window_bytes: 65_535, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.reset(ONE, ErrorCode::CANCEL).expect("the stream is open");
    wire.settle();
    let mut credit = 0u32;
    for _ in 0..40 {
        wire.say(|peer| peer.data(1, &[0; 16_000], false));
        for update in wire.frames_of(FrameType::WindowUpdate) {
            assert_eq!(update.stream, 0);
            credit += u32::from_be_bytes(update.payload[..].try_into().expect("four bytes"));
        }
    }
    assert!(credit > 39 * 16_000 - 32_768, "the connection's credit comes back: {credit}");
    wire.goes_on();
}

#[test]
fn rfc9113_6_4_rst_stream_is_never_sent_for_an_idle_stream() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 0)]));
    let waiting = wire.open(true);
    wire.machine.reset(waiting, ErrorCode::CANCEL).expect("the stream waits");
    wire.settle();
    assert!(wire.frames.is_empty() && wire.events.len() == 1);
    // Admitted, and cancelled before its HEADERS found room.
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 10)]));
    let unwritten = wire.machine.open(fields(&REQUEST), true).expect("the peer takes streams");
    wire.machine.reset(unwritten, ErrorCode::CANCEL).expect("the stream waits");
    wire.settle();
    assert!(wire.frames.is_empty());
}

#[test]
fn rfc9113_6_4_rst_stream_on_an_idle_stream_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.reset(7, 0)).ended_by(Violation::IdleStream);
}

#[test]
fn rfc9113_6_4_a_length_other_than_4_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).frame(FrameType::RstStream, 0, 1, &[0; 5]));
    wire.ended_by(Violation::FrameSize);
}

#[test]
fn rfc9113_6_5_both_sides_send_settings_at_the_start_on_stream_0() {
    for role in [Role::Client, Role::Server] {
        let mut wire = Wire::raw(role, Config::default());
        wire.settle();
        assert_eq!((wire.frames[0].kind, wire.frames[0].stream), (FrameType::Settings, 0));
    }
}

#[test]
fn rfc9113_6_5_all_settings_are_supported() {
    let mut wire = Wire::server();
    wire.say(|peer| {
        peer.settings(&[
            (id::HEADER_TABLE_SIZE, 1),
            (id::ENABLE_PUSH, 1),
            (id::MAX_CONCURRENT_STREAMS, 2),
            (id::INITIAL_WINDOW_SIZE, 3),
            (id::MAX_FRAME_SIZE, 16_385),
            (id::MAX_HEADER_LIST_SIZE, 4),
        ])
    });
    let expected = RemoteSettings {
        received: true,
        header_table_bytes: 1,
        max_concurrent_streams: 2,
        initial_window_bytes: 3,
        max_frame_bytes: 16_385,
        header_list_bytes_max: 4,
        extended_connect: false,
    };
    assert_eq!(wire.machine.remote_settings(), &expected);
}

#[test]
fn rfc9113_6_5_settings_are_acknowledged_empty_and_without_payload() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::MAX_HEADER_LIST_SIZE, 100_000)]));
    let frame = wire.frames_of(FrameType::Settings)[0];
    assert!(frame.has(flags::ACK) && frame.payload.is_empty());
}

#[test]
fn rfc9113_6_5_an_acknowledgement_with_a_payload_ends_the_connection() {
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.say(|peer| peer.preface().settings(&[]).frame(FrameType::Settings, flags::ACK, 0, &[0; 6]));
    wire.ended_by(Violation::SettingsAckPayload);
}

#[test]
fn rfc9113_6_5_settings_on_a_stream_end_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Settings, 0, 1, b"")).ended_by(Violation::NotStreamZero);
}

#[test]
fn rfc9113_6_5_incomplete_settings_whose_length_is_no_multiple_of_6_end_the_connection() {
    for length in [1, 5, 7, 13] {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Settings, 0, 0, &[0; 13][..length]));
        wire.ended_by(Violation::FrameSize);
    }
}

#[test]
fn rfc9113_6_5_2_push_promise_after_push_was_turned_off_and_acknowledged_ends_the_connection() {
    let mut wire = Wire::client();
    wire.open(true);
    promise(&mut wire, 1, 2);
    wire.ended_by(Violation::Push);
}

#[test]
fn rfc9113_6_5_2_a_server_never_says_enable_push_and_takes_none_but_0_and_1_from_a_client() {
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.settle();
    let payload = &wire.frames_of(FrameType::Settings)[0].payload;
    assert!(payload.chunks(6).all(|pair| pair[..2] != id::ENABLE_PUSH.to_be_bytes()));
    wire.say(|peer| peer.preface().settings(&[(id::ENABLE_PUSH, 1), (id::ENABLE_PUSH, 0)]));
    wire.goes_on();
    wire.say(|peer| peer.settings(&[(id::ENABLE_PUSH, 2)])).ended_by(Violation::SettingEnablePush);
}

#[test]
fn rfc9113_6_5_2_enable_push_of_1_from_a_server_ends_the_connection() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::ENABLE_PUSH, 1)])).ended_by(Violation::SettingEnablePush);
}

#[test]
fn rfc9113_6_5_2_an_initial_window_above_its_maximum_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, u32::MAX)]));
    wire.ended_by(Violation::SettingWindow);
}

#[test]
fn rfc9113_6_5_2_a_max_frame_size_out_of_its_range_ends_the_connection() {
    for size in [0, 16_383, 1 << 24] {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings(&[(id::MAX_FRAME_SIZE, size)]));
        wire.ended_by(Violation::SettingFrameSize);
    }
}

#[test]
fn rfc9113_6_5_3_settings_are_applied_and_acknowledged_at_once() {
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::MAX_CONCURRENT_STREAMS, 1)]).ping(*b"and then"));
    let kinds: Vec<FrameType> = wire.frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameType::Settings, FrameType::Ping]);
    wire.open(true);
    wire.machine.open(fields(&REQUEST), true).expect("the second one waits");
    wire.settle();
    assert!(wire.frames.is_empty());
}

#[test]
fn rfc9113_6_5_3_values_are_taken_in_order_and_unknown_ones_are_ignored() {
    let mut wire = Wire::server();
    let pairs = [(id::MAX_CONCURRENT_STREAMS, 7), (0xffff, 1), (id::MAX_CONCURRENT_STREAMS, 8)];
    wire.say(|peer| peer.settings(&pairs));
    assert_eq!(wire.machine.remote_settings().max_concurrent_streams, 8);
}

#[test]
fn rfc9113_6_6_push_promise_after_push_was_disabled_ends_the_connection() {
    let mut wire = Wire::client();
    wire.open(true);
    promise(&mut wire, 1, 2);
    wire.ended_by(Violation::Push);
}

#[test]
fn rfc9113_6_6_push_promise_on_a_stream_that_is_not_open_ends_the_connection() {
    let mut wire = unacknowledged();
    promise(&mut wire, 3, 2);
    wire.ended_by(Violation::PushUnasked);
    let mut wire = unacknowledged();
    wire.say(|peer| peer.headers(1, &RESPONSE, true));
    promise(&mut wire, 1, 2);
    wire.ended_by(Violation::PushUnasked);
}

#[test]
fn rfc9113_6_6_push_promise_that_was_created_before_our_reset_is_still_handled() {
    let mut wire = unacknowledged();
    wire.machine.reset(ONE, ErrorCode::CANCEL).expect("the stream is open");
    wire.settle();
    promise(&mut wire, 1, 2);
    assert_eq!(wire.reset_code(2), Some(ErrorCode::REFUSED_STREAM));
    wire.goes_on();
}

#[test]
fn rfc9113_6_6_an_illegal_promised_stream_ends_the_connection() {
    for promised in [0, 1, 3] {
        let mut wire = unacknowledged();
        promise(&mut wire, 1, promised);
        wire.ended_by(Violation::StreamIdParity);
    }
    let mut wire = unacknowledged();
    promise(&mut wire, 1, 4);
    promise(&mut wire, 1, 2);
    wire.ended_by(Violation::StreamIdParity);
}
