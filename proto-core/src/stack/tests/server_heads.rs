//! A server and the heads that clients may send: what is gRPC, what metadata is taken, what is refused and how.

use super::wire::{REQUEST, Said, server};
use crate::rpc::{Code, Metadata, ServerEvent, ServerSession, Status};
use crate::stack::ServerConfig;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// The one answer to a request that never becomes a call.
fn refusal(list: &[(&str, &str)], end: bool) -> Vec<Said> {
    let mut wire = server(&ServerConfig::default());
    wire.peer.headers(1, list, end);
    wire.deliver();
    let events = wire.events();
    assert!(events.iter().all(|event| matches!(event, ServerEvent::Refused { .. })), "{list:?}: {events:?}");
    assert_eq!((wire.machine.open_calls(), wire.machine.http2().open_streams()), (0, 0));
    let said = wire.said(1);
    // The connection serves the next call.
    wire.request(3, &[], true);
    assert_eq!(wire.machine.open_calls(), 1);
    said
}

fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    REQUEST.iter().map(|(key, old)| (*key, if *key == name { value } else { *old })).collect()
}

#[test]
fn gotcha_5_1_what_is_not_grpc_is_answered_by_http() {
    for kind in ["text/html", "application/grpcfoo", "application/grpc-web", "application/json"] {
        let said = refusal(&with("content-type", kind), true);
        assert_eq!((said.len(), said[0].field(":status")), (1, Some("415")), "{kind}");
        assert_eq!(said[0].field("grpc-status"), None);
    }
    assert_eq!(refusal(&REQUEST[..3], true)[0].field(":status"), Some("415"));
    let said = refusal(&with(":method", "GET"), true);
    assert_eq!((said[0].field(":status"), said[0].field("allow")), (Some("405"), Some("POST")));
    // The rest of a request that goes on is refused with NO_ERROR.
    let said = refusal(&with("content-type", "text/html"), false);
    assert_eq!(said[1..], [Said::Reset(0)]);
}

#[test]
fn gotcha_5_1_a_sub_type_is_taken_and_comes_back() {
    for kind in
        ["application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc;a=b"]
    {
        let mut wire = server(&ServerConfig::default());
        wire.peer.headers(1, &with("content-type", kind), true);
        wire.deliver();
        let [ServerEvent::Opened { call }, _] = wire.events()[..] else { panic!("{kind} is gRPC") };
        wire.machine.send_head(call, &Metadata::new(), None).unwrap();
        wire.deliver();
        assert_eq!(wire.said(1)[0].field("content-type"), Some(kind));
    }
}

#[test]
fn gotcha_5_1_a_path_is_taken_byte_for_byte_and_te_may_be_absent() {
    for path in ["/a.B/C", "/deep/prefix/a.B/C", "/UPPER.lower/m", "/", "/a%20b?c"] {
        let mut wire = server(&ServerConfig::default());
        let list: Vec<(&str, &str)> =
            REQUEST.iter().map(|(key, old)| (*key, if *key == ":path" { path } else { *old })).collect();
        wire.peer.headers(1, &list, true);
        wire.deliver();
        let [ServerEvent::Opened { call }, _] = wire.events()[..] else { panic!("{path}") };
        assert_eq!(wire.machine.request(call).unwrap().path, path);
    }
}

#[test]
fn gotcha_5_1_a_timeout_that_is_used_up_or_malformed_fails_at_once() {
    for (timeout, code) in
        [("0n", "4"), ("0S", "4"), ("123456789S", "13"), ("5", "13"), ("S", "13"), ("", "13"), ("-1S", "13")]
    {
        let said = refusal(&[&REQUEST[..], &[("grpc-timeout", timeout)]].concat(), true);
        assert_eq!((said.len(), said[0].field("grpc-status")), (1, Some(code)), "{timeout:?}");
        assert_eq!(said[0].field("content-type"), Some("application/grpc"));
    }
}

#[test]
fn gotcha_5_1_the_longest_timeout_overflows_nothing() {
    let mut wire = server(&ServerConfig::default());
    wire.request(1, &[("grpc-timeout", "99999999H")], false);
    wire.wait(Duration::from_secs(1_000_000_000));
    assert_eq!(wire.machine.open_calls(), 1);
}

#[test]
fn gotcha_5_2_illegal_metadata_is_left_out_and_does_not_kill_the_call() {
    let mut wire = server(&ServerConfig::default());
    let more = [
        ("a", "1"),
        ("no-ascii", "caf\u{e9}"),
        ("odd!name", "x"),
        ("grpc-unheard-of", "x"),
        ("a", "2"),
        ("b-bin", "AAEC"),
        ("b-bin", "AAEC,AwQ=,!!!"),
    ];
    wire.request(1, &more, true);
    let [ServerEvent::Opened { call }, _] = wire.events()[..] else { panic!("the call is dead") };
    let metadata = wire.machine.request(call).unwrap().metadata;
    let seen: Vec<(&str, &str)> = metadata.iter().collect();
    assert_eq!(seen, [("a", "1"), ("a", "2"), ("b-bin", "AAEC"), ("b-bin", "AAEC,AwQ=,!!!")]);
    let bytes: Vec<Vec<u8>> = metadata.get_all_bin("b-bin").collect();
    assert_eq!(bytes, [vec![0, 1, 2], vec![0, 1, 2], vec![3, 4]]);
}

#[test]
fn gotcha_5_2_oversized_metadata_fails_its_call_alone_wherever_the_content_type_stands() {
    let large: String = "x".repeat(3000);
    let mut config = ServerConfig::default();
    config.http2.header_list_bytes_max = 2000;
    for content_type_last in [false, true] {
        let mut wire = server(&config);
        let mut list: Vec<(&str, &str)> = REQUEST.to_vec();
        list.insert(if content_type_last { 3 } else { 4 }, ("large", &large));
        wire.request(3, &[], false);
        wire.peer.headers(5, &list, true);
        wire.deliver();
        assert_eq!(wire.said(5)[0].field("grpc-status"), Some("8"), "{content_type_last}");
        assert_eq!(wire.events().len(), 1, "the other call goes on");
        assert_eq!(wire.machine.open_calls(), 1);
    }
}

#[test]
fn gotcha_5_3_an_unknown_encoding_is_refused_with_those_that_are_known() {
    let said = refusal(&[&REQUEST[..], &[("grpc-encoding", "br")]].concat(), true);
    assert_eq!(said[0].field("grpc-status"), Some("12"));
    let accepted = said[0].field("grpc-accept-encoding").unwrap();
    assert!(accepted.starts_with("identity"), "{accepted}");
    assert_eq!(accepted.contains("gzip"), cfg!(feature = "gzip"));
}

#[test]
fn a_status_whose_message_begins_or_ends_with_spaces_is_sent() {
    let mut wire = server(&ServerConfig::default());
    wire.request(1, &[], true);
    let call = crate::rpc::CallId::from_u64(1);
    let status = Status::new(Code::Aborted, " it was so ");
    assert_eq!(wire.machine.finish(call, &status, &Metadata::new()), Ok(()));
    wire.deliver();
    assert_eq!(wire.said(1)[0].field("grpc-message"), Some("%20it was so%20"));
}

#[test]
fn refused_requests_leave_the_pool_of_calls_as_it_was() {
    let mut wire = server(&ServerConfig::default());
    for stream in [1, 3] {
        wire.request(stream, &[], true);
        wire.machine
            .finish(crate::rpc::CallId::from_u64(stream.into()), &Status::OK, &Metadata::new())
            .unwrap();
        wire.deliver();
    }
    let before = wire.machine.memory();
    for stream in (5..99).step_by(2) {
        wire.request(stream, &[("grpc-timeout", "0n")], true);
    }
    assert!(wire.machine.memory() <= before + 1000, "{before} became {}", wire.machine.memory());
}
