//! RFC 7541 Appendix C: the wire, the list and the dynamic table after each step.
//!
//! Decoded: all sixteen blocks of C.2 to C.6. Encoded: those that an encoder that codes strings the shorter way
//! and indexes them would write (C.2.4, C.4, C.6). The three integers of C.1 stand beside `prefix_int`.

use zrpc_core::base::{Field, Fields};
use zrpc_core::hpack::{Decoder, Encoder, ListLimits, ListSize};

const LIMITS: ListLimits = ListLimits { bytes_max: 1 << 16, fields_max: 100 };

/// One header block of the appendix.
struct Example {
    wire: &'static str,
    fields: Vec<Field<'static>>,
    /// The dynamic table after it, newest first.
    table: &'static [(&'static str, &'static str)],
    table_size: usize,
}

const fn f(name: &'static str, value: &'static str) -> Field<'static> {
    Field::new(name.as_bytes(), value.as_bytes())
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn assert_table<'a>(table: impl Iterator<Item = Field<'a>>, size: usize, expected: &Example) {
    let expected_entries = expected.table.iter().map(|(name, value)| f(name, value));
    assert_eq!(table.collect::<Vec<_>>(), expected_entries.collect::<Vec<_>>());
    assert_eq!(size, expected.table_size);
}

fn decodes(mut decoder: Decoder, examples: &[Example]) {
    for example in examples {
        let mut fields = Fields::new();
        assert_eq!(decoder.decode(&octets(example.wire), LIMITS, &mut fields), Ok(ListSize::Within));
        assert_eq!(fields.iter().collect::<Vec<_>>(), example.fields);
        assert_table(decoder.table(), decoder.table_size(), example);
    }
}

fn encodes(mut encoder: Encoder, examples: &[Example]) {
    // The announcement of a table smaller than the default, which the appendix leaves out.
    encoder.encode([], &mut Vec::new());
    for example in examples {
        let mut block = Vec::new();
        encoder.encode(example.fields.iter().copied(), &mut block);
        assert_eq!(block, octets(example.wire));
        assert_table(encoder.table(), encoder.table_size(), example);
    }
}

#[test]
fn rfc7541_c_2_1_literal_field_with_indexing() {
    let example = Example {
        wire: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        fields: vec![f("custom-key", "custom-header")],
        table: &[("custom-key", "custom-header")],
        table_size: 55,
    };
    decodes(Decoder::new(4096), &[example]);
}

#[test]
fn rfc7541_c_2_2_literal_field_without_indexing() {
    let example = Example {
        wire: "040c 2f73 616d 706c 652f 7061 7468",
        fields: vec![f(":path", "/sample/path")],
        table: &[],
        table_size: 0,
    };
    decodes(Decoder::new(4096), &[example]);
}

#[test]
fn rfc7541_c_2_3_literal_field_never_indexed() {
    let example = Example {
        wire: "1008 7061 7373 776f 7264 0673 6563 7265 74",
        fields: vec![Field::secret(b"password", b"secret")],
        table: &[],
        table_size: 0,
    };
    decodes(Decoder::new(4096), &[example]);
}

#[test]
fn rfc7541_c_2_4_indexed_field() {
    let example = Example { wire: "82", fields: vec![f(":method", "GET")], table: &[], table_size: 0 };
    decodes(Decoder::new(4096), core::slice::from_ref(&example));
    encodes(Encoder::new(4096), &[example]);
}

const REQUEST_1: &[Field<'_>] =
    &[f(":method", "GET"), f(":scheme", "http"), f(":path", "/"), f(":authority", "www.example.com")];
const REQUEST_2: &[Field<'_>] = &[
    f(":method", "GET"),
    f(":scheme", "http"),
    f(":path", "/"),
    f(":authority", "www.example.com"),
    f("cache-control", "no-cache"),
];
const REQUEST_3: &[Field<'_>] = &[
    f(":method", "GET"),
    f(":scheme", "https"),
    f(":path", "/index.html"),
    f(":authority", "www.example.com"),
    f("custom-key", "custom-value"),
];

/// The three requests, given their wire octets.
fn requests(wires: [&'static str; 3]) -> [Example; 3] {
    [
        Example {
            wire: wires[0],
            fields: REQUEST_1.to_vec(),
            table: &[(":authority", "www.example.com")],
            table_size: 57,
        },
        Example {
            wire: wires[1],
            fields: REQUEST_2.to_vec(),
            table: &[("cache-control", "no-cache"), (":authority", "www.example.com")],
            table_size: 110,
        },
        Example {
            wire: wires[2],
            fields: REQUEST_3.to_vec(),
            table: &[
                ("custom-key", "custom-value"),
                ("cache-control", "no-cache"),
                (":authority", "www.example.com"),
            ],
            table_size: 164,
        },
    ]
}

#[test]
fn rfc7541_c_3_requests_without_huffman() {
    let examples = requests([
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]);
    decodes(Decoder::new(4096), &examples);
}

#[test]
fn rfc7541_c_4_requests_with_huffman() {
    let examples = requests([
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]);
    decodes(Decoder::new(4096), &examples);
    encodes(Encoder::new(4096), &examples);
}

const DATE_21: &str = "Mon, 21 Oct 2013 20:13:21 GMT";
const DATE_22: &str = "Mon, 21 Oct 2013 20:13:22 GMT";
const LOCATION: &str = "https://www.example.com";
const COOKIE: &str = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

/// The three responses, given their wire octets.
fn responses(wires: [&'static str; 3]) -> [Example; 3] {
    [
        Example {
            wire: wires[0],
            fields: vec![
                f(":status", "302"),
                f("cache-control", "private"),
                f("date", DATE_21),
                f("location", LOCATION),
            ],
            table: &[
                ("location", LOCATION),
                ("date", DATE_21),
                ("cache-control", "private"),
                (":status", "302"),
            ],
            table_size: 222,
        },
        Example {
            wire: wires[1],
            fields: vec![
                f(":status", "307"),
                f("cache-control", "private"),
                f("date", DATE_21),
                f("location", LOCATION),
            ],
            table: &[
                (":status", "307"),
                ("location", LOCATION),
                ("date", DATE_21),
                ("cache-control", "private"),
            ],
            table_size: 222,
        },
        Example {
            wire: wires[2],
            fields: vec![
                f(":status", "200"),
                f("cache-control", "private"),
                f("date", DATE_22),
                f("location", LOCATION),
                f("content-encoding", "gzip"),
                f("set-cookie", COOKIE),
            ],
            table: &[("set-cookie", COOKIE), ("content-encoding", "gzip"), ("date", DATE_22)],
            table_size: 215,
        },
    ]
}

#[test]
fn rfc7541_c_5_responses_without_huffman_and_with_evictions() {
    let examples = responses([
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 \
         3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a \
         6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d \
         6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ]);
    decodes(Decoder::new(256), &examples);
}

#[test]
fn rfc7541_c_6_responses_with_huffman_and_with_evictions() {
    let mut examples = responses([
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d \
         29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d \
         d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 \
         3d50 07",
    ]);
    decodes(Decoder::new(256), &examples);
    // "307" takes three octets either way; where the appendix codes it, we leave it plain, as C.5.2 does.
    examples[1].wire = "4803 3330 37c1 c0bf";
    encodes(Encoder::new(256), &examples);
}
