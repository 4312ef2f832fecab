//! Buffers that a thread lends to whichever connection is awake, so that idle connections hold none.
//!
//! Each worker keeps a few buffers to read into, one to encode into, one output and one list of wakers. A buffer is taken out of its cell
//! while it is in use: a stream that is itself carried by a call of ours finds the cell empty and gets a new one.

use bytes::{Bytes, BytesMut};
use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncReadExt};
use zrpc_core::base::Out;
use zrpc_core::rpc::Codec;

/// What a read brings in at most, in bytes.
const READ_MAX: usize = 64 * 1024;
/// A buffer with less space than this is renewed before the next read, in bytes.
const READ_MIN: usize = 16 * 1024;
/// Buffers to read into, for each thread.
const READ_BUFFERS: usize = 4;
/// Messages up to this size share the thread's encoding buffer, in bytes.
const ENCODE_SHARED_MAX: usize = 16 * 1024;
/// What the encoding buffer is grown to, in bytes.
const ENCODE_BUFFER: usize = 64 * 1024;
/// Bytes that may wait in an output before the machine is held back.
const OUT_ROOM: usize = 128 * 1024;

thread_local! {
    static READ: Cell<ReadBuffers> = Cell::default();
    static ENCODE: Cell<BytesMut> = Cell::default();
    static OUT: Cell<Option<Box<Out>>> = const { Cell::new(None) };
    static WAKERS: Cell<Vec<Waker>> = const { Cell::new(Vec::new()) };
}

/// Reads what is there, [`READ_MAX`] at most; empty at the end of the stream.
pub(crate) fn poll_read(
    reader: &mut (impl AsyncRead + Unpin + ?Sized),
    cx: &mut Context<'_>,
) -> Poll<io::Result<Bytes>> {
    let mut buffers = READ.take();
    let buffer = buffers.with_space();
    let read = pin!(reader.read_buf(buffer)).poll(cx);
    let input = buffer.split();
    READ.set(buffers);
    ready!(read)?;
    Poll::Ready(Ok(input.freeze()))
}

/// A few buffers that take turns: what was read into one is often still in use when the next read comes.
#[derive(Default)]
struct ReadBuffers {
    buffers: [BytesMut; READ_BUFFERS],
    current: usize,
}

impl ReadBuffers {
    /// The current buffer while it has space; then one that nobody uses any more, or a new one in its place.
    fn with_space(&mut self) -> &mut BytesMut {
        if self.buffers[self.current].capacity() < READ_MIN {
            let free = self.buffers.iter_mut().position(|buffer| buffer.try_reclaim(READ_MAX));
            self.current = free.unwrap_or((self.current + 1) % READ_BUFFERS);
            self.buffers[self.current].reserve(READ_MAX);
        }
        &mut self.buffers[self.current]
    }
}

/// Encodes a message; short ones side by side in the thread's buffer.
pub(crate) fn encode<C: Codec>(message: &C::Encode) -> Bytes {
    if let Some(encoded) = C::share(message) {
        return encoded;
    }
    let len = C::encoded_len(message);
    if len > ENCODE_SHARED_MAX {
        let mut buffer = BytesMut::with_capacity(len);
        C::encode(message, &mut buffer);
        return buffer.freeze();
    }
    let mut buffer = ENCODE.take();
    if buffer.capacity() < len {
        buffer.reserve(ENCODE_BUFFER);
    }
    C::encode(message, &mut buffer);
    let encoded = buffer.split().freeze();
    ENCODE.set(buffer);
    encoded
}

/// An empty output with room.
pub(crate) fn take_out() -> Box<Out> {
    OUT.take().unwrap_or_else(|| Box::new(Out::with_room(OUT_ROOM)))
}

/// Gives an output back that has been written; one that has not is handed back, to be kept.
pub(crate) fn give_out(out: Box<Out>) -> Option<Box<Out>> {
    if !out.is_empty() {
        return Some(out);
    }
    OUT.set(Some(out));
    None
}

/// An empty list of wakers.
pub(crate) fn take_wakers() -> Vec<Waker> {
    WAKERS.take()
}

/// Gives a list back whose wakers were woken.
pub(crate) fn give_wakers(wakers: Vec<Waker>) {
    if wakers.is_empty() {
        WAKERS.set(wakers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zrpc_core::rpc::{CodecError, RawCodec};

    /// Bytes that have to be written out.
    #[derive(Default)]
    struct Written;

    impl Codec for Written {
        type Encode = Bytes;
        type Decode = Bytes;

        const SUBTYPE: &'static str = "proto";

        fn encode(message: &Bytes, buffer: &mut BytesMut) {
            RawCodec::encode(message, buffer);
        }

        fn encoded_len(message: &Bytes) -> usize {
            message.len()
        }

        fn decode(message: Bytes) -> Result<Bytes, CodecError> {
            Ok(message)
        }
    }

    #[test]
    fn messages_that_are_bytes_are_not_copied() {
        let message = Bytes::from(vec![1; 100]);
        assert_eq!(encode::<RawCodec>(&message).as_ptr(), message.as_ptr());
    }

    #[test]
    fn a_read_buffer_whose_input_is_gone_is_read_into_again() {
        let mut buffers = ReadBuffers::default();
        let mut held = Vec::new();
        for _ in 0..READ_BUFFERS {
            let buffer = buffers.with_space();
            buffer.resize(READ_MAX, 0);
            held.push(buffer.split().freeze());
        }
        let released = held.remove(1).as_ptr();
        assert_eq!(buffers.with_space().as_ptr(), released);
    }

    #[test]
    fn short_messages_share_one_buffer_that_is_used_again() {
        let first = encode::<Written>(&Bytes::from_static(b"first"));
        let second = encode::<Written>(&Bytes::from_static(b"second"));
        assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
        assert_eq!(second.as_ptr() as usize - first.as_ptr() as usize, first.len());
        let start = first.as_ptr();
        drop((first, second));
        let rounds = ENCODE_BUFFER / 4096 + 1;
        let starts: Vec<_> =
            (0..rounds).map(|_| encode::<Written>(&Bytes::from(vec![1; 4096])).as_ptr()).collect();
        assert!(starts.contains(&start), "the buffer came round to its start again");
    }

    #[test]
    fn an_output_is_only_taken_back_when_it_is_written() {
        let mut out = take_out();
        out.put_slice(b"waiting");
        assert!(give_out(out).is_some_and(|kept| kept.len() == 7));
        assert!(take_out().is_empty());
    }
}
