//! Requests that break a rule: the stream is reset, and the connection goes on.

use super::turn;
use crate::base::{Field, Machine, Time};
use crate::hpack::Encoder;
use crate::http2::frame::{FrameHead, FrameType, HEAD_LEN, headers, rst_stream, settings};
use crate::http2::reader::PREFACE;
use crate::http2::{Config, Connection, ErrorCode, Event, StreamId};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

const METHOD: Field<'static> = Field::new(b":method", b"GET");
const SCHEME: Field<'static> = Field::new(b":scheme", b"http");
const PATH: Field<'static> = Field::new(b":path", b"/");

/// A request as a client sends it that checks nothing.
fn request(id: u32, fields: &[Field<'_>], encoder: &mut Encoder) -> Vec<u8> {
    let mut wire = Vec::new();
    let encode = |block: &mut Vec<u8>| encoder.encode(fields.iter().copied(), block);
    headers::emit(StreamId(id), true, 16_384, &mut wire, encode);
    wire
}

/// The codes of the RST_STREAM frames for a stream.
fn resets(sent: &[u8], id: StreamId) -> Vec<ErrorCode> {
    let mut codes = Vec::new();
    let mut rest = sent;
    while let Some((head, tail)) = rest.split_first_chunk::<HEAD_LEN>() {
        let head = FrameHead::parse(*head);
        let (payload, tail) = tail.split_at(head.length as usize);
        if head.kind == FrameType::RstStream && head.stream == id {
            codes.extend(rst_stream::parse(payload));
        }
        rest = tail;
    }
    codes
}

#[test]
fn rfc9113_8_1_1_a_malformed_request_resets_its_stream_and_nothing_else() {
    let now = Time::START;
    let malformed: [&[Field<'_>]; 6] = [
        &[METHOD, SCHEME, PATH, Field::new(b"Upper", b"case")],
        &[METHOD, SCHEME, PATH, Field::new(b":unknown", b"x")],
        &[METHOD, SCHEME, Field::new(b":path", b"")],
        &[METHOD, SCHEME],
        &[METHOD, SCHEME, PATH, Field::new(b"connection", b"close")],
        &[METHOD, SCHEME, Field::new(b"a", b"b"), PATH],
    ];
    for fields in malformed {
        let mut server = Connection::server(now, Arc::new(Config::default()));
        let mut encoder = Encoder::new(0);
        let mut wire = PREFACE.to_vec();
        settings::emit(&[], &mut wire);
        wire.extend(request(1, fields, &mut encoder));
        wire.extend(request(3, &[METHOD, SCHEME, PATH], &mut encoder));
        server.handle_input(now, Bytes::from(wire));
        let mut events = Vec::new();
        let sent = turn(&mut server, now, &mut events);
        assert_eq!(resets(&sent, StreamId(1)), [ErrorCode::PROTOCOL_ERROR], "{fields:?}");
        assert_eq!(resets(&sent, StreamId(3)), []);
        let opened = |event: &Event| matches!(event, Event::Headers { stream, .. } if *stream == StreamId(3));
        assert!(events.iter().any(opened) && !server.is_ended(), "{fields:?}: {events:?}");
    }
}
