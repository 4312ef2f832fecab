//! A client and the replies that servers may send: statuses, what is no gRPC, what breaks the rules.

use super::wire::{OK, RESPONSE, Said, Wire, client, message};
use crate::rpc::{ClientEvent, ClientSession, Code, Metadata, Origin, Status};
use crate::stack::{ClientConfig, GrpcClient};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// The status of a call that is half closed and that the server answers like this.
fn status_of(answer: impl FnOnce(&mut Wire<GrpcClient>)) -> Status {
    let mut wire = client(&ClientConfig::default(), &[]);
    let call = wire.start(None);
    wire.machine.half_close(call).unwrap();
    wire.deliver();
    answer(&mut wire);
    wire.deliver();
    let status = wire.ended();
    assert_eq!((wire.machine.open_calls(), wire.machine.http2().open_streams()), (0, 0));
    // The connection carries the next call.
    wire.start(None);
    assert_eq!(wire.machine.open_calls(), 1);
    status
}

fn code_of(list: &[(&str, &str)], content: &[u8], trailers: Option<&[(&str, &str)]>) -> Code {
    status_of(|wire| {
        wire.peer.headers(1, list, false).data(1, content, trailers.is_none());
        if let Some(trailers) = trailers {
            wire.peer.headers(1, trailers, true);
        }
    })
    .code()
}

#[test]
fn gotcha_5_4_interim_responses_are_skipped() {
    let status = status_of(|wire| {
        wire.peer.headers(1, &[(":status", "100")], false).headers(1, &[(":status", "103")], false);
        wire.peer.headers(1, &RESPONSE, false).headers(1, &OK, true);
    });
    assert_eq!(status, Status::OK);
}

#[test]
fn gotcha_5_4_trailers_only_is_one_header_list_whatever_its_http_status() {
    for http in ["200", "503"] {
        let status = status_of(|wire| {
            let list = [(":status", http), ("grpc-status", "5"), ("grpc-message", "100%25"), ("k", "v")];
            wire.peer.headers(1, &list, true);
        });
        assert_eq!(
            (status.code(), status.message(), status.origin()),
            (Code::NotFound, "100%", Origin::Peer)
        );
        assert_eq!(status.metadata().get("k"), Some("v"));
        assert!(!status.safe_to_retry());
    }
}

#[test]
fn gotcha_5_4_a_status_in_the_head_is_ignored_and_the_trailing_one_wins() {
    let head = [&RESPONSE[..], &[("grpc-status", "5"), ("grpc-message", "early")]].concat();
    assert_eq!(code_of(&head, &message(0, b"x"), Some(&OK)), Code::Ok);
    assert_eq!(code_of(&head, &message(0, b"x"), Some(&[("grpc-status", "9")])), Code::FailedPrecondition);
    assert_eq!(code_of(&head, &message(0, b"x"), Some(&[("x", "y")])), Code::Unknown);
}

#[test]
fn gotcha_5_4_a_reply_without_a_status_is_unknown() {
    assert_eq!(code_of(&RESPONSE, &message(0, b"x"), None), Code::Unknown);
    assert_eq!(code_of(&RESPONSE, b"", None), Code::Unknown);
    assert_eq!(code_of(&RESPONSE, b"", Some(&[("a", "b")])), Code::Unknown);
    let only_a_head = status_of(|wire| _ = wire.peer.headers(1, &RESPONSE, true));
    assert_eq!(only_a_head.code(), Code::Unknown);
}

#[test]
fn gotcha_5_4_http_statuses_count_where_no_grpc_status_came_and_some_of_the_body_is_kept() {
    for (http, code) in [
        ("400", Code::Internal),
        ("401", Code::Unauthenticated),
        ("403", Code::PermissionDenied),
        ("404", Code::Unimplemented),
        ("429", Code::Unavailable),
        ("431", Code::Unknown),
        ("500", Code::Unknown),
        ("502", Code::Unavailable),
        ("503", Code::Unavailable),
        ("504", Code::Unavailable),
    ] {
        let html = [(":status", http), ("content-type", "text/html")];
        let status = status_of(|wire| _ = wire.peer.headers(1, &html, false).data(1, b"<p>\nno", true));
        assert_eq!(status.code(), code, "{http}");
        assert!(status.message().contains(http) && status.message().contains("<p>\\nno"), "{status}");
        let status = status_of(|wire| _ = wire.peer.headers(1, &html, true));
        assert_eq!(status.code(), code, "{http} with no body");
        // A reset, a late status OK and trailers without a status change nothing.
        let status = status_of(|wire| _ = wire.peer.headers(1, &html, false).reset(1, 2));
        assert_eq!(status.code(), code, "{http} and a reset");
        assert_eq!(code_of(&html, b"body", Some(&OK)), code);
        assert_eq!(code_of(&html, b"body", Some(&[("a", "b")])), code);
        assert_eq!(code_of(&html, b"body", Some(&[("grpc-status", "5")])), Code::NotFound);
    }
}

#[test]
fn gotcha_5_4_a_long_body_that_is_no_grpc_costs_a_few_bytes_of_it() {
    let mut wire = client(&ClientConfig::default(), &[]);
    wire.start(None);
    wire.peer.headers(1, &[(":status", "502"), ("content-type", "text/plain")], false);
    for _ in 0..10 {
        wire.peer.data(1, &[b'x'; 10_000], false);
    }
    wire.deliver();
    let status = wire.ended();
    assert!(status.message().len() < 400, "{}", status.message().len());
    assert_eq!(wire.said(1).last(), Some(&Said::Reset(8)));
}

#[test]
fn gotcha_5_1_a_reply_in_another_codec_is_no_success() {
    for kind in ["text/plain", "application/json", "application/grpc-web", ""] {
        let head = [(":status", "200"), ("content-type", kind)];
        assert_eq!(code_of(&head, &message(0, b"x"), Some(&OK)), Code::Unknown, "{kind}");
    }
    for kind in ["application/grpc+json", "application/grpc+protobuf"] {
        let head = [(":status", "200"), ("content-type", kind)];
        assert_eq!(code_of(&head, &message(0, b"x"), Some(&OK)), Code::Internal, "{kind}");
    }
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"] {
        let head = [(":status", "200"), ("content-type", kind)];
        assert_eq!(code_of(&head, &message(0, b"x"), Some(&OK)), Code::Ok, "{kind}");
    }
}

#[test]
fn gotcha_5_3_messages_that_cannot_be_read_fail_their_call() {
    let encoded = |encoding| [&RESPONSE[..], &[("grpc-encoding", encoding)]].concat();
    assert_eq!(code_of(&encoded("br"), b"", Some(&OK)), Code::Internal);
    assert_eq!(code_of(&RESPONSE, &message(1, b"x"), Some(&OK)), Code::Internal);
    assert_eq!(code_of(&encoded("identity"), &message(1, b"x"), Some(&OK)), Code::Internal);
    assert_eq!(code_of(&RESPONSE, &message(3, b"x"), Some(&OK)), Code::Internal);
    assert_eq!(code_of(&RESPONSE, &message(0, b"12345")[..7], Some(&OK)), Code::Internal);
    // What the server says of its own failure tells more than that its last message is cut.
    assert_eq!(
        code_of(&RESPONSE, &message(0, b"12345")[..7], Some(&[("grpc-status", "14")])),
        Code::Unavailable
    );
    let too_large = 4 * 1024 * 1024 + 1u32;
    let prefix = [&[0][..], &too_large.to_be_bytes()].concat();
    assert_eq!(code_of(&RESPONSE, &prefix, Some(&OK)), Code::ResourceExhausted);
}

#[test]
fn gotcha_5_4_details_are_kept_when_they_agree_with_the_status_and_never_cost_it() {
    for (details, kept) in [("CAU", true), ("CAU=", true), ("CAM", false), ("AAAA", false), ("!", false)] {
        let list = [("grpc-status", "5"), ("grpc-message", "%zz"), ("grpc-status-details-bin", details)];
        let status = status_of(|wire| _ = wire.peer.headers(1, &RESPONSE, false).headers(1, &list, true));
        assert_eq!((status.code(), status.message()), (Code::NotFound, "%zz"));
        assert_eq!(!status.details().is_empty(), kept, "{details}");
    }
}

#[test]
fn gotcha_5_5_resets_map_as_the_protocol_document_says() {
    for (code, expected, safe) in [
        (0, Code::Internal, false),
        (1, Code::Internal, false),
        (2, Code::Internal, false),
        (3, Code::Internal, false),
        (4, Code::Internal, false),
        (5, Code::Unknown, false),
        (6, Code::Internal, false),
        (7, Code::Unavailable, true),
        (8, Code::Cancelled, false),
        (9, Code::Internal, false),
        (10, Code::Internal, false),
        (11, Code::ResourceExhausted, false),
        (12, Code::PermissionDenied, false),
        (4_000_000_000, Code::Unknown, false),
    ] {
        let status = status_of(|wire| _ = wire.peer.reset(1, code));
        assert_eq!(
            (status.code(), status.origin(), status.safe_to_retry()),
            (expected, Origin::Peer, safe),
            "{code}"
        );
    }
}

#[test]
fn gotcha_5_5_an_early_status_is_delivered_and_stops_the_sending() {
    for (half_closed, reset_follows) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut wire = client(&ClientConfig::default(), &[(4, 10)]);
        let call = wire.start(None);
        let _ = wire.machine.send(call, Bytes::from(vec![1; 1000]), false).unwrap();
        if half_closed {
            wire.machine.half_close(call).unwrap();
        }
        wire.deliver();
        wire.said(1);
        wire.peer.headers(1, &RESPONSE, false).headers(1, &[("grpc-status", "5")], true);
        if reset_follows {
            wire.peer.reset(1, 0);
        }
        wire.deliver();
        assert_eq!(wire.ended().code(), Code::NotFound, "half closed: {half_closed}");
        assert_eq!(wire.said(1), [Said::Reset(0)]);
        assert_eq!(wire.machine.http2().open_streams(), 0);
        assert!(wire.machine.send(call, Bytes::new(), false).is_err());
    }
}

#[test]
fn messages_before_the_status_are_delivered_first_and_in_order() {
    let mut wire = client(&ClientConfig::default(), &[]);
    let call = wire.start(None);
    let content = [message(0, b"one"), message(0, b"two"), message(0, b"")].concat();
    wire.peer.headers(1, &[&RESPONSE[..], &[("k", "v")]].concat(), false).data(1, &content, false);
    wire.peer.headers(1, &[("grpc-status", "0"), ("t", "w")], true);
    wire.deliver();
    let told: Vec<_> = wire
        .events()
        .iter()
        .map(|event| match event {
            ClientEvent::Head { .. } => "head".to_string(),
            ClientEvent::Message { message, .. } => alloc::format!("{message:?}"),
            ClientEvent::Ended { status, trailers, .. } => alloc::format!("{status} {:?}", trailers.get("t")),
            event => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(told, ["head", "b\"one\"", "b\"two\"", "b\"\"", "OK Some(\"w\")"]);
    assert_eq!(wire.machine.response_metadata(call), None::<&Metadata>, "from Head until Ended");
}

#[test]
fn oversized_replies_fail_their_call_alone() {
    let mut config = ClientConfig::default();
    config.http2.header_list_bytes_max = 500;
    let large = "x".repeat(600);
    for in_trailers in [false, true] {
        let mut wire = client(&config, &[]);
        wire.start(None);
        wire.start(None);
        let oversized = [&RESPONSE[..], &[("large", large.as_str())]].concat();
        if in_trailers {
            wire.peer.headers(1, &RESPONSE, false).headers(1, &[("large", &large)], true);
        } else {
            wire.peer.headers(1, &oversized, false);
        }
        wire.deliver();
        let status = wire.ended();
        assert_eq!((status.code(), status.origin()), (Code::ResourceExhausted, Origin::Library));
        assert_eq!(wire.machine.open_calls(), 1);
    }
}
