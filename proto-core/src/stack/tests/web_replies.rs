//! A client and the replies of gRPC-Web that servers may send, byte for byte, on HTTP/1.1.

use super::turn;
use crate::base::{Machine, Time};
use crate::rpc::{ClientEvent, ClientSession, Code, Metadata, StartCall, Status};
use crate::stack::{ClientConfig, GrpcWebClient};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a client reports of a reply that comes in pieces of this size.
fn hear(fields: &str, body: &[u8], size: usize) -> (Vec<Bytes>, Status, Metadata) {
    hear_status("200 OK", fields, body, size)
}

fn hear_status(http: &str, fields: &str, body: &[u8], size: usize) -> (Vec<Bytes>, Status, Metadata) {
    let mut client = GrpcWebClient::new(&ClientConfig::default());
    let none = Metadata::new();
    let head = StartCall { path: "/s/m", metadata: &none, deadline: None, compression: None };
    let call = client.start(Time::START, head).unwrap();
    let _ready = client.send(call, Bytes::from("hi"), false).unwrap();
    client.half_close(call).unwrap();
    let mut events = Vec::new();
    let asked = turn(&mut client, Time::START, &mut events);
    assert!(asked.starts_with(b"POST /s/m HTTP/1.1\r\nhost: localhost\r\n"));
    let head = format!("HTTP/1.1 {http}\r\n{fields}content-length: {}\r\n\r\n", body.len());
    for piece in [head.as_bytes(), body].concat().chunks(size) {
        client.handle_input(Time::START, Bytes::copy_from_slice(piece));
        turn(&mut client, Time::START, &mut events);
    }
    let mut messages = Vec::new();
    let mut end = None;
    for event in events {
        match event {
            ClientEvent::Message { message, .. } => messages.push(message),
            ClientEvent::Ended { status, trailers, .. } => {
                assert!(end.replace((status, trailers)).is_none(), "one end");
            }
            _ => {}
        }
    }
    let (status, trailers) = end.expect("the reply is whole");
    (messages, status, trailers)
}

fn reply(fields: &str, body: &[u8]) -> (Vec<Bytes>, Status, Metadata) {
    let whole = hear(fields, body, usize::MAX);
    for size in [1, 2, 3, 5, 50] {
        assert_eq!(hear(fields, body, size), whole, "pieces of {size}: {fields:?} {body:?}");
    }
    whole
}

fn trailers(flag: u8, lines: &str) -> Vec<u8> {
    [&[flag, 0, 0, 0, lines.len() as u8], lines.as_bytes()].concat()
}

const WEB: &str = "content-type: application/grpc-web+proto\r\n";
const HI: &[u8] = b"\0\0\0\0\x02hi";

#[test]
fn trailers_in_the_body_are_read_in_any_case_with_either_line_end_and_values_with_colons() {
    for lines in ["Grpc-Status: 0\r\nK: a:b\r\n", "grpc-status:0\nk:a:b\n", "k: a:b\r\ngrpc-status:0"] {
        let (messages, status, metadata) = reply(WEB, &[HI, &trailers(0x80, lines)].concat());
        assert_eq!(
            (messages, status, metadata.get("k")),
            ([Bytes::from("hi")].into(), Status::OK, Some("a:b"))
        );
    }
}

#[test]
fn a_status_may_come_in_the_head_and_trailers_in_the_body_win_over_it() {
    let in_head = format!("{WEB}grpc-status: 5\r\ngrpc-message: gone\r\n");
    let (messages, status, _) = reply(&in_head, b"");
    assert_eq!((messages.len(), status.code(), status.message()), (0, Code::NotFound, "gone"));
    let (messages, status, _) = reply(&in_head, HI);
    assert_eq!((messages.len(), status.code()), (1, Code::NotFound));
    let (messages, status, _) = reply(&in_head, &[HI, &trailers(0x80, "grpc-status: 0\r\n")].concat());
    assert_eq!((messages.len(), status), (1, Status::OK));
}

#[test]
fn a_reply_that_is_not_whole_or_goes_on_after_its_trailers_is_an_error() {
    let ok = trailers(0x80, "grpc-status: 0\r\n");
    for (body, code) in [
        (HI.to_vec(), Code::Unknown),
        (Vec::new(), Code::Unknown),
        ([HI, &ok, HI].concat(), Code::Internal),
        ([&ok[..], &ok].concat(), Code::Internal),
        ([&ok[..], b"x"].concat(), Code::Internal),
        ([HI, &ok[..10]].concat(), Code::Unknown),
        (trailers(0x80, "nonsense"), Code::Internal),
        (trailers(0x80, "k: v\r\n"), Code::Internal),
        (trailers(0x80, ""), Code::Internal),
        (trailers(0x82, "grpc-status: 0\r\n"), Code::Internal),
        (b"\x80\xff\0\0\0".to_vec(), Code::ResourceExhausted),
    ] {
        let (_, status, _) = reply(WEB, &body);
        assert_eq!(status.code(), code, "{body:?}: {status}");
    }
}

#[test]
fn text_is_read_with_padding_at_the_end_of_each_run() {
    let kind = "content-type: application/grpc-web-text+proto\r\n";
    for body in [
        "AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czogMA0K",
        "AAAAAAI=aGk=gAAAABBncnBjLXN0YXR1czogMA0K",
        "AA==AAAAAmhpgAAAABBncnBjLXN0YXR1czogMA0K",
    ] {
        let (messages, status, _) = reply(kind, body.as_bytes());
        assert_eq!((messages, status), ([Bytes::from("hi")].into(), Status::OK), "{body}");
    }
    let after = "AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czogMA0KAA==";
    assert_eq!(reply(kind, after.as_bytes()).1.code(), Code::Internal);
    assert_eq!(reply(kind, b"AAAAAAJoaQ==*").1.code(), Code::Internal);
}

#[cfg(feature = "gzip")]
#[test]
fn compressed_trailers_are_taken() {
    let lines = crate::rpc::compression::compress(
        crate::rpc::Encoding::Gzip,
        crate::rpc::Level::default(),
        b"grpc-status: 9\r\n",
    )
    .unwrap();
    let frame = [&[0x81, 0, 0, 0, lines.len() as u8], &lines[..]].concat();
    let (_, status, _) = reply(&format!("{WEB}grpc-encoding: gzip\r\n"), &frame);
    assert_eq!(status.code(), Code::FailedPrecondition);
}

#[test]
fn a_reply_of_another_kind_says_what_it_was() {
    let (_, status, _) = reply("content-type: text/html\r\n", b"<h1>a proxy");
    assert!(status.message().contains("text/html") && status.message().contains("<h1>a proxy"), "{status}");
    let (_, status, _) = reply("content-type: application/grpc\r\n", HI);
    assert_eq!(status.code(), Code::Unknown);
    let text = String::from(status.message());
    assert!(text.contains("application/grpc"), "{text}");
}

#[test]
fn a_head_that_is_refused_as_too_large_is_too_much_metadata() {
    let why = b"the head is larger than its limit";
    let (_, status, _) = hear_status("431 Request Header Fields Too Large", "connection: close\r\n", why, 50);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("larger than its limit"), "{status}");
}
