//! gRPC's framing beside tonic's codec: the same content in the same pieces gives the same messages and the same verdict,
//! and what tonic writes we read.

use crate::Read;
use bytes::{Buf, BufMut, Bytes};
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio_stream::Stream;
use tonic::codec::{DecodeBuf, Decoder, EncodeBody, EncodeBuf, Encoder, Streaming};
use tonic::{Code, Status};
use zrpc_core::rpc::message::{MessageReader, PREFIX_LEN};

const MESSAGE_BYTES_MAX: usize = 1_000;

/// The first byte says how the rest is cut.
pub fn grpc(input: &[u8]) {
    let [cut, content @ ..] = input else { return };
    let pieces: VecDeque<Bytes> = content.chunks(1 + usize::from(*cut)).map(Bytes::copy_from_slice).collect();
    let ours = read_ours(&pieces);
    let mut theirs = read_tonic(pieces);
    // G2: it takes content that ends behind the prefix of a message for whole.
    let whole: usize = ours.items.iter().map(|message| PREFIX_LEN + message.len()).sum();
    theirs.is_refused |= content.len() - whole == PREFIX_LEN;
    assert_eq!(ours, theirs, "{content:02x?}");

    let written = write_tonic(ours.items.clone());
    let again = read_ours(&VecDeque::from([written]));
    assert_eq!(again, Read { items: ours.items, is_refused: false });
}

/// No message of ours is compressed here, so that one which says that it is is refused, as tonic does (G1).
fn read_ours(pieces: &VecDeque<Bytes>) -> Read<Bytes> {
    let mut reader = MessageReader::default();
    let mut items = Vec::new();
    for piece in pieces {
        reader.push(piece.clone());
        loop {
            match reader.next(MESSAGE_BYTES_MAX) {
                Ok(Some(message)) if message.compressed => return Read { items, is_refused: true },
                Ok(Some(message)) => items.push(message.payload),
                Ok(None) => break,
                Err(_) => return Read { items, is_refused: true },
            }
        }
    }
    // Content that ends within a message is refused by both.
    Read { items, is_refused: reader.is_within_message() }
}

fn read_tonic(pieces: VecDeque<Bytes>) -> Read<Bytes> {
    let mut streaming = Streaming::new_request(Raw, Content { pieces }, None, Some(MESSAGE_BYTES_MAX));
    let mut context = Context::from_waker(Waker::noop());
    let mut items = Vec::new();
    loop {
        match Pin::new(&mut streaming).poll_next(&mut context) {
            Poll::Ready(Some(Ok(message))) => items.push(message),
            Poll::Ready(Some(Err(status))) => {
                assert!(matches!(status.code(), Code::Internal | Code::OutOfRange), "{status}");
                return Read { items, is_refused: true };
            }
            Poll::Ready(None) => return Read { items, is_refused: false },
            Poll::Pending => panic!("content in memory makes nobody wait"),
        }
    }
}

fn write_tonic(messages: Vec<Bytes>) -> Bytes {
    let source = tokio_stream::iter(messages.into_iter().map(Ok));
    let mut body = pin!(EncodeBody::new_client(Raw, source, None, None));
    let mut context = Context::from_waker(Waker::noop());
    let mut written = Vec::new();
    loop {
        match body.as_mut().poll_frame(&mut context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    written.extend_from_slice(&data);
                }
            }
            Poll::Ready(None) => return written.into(),
            Poll::Ready(Some(Err(status))) => panic!("tonic cannot write what was read: {status}"),
            Poll::Pending => panic!("messages in memory make nobody wait"),
        }
    }
}

/// Messages as they are.
struct Raw;

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, sink: &mut EncodeBuf<'_>) -> Result<(), Status> {
        sink.put(item);
        Ok(())
    }
}

/// Content that is there already.
struct Content {
    pieces: VecDeque<Bytes>,
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
