//! A server and the requests of gRPC-Web that clients and pages may send, byte for byte, on HTTP/1.1.

use super::turn;
use crate::base::{Machine, Time};
use crate::rpc::grpc_web::{Cors, Origins, WebConfig};
use crate::rpc::{Code, Metadata, ServerEvent, ServerSession, SessionEnd, Status};
use crate::stack::{GrpcWebServer, ServerConfig};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

struct Wire {
    server: GrpcWebServer,
    events: Vec<ServerEvent>,
    said: String,
}

fn server(origins: Origins) -> Wire {
    let cors = Cors { origins, ..Cors::default() };
    let config = ServerConfig { web: Some(WebConfig { cors }), ..ServerConfig::default() };
    Wire { server: GrpcWebServer::new(Time::START, &config), events: Vec::new(), said: String::new() }
}

impl Wire {
    fn feed(&mut self, input: &[u8]) {
        self.server.handle_input(Time::START, Bytes::copy_from_slice(input));
        self.poll();
    }

    fn poll(&mut self) {
        let said = turn(&mut self.server, Time::START, &mut self.events);
        self.said.push_str(&String::from_utf8_lossy(&said));
    }

    fn refusal(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            ServerEvent::Refused { why } => Some(&**why),
            _ => None,
        })
    }

    fn failure(&self) -> Option<Code> {
        self.events.iter().find_map(|event| match event {
            ServerEvent::Ended { status, .. } => Some(status.code()),
            _ => None,
        })
    }
}

fn request(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /s/m HTTP/1.1\r\nhost: h\r\n{fields}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const WEB: &str = "content-type: application/grpc-web+proto\r\n";
const TEXT: &str = "content-type: application/grpc-web-text\r\n";
const HI: &[u8] = b"\0\0\0\0\x02hi";

#[test]
fn a_request_in_pieces_of_any_size_opens_the_same_call() {
    for (fields, body) in
        [(WEB, HI), (TEXT, b"AAAAAAJoaQ=="), (TEXT, b"AAAAAAI=aGk="), (TEXT, b"AA==AAAAAmhp")]
    {
        let bytes = request(fields, body);
        for size in 1..bytes.len() {
            let mut wire = server(Origins::None);
            bytes.chunks(size).for_each(|piece| wire.feed(piece));
            let [
                ServerEvent::Opened { call },
                ServerEvent::Message { message, .. },
                ServerEvent::HalfClosed { .. },
            ] = &wire.events[..]
            else {
                panic!("{:?} in pieces of {size}", wire.events)
            };
            assert_eq!(message, "hi");
            let call = *call;
            wire.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
            wire.poll();
            assert!(wire.said.starts_with("HTTP/1.1 200 OK\r\n"), "{}", wire.said);
        }
    }
}

#[test]
fn the_answer_ends_with_a_frame_of_trailers_in_the_form_that_is_accepted() {
    let frame = "\u{fffd}\0\0\0\u{10}grpc-status: 0\r\n";
    let text = "gAAAABBncnBjLXN0YXR1czogMA0K";
    for (fields, kind, end) in [
        (WEB.into(), "application/grpc-web+proto", frame),
        (TEXT.into(), "application/grpc-web-text+proto", text),
        (format!("{WEB}accept: application/grpc-web-text\r\n"), "application/grpc-web-text+proto", text),
        (format!("{TEXT}accept: application/grpc-web\r\n"), "application/grpc-web+proto", frame),
    ] {
        let mut wire = server(Origins::None);
        let body = if fields.contains("content-type: application/grpc-web-text") {
            &b"AAAAAAJoaQ=="[..]
        } else {
            HI
        };
        wire.feed(&request(&fields, body));
        let ServerEvent::Opened { call } = wire.events[0] else { panic!("{:?}", wire.events) };
        let _ready = wire.server.send(call, Bytes::from("yo"), false).unwrap();
        wire.server.finish(call, &Status::OK, &Metadata::new()).unwrap();
        wire.poll();
        assert!(wire.said.contains(&format!("content-type: {kind}\r\n")), "{}", wire.said);
        assert!(wire.said.contains("transfer-encoding: chunked\r\n"));
        assert!(wire.said.ends_with(&format!("{end}\r\n0\r\n\r\n")), "{}", wire.said);
    }
}

#[test]
fn a27_no_content_type_that_a_form_can_send_is_ever_served() {
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json",
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-webby",
        "",
    ] {
        let mut wire = server(Origins::Any);
        wire.feed(&request(&format!("content-type: {kind}\r\n"), HI));
        assert!(wire.said.starts_with("HTTP/1.1 415 "), "{kind}: {}", wire.said);
        assert!(wire.refusal().is_some_and(|why| why.contains("content type")));
        assert_eq!(wire.server.open_calls(), 0);
    }
    let mut wire = server(Origins::Any);
    wire.feed(b"GET /s/m HTTP/1.1\r\nhost: h\r\ncontent-type: application/grpc-web\r\n\r\n");
    assert!(wire.said.starts_with("HTTP/1.1 405 ") && wire.said.contains("allow: POST"), "{}", wire.said);
}

#[test]
fn a_foreign_origin_is_refused_before_a_handler_runs_and_the_log_says_which() {
    let list = Origins::List(["https://app.example".into()].into());
    for (origins, origin, is_open) in [
        (Origins::None, "http://evil.example", false),
        (Origins::None, "null", false),
        (Origins::None, "http://h", true),
        (list.clone(), "https://app.example", true),
        (list, "https://app.example.evil", false),
        (Origins::Any, "http://evil.example", true),
    ] {
        let mut wire = server(origins);
        wire.feed(&request(&format!("{WEB}origin: {origin}\r\n"), HI));
        assert_eq!(wire.server.open_calls() == 1, is_open, "{origin}");
        assert_eq!(wire.said.starts_with("HTTP/1.1 403 "), !is_open, "{}", wire.said);
        assert_eq!(wire.refusal().is_some_and(|why| why.contains(origin)), !is_open);
    }
}

#[test]
fn a_page_may_read_status_and_metadata_of_its_answers() {
    let mut wire = server(Origins::List(["https://app.example".into()].into()));
    wire.feed(&request(&format!("{WEB}origin: https://app.example\r\n"), HI));
    let ServerEvent::Opened { call } = wire.events[0] else { panic!("{:?}", wire.events) };
    let mut metadata = Metadata::new();
    metadata.append("k", "v").unwrap();
    wire.server.send_head(call, &metadata, None).unwrap();
    wire.poll();
    assert!(wire.said.contains("access-control-allow-origin: https://app.example\r\n"), "{}", wire.said);
    assert!(wire.said.contains("access-control-expose-headers: grpc-status,"));
    assert!(wire.said.contains(",k\r\n") && wire.said.contains("vary: origin\r\n"));
}

#[test]
fn a_preflight_is_answered_and_the_connection_serves_the_call_that_follows() {
    let mut wire = server(Origins::Any);
    wire.feed(
        b"OPTIONS /s/m HTTP/1.1\r\nhost: h\r\norigin: http://o\r\naccess-control-request-method: POST\r\n\
          access-control-request-headers: content-type,x-grpc-web,x-mine\r\n\r\n",
    );
    assert!(
        wire.said.starts_with("HTTP/1.1 204 No Content\r\naccess-control-allow-origin: *\r\n"),
        "{}",
        wire.said
    );
    assert!(wire.said.contains(",x-mine\r\n") && !wire.said.contains("connection: close"));
    wire.feed(&request(&format!("{WEB}origin: http://o\r\n"), HI));
    assert_eq!(wire.server.open_calls(), 1);
    let mut closed = server(Origins::None);
    closed.feed(
        b"OPTIONS * HTTP/1.1\r\nhost: h\r\norigin: http://o\r\naccess-control-request-method: POST\r\n\r\n",
    );
    assert!(closed.said.starts_with("HTTP/1.1 403 "), "{}", closed.said);
}

#[test]
fn a_request_that_breaks_the_framing_fails_alone_with_a_status() {
    let two = [HI, HI].concat();
    for (fields, body, code) in [
        (WEB, &two[..], Code::Unimplemented),
        (WEB, b"\x80\0\0\0\x01a", Code::Internal),
        (WEB, b"\x02\0\0\0\x00", Code::Internal),
        (WEB, b"\0\0\0\0\x09hi", Code::Internal),
        (WEB, b"\0\xff\xff\xff\xff", Code::ResourceExhausted),
        (WEB, b"\x01\0\0\0\x01a", Code::Internal),
        (TEXT, b"!!!!", Code::Internal),
        (TEXT, b"AAAAAAJoaQ=", Code::Internal),
    ] {
        let mut wire = server(Origins::None);
        wire.feed(&request(fields, body));
        assert_eq!(wire.failure(), Some(code), "{body:?}: {:?}", wire.events);
        let status = format!("grpc-status: {}", code as u8);
        assert!(wire.said.contains(&status), "{}", wire.said);
        wire.feed(&request(WEB, HI));
        assert_eq!(wire.server.open_calls(), 1, "the next request on the connection is served");
    }
}

#[test]
fn what_is_no_http_is_told_what_is_expected_here() {
    for (input, status) in
        [("hello\r\n", 400), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("\u{16}\u{3}\u{1}", 400)]
    {
        let mut wire = server(Origins::None);
        wire.feed(input.as_bytes());
        assert!(wire.said.starts_with(&format!("HTTP/1.1 {status} ")), "{}", wire.said);
        assert!(wire.said.contains("gRPC-Web is expected here"), "{}", wire.said);
        let Some(ServerEvent::Closed(SessionEnd::Failed(status))) = wire.events.last() else {
            panic!("{:?}", wire.events)
        };
        assert!(status.message().contains("RFC 9112") || status.message().contains("RFC 9113"), "{status}");
    }
}
