//! Messages of nothing up to 64 MiB, at the edges of frames and windows, and one that is too large.

use crate::carrier::Setup;
use crate::cases::cases;
use crate::column::Column;
use crate::service::{CHAT, ECHO, SUM, WATCH, check, sum_text};
use bytes::Bytes;
use zrpc::{Code, Request};

cases!("sizes":
    messages_of_all_sizes_come_back_as_they_were,
    streams_of_all_sizes_come_back_as_they_were [Requests],
    a_message_of_64_mib_crosses_both_ways_where_that_is_allowed,
    a_message_of_the_limit_passes_and_one_byte_more_is_refused,
    a_response_beyond_the_clients_limit_ends_the_call_alone,
    a_stream_with_a_message_beyond_the_limit_ends_alone [Requests],
);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const SIZES: [usize; 17] = [
    0,
    1,
    2,
    125,
    126,
    127,
    128,
    16 * KIB - 1,
    16 * KIB,
    16 * KIB + 1,
    64 * KIB - 1,
    64 * KIB,
    64 * KIB + 1,
    256 * KIB - 5,
    256 * KIB + 1,
    MIB,
    4 * MIB,
];

/// Bytes that differ from place to place.
fn message(size: usize) -> Bytes {
    let block: Vec<u8> = (0..251u32).map(|n| (n.wrapping_mul(167) >> 1) as u8).collect();
    let mut message = block.repeat(size / block.len() + 1);
    message.truncate(size);
    message.into()
}

fn assert_same(actual: &Bytes, expected: &Bytes) {
    assert_eq!(actual.len(), expected.len(), "length");
    assert!(actual == expected, "a message of {} bytes came back changed", expected.len());
}

fn messages_of_all_sizes_come_back_as_they_were(column: Column) {
    let bench = column.bench();
    for size in SIZES {
        let sent = message(size);
        let response = bench.client.unary(ECHO, Request::new(sent.clone()));
        assert_same(response.expect("an answer").message(), &sent);
    }
    bench.call_on_the_same_connection();
}

fn streams_of_all_sizes_come_back_as_they_were(column: Column) {
    let bench = column.bench();
    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    for size in SIZES {
        let sent = message(size);
        sender.send(sent.clone()).expect("sent");
        assert_same(&stream.message().expect("a message").expect("a message"), &sent);
    }
    drop(sender);
    assert_eq!(stream.message(), Ok(None));

    let mut upload = bench.client.upload(SUM, Request::new(())).expect("a call");
    let mut sum = 0;
    for size in SIZES {
        sum = check(sum, &message(size));
        upload.send(message(size)).expect("sent");
    }
    let answer = upload.finish().expect("an answer").into_message();
    assert_eq!(answer, sum_text(SIZES.len(), SIZES.iter().sum(), sum));
    bench.call_on_the_same_connection();
}

fn a_message_of_64_mib_crosses_both_ways_where_that_is_allowed(column: Column) {
    let size = column.can().message_mib * MIB;
    let bench = column.bench_with(Setup { message_bytes_max: Some(size), ..Setup::default() });
    let sent = message(size);
    let response = bench.client.unary(ECHO, Request::new(sent.clone())).expect("an answer");
    assert_same(response.message(), &sent);
    bench.call_on_the_same_connection();
}

fn a_message_of_the_limit_passes_and_one_byte_more_is_refused(column: Column) {
    const LIMIT: usize = 100_000;
    let bench = column.bench_with(Setup { message_bytes_max: Some(LIMIT), ..Setup::default() });
    for _ in 0..2 {
        let sent = message(LIMIT);
        assert_same(
            bench.client.unary(ECHO, Request::new(sent.clone())).expect("an answer").message(),
            &sent,
        );
        for excess in [1, LIMIT] {
            let status =
                bench.client.unary(ECHO, Request::new(message(LIMIT + excess))).expect_err("too large");
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        }
    }
    bench.call_on_the_same_connection();
}

fn a_response_beyond_the_clients_limit_ends_the_call_alone(column: Column) {
    const LIMIT: usize = 50_000;
    let bench = column.bench_with(Setup { message_bytes_max: Some(LIMIT), ..Setup::default() });
    for size in [LIMIT + 1, 3 * LIMIT] {
        let request = Request::new(Bytes::from(format!("3 {size}")));
        let status = bench.client.watch(WATCH, request).expect("a call").message().expect_err("too large");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    }
    bench.call_on_the_same_connection();
    bench.probe.until_handlers_ended();
}

fn a_stream_with_a_message_beyond_the_limit_ends_alone(column: Column) {
    const LIMIT: usize = 50_000;
    let bench = column.bench_with(Setup { message_bytes_max: Some(LIMIT), ..Setup::default() });
    let (mut sender, mut stream) = bench.client.talk(CHAT, Request::new(())).expect("a call");
    sender.send(message(LIMIT)).expect("sent");
    assert_same(&stream.message().expect("a message").expect("a message"), &message(LIMIT));
    // The server may refuse the message while it is being sent; the end says so either way.
    let _ = sender.send(message(LIMIT + 1));
    let status = stream.message().expect_err("too large");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    bench.call_on_the_same_connection();
    bench.probe.until_handlers_ended();
}
