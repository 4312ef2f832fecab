//! The stream of messages that a side receives.

use crate::line::Line;
use crate::watch::{Watch, show_request, show_response};
use bytes::Bytes;
use futures_core::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use zrpc_core::rpc::{Attachments, Codec, CodecError, Metadata, Side, Status};

/// Messages that arrive one after the other: a client's from a streaming response, a handler's from a streaming
/// request.
///
/// Messages are taken with [`Streaming::message`] or as a [`Stream`]. Until one is taken, the peer gets no credit
/// for it, so a slow reader holds the sender back. A client that drops its stream cancels the call; a handler that
/// drops its own goes on without the rest of the request.
///
/// For tests and mocks, a stream can be made of messages that are there already:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zrpc_tokio::Streaming;
///
/// let mut stream = Streaming::from_messages(["one", "two"]);
/// assert_eq!(stream.message().await.unwrap(), Some("one"));
/// assert_eq!(stream.message().await.unwrap(), Some("two"));
/// assert_eq!(stream.message().await.unwrap(), None);
/// # });
/// ```
pub struct Streaming<T> {
    source: Source<T>,
    metadata: Option<Metadata>,
    trailers: Option<Metadata>,
    attachments: Attachments,
}

enum Source<T> {
    Line(Wire<T>),
    Local(VecDeque<Result<T, Status>>),
    Over,
}

/// The receiving end of a call.
struct Wire<T> {
    line: Arc<Line>,
    decode: fn(Bytes) -> Result<T, CodecError>,
    watch: Watch,
    side: Side,
}

impl<T> Streaming<T> {
    pub(crate) fn over_line<C: Codec<Decode = T>>(line: Arc<Line>, side: Side, watch: Watch) -> Streaming<T> {
        let metadata = match side {
            Side::Client => None,
            Side::Server => Some(Metadata::new()),
        };
        let wire = Wire { line, decode: C::decode, watch, side };
        Streaming { source: Source::Line(wire), metadata, trailers: None, attachments: Attachments::new() }
    }

    /// A stream of messages that are there already, and then its end.
    pub fn from_messages(messages: impl IntoIterator<Item = T>) -> Streaming<T> {
        Streaming::from_results(messages.into_iter().map(Ok))
    }

    /// A stream that ends with the first error.
    pub fn from_results(results: impl IntoIterator<Item = Result<T, Status>>) -> Streaming<T> {
        Streaming {
            source: Source::Local(results.into_iter().collect()),
            metadata: Some(Metadata::new()),
            trailers: Some(Metadata::new()),
            attachments: Attachments::new(),
        }
    }

    /// Gives a stream that was made of messages the metadata that a server would have sent before them.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Streaming<T> {
        self.metadata = Some(metadata);
        self
    }

    /// Gives a stream that was made of messages the metadata that a server would have sent after them.
    #[must_use]
    pub fn with_trailers(mut self, trailers: Metadata) -> Streaming<T> {
        self.trailers = Some(trailers);
        self
    }

    /// The next message; `None` when the stream ended well.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The call's status when it is not OK; INTERNAL when a message cannot be decoded. It comes once, and nothing
    /// after it.
    pub async fn message(&mut self) -> Result<Option<T>, Status> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The metadata that came before the messages, as soon as it arrives; empty when the call ended without.
    /// In a handler it is empty: the request has it.
    pub async fn metadata(&mut self) -> &Metadata {
        if let (None, Source::Line(wire)) = (&self.metadata, &self.source) {
            let head = poll_fn(|cx| wire.line.poll_head(cx)).await;
            self.metadata = Some(wire.show_head(head));
        }
        self.metadata.get_or_insert_default()
    }

    /// The metadata that came with the status; `None` before the stream has ended.
    #[must_use]
    pub fn trailers(&self) -> Option<&Metadata> {
        match self.source {
            Source::Over => self.trailers.as_ref(),
            Source::Line(_) | Source::Local(_) => None,
        }
    }

    /// The metadata that came before and after the messages of a stream that has ended.
    pub(crate) fn into_metadata(self) -> (Metadata, Metadata) {
        (self.metadata.unwrap_or_default(), self.trailers.unwrap_or_default())
    }

    /// Takes what came with the message that was taken last: file descriptors, see
    /// [`ChannelBuilder::attachments`](crate::ChannelBuilder::attachments). Those that nobody takes are closed with the next
    /// message.
    pub fn take_attachments(&mut self) -> Attachments {
        std::mem::take(&mut self.attachments)
    }

    /// [`Streaming::message`] for hand-written futures.
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Status>> {
        let polled = match &mut self.source {
            Source::Line(wire) => {
                let arrived = ready!(wire.line.poll_message(cx));
                self.attachments = Attachments::new();
                let arrived = arrived.map(|message| {
                    message.map(|message| {
                        self.attachments = message.attachments;
                        message.bytes
                    })
                });
                if self.metadata.is_none() && (wire.watch.is_some() || !matches!(arrived, Ok(Some(_)))) {
                    // Interceptors see the head before the first message, whatever is asked for first.
                    self.metadata = Some(wire.take_head(cx));
                }
                wire.open(arrived)
            }
            Source::Local(results) => results.pop_front().transpose(),
            Source::Over => return Poll::Ready(Ok(None)),
        };
        if !matches!(polled, Ok(Some(_))) {
            if let Source::Line(wire) = &self.source {
                self.trailers = Some(wire.line.take_trailers());
            }
            self.source = Source::Over;
        }
        Poll::Ready(polled)
    }
}

impl<T> Wire<T> {
    /// The head that has arrived; it does so before the first message and the end.
    fn take_head(&self, cx: &mut Context<'_>) -> Metadata {
        match self.line.poll_head(cx) {
            Poll::Ready(head) => self.show_head(head),
            Poll::Pending => Metadata::new(),
        }
    }

    fn show_head(&self, head: Option<Metadata>) -> Metadata {
        let mut head = head.unwrap_or_default();
        if let (Some(watched), Side::Client) = (&self.watch, self.side) {
            watched.response(&mut head);
        }
        head
    }

    fn open(&self, arrived: Result<Option<Bytes>, Status>) -> Result<Option<T>, Status> {
        let opened = arrived.and_then(|message| message.map(|message| self.decode(message)).transpose());
        if let (Some(watched), Side::Client) = (&self.watch, self.side) {
            match &opened {
                Ok(Some(_)) => {}
                Ok(None) => watched.end(&Status::OK),
                Err(status) => watched.end(status),
            }
        }
        opened
    }

    fn decode(&self, mut message: Bytes) -> Result<T, Status> {
        let shown = match self.side {
            Side::Client => show_response(&self.watch, &mut message),
            Side::Server => show_request(&self.watch, &mut message),
        };
        let decoded = shown.and_then(|()| decode(self.decode, message));
        decoded.inspect_err(|status| self.line.abandon(status.clone()))
    }
}

impl<T> Drop for Wire<T> {
    fn drop(&mut self) {
        match self.side {
            Side::Client => self.line.abandon(Status::cancelled("the stream was dropped")),
            Side::Server => self.line.stop_reading(),
        }
    }
}

/// Decodes a message; one that cannot be decoded is INTERNAL.
pub(crate) fn decode<T>(decode: fn(Bytes) -> Result<T, CodecError>, message: Bytes) -> Result<T, Status> {
    decode(message).map_err(Status::from)
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        self.get_mut().poll_message(cx).map(Result::transpose)
    }
}

/// Nothing in a stream is pinned: messages are moved out of it.
impl<T> Unpin for Streaming<T> {}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.source {
            Source::Line(_) => "open",
            Source::Local(_) => "local",
            Source::Over => "over",
        };
        f.debug_struct("Streaming").field("state", &state).finish_non_exhaustive()
    }
}
