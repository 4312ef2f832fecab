//! Each violation of the table is met on the wire, and answered with the code and the scope that the table says.

use super::wire::{Wire, fields};
use crate::base::Rate;
use crate::hpack::HpackError;
use crate::http2::connection::Role;
use crate::http2::frame::settings::id;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{REQUEST, RESPONSE};
use crate::http2::violation::Scope;
use crate::http2::{CloseReason, Config, End, ErrorCode, Event, StreamId, Violation};
use alloc::vec::Vec;
use core::time::Duration;

/// What is met, and how.
type Case = (Violation, fn() -> Wire);

const FRAMING: &[Case] = &[
    (Violation::Preface, || {
        let mut wire = Wire::raw(Role::Server, Config::default());
        wire.say_raw(b"PRI * HTTP/2.1\r\n\r\n");
        wire
    }),
    (Violation::PrefaceWithoutSettings, || {
        let mut wire = Wire::raw(Role::Server, Config::default());
        wire.say(|peer| peer.preface().ping(*b"too soon"));
        wire
    }),
    (Violation::PrefaceTimeout, || {
        let mut wire = Wire::raw(Role::Server, Config::default());
        wire.wait(Duration::from_secs(10));
        wire
    }),
    (Violation::FrameTooLarge, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Unknown(0xee), 0, 0, &[0; 16_385]));
        wire
    }),
    (Violation::FrameSize, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Ping, 0, 0, b"short"));
        wire
    }),
    (Violation::StreamZero, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.data(0, b"x", false));
        wire
    }),
    (Violation::NotStreamZero, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Ping, 0, 1, b"12345678"));
        wire
    }),
    (Violation::Padding, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Headers, flags::PADDED | flags::END_HEADERS, 1, &[9, 0, 0]));
        wire
    }),
    (Violation::InterruptedHeaders, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b"").ping(*b"between!"));
        wire
    }),
    (Violation::StrayContinuation, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Continuation, flags::END_HEADERS, 1, b""));
        wire
    }),
    (Violation::TooManyContinuations, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b""));
        for _ in 0..=Config::default().continuations_max {
            wire.say(|peer| peer.frame(FrameType::Continuation, 0, 1, b""));
        }
        wire
    }),
    (Violation::HeaderBlockTooLarge, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, &[0; 16_384]));
        for _ in 0..4 {
            wire.say(|peer| peer.frame(FrameType::Continuation, 0, 1, &[0; 16_384]));
        }
        wire
    }),
    (Violation::HeaderTimeout, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Headers, 0, 1, b""));
        wire.wait(Duration::from_secs(10));
        wire
    }),
    (Violation::Compression(HpackError::IndexZero), || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Headers, flags::END_HEADERS, 1, &[0x80]));
        wire
    }),
];

const SETTINGS: &[Case] = &[
    (Violation::SettingsAckPayload, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.frame(FrameType::Settings, flags::ACK, 0, &[0; 6]));
        wire
    }),
    (Violation::StraySettingsAck, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings_ack());
        wire
    }),
    (Violation::SettingEnablePush, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings(&[(id::ENABLE_PUSH, 2)]));
        wire
    }),
    (Violation::SettingWindow, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 1 << 31)]));
        wire
    }),
    (Violation::SettingFrameSize, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings(&[(id::MAX_FRAME_SIZE, 16_383)]));
        wire
    }),
    (Violation::SettingConnect, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.settings(&[(id::ENABLE_CONNECT_PROTOCOL, 2)]));
        wire
    }),
    (Violation::SettingsTimeout, || {
        let mut wire = Wire::raw(Role::Client, Config::default());
        wire.say(|peer| peer.settings(&[]));
        wire.wait(Duration::from_secs(10));
        wire
    }),
    (Violation::InitialWindowOverflow, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, false).window_update(1, (1 << 31) - 1 - 65_535));
        wire.say(|peer| peer.settings(&[(id::INITIAL_WINDOW_SIZE, 65_536)]));
        wire
    }),
];

const STREAMS: &[Case] = &[
    (Violation::IdleStream, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.data(1, b"x", false));
        wire
    }),
    (Violation::StreamIdParity, || {
        let mut wire = Wire::client();
        wire.say(|peer| peer.headers(2, &RESPONSE, true));
        wire
    }),
    (Violation::StreamIdOrder, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(5, &REQUEST, true).headers(3, &REQUEST, true));
        wire
    }),
    (Violation::ClosedStream, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true));
        wire.machine.send_headers(StreamId(1), fields(&RESPONSE), true).expect("the stream is open");
        wire.settle();
        wire.say(|peer| peer.data(1, b"x", false));
        wire
    }),
    (Violation::Push, || {
        let mut wire = Wire::client();
        wire.open(true);
        wire.say(|peer| peer.frame(FrameType::PushPromise, flags::END_HEADERS, 1, &[0, 0, 0, 2]));
        wire
    }),
    (Violation::PushUnasked, || {
        let mut wire = Wire::raw(Role::Client, Config::default());
        wire.say(|peer| {
            peer.settings(&[]).frame(FrameType::PushPromise, flags::END_HEADERS, 1, &[0, 0, 0, 2])
        });
        wire
    }),
    (Violation::PushFromClient, || {
        let mut wire = Wire::server();
        wire.say(|peer| {
            peer.headers(1, &REQUEST, true).frame(
                FrameType::PushPromise,
                flags::END_HEADERS,
                1,
                &[0, 0, 0, 2],
            )
        });
        wire
    }),
    (Violation::GoAwayRaised, || {
        let mut wire = Wire::client();
        wire.open(true);
        wire.say(|peer| peer.goaway(1, 0).goaway(3, 0));
        wire
    }),
    (Violation::ZeroIncrement, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.window_update(0, 0));
        wire
    }),
    (Violation::ConnectionWindowOverflow, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.window_update(0, (1 << 31) - 1));
        wire
    }),
    (Violation::ConnectionFlow, || {
        let config = Config { connection_window_bytes: 65_535, ..Config::default() };
        let credit = crate::http2::Credit::Manual;
        let mut wire = Wire::server_with(Config { credit, ..config });
        wire.say(|peer| peer.headers(1, &REQUEST, false));
        for _ in 0..4 {
            wire.say(|peer| peer.data(1, &[0; 16_384], false));
        }
        wire
    }),
];

const LIMITS: &[Case] = &[
    (Violation::ResetFlood, || {
        let mut wire =
            Wire::server_with(Config { resets: Rate { burst: 6, per_second: 0 }, ..Config::default() });
        for stream in [1, 3, 5] {
            wire.say(|peer| peer.headers(stream, &REQUEST, true).reset(stream, 8));
        }
        wire
    }),
    (Violation::ControlFlood, || {
        let mut wire = Wire::server();
        for _ in 0..900 {
            wire.peer.ping(*b"flooding");
        }
        wire.say(|peer| peer);
        wire
    }),
    (Violation::UnreadReplies, || {
        let mut wire = Wire::server_with(Config { unread_replies_max: 10, ..Config::default() });
        for _ in 0..12 {
            wire.peer.ping(*b"flooding");
        }
        wire.say(|peer| peer);
        wire
    }),
    (Violation::KeepaliveTimeout, || {
        let mut wire = Wire::server_with(Config {
            keepalive_interval: Some(Duration::from_secs(1)),
            keepalive_timeout: Duration::from_secs(2),
            keepalive_without_streams: true,
            ..Config::default()
        });
        wire.wait(Duration::from_secs(1));
        wire.wait(Duration::from_secs(2));
        wire
    }),
];

/// These end stream 1 and leave the connection alone.
const OF_ONE_STREAM: &[Case] = &[
    (Violation::PrioritySize, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).frame(FrameType::Priority, 0, 1, &[0; 4]));
        wire
    }),
    (Violation::SelfDependency, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).frame(FrameType::Priority, 0, 1, &[0, 0, 0, 1, 7]));
        wire
    }),
    (Violation::HalfClosed, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).data(1, b"x", false));
        wire
    }),
    (Violation::AfterReset, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).reset(1, 8));
        wire.say(|peer| peer.data(1, b"x", false));
        wire
    }),
    (Violation::TooManyStreams, || {
        let mut wire = Wire::server_with(Config { max_concurrent_streams: 0, ..Config::default() });
        wire.say(|peer| peer.headers(1, &REQUEST, true));
        wire
    }),
    (Violation::StreamZeroIncrement, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).window_update(1, 0));
        wire
    }),
    (Violation::StreamWindowOverflow, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, true).window_update(1, (1 << 31) - 1));
        wire
    }),
    (Violation::StreamFlow, || {
        let mut wire = Wire::server_with(Config { stream_window_bytes: 10, ..Config::default() });
        wire.say(|peer| peer.headers(1, &REQUEST, false).data(1, &[0; 11], false));
        wire
    }),
    (Violation::MalformedHead, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &RESPONSE, true));
        wire
    }),
    (Violation::MalformedTrailers, || {
        let mut wire = Wire::server();
        wire.say(|peer| peer.headers(1, &REQUEST, false).headers(1, &[("a", "b")], false));
        wire
    }),
    (Violation::ContentLength, || {
        let mut wire = Wire::server();
        let list = [&REQUEST[..], &[("content-length", "2")]].concat();
        wire.say(|peer| peer.headers(1, &list, false).data(1, b"123", true));
        wire
    }),
    (Violation::DataBeforeHead, || {
        let mut wire = Wire::client();
        wire.open(true);
        wire.say(|peer| peer.data(1, b"x", true));
        wire
    }),
    (Violation::TooManyInformational, || {
        let mut wire = Wire::client_with(Config { informational_max: 1, ..Config::default() });
        wire.open(true);
        let hint = [(":status", "103")];
        wire.say(|peer| peer.headers(1, &hint, false).headers(1, &hint, false));
        wire
    }),
    (Violation::TunnelHeaders, || {
        let mut wire = Wire::server();
        let connect = [(":method", "CONNECT"), (":authority", "example.com:80")];
        wire.say(|peer| peer.headers(1, &connect, false).headers(1, &[("a", "b")], true));
        wire
    }),
];

#[test]
fn each_violation_of_the_connection_ends_it_with_the_code_of_the_table() {
    for (violation, meet) in [FRAMING, SETTINGS, STREAMS, LIMITS].concat() {
        meet().ended_by(violation);
    }
}

#[test]
fn each_violation_of_a_stream_resets_it_with_the_code_of_the_table_and_the_connection_goes_on() {
    for (violation, meet) in OF_ONE_STREAM {
        let mut wire = meet();
        assert_eq!(violation.scope(), Scope::Stream);
        assert_eq!(wire.reset_code(1), Some(violation.code()));
        // A stream of which the owner never heard, or that had ended, has no end to report.
        let is_known = !matches!(violation, Violation::TooManyStreams | Violation::AfterReset);
        let closed = Event::Closed { stream: StreamId(1), reason: CloseReason::Violation(*violation) };
        assert_eq!(wire.events.contains(&closed), is_known, "{:?}", wire.events);
        wire.goes_on();
    }
}

#[test]
fn no_violation_of_the_table_is_without_a_case() {
    let met: Vec<Violation> = [FRAMING, SETTINGS, STREAMS, LIMITS, OF_ONE_STREAM]
        .concat()
        .iter()
        .map(|(violation, _)| *violation)
        .collect();
    for violation in Violation::ALL {
        assert!(met.contains(violation), "{violation:?} is never met");
    }
    assert_eq!(met.len(), Violation::ALL.len() + 1, "each once, and one of the compression");
}

#[test]
fn each_violation_has_a_section_a_sentence_and_a_code_that_fits_its_scope() {
    for violation in Violation::ALL {
        let text = violation.text();
        assert!(
            violation.section().starts_with("RFC 9113 §") || violation.section().starts_with("RFC 8441 §")
        );
        assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
        // RFC 9113 §7: these codes speak of a connection as a whole, or of a single stream.
        match violation.code() {
            ErrorCode::COMPRESSION_ERROR | ErrorCode::SETTINGS_TIMEOUT => {
                assert_eq!(violation.scope(), Scope::Connection, "{violation:?}");
            }
            ErrorCode::REFUSED_STREAM => assert_eq!(violation.scope(), Scope::Stream, "{violation:?}"),
            _ => {}
        }
    }
}

#[test]
fn an_http1_client_gets_an_answer_that_it_can_show() {
    use crate::base::Machine;
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.machine.handle_input(wire.now, "GET / HTTP/1.1\r\nhost: a\r\n\r\n".into());
    let mut events = Vec::new();
    let sent = super::turn(&mut wire.machine, wire.now, &mut events);
    assert_eq!(events, [Event::Ended(End::Violation(Violation::Preface))]);
    assert!(sent.starts_with(b"HTTP/1.1 505 "));
}
