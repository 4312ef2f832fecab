//! The stream of messages that a handler sends.

use crate::client::sender::LocalSink;
use crate::line::{Message, Outgoing, encode};
use crate::server::call::ServerCall;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use zrpc_core::rpc::{Attachments, Codec, Encoding, Metadata, Status};

/// Where a handler puts the messages of a streaming response.
///
/// Metadata set before the first message travels in front of it; trailers travel with the status. [`Replies::send`]
/// waits while the client is slow, and fails once the call is over, which is how a handler hears that the client gave
/// up or that time ran out.
pub struct Replies<T> {
    sink: Sink<T>,
    metadata: Metadata,
    trailers: Metadata,
    compression: Option<Encoding>,
    head_sent: bool,
}

enum Sink<T> {
    Wire { call: Arc<ServerCall>, encode: fn(&T) -> Bytes },
    Local(LocalSink<T>),
}

impl<T> Replies<T> {
    pub(crate) fn over_call<C: Codec<Encode = T>>(call: Arc<ServerCall>) -> Replies<T> {
        Replies::new(Sink::Wire { call, encode: encode::<C> })
    }

    /// Replies that go to a function, to call a handler in a test without a server.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use zrpc_std::Replies;
    ///
    /// let (seen, messages) = mpsc::channel();
    /// let mut replies = Replies::from_fn(move |message| { seen.send(message).unwrap(); Ok(()) });
    /// replies.send("tick")?;
    /// assert_eq!(messages.recv().unwrap(), "tick");
    /// # Ok::<(), zrpc_core::rpc::Status>(())
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
        if let Sink::Wire { call, .. } = &self.sink {
            call.send_head(std::mem::take(&mut self.metadata), self.compression);
        }
    }

    /// Sends a message; waits while the client has not taken enough of those before.
    ///
    /// # Errors
    /// The call's status when it is over: CANCELLED when the client gave up, DEADLINE_EXCEEDED when time ran out.
    pub fn send(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, self.compression.is_some(), Attachments::new())
    }

    /// As [`Replies::send`], but never compresses the message: for one that holds a secret beside text that the peer chose,
    /// or that is compressed already.
    ///
    /// # Errors
    /// As for [`Replies::send`].
    pub fn send_uncompressed(&mut self, message: T) -> Result<(), Status> {
        self.send_with(message, false, Attachments::new())
    }

    /// As [`Replies::send`], with attachments: file descriptors, see [`ServerBuilder::attachments`](crate::ServerBuilder::attachments).
    ///
    /// # Errors
    /// As for [`Replies::send`]; UNIMPLEMENTED when the connection carries none or not as many.
    pub fn send_with_attachments(&mut self, message: T, attachments: Attachments) -> Result<(), Status> {
        self.send_with(message, self.compression.is_some(), attachments)
    }

    fn send_with(&mut self, message: T, compress: bool, attachments: Attachments) -> Result<(), Status> {
        match &mut self.sink {
            Sink::Local(sink) => sink(message),
            Sink::Wire { call, encode } => {
                let message = Message { bytes: encode(&message), attachments };
                let call = Arc::clone(call);
                self.send_metadata();
                call.send(message, compress)
            }
        }
    }
}

impl<T> Drop for Replies<T> {
    fn drop(&mut self) {
        if !self.metadata.is_empty() {
            self.send_metadata();
        }
        if let Sink::Wire { call, .. } = &self.sink {
            call.set_trailers(std::mem::take(&mut self.trailers));
        }
    }
}

impl<T> fmt::Debug for Replies<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("head_sent", &self.head_sent).finish_non_exhaustive()
    }
}
