//! The stream of messages that a handler sends.

use crate::attached::Message;
use crate::line::{Line, Outgoing};
use crate::pool;
use crate::watch::{Watch, show_response};
use bytes::Bytes;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use zrpc_core::rpc::{Attachments, Codec, Encoding, Metadata, Status};

/// Where a handler puts the messages of a streaming response.
///
/// Metadata set before the first message travels in front of it; trailers travel with the status. [`Replies::send`]
/// waits while the client is slow. When the client gives up, the handler is dropped where it waits; one that has
/// moved its `Replies` to another task sees the status from `send`.
pub struct Replies<T> {
    sink: Sink<T>,
    metadata: Metadata,
    trailers: Metadata,
    compression: Option<Encoding>,
    head_sent: bool,
}

enum Sink<T> {
    Line { line: Arc<Line>, encode: fn(&T) -> Bytes, watch: Watch },
    Local(LocalSink<T>),
}

/// Takes messages in a test.
pub(crate) type LocalSink<T> = Box<dyn FnMut(T) -> Result<(), Status> + Send>;

impl<T> Replies<T> {
    pub(crate) fn over_line<C: Codec<Encode = T>>(line: Arc<Line>, watch: Watch) -> Replies<T> {
        Replies::new(Sink::Line { line, encode: pool::encode::<C>, watch })
    }

    /// Replies that go to a function, to call a handler in a test without a server.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::sync::mpsc;
    /// use zrpc_tokio::Replies;
    ///
    /// let (seen, messages) = mpsc::channel();
    /// let mut replies = Replies::from_fn(move |message| { seen.send(message).unwrap(); Ok(()) });
    /// replies.send("tick").await.unwrap();
    /// assert_eq!(messages.recv().unwrap(), "tick");
    /// # });
    /// ```
    pub fn from_fn(sink: impl FnMut(T) -> Result<(), Status> + Send + 'static) -> Replies<T> {
        Replies::new(Sink::Local(Box::new(sink)))
    }

    fn new(sink: Sink<T>) -> Replies<T> {
        Replies {
            sink,
            metadata: Metadata::new(),
            trailers: Metadata::new(),
            compression: None,
            head_sent: false,
        }
    }

    /// The metadata that travels before the first message; what is added later stays here.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The metadata that travels with the status.
    pub fn trailers_mut(&mut self) -> &mut Metadata {
        &mut self.trailers
    }

    /// Compresses the messages that are worth it, if the client accepts the encoding. To be said before the first.
    pub fn set_compression(&mut self, encoding: Encoding) {
        self.compression = Some(encoding);
    }

    /// Sends the metadata now instead of with the first message.
    pub fn send_metadata(&mut self) {
        if std::mem::replace(&mut self.head_sent, true) {
            return;
        }
        let Sink::Line { line, watch, .. } = &self.sink else { return };
        let mut metadata = std::mem::take(&mut self.metadata);
        if let Some(watched) = watch {
            watched.response(&mut metadata);
        }
        line.push(Outgoing::Head { metadata, compression: self.compression });
    }

    /// Sends a message; waits while the client has not taken enough of those before. Dropping the future while it
    /// waits sends nothing.
    ///
    /// # Errors
    /// The call's status when it is over: CANCELLED when the client gave up, DEADLINE_EXCEEDED when time ran out.
    pub async fn send(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, self.compression.is_some(), Attachments::new()).await
    }

    /// As [`Replies::send`], but never compresses the message: for one that holds a secret beside text that the peer chose,
    /// or that is compressed already.
    ///
    /// # Errors
    /// As for [`Replies::send`].
    pub async fn send_uncompressed(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, false, Attachments::new()).await
    }

    /// As [`Replies::send`], with attachments: file descriptors, see
    /// [`ServerBuilder::attachments`](crate::ServerBuilder::attachments).
    ///
    /// # Errors
    /// As for [`Replies::send`]. Where the connection carries none or not as many, the call ends as UNIMPLEMENTED.
    pub async fn send_with_attachments(
        &mut self,
        message: T,
        attachments: Attachments,
    ) -> Result<(), Status> {
        self.send_with(message, self.compression.is_some(), attachments).await
    }

    async fn send_with(
        &mut self,
        message: T,
        compress: bool,
        attachments: Attachments,
    ) -> Result<(), Status> {
        self.send_metadata();
        match &mut self.sink {
            Sink::Local(sink) => sink(message),
            Sink::Line { line, encode, watch } => {
                let mut bytes = encode(&message);
                show_response(watch, &mut bytes)?;
                poll_fn(|cx| line.poll_room(cx)).await?;
                let message = Message { bytes, attachments };
                line.push(Outgoing::Message { message, compress });
                Ok(())
            }
        }
    }
}

impl<T> Drop for Replies<T> {
    fn drop(&mut self) {
        if !self.metadata.is_empty() {
            self.send_metadata();
        }
        if let Sink::Line { line, .. } = &self.sink
            && !self.trailers.is_empty()
        {
            line.set_last_words(std::mem::take(&mut self.trailers));
        }
    }
}

impl<T> fmt::Debug for Replies<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("head_sent", &self.head_sent).finish_non_exhaustive()
    }
}
