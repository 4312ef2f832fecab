//! What HPACK allocates on a warm connection: nothing, in either direction, whatever the lists look like.

use zrpc_core::base::{Field, Fields};
use zrpc_core::hpack::{Decoder, Encoder, ListLimits, ListSize};

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

struct Connection {
    encoder: Encoder,
    decoder: Decoder,
    block: Vec<u8>,
    received: Fields,
}

impl Connection {
    fn new() -> Connection {
        Connection {
            encoder: Encoder::new(4096),
            decoder: Decoder::new(4096),
            block: Vec::new(),
            received: Fields::new(),
        }
    }

    fn encode(&mut self, list: &[Field<'_>]) {
        self.block.clear();
        self.encoder.encode(list.iter().copied(), &mut self.block);
    }

    fn decode(&mut self, list: &[Field<'_>]) {
        self.received.clear();
        let size = self.decoder.decode(&self.block, LIMITS, &mut self.received);
        assert_eq!(size, Ok(ListSize::Within));
        assert!(self.received.iter().eq(list.iter().copied()));
    }

    /// How many allocations sending `list` takes.
    fn allocations(&mut self, list: &[Field<'_>]) -> u64 {
        let send = || {
            self.encode(list);
            self.decode(list);
        };
        allocation_counter::measure(send).count_total
    }
}

#[test]
fn a_list_that_was_sent_before_allocates_nothing() {
    let mut connection = Connection::new();
    assert!(connection.allocations(&REQUEST) > 0, "the first list fills the tables");
    for _ in 0..100 {
        assert_eq!(connection.allocations(&REQUEST), 0);
    }
    assert_eq!(connection.block.len(), REQUEST.len());
}

#[test]
fn lists_that_always_differ_allocate_nothing_once_the_tables_are_full() {
    let mut connection = Connection::new();
    let mut send = |call: u32| {
        let digits = format!("{call:08}");
        let mut list = REQUEST.to_vec();
        // Enough names that some always have credit: entries come and go.
        let names: Vec<String> = (0..10).map(|name| format!("x-name-{}", (call + name) % 100)).collect();
        list.extend(names.iter().map(|name| Field::new(name.as_bytes(), digits.as_bytes())));
        list.push(Field::secret(b"authorization", digits.as_bytes()));
        connection.allocations(&list)
    };
    (0..1000).for_each(|call| {
        send(call);
    });
    let allocations: u64 = (1000..5000).map(&mut send).sum();
    assert_eq!(allocations, 0);
}

#[test]
fn a_connection_that_carried_calls_holds_little_memory() {
    const REPLY: [Field<'_>; 3] = [
        Field::new(b":status", b"200"),
        Field::new(b"content-type", b"application/grpc"),
        Field::new(b"grpc-status", b"0"),
    ];
    for (list, encoder_max, decoder_max) in [(&REQUEST[..], 1024, 512), (&REPLY[..], 768, 384)] {
        let mut connection = Connection::new();
        connection.encode(list);
        connection.decode(list);
        let (encoder, decoder) = (connection.encoder.memory(), connection.decoder.memory());
        println!("{} fields: encoder {encoder} bytes, decoder {decoder} bytes", list.len());
        assert!(encoder <= encoder_max && decoder <= decoder_max, "{encoder} and {decoder} bytes");
    }
}
