//! The stream of messages that a side receives.

use crate::line::{Incoming, decode};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use zrpc_core::rpc::{Attachments, Codec, CodecError, Metadata, Status};

/// Messages that arrive one after the other: a client's from a streaming response, a handler's from a streaming
/// request.
///
/// Messages are taken with [`Streaming::message`] or as an [`Iterator`]; both wait. Until one is taken, the peer gets
/// no credit for it, so a slow reader holds the sender back. A client that drops its stream cancels the call; a
/// handler that drops its own goes on without the rest of the request.
///
/// For tests and mocks, a stream can be made of messages that are there already:
///
/// ```
/// use zrpc_std::Streaming;
///
/// let mut stream = Streaming::from_messages(["one", "two"]);
/// assert_eq!(stream.message()?, Some("one"));
/// assert_eq!(stream.message()?, Some("two"));
/// assert_eq!(stream.message()?, None);
/// # Ok::<(), zrpc_core::rpc::Status>(())
/// ```
pub struct Streaming<T> {
    source: Source<T>,
    metadata: Option<Metadata>,
    trailers: Metadata,
    attachments: Attachments,
}

enum Source<T> {
    Wire(Wire<T>),
    Local(VecDeque<Result<T, Status>>),
    Over,
}

struct Wire<T> {
    line: Arc<dyn Incoming>,
    decode: fn(Bytes) -> Result<T, CodecError>,
}

impl<T> Streaming<T> {
    pub(crate) fn over_line<C: Codec<Decode = T>>(line: Arc<dyn Incoming>) -> Streaming<T> {
        let wire = Wire { line, decode: C::decode };
        Streaming {
            source: Source::Wire(wire),
            metadata: None,
            trailers: Metadata::new(),
            attachments: Attachments::new(),
        }
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
            trailers: Metadata::new(),
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
        self.trailers = trailers;
        self
    }

    /// Waits for the next message; `None` when the stream ended well.
    ///
    /// # Errors
    /// The call's status when it is not OK; INTERNAL when a message cannot be decoded. It comes once, and nothing
    /// after it.
    pub fn message(&mut self) -> Result<Option<T>, Status> {
        let next = match &mut self.source {
            Source::Wire(wire) => wire.next(&mut self.attachments),
            Source::Local(results) => results.pop_front().transpose(),
            Source::Over => return Ok(None),
        };
        if !matches!(next, Ok(Some(_))) {
            self.end();
        }
        next
    }

    /// The metadata that came before the messages; waits for it. Empty when the call ended without, and in a handler,
    /// whose request has it.
    pub fn metadata(&mut self) -> &Metadata {
        let source = &self.source;
        self.metadata.get_or_insert_with(|| match source {
            Source::Wire(wire) => wire.line.head(),
            Source::Local(_) | Source::Over => Metadata::new(),
        })
    }

    /// The metadata that came with the status; `None` before the stream has ended.
    #[must_use]
    pub fn trailers(&self) -> Option<&Metadata> {
        matches!(self.source, Source::Over).then_some(&self.trailers)
    }

    /// Takes what came with the message that was taken last. Those that nobody takes are closed with the next message.
    pub fn take_attachments(&mut self) -> Attachments {
        std::mem::take(&mut self.attachments)
    }

    fn end(&mut self) {
        self.metadata();
        if let Source::Wire(wire) = &self.source {
            self.trailers = wire.line.trailers();
        }
        self.source = Source::Over;
    }
}

impl<T> Wire<T> {
    fn next(&self, attachments: &mut Attachments) -> Result<Option<T>, Status> {
        let Some(message) = self.line.next()? else { return Ok(None) };
        *attachments = message.attachments;
        decode(self.decode, message.bytes).map(Some).inspect_err(|status| self.line.refuse(status))
    }
}

impl<T> Drop for Wire<T> {
    fn drop(&mut self) {
        self.line.stop();
    }
}

impl<T> Iterator for Streaming<T> {
    type Item = Result<T, Status>;

    fn next(&mut self) -> Option<Result<T, Status>> {
        self.message().transpose()
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.source {
            Source::Wire(_) => "open",
            Source::Local(_) => "local",
            Source::Over => "over",
        };
        f.debug_struct("Streaming").field("state", &state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_once_and_nothing_after_it() {
        let results = [Ok(1), Err(Status::aborted("enough")), Ok(2)];
        let taken: Vec<Result<i32, Status>> = Streaming::from_results(results).collect();
        assert_eq!(taken, [Ok(1), Err(Status::aborted("enough"))]);
    }

    #[test]
    fn trailers_show_once_the_stream_has_ended() {
        let mut trailers = Metadata::new();
        trailers.append("cost", "3").unwrap();
        let mut stream = Streaming::from_messages([1]).with_trailers(trailers.clone());
        assert_eq!(stream.message(), Ok(Some(1)));
        assert_eq!(stream.trailers(), None);
        assert_eq!(stream.message(), Ok(None));
        assert_eq!(stream.trailers(), Some(&trailers));
    }
}
