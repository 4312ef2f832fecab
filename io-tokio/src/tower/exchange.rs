//! A request and its response in HTTP, served by the calls of a zRPC server.
//!
//! Who polls for the response drives it all: it reads the request as far as the application takes it, hands every event
//! to the server's calls, and takes what they answer. So a response that nobody polls holds its handler back, and one
//! that is dropped drops the handler.

use super::body::to_bytes;
use super::session::{HttpSession, Sent};
use super::{Body, BoxError, fields};
use crate::attached::Descriptors;
use crate::clock;
use crate::server::calls::Calls;
use crate::server::shared::Shared;
use crate::timer::Timer;
use bytes::Bytes;
use http_body::Frame;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use zrpc_core::base::{Fields, Machine, Out, Output, Time};
use zrpc_core::rpc::grpc::Limits;
use zrpc_core::rpc::local_status::deadline_exceeded;
use zrpc_core::rpc::streams::Reset;
use zrpc_core::rpc::{Origin, Peer, Status};

/// See the module.
pub(super) struct Exchange<B> {
    calls: Calls,
    session: HttpSession,
    /// The request's content, until it has ended or is of no more use.
    request: Option<Pin<Box<B>>>,
    timer: Timer,
    over: bool,
}

impl<B> Exchange<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(shared: &Arc<Shared>, limits: Limits, request: http::Request<B>) -> Exchange<B> {
        let end = request.body().is_end_stream();
        let session = HttpSession::new(clock::now(), &fields::of_request(&request), end, limits);
        let extensions = request.extensions();
        let address = || extensions.get::<SocketAddr>().copied().map(Peer::from);
        let peer = extensions.get::<Peer>().copied().or_else(address).unwrap_or_default();
        Exchange {
            calls: Calls::new(Arc::clone(shared), peer, Descriptors::default()),
            session,
            request: (!end).then(|| Box::pin(request.into_body())),
            timer: Timer::default(),
            over: false,
        }
    }

    /// The response's head, and whether nothing follows it.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<(Fields, bool)> {
        self.drive(cx);
        if let Some(head) = self.session.take_head() {
            return Poll::Ready(head);
        }
        if self.session.is_answered() {
            // Broken before it began: an HTTP status is all that is left to say.
            let mut head = Fields::new();
            head.add(b":status", b"500");
            return Poll::Ready((head, true));
        }
        Poll::Pending
    }

    /// Moves events and bytes until nothing moves any more.
    fn drive(&mut self, cx: &mut Context<'_>) {
        loop {
            let now = clock::now();
            let mut moved = self.timer.poll(cx).is_ready();
            moved |= self.poll_request(cx, now);
            moved |= self.calls.take_commands(&mut self.session, cx, now);
            moved |= self.turn(now);
            if !moved {
                return;
            }
        }
    }

    /// Hands every event to the server's calls.
    fn turn(&mut self, now: Time) -> bool {
        let (mut moved, mut out) = (false, Out::with_room(0));
        loop {
            match self.session.poll_output(now, &mut out) {
                Output::Event(event) => {
                    moved = true;
                    // The session of an exchange never reports its end.
                    let _ = self.calls.take_event(&mut self.session, event, now);
                }
                Output::Full(wake) | Output::Idle(wake) => {
                    self.timer.arm(wake.map(|wake| wake.at));
                    return moved;
                }
            }
        }
    }

    /// Reads a piece of the request; says whether that brought anything.
    fn poll_request(&mut self, cx: &mut Context<'_>, now: Time) -> bool {
        if self.session.is_answered() {
            self.request = None;
        }
        let Some(request) = self.request.as_mut().filter(|_| self.session.wants_request()) else {
            return false;
        };
        match request.as_mut().poll_frame(cx) {
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => self.session.handle_input(now, to_bytes(data)),
                Err(_) => self.end_request(),
            },
            Poll::Ready(None) => self.end_request(),
            Poll::Ready(Some(Err(error))) => {
                self.request = None;
                self.session.break_request(&broken_off(&*error.into()));
            }
        }
        true
    }

    fn end_request(&mut self) {
        self.request = None;
        self.session.end_request();
    }
}

/// The status of a call whose request broke off. That mostly means that its client is gone.
fn broken_off(error: &(dyn Error + 'static)) -> Status {
    match error.downcast_ref::<Status>() {
        Some(status) => status.clone(),
        None => Status::cancelled(format!("the request broke off: {error}")).with_origin(Origin::Transport),
    }
}

impl<B> http_body::Body for Exchange<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        this.drive(cx);
        let Some(sent) = this.session.take_sent() else { return Poll::Pending };
        if !matches!(sent, Sent::Data(_)) {
            this.over = true;
            // What the end of the response ends: its deadline, and those who wait for it.
            this.drive(cx);
        }
        Poll::Ready(match sent {
            Sent::Data(piece) => {
                // Room may let the handler send more, which nobody else would tell it.
                this.turn(clock::now());
                Some(Ok(Frame::data(piece)))
            }
            Sent::Trailers(trailers) => Some(Ok(Frame::trailers(fields::to_headers(&trailers)))),
            Sent::Broken(Reset::Cancel) => Some(Err(deadline_exceeded())),
            Sent::Broken(_) => {
                Some(Err(Status::internal("the response broke off").with_origin(Origin::Library)))
            }
            Sent::End => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}

/// Nothing in an exchange is pinned: its request stands in a box.
impl<B> Unpin for Exchange<B> {}

/// Handlers hear that nobody waits for them.
impl<B> Drop for Exchange<B> {
    fn drop(&mut self) {
        let (now, mut out) = (clock::now(), Out::with_room(0));
        self.session.give_up(now);
        while let Output::Event(event) = self.session.poll_output(now, &mut out) {
            let _ = self.calls.take_event(&mut self.session, event, now);
        }
    }
}

/// The response of an [`HttpService`](super::HttpService) in the making. Dropping it cancels the call.
#[must_use = "a call is not made until its response is polled for"]
pub struct ResponseFuture<B>(Option<Exchange<B>>);

impl<B> ResponseFuture<B> {
    pub(super) fn new(exchange: Exchange<B>) -> ResponseFuture<B> {
        ResponseFuture(Some(exchange))
    }
}

impl<B> Future for ResponseFuture<B>
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(exchange) = &mut self.0 else { return Poll::Pending };
        let (head, end) = ready!(exchange.poll_head(cx));
        let body = match self.0.take() {
            Some(exchange) if !end => Body::of_frames(exchange),
            _ => Body::empty(),
        };
        Poll::Ready(Ok(fields::to_response(&head, body)))
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
