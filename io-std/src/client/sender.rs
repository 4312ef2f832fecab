//! The stream of messages that a client sends.

use crate::client::call::{Answer, Call};
use crate::line::{Message, Outgoing, decode, encode};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use zrpc_core::rpc::{Attachments, Codec, CodecError, Response, Status};

/// Where a client puts the messages of a bidirectional call.
///
/// Dropping it says that no more messages come, as [`Sender::finish`] does; the responses go on. The call itself is
/// cancelled by dropping its [`Streaming`](crate::Streaming). The two halves may be used by two threads.
pub struct Sender<T> {
    sink: Sink<T>,
}

enum Sink<T> {
    Wire { call: Arc<Call>, encode: fn(&T) -> Bytes, compress: bool },
    Local(LocalSink<T>),
}

/// Takes messages in a test.
pub(crate) type LocalSink<T> = Box<dyn FnMut(T) -> Result<(), Status> + Send>;

impl<T> Sender<T> {
    pub(crate) fn over_call<C: Codec<Encode = T>>(call: Arc<Call>, compress: bool) -> Sender<T> {
        Sender { sink: Sink::Wire { call, encode: encode::<C>, compress } }
    }

    /// A sender whose messages go to a function, for mocks of clients.
    pub fn from_fn(sink: impl FnMut(T) -> Result<(), Status> + Send + 'static) -> Sender<T> {
        Sender { sink: Sink::Local(Box::new(sink)) }
    }

    /// Sends a message; waits while the server has not taken enough of those before.
    ///
    /// # Errors
    /// When the call is over: its status, or CANCELLED when it ended well before this message.
    pub fn send(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, true, Attachments::new())
    }

    /// As [`Sender::send`], but never compresses the message: for one that holds a secret beside text that the peer chose,
    /// or that is compressed already.
    ///
    /// # Errors
    /// As for [`Sender::send`].
    pub fn send_uncompressed(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, false, Attachments::new())
    }

    /// As [`Sender::send`], with attachments: file descriptors, see [`ChannelBuilder::attachments`](crate::ChannelBuilder::attachments).
    ///
    /// # Errors
    /// As for [`Sender::send`]; UNIMPLEMENTED when the connection carries none or not as many.
    pub fn send_with_attachments(&mut self, message: T, attachments: Attachments) -> Result<(), Status> {
        self.send_with(message, true, attachments)
    }

    fn send_with(&mut self, message: T, may_compress: bool, attachments: Attachments) -> Result<(), Status> {
        match &mut self.sink {
            Sink::Wire { call, encode, compress } => {
                let message = Message { bytes: encode(&message), attachments };
                call.send(message, *compress && may_compress)
            }
            Sink::Local(sink) => sink(message),
        }
    }

    /// Says that no more messages come.
    pub fn finish(self) {}
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Sink::Wire { call, .. } = &self.sink {
            call.finish();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// A call that sends many messages and gets one response. Dropping it cancels the call.
pub struct ClientStreaming<I, O> {
    kind: Kind<I, O>,
}

enum Kind<I, O> {
    Wire { call: Call, encode: fn(&I) -> Bytes, decode: fn(Bytes) -> Result<O, CodecError>, compress: bool },
    Local { sink: LocalSink<I>, answer: Box<dyn FnOnce() -> Result<Response<O>, Status> + Send> },
}

impl<I, O> ClientStreaming<I, O> {
    pub(crate) fn over_call<C: Codec<Encode = I, Decode = O>>(
        call: Call,
        compress: bool,
    ) -> ClientStreaming<I, O> {
        ClientStreaming { kind: Kind::Wire { call, encode: encode::<C>, decode: C::decode, compress } }
    }

    /// A call answered by functions, for mocks of clients: one takes the messages, one makes the response.
    pub fn from_fns(
        sink: impl FnMut(I) -> Result<(), Status> + Send + 'static,
        answer: impl FnOnce() -> Result<Response<O>, Status> + Send + 'static,
    ) -> ClientStreaming<I, O> {
        ClientStreaming { kind: Kind::Local { sink: Box::new(sink), answer: Box::new(answer) } }
    }

    /// Sends a message; waits while the server has not taken enough of those before.
    ///
    /// # Errors
    /// When the call is over; [`ClientStreaming::finish`] then says how it ended.
    pub fn send(&mut self, message: I) -> Result<(), Status> {
        self.send_with(message, true, Attachments::new())
    }

    /// As [`ClientStreaming::send`], but never compresses the message: for one that holds a secret beside text that the peer chose,
    /// or that is compressed already.
    ///
    /// # Errors
    /// As for [`ClientStreaming::send`].
    pub fn send_uncompressed(&mut self, message: I) -> Result<(), Status> {
        self.send_with(message, false, Attachments::new())
    }

    /// As [`ClientStreaming::send`], with attachments: file descriptors, see [`ChannelBuilder::attachments`](crate::ChannelBuilder::attachments).
    ///
    /// # Errors
    /// As for [`ClientStreaming::send`]; UNIMPLEMENTED when the connection carries none or not as many.
    pub fn send_with_attachments(&mut self, message: I, attachments: Attachments) -> Result<(), Status> {
        self.send_with(message, true, attachments)
    }

    fn send_with(&mut self, message: I, may_compress: bool, attachments: Attachments) -> Result<(), Status> {
        match &mut self.kind {
            Kind::Wire { call, encode, compress, .. } => {
                let message = Message { bytes: encode(&message), attachments };
                call.send(message, *compress && may_compress)
            }
            Kind::Local { sink, .. } => sink(message),
        }
    }

    /// Says that no more messages come, and waits for the response.
    ///
    /// # Errors
    /// The call's status when it is not OK; UNIMPLEMENTED when the server answered with no message or with several.
    pub fn finish(self) -> Result<Response<O>, Status> {
        match self.kind {
            Kind::Wire { call, decode, .. } => {
                call.finish();
                respond(decode, call.answer()?)
            }
            Kind::Local { answer, .. } => answer(),
        }
    }
}

/// The typed response of a call that answered once.
pub(crate) fn respond<T>(
    with: fn(Bytes) -> Result<T, CodecError>,
    answer: Answer,
) -> Result<Response<T>, Status> {
    let message = decode(with, answer.message.bytes)?;
    let response = Response::new(message).with_attachments(answer.message.attachments);
    Ok(response.with_metadata(answer.metadata).with_trailers(answer.trailers))
}

impl<I, O> fmt::Debug for ClientStreaming<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStreaming").finish_non_exhaustive()
    }
}
