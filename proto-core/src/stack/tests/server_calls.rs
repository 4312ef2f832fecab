//! A server and the messages, ends and deadlines of its calls, frame by frame.

use super::wire::{REQUEST, Said, Wire, message, server};
use crate::base::{Flow, Misuse};
use crate::http2::frame::{FrameType, flags};
use crate::rpc::{CallId, Code, Metadata, Origin, ServerEvent, ServerSession, Status};
use crate::stack::{GrpcServer, ServerConfig};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

pub(super) const CALL: CallId = CallId::from_u64(1);

pub(super) fn small_limits(receive_message_bytes_max: usize) -> ServerConfig {
    let mut config = ServerConfig::default();
    config.limits.receive_message_bytes_max = receive_message_bytes_max;
    config
}

fn messages(events: &[ServerEvent]) -> Vec<Vec<u8>> {
    let message = |event: &ServerEvent| match event {
        ServerEvent::Message { message, .. } => Some(message.to_vec()),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

/// What comes of a call whose request says `more` and whose content is this.
pub(super) fn status_of(
    config: &ServerConfig,
    more: &[(&str, &str)],
    content: &[u8],
    end: bool,
) -> Option<Status> {
    let mut wire = server(config);
    wire.request(1, more, false);
    wire.peer.data(1, content, end);
    wire.deliver();
    match wire.events().pop() {
        Some(ServerEvent::Ended { status, .. }) => {
            let said = wire.said(1);
            assert_eq!(said[0].field("grpc-status").map(str::parse), Some(Ok(status.code() as u8)));
            assert_eq!(wire.machine.http2().open_streams(), 0);
            Some(status)
        }
        _ => None,
    }
}

#[test]
fn gotcha_5_3_messages_care_for_no_frame_boundary() {
    let content = [message(0, b"first"), message(0, b""), message(0, &[7; 400])].concat();
    for cut in 1..content.len() {
        let mut wire = server(&ServerConfig::default());
        wire.request(1, &[], false);
        for piece in content.chunks(cut) {
            let padded = [&[3][..], piece, &[0; 3]].concat();
            wire.peer.frame(FrameType::Data, flags::PADDED, 1, &padded);
            wire.peer.data(1, b"", false);
        }
        wire.peer.data(1, b"", true);
        wire.deliver();
        let events = wire.events();
        assert_eq!(messages(&events), [b"first".to_vec(), vec![], vec![7; 400]], "cut every {cut}");
        assert_eq!(events.last(), Some(&ServerEvent::HalfClosed { call: CALL }));
    }
}

#[test]
fn gotcha_5_3_a_request_may_end_in_four_ways() {
    let ends: [fn(&mut Wire<GrpcServer>); 4] = [
        |wire| wire.request(1, &[], true),
        |wire| {
            wire.request(1, &[], false);
            wire.peer.data(1, &message(0, b"x"), true);
        },
        |wire| {
            wire.request(1, &[], false);
            wire.peer.data(1, &message(0, b"x"), false).data(1, b"", true);
        },
        |wire| {
            wire.request(1, &[], false);
            wire.peer.data(1, &message(0, b"x"), false).headers(1, &[("a", "b")], true);
        },
    ];
    for (way, end) in ends.into_iter().enumerate() {
        let mut wire = server(&ServerConfig::default());
        end(&mut wire);
        wire.deliver();
        let events = wire.events();
        assert_eq!(events.last(), Some(&ServerEvent::HalfClosed { call: CALL }), "way {way}");
        assert_eq!(messages(&events).len(), usize::from(way > 0));
    }
}

#[test]
fn gotcha_5_3_framing_errors_have_the_codes_of_the_protocol_document() {
    let config = small_limits(10);
    let code = |more: &[(&str, &str)], content: &[u8], end| {
        status_of(&config, more, content, end).map(|status| (status.code(), status.origin()))
    };
    let internal = Some((Code::Internal, Origin::Library));
    assert_eq!(code(&[], &message(2, b"x"), false), internal, "an undefined flag");
    assert_eq!(code(&[], &message(1, b"x"), false), internal, "compressed, but no encoding");
    assert_eq!(code(&[("grpc-encoding", "identity")], &message(1, b"x"), false), internal);
    assert_eq!(code(&[], &message(0, b"12345")[..7], true), internal, "cut short");
    assert_eq!(code(&[], &message(0, &[0; 11]), false), Some((Code::ResourceExhausted, Origin::Library)));
    assert_eq!(code(&[], &message(0, &[0; 10]), false), None, "the limit itself passes");
}

#[test]
fn gotcha_5_5_an_early_finish_is_trailers_then_a_reset_with_no_error() {
    let mut wire = server(&ServerConfig::default());
    wire.request(1, &[], false);
    wire.machine.finish(CALL, &Status::not_found("gone"), &Metadata::new()).unwrap();
    wire.deliver();
    let said = wire.said(1);
    assert_eq!((said.len(), said[0].field("grpc-status")), (2, Some("5")));
    assert_eq!(said[1], Said::Reset(0));
    assert_eq!(wire.ended().code(), Code::NotFound);
}

#[test]
fn gotcha_5_5_messages_on_their_way_to_a_finished_call_harm_nobody() {
    let mut wire = server(&ServerConfig::default());
    wire.request(1, &[], false);
    wire.request(3, &[], false);
    wire.machine.finish(CALL, &Status::OK, &Metadata::new()).unwrap();
    wire.deliver();
    wire.events();
    // As many as the stream's window lets a client send before it hears of the end.
    let frames = 256 * 1024 / message(0, b"x").len();
    for _ in 0..frames {
        wire.peer.data(1, &message(0, b"x"), false);
    }
    wire.deliver();
    assert_eq!(wire.events(), []);
    // Their credit is back, so that the other call has the whole window of the connection.
    wire.peer.data(3, &message(0, &[0; 16_000]), true);
    wire.deliver();
    assert_eq!(messages(&wire.events()).len(), 1);
}

#[test]
fn gotcha_5_5_what_was_not_read_of_a_finished_call_gives_its_credit_back() {
    let mut config = small_limits(1 << 20);
    config.http2.connection_window_bytes = 65_535;
    config.http2.stream_window_bytes = 65_535;
    let mut wire = server(&config);
    // Nothing of the answer can be written, so the stream stays.
    wire.peer.settings(&[(4, 0)]);
    wire.request(1, &[], false);
    wire.peer.data(1, &message(0, b"unread"), false);
    for _ in 0..4 {
        wire.peer.data(1, &message(0, &[0; 15_000]), false);
    }
    wire.deliver();
    let _ = wire.machine.send(CALL, Bytes::from_static(b"answer"), false).unwrap();
    wire.machine.finish(CALL, &Status::OK, &Metadata::new()).unwrap();
    wire.deliver();
    assert_eq!(wire.machine.http2().open_streams(), 1);
    wire.events();
    // Another call may use the whole window of the connection.
    wire.request(3, &[], false);
    for _ in 0..4 {
        wire.peer.data(3, &message(0, &[0; 15_000]), false);
    }
    wire.deliver();
    assert_eq!(messages(&wire.events()).len(), 4);
    assert!(!wire.machine.http2().is_ended());
}

#[test]
fn a_deadline_ends_a_call_whose_client_does_not_read() {
    for finished in [false, true] {
        let mut wire = server(&ServerConfig::default());
        wire.peer.settings(&[(4, 3)]);
        wire.request(1, &[("grpc-timeout", "100m")], true);
        let _ = wire.machine.send(CALL, Bytes::from_static(b"answer"), false).unwrap();
        if finished {
            wire.machine.finish(CALL, &Status::OK, &Metadata::new()).unwrap();
        }
        wire.deliver();
        wire.wait(Duration::from_millis(99));
        assert_eq!(wire.machine.http2().open_streams(), 1);
        wire.wait(Duration::from_millis(1));
        assert_eq!(wire.said(1).last(), Some(&Said::Reset(8)), "finished: {finished}");
        assert_eq!(wire.machine.http2().open_streams(), 0);
        let code = if finished { Code::Ok } else { Code::DeadlineExceeded };
        assert_eq!(wire.ended().code(), code);
    }
}

#[test]
fn a_deadline_that_finds_a_client_that_reads_is_told_in_trailers() {
    for head in [false, true] {
        let mut wire = server(&ServerConfig::default());
        wire.request(1, &[("grpc-timeout", "100m")], true);
        if head {
            wire.machine.send_head(CALL, &Metadata::new(), None).unwrap();
            wire.deliver();
        }
        wire.wait(Duration::from_millis(100));
        let said = wire.said(1);
        let last = said.last().unwrap();
        assert_eq!((said.len(), last.field("grpc-status")), (1 + usize::from(head), Some("4")));
        assert_eq!(wire.ended().code(), Code::DeadlineExceeded);
        assert_eq!(wire.machine.http2().open_streams(), 0);
    }
}

#[test]
fn gotcha_5_5_a_reset_by_the_client_cancels_its_call_whatever_its_code() {
    for code in [0, 2, 5, 7, 8, 11, 77] {
        let mut wire = server(&ServerConfig::default());
        wire.request(1, &[], false);
        wire.peer.reset(1, code);
        wire.deliver();
        let status = wire.ended();
        assert_eq!((status.code(), status.origin()), (Code::Cancelled, Origin::Peer), "{code}");
        assert_eq!(wire.machine.finish(CALL, &Status::OK, &Metadata::new()), Err(Misuse::Gone));
    }
}

#[test]
fn a_broken_rule_of_http2_ends_its_call_alone_as_internal() {
    let mut wire = server(&ServerConfig::default());
    wire.request(1, &[("content-length", "3")], false);
    wire.request(3, &[], false);
    wire.peer.data(1, &message(0, b"longer"), true);
    wire.deliver();
    let status = wire.ended();
    assert_eq!((status.code(), status.origin()), (Code::Internal, Origin::Library), "{status}");
    assert_eq!(wire.machine.open_calls(), 1);
}

#[test]
fn what_is_queued_goes_out_before_the_status_and_nothing_after_it() {
    let mut wire = server(&ServerConfig::default());
    wire.request(1, &[], true);
    for payload in [&b"one"[..], b"two"] {
        assert_eq!(wire.machine.send(CALL, Bytes::from_static(payload), false), Ok(Flow::Ready));
    }
    let mut trailers = Metadata::new();
    trailers.append("k", "v").unwrap();
    wire.machine.finish(CALL, &Status::OK, &trailers).unwrap();
    assert_eq!(wire.machine.finish(CALL, &Status::OK, &trailers), Err(Misuse::Gone));
    assert_eq!(wire.machine.send(CALL, Bytes::new(), false), Err(Misuse::Gone));
    assert_eq!(wire.machine.send_head(CALL, &trailers, None), Err(Misuse::Gone));
    wire.deliver();
    let said = wire.said(1);
    assert_eq!(said.len(), 3, "{said:?}");
    let content = [message(0, b"one"), message(0, b"two")].concat();
    assert_eq!(said[1], Said::Data { bytes: content, end: false });
    assert_eq!((said[2].field("grpc-status"), said[2].field("k")), (Some("0"), Some("v")));
}

#[test]
fn trailers_that_the_client_does_not_take_are_misuse_and_the_call_goes_on() {
    let mut wire = server(&ServerConfig::default());
    wire.peer.settings(&[(6, 200)]);
    wire.request(1, &[], true);
    let status = Status::internal("x".repeat(300));
    let refused = wire.machine.finish(CALL, &status, &Metadata::new());
    assert!(matches!(refused, Err(Misuse::TooLarge { limit: 200, .. })), "{refused:?}");
    assert_eq!(wire.machine.finish(CALL, &Status::internal("x"), &Metadata::new()), Ok(()));
    wire.deliver();
    assert_eq!(wire.ended().code(), Code::Internal);
}

#[test]
fn frames_of_a_call_that_never_was_are_no_events() {
    let mut wire = server(&ServerConfig::default());
    wire.peer.headers(1, &REQUEST[..3], false).data(1, &message(0, b"x"), false).data(1, b"", true);
    wire.deliver();
    assert!(matches!(wire.events()[..], [ServerEvent::Refused { .. }]));
    assert_eq!(wire.machine.request(CALL).map(|head| head.path.len()), None);
    wire.machine.consume(CALL, u32::MAX);
}
