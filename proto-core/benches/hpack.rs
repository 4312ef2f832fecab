//! What header compression costs: nanoseconds for a list, on a warm connection and on a fresh one.
//!
//! `cargo bench -p zrpc-core --bench hpack`. The median of many rounds is printed, beside the fastest.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::Instant;
use zrpc_core::base::{Field, Fields};
use zrpc_core::codec::huffman;
use zrpc_core::hpack::{Decoder, Encoder, ListLimits, ListSize};

const ROUNDS: usize = 201;
const TURNS_A_ROUND: u32 = 2_000;
const LIMITS: ListLimits = ListLimits { bytes_max: 1 << 14, fields_max: 100 };

/// The head of a gRPC request.
const REQUEST: [Field<'_>; 8] = [
    Field::new(b":method", b"POST"),
    Field::new(b":scheme", b"http"),
    Field::new(b":path", b"/example.chat.v1.Chat/Say"),
    Field::new(b":authority", b"chat.example.com:50051"),
    Field::new(b"te", b"trailers"),
    Field::new(b"content-type", b"application/grpc"),
    Field::new(b"user-agent", b"zrpc/0.1.0"),
    Field::new(b"grpc-timeout", b"5S"),
];

fn main() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
    let (mut block, mut fields) = (Vec::new(), Fields::new());
    encoder.encode(REQUEST, &mut block);
    assert_eq!(decoder.decode(&block, LIMITS, &mut fields), Ok(ListSize::Within));
    let first_block = block.clone();
    report("encode 8 fields, warm", || {
        block.clear();
        encoder.encode(black_box(REQUEST), &mut block);
    });
    report("decode 8 fields, warm", || {
        fields.clear();
        let size = decoder.decode(black_box(&block), LIMITS, &mut fields);
        assert_eq!(size, Ok(ListSize::Within));
    });
    report("encode 8 fields, first on a connection", || {
        block.clear();
        Encoder::new(4096).encode(black_box(REQUEST), &mut block);
    });
    report("decode 8 fields, first on a connection", || {
        fields.clear();
        let size = Decoder::new(4096).decode(black_box(&first_block), LIMITS, &mut fields);
        assert_eq!(size, Ok(ListSize::Within));
    });

    let text = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 /example.chat.v1.Chat/Say";
    let (mut coded, mut plain) = (Vec::new(), Vec::new());
    report("Huffman-encode 81 octets", || {
        coded.clear();
        huffman::encode(black_box(text), &mut coded);
    });
    report("Huffman-decode 81 octets", || {
        plain.clear();
        assert_eq!(huffman::decode(black_box(&coded), usize::MAX, &mut plain), Ok(()));
    });
    assert_eq!(plain, text);
}

fn report(what: &str, mut turn: impl FnMut()) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..TURNS_A_ROUND).for_each(|_| turn());
            start.elapsed().as_nanos() as f64 / f64::from(TURNS_A_ROUND)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{what:40} {:8.1} ns, at best {:8.1} ns", rounds[ROUNDS / 2], rounds[0]);
}
