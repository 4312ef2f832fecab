//! Compression: each encoding that is built in, both ways, message by message; what the wire carries is counted.

use crate::carrier::Setup;
use crate::cases::cases;
use crate::column::{Bench, Column};
use crate::service::{CHAT, ECHO, WATCH, pattern};
use bytes::Bytes;
use zrpc::{Encoding, Metadata, Request};

cases!("compression":
    a_compressed_request_takes_less_and_arrives_as_it_was [Compression],
    a_compressed_response_takes_less_and_arrives_as_it_was [Compression],
    each_message_of_a_stream_is_compressed_or_not [Compression, Requests],
    a_message_that_inflates_beyond_the_limit_is_refused [Compression],
    messages_that_cannot_be_compressed_arrive_as_they_were [Compression],
);

const SIZE: usize = 60_000;
/// What a message that was compressed takes at most, and one that was not at least.
const SMALL: u64 = 20_000;

fn tapped(column: Column) -> Bench {
    let bench = column.bench_with(Setup { tapped: true, ..Setup::default() });
    bench.call();
    bench
}

fn built_in() -> impl Iterator<Item = Encoding> {
    Encoding::ALL.iter().copied().filter(|encoding| encoding.is_built_in())
}

fn wanted(encoding: Encoding) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("want-encoding", encoding.name()).expect("valid");
    metadata
}

fn a_compressed_request_takes_less_and_arrives_as_it_was(column: Column) {
    for encoding in built_in() {
        let bench = tapped(column);
        let before = bench.tap.up.passed();
        let request = Request::new(pattern(7, SIZE)).with_compression(encoding);
        let response = bench.client.unary(ECHO, request).expect("an answer");
        assert_eq!(response.metadata().get("seen-encoding"), Some(encoding.name()));
        assert_eq!(response.into_message(), pattern(7, SIZE));
        let took = bench.tap.up.passed() - before;
        assert!(took < SMALL, "{took} bytes with {}", encoding.name());
        bench.call_on_the_same_connection();
    }
}

fn a_compressed_response_takes_less_and_arrives_as_it_was(column: Column) {
    for encoding in built_in() {
        let bench = tapped(column);
        let before = bench.tap.down.passed();
        let request = Request::new(pattern(7, SIZE)).with_metadata(wanted(encoding));
        let response = bench.client.unary(ECHO, request).expect("an answer");
        assert_eq!(response.into_message(), pattern(7, SIZE));
        let request = Request::new(Bytes::from(format!("3 {SIZE}"))).with_metadata(wanted(encoding));
        let mut stream = bench.client.watch(WATCH, request).expect("a call");
        for index in 0..3 {
            assert_eq!(stream.message(), Ok(Some(pattern(index, SIZE))));
        }
        assert_eq!(stream.message(), Ok(None));
        let took = bench.tap.down.passed() - before;
        assert!(took < SMALL, "{took} bytes with {}", encoding.name());
    }
}

fn each_message_of_a_stream_is_compressed_or_not(column: Column) {
    for encoding in built_in() {
        let bench = tapped(column);
        let request = Request::new(()).with_compression(encoding);
        let (mut sender, mut stream) = bench.client.talk(CHAT, request).expect("a call");
        for compressed in [true, false, true] {
            let before = bench.tap.up.passed();
            let message = pattern(9, SIZE);
            if compressed {
                sender.send(message.clone()).expect("sent");
            } else {
                sender.send_uncompressed(message.clone()).expect("sent");
            }
            assert_eq!(stream.message(), Ok(Some(message)));
            let took = bench.tap.up.passed() - before;
            assert_eq!(took < SMALL, compressed, "{took} bytes with {}", encoding.name());
        }
    }
}

fn a_message_that_inflates_beyond_the_limit_is_refused(column: Column) {
    for encoding in built_in() {
        let bench = column.bench_with(Setup { message_bytes_max: Some(SIZE), ..Setup::default() });
        bench.call();
        let request = Request::new(pattern(7, 4 * SIZE)).with_compression(encoding);
        let status = bench.client.unary(ECHO, request).expect_err("too large");
        assert_eq!(status.code(), zrpc::Code::ResourceExhausted, "{status}");
        bench.call_on_the_same_connection();
    }
}

fn messages_that_cannot_be_compressed_arrive_as_they_were(column: Column) {
    // A generator of numbers that no encoding sees through.
    let noise: Vec<u8> =
        (0..SIZE as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
    let bench = column.bench();
    for encoding in built_in() {
        for size in [0, 1, 1023, 1024, 5000, SIZE] {
            let message = Bytes::copy_from_slice(&noise[..size]);
            let request =
                Request::new(message.clone()).with_compression(encoding).with_metadata(wanted(encoding));
            let response = bench.client.unary(ECHO, request).expect("an answer");
            assert!(response.into_message() == message, "{size} bytes with {}", encoding.name());
        }
    }
}
