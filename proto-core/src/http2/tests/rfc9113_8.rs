//! RFC 9113 §8 and §10: HTTP in frames, and what protects a connection.

use super::wire::{Wire, fields};
use crate::base::{Field, Misuse};
use crate::hpack::HpackError;
use crate::http2::connection::Role;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::{CloseReason, Config, ErrorCode, Event, HeadersKind, StreamId, Violation};
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

const ONE: StreamId = StreamId(1);

/// A request that no server takes.
#[track_caller]
fn is_malformed(list: &[(&str, &str)]) {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, list, true)).reset_by(1, Violation::MalformedHead);
    let mut wire = Wire::client();
    assert!(
        matches!(wire.machine.open(fields(list), true), Err(Misuse::InvalidField(_))),
        "and none is sent"
    );
}

/// A response that no client takes.
#[track_caller]
fn is_malformed_response(list: &[(&str, &str)]) {
    let mut wire = Wire::client();
    wire.open(true);
    wire.say(|peer| peer.headers(1, list, true)).reset_by(1, Violation::MalformedHead);
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true));
    let sent = wire.machine.send_headers(ONE, fields(list), true);
    assert!(matches!(sent, Err(Misuse::InvalidField(_))), "and none is sent");
}

fn request_with(extra: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    [&REQUEST[..], &[extra]].concat()
}

fn request_without(name: &str) -> Vec<(&'static str, &'static str)> {
    REQUEST.iter().copied().filter(|(other, _)| *other != name).collect()
}

#[test]
fn rfc9113_8_1_no_frame_comes_between_headers_and_their_continuation() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b"").window_update(0, 1));
    wire.ended_by(Violation::InterruptedHeaders);
}

#[test]
fn rfc9113_8_1_trailers_never_have_pseudo_header_fields() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false).headers(1, &[(":status", "200")], true));
    wire.reset_by(1, Violation::MalformedTrailers);
    wire.say(|peer| peer.headers(3, &REQUEST, true));
    wire.machine.send_headers(StreamId(3), fields(&RESPONSE), false).expect("the stream is open");
    let sent = wire.machine.send_headers(StreamId(3), fields(&RESPONSE), true);
    assert!(matches!(sent, Err(Misuse::InvalidField(_))));
}

#[test]
fn rfc9113_8_1_headers_after_the_head_that_do_not_end_the_stream_are_malformed() {
    let mut wire = Wire::client();
    wire.open(true);
    wire.say(|peer| peer.headers(1, &RESPONSE, false).headers(1, &[("a", "b")], false));
    wire.reset_by(1, Violation::MalformedTrailers);
}

#[test]
fn rfc9113_8_1_an_informational_response_neither_ends_the_stream_nor_switches_the_protocol() {
    for (status, end) in [("100", true), ("101", false)] {
        let mut wire = Wire::client();
        wire.open(true);
        wire.say(|peer| peer.headers(1, &[(":status", status)], end));
        wire.reset_by(1, Violation::MalformedHead);
    }
}

#[test]
fn rfc9113_8_1_a_response_is_not_discarded_because_of_a_reset_with_no_error_after_it() {
    let mut wire = Wire::client();
    wire.open(false);
    wire.say(|peer| peer.headers(1, &RESPONSE, false).data(1, b"all", true).reset(1, 0));
    let kind = HeadersKind::Response;
    let reason = CloseReason::ResetByPeer(ErrorCode::NO_ERROR);
    assert_eq!(
        wire.events,
        [
            Event::Headers { stream: ONE, kind, end: false, oversized: false },
            Event::Data { stream: ONE, data: Bytes::from_static(b"all"), end: true },
            Event::Closed { stream: ONE, reason },
        ]
    );
}

#[test]
fn rfc9113_8_1_a_server_that_needs_no_more_of_the_request_ends_it_with_no_error_after_its_response() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.machine.send_headers(ONE, fields(&RESPONSE), true).expect("the stream is open");
    wire.machine.reset_when_sent(ONE, ErrorCode::NO_ERROR).expect("the stream is open");
    wire.settle();
    let kinds: Vec<FrameType> = wire.frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameType::Headers, FrameType::RstStream]);
    assert_eq!(wire.reset_code(1), Some(ErrorCode::NO_ERROR));
}

#[test]
fn rfc9113_8_1_1_a_client_does_not_take_a_malformed_response() {
    is_malformed_response(&[(":status", "OK")]);
    is_malformed_response(&[(":status", "200"), ("Upper", "case")]);
}

#[test]
fn rfc9113_8_1_1_content_that_differs_from_its_content_length_is_a_stream_error() {
    let list = request_with(("content-length", "5"));
    for (content, end) in [(&b"1234"[..], true), (b"123456", false), (b"", true)] {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &list, false).data(1, content, end));
        wire.reset_by(1, Violation::ContentLength);
    }
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &list, true)).reset_by(1, Violation::ContentLength);
    wire.say(|peer| peer.headers(3, &list, false).headers(3, &[("a", "b")], true));
    wire.reset_by(3, Violation::ContentLength);
    wire.say(|peer| peer.headers(5, &list, false).data(5, b"12", false).data(5, b"345", true));
    wire.goes_on();
}

#[test]
fn rfc9113_8_1_1_a_response_without_content_may_say_how_long_it_would_be() {
    let long = [(":status", "304"), ("content-length", "99")];
    let mut wire = Wire::client();
    wire.open(true);
    wire.say(|peer| peer.headers(1, &long, true));
    assert_eq!(wire.events.last(), Some(&Event::Closed { stream: ONE, reason: CloseReason::Finished }));
    let head = [(":method", "HEAD"), (":scheme", "http"), (":path", "/")];
    let id = wire.machine.open(fields(&head), true).expect("the peer takes streams");
    wire.settle();
    wire.say(|peer| peer.headers(id.as_u32(), &[(":status", "200"), ("content-length", "99")], true));
    assert_eq!(wire.events.last(), Some(&Event::Closed { stream: id, reason: CloseReason::Finished }));
}

#[test]
fn rfc9113_8_2_names_are_lowercase_when_sent_and_when_received() {
    is_malformed(&request_with(("X-Upper", "1")));
}

#[test]
fn rfc9113_8_2_1_values_with_line_ends_or_white_space_around_them_are_refused() {
    for value in ["a\r\nb", "a\0b", " a", "a\t"] {
        is_malformed(&[&REQUEST[..], &[("x", value)]].concat());
    }
}

#[test]
fn rfc9113_8_2_2_connection_specific_fields_are_never_sent_nor_taken_and_te_says_trailers_only() {
    for extra in [("connection", "close"), ("transfer-encoding", "chunked"), ("te", "trailers, gzip")] {
        is_malformed(&request_with(extra));
    }
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &request_with(("te", "trailers")), true));
    wire.goes_on();
}

#[test]
fn rfc9113_8_3_undefined_pseudo_header_fields_are_neither_sent_nor_taken() {
    is_malformed(&[&[(":version", "2")][..], &REQUEST].concat());
    is_malformed_response(&[(":status", "200"), (":reason", "OK")]);
}

#[test]
fn rfc9113_8_3_a_requests_pseudo_header_fields_are_malformed_in_responses_and_the_reverse() {
    is_malformed_response(&[(":status", "200"), (":path", "/")]);
    is_malformed(&[&REQUEST[..], &[(":status", "200")]].concat());
}

#[test]
fn rfc9113_8_3_pseudo_header_fields_come_before_regular_ones_once_and_never_in_trailers() {
    is_malformed(&[&[("a", "b")][..], &REQUEST].concat());
    is_malformed(&[&REQUEST[..], &[(":path", "/")]].concat());
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false).headers(1, &[(":path", "/")], true));
    wire.reset_by(1, Violation::MalformedTrailers);
}

#[test]
fn rfc9113_8_3_1_a_host_that_differs_from_authority_is_malformed() {
    is_malformed(&request_with(("host", "other.example")));
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &request_with(("host", "example.com")), true));
    wire.goes_on();
}

#[test]
fn rfc9113_8_3_1_authority_has_no_userinfo() {
    let list = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "me@example.com")];
    is_malformed(&list);
}

#[test]
fn rfc9113_8_3_1_path_is_never_empty_and_an_asterisk_is_for_options_alone() {
    let with_path = |method, path| [(":method", method), (":scheme", "http"), (":path", path)];
    is_malformed(&with_path("GET", ""));
    is_malformed(&with_path("GET", "*"));
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &with_path("OPTIONS", "*"), true));
    wire.goes_on();
}

#[test]
fn rfc9113_8_3_1_requests_that_are_missing_method_scheme_or_path_are_malformed() {
    for name in [":method", ":scheme", ":path"] {
        is_malformed(&request_without(name));
    }
}

#[test]
fn rfc9113_8_3_2_responses_without_status_are_malformed() {
    is_malformed_response(&[("a", "b")]);
}

#[test]
fn rfc9113_8_4_push_from_a_client_ends_the_connection() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, false));
    wire.say(|peer| peer.frame(FrameType::PushPromise, flags::END_HEADERS, 1, &[0, 0, 0, 2]));
    wire.ended_by(Violation::PushFromClient);
}

#[test]
fn rfc9113_8_4_1_no_side_ever_sends_push_promise_nor_opens_a_stream_as_a_server() {
    let mut wire = Wire::server();
    let opened = wire.machine.open(fields(&REQUEST), true);
    assert!(matches!(opened, Err(Misuse::OutOfOrder(_))), "{opened:?}");
}

const CONNECT: [(&str, &str); 2] = [(":method", "CONNECT"), (":authority", "example.com:443")];

#[test]
fn rfc9113_8_5_connect_has_neither_scheme_nor_path() {
    is_malformed(&[&CONNECT[..], &[(":path", "/")]].concat());
    is_malformed(&[&CONNECT[..], &[(":scheme", "https")]].concat());
    is_malformed(&CONNECT[..1]);
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &CONNECT, false));
    wire.goes_on();
}

#[test]
fn rfc9113_8_5_only_data_is_sent_on_a_connected_stream() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &CONNECT, false).headers(3, &CONNECT, false));
    wire.machine.send_headers(ONE, fields(&RESPONSE), false).expect("the stream is open");
    let trailers = wire.machine.send_headers(ONE, fields(&[("a", "b")]), true);
    assert!(matches!(trailers, Err(Misuse::OutOfOrder(_))), "{trailers:?}");
    // A tunnel that was refused is a response like any other.
    let refused = fields(&[(":status", "403")]);
    wire.machine.send_headers(StreamId(3), refused, false).expect("the stream is open");
    wire.machine.send_headers(StreamId(3), fields(&[("a", "b")]), true).expect("the stream is open");
}

#[test]
fn rfc9113_8_5_other_frames_on_a_connected_stream_are_a_stream_error() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &CONNECT, false).headers(1, &[("a", "b")], true));
    wire.reset_by(1, Violation::TunnelHeaders);
    let mut wire = Wire::client();
    let id = wire.machine.open(fields(&CONNECT), false).expect("the peer takes streams");
    wire.settle();
    let list = [(":status", "200"), ("content-length", "5")];
    wire.say(|peer| peer.headers(id.as_u32(), &list, false).data(id.as_u32(), b"123456", false));
    wire.goes_on();
    wire.say(|peer| peer.headers(id.as_u32(), &[("a", "b")], true));
    wire.reset_by(id.as_u32(), Violation::TunnelHeaders);
}

#[test]
fn rfc9113_8_7_a_stream_is_refused_only_when_it_was_not_passed_on_and_is_then_unprocessed_for_certain() {
    let mut wire = Wire::server_with(Config { max_concurrent_streams: 1, ..Config::default() });
    wire.say(|peer| peer.headers(1, &REQUEST, true).headers(3, &REQUEST, true));
    assert_eq!(wire.reset_code(3), Some(ErrorCode::REFUSED_STREAM));
    let passed_on: Vec<u32> = wire
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Headers { stream, .. } => Some(stream.as_u32()),
            _ => None,
        })
        .collect();
    assert_eq!(passed_on, [1]);
}

#[test]
fn rfc9113_8_7_goaway_includes_the_last_stream_that_the_application_saw() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).headers(7, &REQUEST, true));
    wire.machine.drain(wire.now, Duration::from_secs(60));
    wire.settle();
    wire.say(|peer| peer.headers(11, &REQUEST, true));
    assert_eq!(wire.events.len(), 1, "it was under way when the drain began");
    wire.wait(Duration::from_secs(1));
    assert_eq!(wire.goaways(), [(11, ErrorCode::NO_ERROR)]);
}

#[test]
fn rfc9113_10_5_1_a_header_list_that_is_too_large_is_processed_for_the_table_and_reported() {
    let config = Config { header_list_bytes_max: 300, ..Config::default() };
    let mut wire = Wire::server_with(config);
    let long = "x".repeat(400);
    let list = [&REQUEST[..], &[("long", long.as_str()), ("x", "the table remembers this")]].concat();
    wire.say(|peer| peer.headers(1, &list, true));
    let kind = HeadersKind::Request;
    assert_eq!(wire.events, [Event::Headers { stream: ONE, kind, end: true, oversized: true }]);
    let list = request_with(("x", "the table remembers this"));
    wire.say(|peer| peer.headers(3, &list, true));
    assert_eq!(wire.machine.fields(), &fields(&list));
}

#[test]
fn rfc9113_10_5_1_a_header_list_without_end_is_not_processed_and_the_connection_ends() {
    let config = Config { header_list_bytes_max: 300, ..Config::default() };
    let mut wire = Wire::server_with(config);
    let long = "x".repeat(2_000);
    wire.say(|peer| peer.headers(1, &[("long", &long)], true));
    wire.ended_by(Violation::Compression(HpackError::ListTooLarge { limit: 1_200 }));
}

#[test]
fn rfc9113_10_6_a_secret_is_sent_so_that_no_table_ever_indexes_it() {
    let mut wire = Wire::server();
    wire.say(|peer| peer.headers(1, &REQUEST, true).headers(3, &REQUEST, true));
    let mut list = fields(&RESPONSE);
    list.push(Field::secret(b"set-cookie", b"k=v"));
    let mut blocks = Vec::new();
    for stream in [ONE, StreamId(3)] {
        wire.machine.send_headers(stream, list.clone(), true).expect("the stream is open");
        wire.settle();
        blocks.push(wire.frames_of(FrameType::Headers)[0].payload.clone());
    }
    assert_eq!(blocks[0], blocks[1], "no table learned it");
    assert_eq!(blocks[0][1] & 0xf0, 0x10, "never indexed");
}

#[test]
fn rfc8441_3_the_setting_is_sent_by_a_server_that_serves_it_and_never_taken_back() {
    use crate::http2::frame::settings::id;
    let mut wire = Wire::raw(Role::Server, Config { extended_connect: true, ..Config::default() });
    wire.settle();
    let payload = &wire.frames_of(FrameType::Settings)[0].payload;
    assert!(payload.chunks(6).any(|pair| pair == [0, 8, 0, 0, 0, 1]));
    let mut wire = Wire::client();
    wire.say(|peer| peer.settings(&[(id::ENABLE_CONNECT_PROTOCOL, 1)]));
    wire.say(|peer| peer.settings(&[(id::ENABLE_CONNECT_PROTOCOL, 0)])).ended_by(Violation::SettingConnect);
}

#[test]
fn rfc8441_4_extended_connect_is_taken_where_it_was_offered_and_malformed_elsewhere() {
    let connect = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "example.com"),
    ];
    is_malformed(&connect);
    let mut wire = Wire::server_with(Config { extended_connect: true, ..Config::default() });
    wire.say(|peer| peer.headers(1, &connect, false).data(1, b"frames", false));
    assert_eq!(wire.events.len(), 2);
    // RFC 8441 §5: what follows the heads is the tunnelled protocol's.
    wire.say(|peer| peer.headers(1, &[("a", "b")], true)).reset_by(1, Violation::TunnelHeaders);
}
