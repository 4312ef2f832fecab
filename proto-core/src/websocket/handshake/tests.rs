//! The opening handshake, RFC 6455 §4 and RFC 8441: what is asked, what is answered, and every reason to refuse.

use crate::base::{Field, Fields, Machine, Time};
use crate::http1::{HeadLimits, HeadReader, RequestHead};
use crate::websocket::handshake::server::{accept_upgrade, opening, refusal};
use crate::websocket::handshake::{accept_connect, accept_key, check_connect_response, connect_fields};
use crate::websocket::trial::peer::KEY;
use crate::websocket::{Config, Connection, End, Event, Origins, Policy, Refusal, Request};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const UPGRADE: &str = "Host: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

fn head(text: &str) -> RequestHead {
    let mut reader = HeadReader::new(HeadLimits::default());
    reader.push(String::from(text).into());
    reader.poll_request().expect("a head").expect("a whole head")
}

fn request(lines: &str) -> RequestHead {
    head(&format!("GET /chat HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Key: {KEY}\r\n{lines}\r\n"))
}

fn config() -> Config {
    let policy = Policy {
        paths: ["/chat".into()].into(),
        origins: Origins::SameAnd(["http://example.com".into()].into()),
        subprotocols: ["chat".into(), "superchat".into()].into(),
    };
    Config { policy, ..Config::default() }
}

const GOOD: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n";

#[test]
fn rfc6455_1_3_the_example_is_answered_with_its_accept_key() {
    assert_eq!(accept_key(KEY.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let head = request(&format!("Origin: http://example.com\r\n{GOOD}"));
    let agreement = accept_upgrade(&head, &config()).expect("the example of the RFC");
    assert_eq!(agreement.subprotocol(), Some("chat"));
    let answer = String::from_utf8(opening(&head, &agreement)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    for line in [
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "sec-websocket-protocol: chat",
    ] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line} in {answer}");
    }
}

#[test]
fn rfc6455_4_2_1_case_and_company_of_upgrade_and_connection_do_not_matter() {
    let lines = "Host: x\r\nuPgRaDe: h2c, WebSocket\r\ncOnnection: keep-alive, UPGRADE\r\n";
    let head = head(&format!("GET /chat?x=1 HTTP/1.1\r\n{lines}Sec-WebSocket-Key: {KEY}\r\n{GOOD}\r\n"));
    assert!(accept_upgrade(&head, &config()).is_ok());
}

#[track_caller]
fn refused(head: &RequestHead, why: Refusal, status: u16) {
    assert_eq!(accept_upgrade(head, &config()), Err(why));
    let answer = String::from_utf8(refusal(why)).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.ends_with(&format!("{why}\n")), "{answer}");
}

// RFC 6455 §4.1: the method is GET. RFC 6455 §4.2.1: the key is base64 of 16 bytes. RFC 6455 §4.4: 426 has the versions that
// are spoken.
#[test]
fn rfc6455_4_2_2_and_4_4_each_reason_to_refuse_has_its_answer() {
    refused(&head("GET /chat HTTP/1.1\r\nHost: x\r\n\r\n"), Refusal::NoUpgrade, 426);
    refused(&head("GET /chat HTTP/1.0\r\nHost: x\r\n\r\n"), Refusal::HttpVersion, 505);
    let post = format!("POST /chat HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Key: {KEY}\r\n{GOOD}\r\n");
    refused(&head(&post), Refusal::Method, 405);
    refused(&request(&format!("{GOOD}Content-Length: 3\r\n")), Refusal::Body, 400);
    refused(&request("Sec-WebSocket-Protocol: chat\r\n"), Refusal::Version, 426);
    refused(&request("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: chat\r\n"), Refusal::Version, 426);
    refused(&request(&format!("{GOOD}Sec-WebSocket-Version: 13\r\n")), Refusal::Version, 426);
    refused(&request(&format!("{GOOD}Origin: http://evil.example\r\n")), Refusal::Origin, 403);
    refused(
        &request("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chatter\r\n"),
        Refusal::Subprotocol,
        400,
    );
    refused(&request("Sec-WebSocket-Version: 13\r\n"), Refusal::Subprotocol, 400);
    refused(&request(&format!("{GOOD}Sec-WebSocket-Extensions: a;;b\r\n")), Refusal::Extensions, 400);
    let elsewhere = format!("GET /other HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Key: {KEY}\r\n{GOOD}\r\n");
    refused(&head(&elsewhere), Refusal::Path, 404);
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "????????????????????????",
        "dGhlIHNhbXBsZSBub25jZR==",
    ] {
        let text = format!("GET /chat HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Key: {key}\r\n{GOOD}\r\n");
        refused(&head(&text), Refusal::Key, 400);
    }
    let answer = String::from_utf8(refusal(Refusal::Version)).unwrap();
    assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
    let answer = String::from_utf8(refusal(Refusal::NoUpgrade)).unwrap();
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
}

/// How a client takes this response to its request for `/` with the subprotocol `chat`.
fn client_takes(response: impl Fn(&str) -> String) -> Event {
    let request = Request::new("localhost", "/").subprotocol("chat").subprotocol("superchat");
    let secret = crate::base::Secret::from_seed([1; 32]);
    let mut client = Connection::client(Time::START, Config::default().into(), &request, secret).unwrap();
    let mut out = crate::base::Out::with_room(4096);
    let _ = client.poll_output(Time::START, &mut out);
    let asked = String::from_utf8(out.to_vec()).unwrap();
    let key = asked.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    out.clear();
    client.handle_input(Time::START, response(&accept_key(key.as_bytes())).into());
    match client.poll_output(Time::START, &mut out) {
        crate::base::Output::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

fn answer(accept: &str, lines: &str) -> String {
    format!(
        "HTTP/1.1 101 Fine\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
    )
}

#[test]
fn rfc6455_4_1_a_client_takes_no_response_but_the_one_to_its_request() {
    let chat = "Sec-WebSocket-Protocol: chat\r\n";
    assert_eq!(client_takes(|accept| answer(accept, chat)), Event::Opened);
    assert_eq!(
        client_takes(|accept| format!("HTTP/1.1 103 Wait\r\n\r\n{}", answer(accept, chat))),
        Event::Opened
    );
    let refused = |why| Event::Closed(End::Refused(why));
    assert_eq!(
        client_takes(|_| answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", chat)),
        refused(Refusal::ResponseAccept)
    );
    let no_accept = |_: &str| "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".into();
    assert_eq!(client_takes(no_accept), refused(Refusal::ResponseAccept));
    let no_upgrade = |accept: &str| answer(accept, chat).replace("Upgrade: WebSocket", "Upgrade: h2c");
    assert_eq!(client_takes(no_upgrade), refused(Refusal::ResponseUpgrade));
    let no_connection =
        |accept: &str| answer(accept, chat).replace("Connection: upgrade", "Connection: close");
    assert_eq!(client_takes(no_connection), refused(Refusal::ResponseUpgrade));
    let not_offered = "Sec-WebSocket-Protocol: other\r\n";
    assert_eq!(client_takes(|accept| answer(accept, not_offered)), refused(Refusal::ResponseSubprotocol));
    assert_eq!(client_takes(|accept| answer(accept, "")), refused(Refusal::ResponseSubprotocol));
    let extension = format!("{chat}Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert_eq!(client_takes(|accept| answer(accept, &extension)), refused(Refusal::ResponseExtensions));
    for status in [200, 302, 401, 404, 503] {
        let response = move |_: &str| format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client_takes(response), refused(Refusal::Status(status)));
    }
    assert!(matches!(
        client_takes(|_| "hello\r\n\r\n".into()),
        Event::Closed(End::Refused(Refusal::Head(_)))
    ));
}

#[test]
fn rfc6455_4_1_a_client_sends_no_request_that_breaks_out_of_its_line() {
    let bad = [
        Request::new("", "/"),
        Request::new("host name", "/"),
        Request::new("host", "no-slash"),
        Request::new("host", "/a b"),
        Request::new("host", "/a#b"),
        Request::new("host", "/a\r\nx: y"),
        Request::new("host", "/").subprotocol("a b"),
        Request::new("host", "/").subprotocol("a").subprotocol("a"),
        Request::new("host", "/").field("host", "other"),
        Request::new("host", "/").field("x", "a\r\nb: c"),
        Request::new("host", "/").field("X", "upper case"),
    ];
    for request in bad {
        let secret = crate::base::Secret::from_seed([1; 32]);
        assert!(
            Connection::client(Time::START, Config::default().into(), &request, secret).is_err(),
            "{request:?}"
        );
    }
}

#[test]
fn rfc8441_4_and_5_extended_connect_agrees_on_the_same_without_keys() {
    let request = Request::new("server.example.com", "/chat").subprotocol("superchat");
    let fields = connect_fields(&request, &Config::default(), "https").unwrap();
    let agreement = accept_connect(&fields, &config()).unwrap();
    assert_eq!(agreement.subprotocol(), Some("superchat"));
    let mut response: Fields = [Field::new(b":status", b"200")].into_iter().collect();
    agreement.fields().iter().for_each(|field| response.push(field));
    let agreed = check_connect_response(&response, &request, &Config::default()).unwrap();
    assert_eq!(agreed.subprotocol(), Some("superchat"));
    let refused: Fields = [Field::new(b":status", b"403")].into_iter().collect();
    assert_eq!(check_connect_response(&refused, &request, &Config::default()), Err(Refusal::Status(403)));
    let mut plain = fields.clone();
    plain.retain(|field| field.name != b":protocol");
    assert_eq!(accept_connect(&plain, &config()), Err(Refusal::Connect));
}

#[test]
fn every_refusal_reads_as_a_sentence_with_its_section() {
    let all: Vec<String> = Refusal::ALL.iter().map(|why| format!("{why}")).collect();
    assert!(all.iter().all(|text| text.contains("(RFC ")), "{all:?}");
    assert!(format!("{}", Refusal::Status(503)).contains("503"));
}
