//! Bad input at a listener that serves every carrier: each is refused with the protocol's own answer, and a line in the
//! log names the reason. On both drivers.

mod log;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use zrpc::{blocking, tokio};

/// Long enough never to pass in a run that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// A length above what any message may have.
const TOO_LONG: u64 = 1 << 40;

/// What a client sends, what it must read before the connection ends, and what the log must say.
struct Refusal {
    name: &'static str,
    sent: Vec<u8>,
    answer: &'static [u8],
    logged: &'static str,
}

/// The opening handshake of a WebSocket that asks for a subprotocol.
fn upgrade(subprotocol: &str, more: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: zrpc\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {subprotocol}\r\n{more}\r\n"
    )
    .into_bytes()
}

/// The same, and then a frame: its two first bytes, and the rest as it is.
fn frame(subprotocol: &str, head: [u8; 2], rest: &[u8]) -> Vec<u8> {
    [&upgrade(subprotocol, "")[..], &head, rest].concat()
}

/// The preface of HTTP/2 with empty SETTINGS.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const NO_MASK: [u8; 4] = [0; 4];

fn refusals() -> Vec<Refusal> {
    let too_long = [&TOO_LONG.to_be_bytes()[..], &NO_MASK].concat();
    vec![
        Refusal {
            name: "garbage",
            sent: b"what is this?\r\n\r\n".to_vec(),
            answer: b"HTTP/1.1 400 ",
            logged: "RFC 9112",
        },
        Refusal {
            name: "a TLS handshake",
            sent: vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
            answer: b"HTTP/1.1 400 ",
            logged: "TLS",
        },
        Refusal {
            name: "a second preface of HTTP/2",
            sent: [HTTP2, HTTP2].concat(),
            // GOAWAY without a stream: read as a frame, a preface has an impossible length (FRAME_SIZE_ERROR).
            answer: b"\x07\0\0\0\0\0\0\0\0\0\0\0\0\x06",
            logged: "RFC 9113",
        },
        Refusal {
            name: "an unknown version of the native protocol",
            sent: b"\xfazRPC\x63\0\0".to_vec(),
            answer: b"\xfazRPC\0\x01\x01",
            logged: "version",
        },
        Refusal {
            name: "a second preface of the native protocol",
            sent: b"\xfazRPC\x01\0\0\x01\x01\xfazRPC\x01\0\0\x01\x01".to_vec(),
            answer: b"a frame is larger than max_frame_bytes",
            logged: "a frame is larger than max_frame_bytes",
        },
        Refusal {
            name: "a foreign origin",
            sent: upgrade("zrpc.v1", "Origin: https://elsewhere.example\r\n"),
            answer: b"HTTP/1.1 403 ",
            logged: "origin",
        },
        Refusal {
            name: "a subprotocol that nobody speaks",
            sent: upgrade("soap", ""),
            answer: b"HTTP/1.1 400 ",
            logged: "subprotocol",
        },
        Refusal {
            name: "a frame without a mask",
            sent: frame("zrpc.v1", [0x82, 0x01], b"x"),
            answer: b"\x03\xea",
            logged: "RFC 6455",
        },
        Refusal {
            name: "reserved bits",
            sent: frame("zrpc.v1", [0xf2, 0x80], &NO_MASK),
            answer: b"\x03\xea",
            logged: "RFC 6455",
        },
        Refusal {
            name: "text that is not UTF-8",
            sent: frame("zrpc.v1+json", [0x81, 0x82], &[&NO_MASK[..], b"\xff\xff"].concat()),
            answer: b"\x03\xef",
            logged: "RFC 6455",
        },
        Refusal {
            name: "an oversized message",
            sent: frame("zrpc.v1", [0x82, 0xff], &too_long),
            answer: b"\x03\xf1",
            logged: "RFC 6455",
        },
    ]
}

/// All that the server at this address answers, until it ends the connection.
fn answer(address: SocketAddr, sent: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    socket.write_all(sent).expect("there is room for a few bytes");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("the server ends the connection");
    answer
}

fn check(driver: &str, address: SocketAddr) {
    for Refusal { name, sent, answer: expected, logged } in refusals() {
        log::forget();
        let answer = answer(address, &sent);
        let found = expected.is_empty() || answer.windows(expected.len()).any(|part| part == expected);
        assert!(found, "{driver}: {name}: answered {:?}", String::from_utf8_lossy(&answer));
        log::until(PATIENCE, logged).unwrap_or_else(|lines| panic!("{driver}: {name}: logged {lines:#?}"));
    }
}

#[test]
fn bad_input_is_refused_in_its_own_protocol_and_the_log_names_the_reason() {
    log::keep();
    let server = blocking::Server::builder().bind("127.0.0.1:0").unwrap().spawn().unwrap();
    check("blocking", server.local_addr().unwrap());
    let runtime = ::tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(tokio::Server::builder().bind("127.0.0.1:0")).unwrap();
    let address = server.local_addr().unwrap();
    runtime.spawn(server.run());
    check("tokio", address);
}
