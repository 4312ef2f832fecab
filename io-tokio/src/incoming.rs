//! A call that arrived, on its way to the handler: what generated code is written against.
//!
//! A [`Service`] says which methods it has and starts the handler of one; [`IncomingCall`] turns bytes into typed
//! messages and back, once for each of the four kinds; [`Handling`] is the handler at work.

use crate::attached::Message;
use crate::line::{Finish, Line, Reply};
use crate::pool;
use crate::replies::Replies;
use crate::streaming::{Streaming, decode};
use crate::watch::{Watch, show_request, show_response};
use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use zrpc_core::rpc::local_status::{kind_mismatch, not_implemented};
use zrpc_core::rpc::{Codec, Request, Response, ServiceDescriptor, Side, Status};

/// A service that a server can offer. Generated for each service of a .proto; written by hand it looks like this:
///
/// ```
/// use zrpc_core::rpc::{Idempotency, Kind, Method, RawCodec, Response, ServiceDescriptor};
/// use zrpc_tokio::{Handling, IncomingCall, Service};
///
/// static ECHO: ServiceDescriptor = ServiceDescriptor {
///     name: "demo.Echo",
///     methods: &[Method { path: "/demo.Echo/Say", kind: Kind::Unary, idempotency: Idempotency::Idempotent }],
///     file_descriptor_set: &[],
/// };
///
/// struct Echo;
///
/// impl Service for Echo {
///     fn descriptor(&self) -> &'static ServiceDescriptor {
///         &ECHO
///     }
///
///     fn call(&self, method: usize, call: IncomingCall) -> Handling {
///         match method {
///             0 => call.unary::<RawCodec, _, _>(|request| async { Ok(Response::new(request.into_message())) }),
///             _ => call.unimplemented(),
///         }
///     }
/// }
/// ```
pub trait Service: Send + Sync + 'static {
    /// The service's name and methods.
    fn descriptor(&self) -> &'static ServiceDescriptor;

    /// Starts the handler of the method with this index in the descriptor.
    fn call(&self, method: usize, call: IncomingCall) -> Handling;
}

impl<S: Service + ?Sized> Service for Arc<S> {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        (**self).descriptor()
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        (**self).call(method, call)
    }
}

/// A call that waits for its handler.
pub struct IncomingCall {
    pub(crate) path: Cow<'static, str>,
    /// Of calls below a prefix, the authority that the client asked for.
    #[cfg_attr(not(feature = "tower"), allow(dead_code, reason = "only tower services ask"))]
    pub(crate) authority: String,
    pub(crate) request: Request<()>,
    /// The one request message of methods that have one.
    pub(crate) message: Option<Message>,
    /// The line of methods that stream.
    pub(crate) line: Option<Arc<Line>>,
    pub(crate) watch: Watch,
}

impl IncomingCall {
    /// The request's path: `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The authority that the client asked for; known to services that serve all paths below their own.
    #[cfg(feature = "tower")]
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The request without its message: metadata, deadline, peer.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Handles a call with one request and one response.
    pub fn unary<C, F, Fut>(self, handler: F) -> Handling
    where
        C: Codec,
        F: FnOnce(Request<C::Decode>) -> Fut,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        let IncomingCall { path, mut request, message, watch, .. } = self;
        let message = match one_message::<C>(&path, message, &mut request, &watch) {
            Ok(message) => message,
            Err(status) => return Handling::failed(status),
        };
        let handler = handler(request.map(|()| message));
        Handling::new(async move { reply::<C>(handler.await, &watch) })
    }

    /// Handles a call with many requests and one response.
    pub fn client_streaming<C, F, Fut>(self, handler: F) -> Handling
    where
        C: Codec,
        F: FnOnce(Request<Streaming<C::Decode>>) -> Fut,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        let IncomingCall { path, request, line, watch, .. } = self;
        let Some(line) = line else { return Handling::failed(kind_mismatch(&path)) };
        let stream = Streaming::over_line::<C>(line, Side::Server, watch.clone());
        let handler = handler(request.map(|()| stream));
        Handling::new(async move { reply::<C>(handler.await, &watch) })
    }

    /// Handles a call with one request and many responses.
    pub fn server_streaming<C, F, Fut>(self, handler: F) -> Handling
    where
        C: Codec,
        F: FnOnce(Request<C::Decode>, Replies<C::Encode>) -> Fut,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let IncomingCall { path, mut request, message, line, watch, .. } = self;
        let Some(line) = line else { return Handling::failed(kind_mismatch(&path)) };
        let message = match one_message::<C>(&path, message, &mut request, &watch) {
            Ok(message) => message,
            Err(status) => return Handling::failed(status),
        };
        let replies = Replies::over_line::<C>(Arc::clone(&line), watch.clone());
        let handler = handler(request.map(|()| message), replies);
        Handling::new(async move { last_words(handler.await, &line, &watch) })
    }

    /// Handles a call with many requests and many responses.
    pub fn bidirectional<C, F, Fut>(self, handler: F) -> Handling
    where
        C: Codec,
        F: FnOnce(Request<Streaming<C::Decode>>, Replies<C::Encode>) -> Fut,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let IncomingCall { path, request, line, watch, .. } = self;
        let Some(line) = line else { return Handling::failed(kind_mismatch(&path)) };
        let stream = Streaming::over_line::<C>(Arc::clone(&line), Side::Server, watch.clone());
        let replies = Replies::over_line::<C>(Arc::clone(&line), watch.clone());
        let handler = handler(request.map(|()| stream), replies);
        Handling::new(async move { last_words(handler.await, &line, &watch) })
    }

    /// Ends a call of a method that has no handler as UNIMPLEMENTED.
    pub fn unimplemented(self) -> Handling {
        Handling::failed(not_implemented(&self.path))
    }

    /// Ends the call with a status instead of handling it.
    pub fn refuse(self, status: Status) -> Handling {
        Handling::failed(status)
    }
}

impl fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCall").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A handler at work. Dropping it is how a call is cancelled.
#[must_use = "a call that is dropped ends as CANCELLED"]
pub struct Handling(State);

enum State {
    Done(Finish),
    Working(Pin<Box<dyn Future<Output = Finish> + Send>>),
    Over,
}

impl Handling {
    fn new(handler: impl Future<Output = Finish> + Send + 'static) -> Handling {
        Handling(State::Working(Box::pin(handler)))
    }

    fn failed(status: Status) -> Handling {
        Handling(State::Done(Finish::failed(status)))
    }

    /// A handler that is done and was asked for its answer.
    pub(crate) fn over() -> Handling {
        Handling(State::Over)
    }

    /// Decides first and handles then: for services that wrap another and must wait before they let a call
    /// through, for instance until a token was checked elsewhere.
    ///
    /// A failed decision ends the call with its status.
    pub fn defer(decision: impl Future<Output = Result<Handling, Status>> + Send + 'static) -> Handling {
        Handling::new(async move {
            match decision.await {
                Ok(mut handling) => std::future::poll_fn(|cx| handling.poll(cx)).await,
                Err(status) => Finish::failed(status),
            }
        })
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Finish> {
        let finish = match std::mem::replace(&mut self.0, State::Over) {
            State::Done(finish) => finish,
            State::Over => return Poll::Pending,
            State::Working(mut handler) => match handler.as_mut().poll(cx) {
                Poll::Ready(finish) => finish,
                Poll::Pending => {
                    self.0 = State::Working(handler);
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready(finish)
    }
}

impl fmt::Debug for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handling")
    }
}

fn one_message<C: Codec>(
    path: &str,
    message: Option<Message>,
    request: &mut Request<()>,
    watch: &Watch,
) -> Result<C::Decode, Status> {
    let Message { mut bytes, attachments } = message.ok_or_else(|| kind_mismatch(path))?;
    show_request(watch, &mut bytes)?;
    if !attachments.is_empty() {
        *request = std::mem::take(request).with_attachments(attachments);
    }
    decode(C::decode, bytes)
}

fn reply<C: Codec>(handled: Result<Response<C::Encode>, Status>, watch: &Watch) -> Finish {
    let mut response = match handled {
        Ok(response) => response,
        Err(status) => return Finish::failed(refusal_or(watch, status)),
    };
    let compression = response.compression();
    let attachments = response.take_attachments();
    let (message, mut metadata, trailers) = response.into_parts();
    let mut bytes = pool::encode::<C>(&message);
    if let Some(watched) = watch {
        watched.response(&mut metadata);
        if let Err(status) = show_response(watch, &mut bytes) {
            return Finish::failed(status);
        }
        if let Some(status) = watched.refusal() {
            return Finish::failed(status);
        }
    }
    let message = Message { bytes, attachments };
    Finish { reply: Some(Reply { metadata, compression, message }), status: Status::OK, trailers }
}

/// The end of a call that streamed its responses.
fn last_words(handled: Result<(), Status>, line: &Line, watch: &Watch) -> Finish {
    let status = handled.err().unwrap_or(Status::OK);
    Finish { reply: None, status: refusal_or(watch, status), trailers: line.take_last_words() }
}

fn refusal_or(watch: &Watch, status: Status) -> Status {
    watch.as_ref().and_then(|watched| watched.refusal()).unwrap_or(status)
}
