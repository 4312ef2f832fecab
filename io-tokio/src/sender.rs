//! The stream of messages that a client sends.

use crate::attached::Message;
use crate::line::{Line, Outgoing};
use crate::pool;
use crate::replies::LocalSink;
use crate::streaming::Streaming;
use crate::watch::{Watch, show_request};
use bytes::Bytes;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use zrpc_core::rpc::{Attachments, Codec, Response, Single, Status};

/// Where a client puts the messages of a bidirectional call.
///
/// Dropping it says that no more messages come, as [`Sender::finish`] does; the responses go on. The call itself
/// is cancelled by dropping its [`Streaming`].
pub struct Sender<T> {
    sink: Sink<T>,
}

enum Sink<T> {
    Line { line: Arc<Line>, encode: fn(&T) -> Bytes, watch: Watch, compress: bool },
    Local(LocalSink<T>),
}

impl<T> Sender<T> {
    pub(crate) fn over_line<C: Codec<Encode = T>>(
        line: Arc<Line>,
        compress: bool,
        watch: Watch,
    ) -> Sender<T> {
        Sender { sink: Sink::Line { line, encode: pool::encode::<C>, watch, compress } }
    }

    /// A sender whose messages go to a function, for mocks of clients.
    pub fn from_fn(sink: impl FnMut(T) -> Result<(), Status> + Send + 'static) -> Sender<T> {
        Sender { sink: Sink::Local(Box::new(sink)) }
    }

    /// Sends a message; waits while the server has not taken enough of those before. Dropping the future while it
    /// waits sends nothing.
    ///
    /// # Errors
    /// When the call is over: its status, or CANCELLED when it ended well before this message.
    pub async fn send(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, true, Attachments::new()).await
    }

    /// As [`Sender::send`], but never compresses the message: for one that holds a secret beside text that the peer chose,
    /// or that is compressed already.
    ///
    /// # Errors
    /// As for [`Sender::send`].
    pub async fn send_uncompressed(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, false, Attachments::new()).await
    }

    /// As [`Sender::send`], with attachments: file descriptors, see
    /// [`ChannelBuilder::attachments`](crate::ChannelBuilder::attachments).
    ///
    /// # Errors
    /// As for [`Sender::send`]. Where the connection carries none or not as many, the call ends as UNIMPLEMENTED.
    pub async fn send_with_attachments(
        &mut self,
        message: T,
        attachments: Attachments,
    ) -> Result<(), Status> {
        self.send_with(message, true, attachments).await
    }

    async fn send_with(
        &mut self,
        message: T,
        may_compress: bool,
        attachments: Attachments,
    ) -> Result<(), Status> {
        match &mut self.sink {
            Sink::Local(sink) => sink(message),
            Sink::Line { line, encode, watch, compress } => {
                let mut bytes = encode(&message);
                if let Err(status) = show_request(watch, &mut bytes) {
                    line.abandon(status.clone());
                    return Err(status);
                }
                poll_fn(|cx| line.poll_room(cx)).await?;
                let message = Message { bytes, attachments };
                line.push(Outgoing::Message { message, compress: *compress && may_compress });
                Ok(())
            }
        }
    }

    /// Says that no more messages come.
    pub fn finish(self) {}
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Sink::Line { line, .. } = &self.sink {
            line.push(Outgoing::HalfClose);
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
    sender: Sender<I>,
    answer: Answer<O>,
}

enum Answer<O> {
    Wire(Streaming<O>),
    Local(Box<dyn FnOnce() -> Result<Response<O>, Status> + Send>),
}

impl<I, O> ClientStreaming<I, O> {
    pub(crate) fn new(sender: Sender<I>, responses: Streaming<O>) -> ClientStreaming<I, O> {
        ClientStreaming { sender, answer: Answer::Wire(responses) }
    }

    /// A call answered by functions, for mocks of clients: one takes the messages, one makes the response.
    pub fn from_fns(
        sink: impl FnMut(I) -> Result<(), Status> + Send + 'static,
        answer: impl FnOnce() -> Result<Response<O>, Status> + Send + 'static,
    ) -> ClientStreaming<I, O> {
        ClientStreaming { sender: Sender::from_fn(sink), answer: Answer::Local(Box::new(answer)) }
    }

    /// Sends a message; waits while the server has not taken enough of those before.
    ///
    /// # Errors
    /// When the call is over; [`ClientStreaming::finish`] then says how it ended.
    pub async fn send(&mut self, message: I) -> Result<(), Status> {
        self.sender.send(message).await
    }

    /// As [`ClientStreaming::send`], but never compresses the message: for one that holds a secret beside text that the peer chose,
    /// or that is compressed already.
    ///
    /// # Errors
    /// As for [`ClientStreaming::send`].
    pub async fn send_uncompressed(&mut self, message: I) -> Result<(), Status> {
        self.sender.send_uncompressed(message).await
    }

    /// As [`ClientStreaming::send`], with attachments; see [`Sender::send_with_attachments`].
    ///
    /// # Errors
    /// As for [`ClientStreaming::send`]. Where the connection carries none or not as many, the call ends as UNIMPLEMENTED.
    pub async fn send_with_attachments(
        &mut self,
        message: I,
        attachments: Attachments,
    ) -> Result<(), Status> {
        self.sender.send_with_attachments(message, attachments).await
    }

    /// Says that no more messages come, and waits for the response.
    ///
    /// # Errors
    /// The call's status when it is not OK; UNIMPLEMENTED when the server answered with no message or with several.
    pub async fn finish(self) -> Result<Response<O>, Status> {
        self.sender.finish();
        match self.answer {
            Answer::Local(answer) => answer(),
            Answer::Wire(responses) => only_response(responses).await,
        }
    }
}

impl<I, O> fmt::Debug for ClientStreaming<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStreaming").finish_non_exhaustive()
    }
}

async fn only_response<O>(mut responses: Streaming<O>) -> Result<Response<O>, Status> {
    let mut only = Single::new();
    let mut attached = Attachments::new();
    while let Some(message) = responses.message().await? {
        attached = responses.take_attachments();
        if !only.put(message) {
            break;
        }
    }
    let message = only.response(Status::OK)?;
    let attachments = std::mem::take(&mut attached);
    let (metadata, trailers) = responses.into_metadata();
    Ok(Response::new(message).with_attachments(attachments).with_metadata(metadata).with_trailers(trailers))
}
