//! A typed message with the metadata that goes, or came, with it. The same for both drivers.

use crate::base::Time;
use crate::rpc::{Attachments, Encoding, Metadata, Peer, RequestHead};
use core::time::Duration;

/// A request: what a client sends and what a handler receives.
#[derive(Clone, Debug, Default)]
pub struct Request<T> {
    message: T,
    metadata: Metadata,
    timeout: Option<Duration>,
    deadline: Option<Time>,
    compression: Option<Encoding>,
    peer: Peer,
    attachments: Attachments,
}

impl<T> Request<T> {
    /// A request without metadata or deadline.
    #[must_use]
    pub const fn new(message: T) -> Request<T> {
        Request {
            message,
            metadata: Metadata::new(),
            timeout: None,
            deadline: None,
            compression: None,
            peer: Peer::UNKNOWN,
            attachments: Attachments::new(),
        }
    }

    /// Attaches metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Request<T> {
        self.metadata = metadata;
        self
    }

    /// Ends the whole call, streams included, with DEADLINE_EXCEEDED when it takes longer than this.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Request<T> {
        self.timeout = Some(timeout);
        self
    }

    /// Ends the call no later than this instant on the driver's clock. So a handler passes its own deadline on:
    /// `Request::new(message).with_deadline(request.deadline())`.
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Time>>) -> Request<T> {
        self.deadline = deadline.into();
        self
    }

    /// Says who sent the request; what a driver does for its handlers.
    #[must_use]
    pub fn with_peer(mut self, peer: impl Into<Peer>) -> Request<T> {
        self.peer = peer.into();
        self
    }

    /// Compresses the request's messages that are worth it, in this encoding.
    #[must_use]
    pub fn with_compression(mut self, encoding: Encoding) -> Request<T> {
        self.compression = Some(encoding);
        self
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &T {
        &self.message
    }

    /// The message, to change it.
    pub fn message_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The message alone.
    #[must_use]
    pub fn into_message(self) -> T {
        self.message
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The metadata, to change it.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// In a client, the timeout that was set; in a handler, what was left of the deadline when the call arrived.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The instant on the driver's clock at which the call ends as DEADLINE_EXCEEDED.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Who sent the request, in a handler, as the transport knows it: its address, or its process on a Unix socket.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Sends these with the one message of the request; where the carrier takes none, the call fails as UNIMPLEMENTED.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Attachments) -> Request<T> {
        self.attachments = attachments;
        self
    }

    /// Takes what came with the one message of the request. Those that nobody takes are closed with the request.
    pub fn take_attachments(&mut self) -> Attachments {
        core::mem::take(&mut self.attachments)
    }

    /// The encoding that was asked for (client) or that the peer uses (handler).
    #[must_use]
    pub fn compression(&self) -> Option<Encoding> {
        self.compression
    }

    /// The same request around another message.
    #[must_use]
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Request<U> {
        let (message, rest) = self.into_parts();
        Request {
            message: with(message),
            metadata: rest.metadata,
            timeout: rest.timeout,
            deadline: rest.deadline,
            compression: rest.compression,
            peer: rest.peer,
            attachments: rest.attachments,
        }
    }

    /// The message, and the request without it.
    #[must_use]
    pub fn into_parts(self) -> (T, Request<()>) {
        let rest = Request {
            message: (),
            metadata: self.metadata,
            timeout: self.timeout,
            deadline: self.deadline,
            compression: self.compression,
            peer: self.peer,
            attachments: self.attachments,
        };
        (self.message, rest)
    }
}

impl Request<()> {
    /// The request of a call that arrived, without its message: what its head says, and what is left of its time.
    #[must_use]
    pub fn received(head: &RequestHead<'_>, peer: Peer, now: Time) -> Request<()> {
        Request {
            message: (),
            metadata: head.metadata.clone(),
            timeout: head.deadline.map(|deadline| deadline.saturating_since(now)),
            deadline: head.deadline,
            compression: head.encoding,
            peer,
            attachments: Attachments::new(),
        }
    }
}

impl<T> From<T> for Request<T> {
    fn from(message: T) -> Request<T> {
        Request::new(message)
    }
}

/// A response: what a handler answers and what a client receives.
#[derive(Clone, Debug, Default)]
pub struct Response<T> {
    message: T,
    metadata: Metadata,
    trailers: Metadata,
    compression: Option<Encoding>,
    attachments: Attachments,
}

impl<T> Response<T> {
    /// A response without metadata.
    #[must_use]
    pub const fn new(message: T) -> Response<T> {
        Response {
            message,
            metadata: Metadata::new(),
            trailers: Metadata::new(),
            compression: None,
            attachments: Attachments::new(),
        }
    }

    /// Attaches metadata that travels before the message.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Response<T> {
        self.metadata = metadata;
        self
    }

    /// Attaches metadata that travels after the message.
    #[must_use]
    pub fn with_trailers(mut self, trailers: Metadata) -> Response<T> {
        self.trailers = trailers;
        self
    }

    /// Compresses the response if it is worth it and the client accepts the encoding.
    #[must_use]
    pub fn with_compression(mut self, encoding: Encoding) -> Response<T> {
        self.compression = Some(encoding);
        self
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &T {
        &self.message
    }

    /// The message alone.
    #[must_use]
    pub fn into_message(self) -> T {
        self.message
    }

    /// The metadata that travelled before the message.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The metadata that travels before the message, to change it.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The metadata that travelled after the message.
    #[must_use]
    pub fn trailers(&self) -> &Metadata {
        &self.trailers
    }

    /// The metadata that travels after the message, to change it.
    pub fn trailers_mut(&mut self) -> &mut Metadata {
        &mut self.trailers
    }

    /// The encoding that was asked for.
    #[must_use]
    pub fn compression(&self) -> Option<Encoding> {
        self.compression
    }

    /// Sends these with the response; where the carrier takes none, the call fails as UNIMPLEMENTED.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Attachments) -> Response<T> {
        self.attachments = attachments;
        self
    }

    /// Takes what came with the response. Those that nobody takes are closed with it.
    pub fn take_attachments(&mut self) -> Attachments {
        core::mem::take(&mut self.attachments)
    }

    /// The same response around another message.
    #[must_use]
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Response<U> {
        Response {
            message: with(self.message),
            metadata: self.metadata,
            trailers: self.trailers,
            compression: self.compression,
            attachments: self.attachments,
        }
    }

    /// Message, metadata, trailers.
    #[must_use]
    pub fn into_parts(self) -> (T, Metadata, Metadata) {
        (self.message, self.metadata, self.trailers)
    }
}

impl<T> From<T> for Response<T> {
    fn from(message: T) -> Response<T> {
        Response::new(message)
    }
}
