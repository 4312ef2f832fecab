//! What a tower service answers, read by the core's client engine: the status wherever it stands, what an HTTP status or
//! a content type means that are none of gRPC's, messages cut and inflated, an answer that ends too early.

use super::body::to_bytes;
use super::{BoxError, STREAM, fields, status_of};
use crate::clock;
use bytes::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use zrpc_core::base::{Fields, Flow, Misuse};
use zrpc_core::rpc::grpc::client::ResponsePart;
use zrpc_core::rpc::grpc::{ClientCalls, Limits, RequestDefaults};
use zrpc_core::rpc::streams::{Reset, Streams};
use zrpc_core::rpc::{CallId, ClientEvent, Encoding, Metadata, Request, StartCall, Status};

/// The head of a request as a client would send it.
pub(super) fn asked(path: &str, authority: &str, request: &Request<()>) -> Fields {
    let mut head = Opened::default();
    start(path, authority, request, &mut head);
    head.0
}

fn start(path: &str, authority: &str, request: &Request<()>, opened: &mut Opened) -> ClientCalls {
    let defaults = RequestDefaults {
        scheme: "http",
        authority: authority.to_owned(),
        user_agent: String::new(),
        web: None,
    };
    // Whoever passes the messages on has limits of its own.
    let limits = Limits { receive_message_bytes_max: u32::MAX as usize, ..Limits::default() };
    let mut calls = ClientCalls::new(limits, defaults);
    let (metadata, deadline) = (request.metadata(), request.deadline());
    let start = StartCall { path, metadata, deadline, compression: None };
    // Only a carrier refuses to open a stream, and this one never does.
    let _ = calls.start(clock::now(), start, opened);
    calls
}

/// What is heard of a response, in order.
pub(super) enum Heard {
    Head { metadata: Metadata, encoding: Option<Encoding> },
    Message(Bytes),
    End { status: Status, trailers: Metadata },
}

/// See the module.
pub(super) struct Answer<R> {
    calls: ClientCalls,
    encoding: Option<Encoding>,
    body: Pin<Box<R>>,
}

impl<R> Answer<R>
where
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    pub(super) fn new(response: http::Response<R>) -> Answer<R> {
        let (head, body) = response.into_parts();
        let mut calls = start("", "", &Request::new(()), &mut Opened::default());
        let end = body.is_end_stream() || fields::is_trailers_only(&head.headers);
        let encoding = head.headers.get("grpc-encoding").map(http::HeaderValue::as_bytes);
        let encoding = encoding.and_then(Encoding::from_name);
        let fields = fields::of_response(&head);
        calls.on_headers(STREAM, &fields, ResponsePart::Head { end }, false, &mut Opened::default());
        Answer { calls, encoding, body: Box::pin(body) }
    }

    /// The next that is heard; nothing comes after the end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        let streams = &mut Opened::default();
        loop {
            match self.calls.next_event(streams) {
                Some(ClientEvent::Head { call }) => {
                    let metadata = self.calls.response_metadata(call).cloned().unwrap_or_default();
                    return Poll::Ready(Heard::Head { metadata, encoding: self.encoding });
                }
                Some(ClientEvent::Message { message, credit, .. }) => {
                    self.calls.consume(CallId::from_u64(STREAM), credit, streams);
                    return Poll::Ready(Heard::Message(message));
                }
                Some(ClientEvent::Ended { status, trailers, .. }) => {
                    return Poll::Ready(Heard::End { status, trailers });
                }
                Some(_) => continue,
                None => {}
            }
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => self.calls.on_data(STREAM, Bytes::new(), true, streams),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.calls.on_data(STREAM, to_bytes(data), false, streams),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        let trailers = fields::of_trailers(&trailers);
                        self.calls.on_headers(STREAM, &trailers, ResponsePart::Trailers, false, streams);
                    }
                },
                Some(Err(error)) => {
                    let status = status_of(&*error.into(), "the service's response");
                    return Poll::Ready(Heard::End { status, trailers: Metadata::new() });
                }
            }
        }
    }
}

/// The stream of a call whose request travels by itself: it keeps the head, and nothing holds it up.
#[derive(Default)]
struct Opened(Fields);

impl Streams for Opened {
    fn blank(&mut self) -> Fields {
        Fields::new()
    }

    fn open(&mut self, head: Fields) -> Result<u64, Misuse> {
        self.0 = head;
        Ok(STREAM)
    }

    fn send_head(&mut self, _: u64, _: Fields, _: bool) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a client opens its stream with its head"))
    }

    fn send_message(&mut self, _: u64, _: [u8; 5], _: Bytes) -> Result<Flow, Misuse> {
        Err(Misuse::OutOfOrder("the request travels by itself"))
    }

    fn send_last(&mut self, _: u64, _: [u8; 5], _: Bytes) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("the request travels by itself"))
    }

    fn send_trailers(&mut self, _: u64, _: Fields) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("the request travels by itself"))
    }

    fn finish(&mut self, _: u64) -> Result<(), Misuse> {
        Ok(())
    }

    fn reset(&mut self, _: u64, _: Reset) {}

    fn reset_when_sent(&mut self, _: u64, _: Reset) {}

    fn is_sent(&self, _: u64) -> bool {
        true
    }

    fn consume(&mut self, _: u64, _: u32) {}
}
