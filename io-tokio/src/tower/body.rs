//! The body that zRPC hands to tower services and answers them with.

use super::frames::Frames;
use super::{BoxError, status_of};
use crate::streaming::Streaming;
use bytes::{Buf, Bytes};
use http_body::Frame;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use zrpc_core::rpc::Status;
use zrpc_core::rpc::message::prefix;

/// A body of gRPC's frames: of a request that came to a zRPC server, or of a response that one answers.
///
/// It is pulled: what nobody polls for stays with its sender. Dropped before its end, it cancels the call that it is
/// part of, or stops reading the request.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// The requests of a call.
    Requests {
        messages: Streaming<Bytes>,
        frames: Frames,
    },
    Other(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Status> + Send>>),
}

impl Body {
    /// A body without content or trailers.
    #[must_use]
    pub const fn empty() -> Body {
        Body(Kind::Empty)
    }

    /// Any body; for layers that answer by themselves.
    pub fn new<B>(body: B) -> Body
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Body(Kind::Other(Box::pin(Foreign { body: Box::pin(body) })))
    }

    /// The requests of a call, framed.
    pub(super) fn of_requests(messages: Streaming<Bytes>) -> Body {
        Body(Kind::Requests { messages, frames: Frames::default() })
    }

    /// A body that speaks of bytes and statuses already.
    pub(super) fn of_frames(
        body: impl http_body::Body<Data = Bytes, Error = Status> + Send + 'static,
    ) -> Body {
        Body(Kind::Other(Box::pin(body)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Other(body) => body.as_mut().poll_frame(cx),
            Kind::Requests { messages, frames } => loop {
                if let Some(piece) = frames.pop() {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                match ready!(messages.poll_message(cx)) {
                    Ok(Some(message)) => frames.push(prefix(false, length(&message)), message),
                    Ok(None) => return Poll::Ready(None),
                    Err(status) => return Poll::Ready(Some(Err(status))),
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Requests { .. } => false,
            Kind::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Kind::Empty => http_body::SizeHint::with_exact(0),
            Kind::Requests { .. } => http_body::SizeHint::default(),
            Kind::Other(body) => body.size_hint(),
        }
    }
}

/// A message's length as its prefix says it; no session delivers one that is longer.
fn length(message: &Bytes) -> u32 {
    u32::try_from(message.len()).unwrap_or(u32::MAX)
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Requests { .. } => "requests",
            Kind::Other(_) => "frames",
        };
        f.debug_tuple("Body").field(&kind).finish()
    }
}

/// Somebody else's body.
struct Foreign<B> {
    body: Pin<Box<B>>,
}

impl<B> http_body::Body for Foreign<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(self.body.as_mut().poll_frame(cx));
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(to_bytes)),
            Err(error) => Err(status_of(&*error.into(), "the body")),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// The content of a buffer; free where it is one run of [`Bytes`] already.
pub(super) fn to_bytes(mut data: impl Buf) -> Bytes {
    let length = data.remaining();
    data.copy_to_bytes(length)
}
