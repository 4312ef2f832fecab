//! A call that arrived, on its way to the handler: what generated code is written against.

use crate::line::{Message, decode, encode};
use crate::server::call::ServerCall;
use crate::server::connection::Connection;
use crate::server::replies::Replies;
use crate::server::slots::Ready;
use crate::streaming::Streaming;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use zrpc_core::rpc::local_status::{kind_mismatch, not_implemented};
use zrpc_core::rpc::{Codec, Metadata, Request, Response, ServiceDescriptor, Side, Status};

/// A service that a server can offer. Generated for each service of a .proto; written by hand it looks like this:
///
/// ```
/// use zrpc_core::rpc::{Idempotency, Kind, Method, RawCodec, Response, ServiceDescriptor};
/// use zrpc_std::{IncomingCall, Service};
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
///     fn call(&self, method: usize, call: IncomingCall) {
///         match method {
///             0 => call.unary::<RawCodec>(|request| Ok(Response::new(request.into_message()))),
///             _ => call.unimplemented(),
///         }
///     }
/// }
/// ```
pub trait Service: Send + Sync + 'static {
    /// The service's name and methods.
    fn descriptor(&self) -> &'static ServiceDescriptor;

    /// Runs the handler of the method with this index in the descriptor.
    fn call(&self, method: usize, call: IncomingCall);
}

impl<S: Service + ?Sized> Service for Arc<S> {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        (**self).descriptor()
    }

    fn call(&self, method: usize, call: IncomingCall) {
        (**self).call(method, call);
    }
}

/// A call that waits for its handler. Dropped without one, it ends as INTERNAL.
pub struct IncomingCall {
    call: ServerCall,
    request: Request<()>,
    /// The one request message of methods that have one.
    message: Option<Message>,
}

impl IncomingCall {
    /// The request's path: `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.call.route.method.path
    }

    /// The request without its message: metadata, deadline, peer.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Handles a call with one request and one response.
    pub fn unary<C: Codec>(
        self,
        handler: impl FnOnce(Request<C::Decode>) -> Result<Response<C::Encode>, Status>,
    ) {
        let IncomingCall { call, mut request, message } = self;
        let response = one_message::<C>(&call, message, &mut request)
            .and_then(|message| handler(request.map(|()| message)));
        answer::<C>(&call, response);
    }

    /// Handles a call with many requests and one response.
    pub fn client_streaming<C: Codec>(
        self,
        handler: impl FnOnce(Request<Streaming<C::Decode>>) -> Result<Response<C::Encode>, Status>,
    ) {
        let IncomingCall { call, request, message } = self;
        if message.is_some() {
            return mismatch(&call);
        }
        let call = Arc::new(call);
        let stream = Streaming::over_line::<C>(call.clone());
        answer::<C>(&call, handler(request.map(|()| stream)));
    }

    /// Handles a call with one request and many responses.
    pub fn server_streaming<C: Codec>(
        self,
        handler: impl FnOnce(Request<C::Decode>, Replies<C::Encode>) -> Result<(), Status>,
    ) {
        let IncomingCall { call, mut request, message } = self;
        let call = Arc::new(call);
        let handled = one_message::<C>(&call, message, &mut request)
            .and_then(|message| handler(request.map(|()| message), Replies::over_call::<C>(call.clone())));
        call.end_stream(&handled.err().unwrap_or(Status::OK));
    }

    /// Handles a call with many requests and many responses.
    pub fn bidirectional<C: Codec>(
        self,
        handler: impl FnOnce(Request<Streaming<C::Decode>>, Replies<C::Encode>) -> Result<(), Status>,
    ) {
        let IncomingCall { call, request, message } = self;
        if message.is_some() {
            return mismatch(&call);
        }
        let call = Arc::new(call);
        let stream = Streaming::over_line::<C>(call.clone());
        let handled = handler(request.map(|()| stream), Replies::over_call::<C>(call.clone()));
        call.end_stream(&handled.err().unwrap_or(Status::OK));
    }

    /// Ends a call of a method that has no handler as UNIMPLEMENTED.
    pub fn unimplemented(self) {
        let status = not_implemented(self.path());
        self.refuse(status);
    }

    /// Ends the call with a status instead of handling it.
    pub fn refuse(self, status: Status) {
        self.call.end(&status, &Metadata::new());
    }
}

impl fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCall").field("path", &self.path()).finish_non_exhaustive()
    }
}

fn one_message<C: Codec>(
    call: &ServerCall,
    message: Option<Message>,
    request: &mut Request<()>,
) -> Result<C::Decode, Status> {
    let Message { mut bytes, attachments } = message.ok_or_else(|| kind_mismatch(call.route.method.path))?;
    call.interceptors().request_message(Side::Server, call.route.method, &mut bytes)?;
    if !attachments.is_empty() {
        *request = std::mem::take(request).with_attachments(attachments);
    }
    decode(C::decode, bytes)
}

fn answer<C: Codec>(call: &ServerCall, handled: Result<Response<C::Encode>, Status>) {
    match handled {
        Ok(mut response) => {
            let attachments = response.take_attachments();
            let compression = response.compression();
            let (message, metadata, trailers) = response.into_parts();
            let response =
                Response::new(encode::<C>(&message)).with_metadata(metadata).with_trailers(trailers);
            let response = response.with_attachments(attachments);
            call.reply(match compression {
                Some(encoding) => response.with_compression(encoding),
                None => response,
            });
        }
        Err(status) => call.end(&status, &Metadata::new()),
    }
}

fn mismatch(call: &ServerCall) {
    call.end(&kind_mismatch(call.route.method.path), &Metadata::new());
}

/// A call and where its handler runs.
pub(crate) struct ReadyCall {
    connection: Arc<Connection>,
    ready: Ready,
    is_here: bool,
}

impl ReadyCall {
    /// The handler runs on the reader's thread, which writes afterwards.
    pub(crate) fn here(connection: Arc<Connection>, ready: Ready) -> ReadyCall {
        ReadyCall { connection, ready, is_here: true }
    }

    /// The handler runs on a thread of the pool.
    pub(crate) fn on_pool(connection: Arc<Connection>, ready: Ready) -> ReadyCall {
        ReadyCall { connection, ready, is_here: false }
    }

    /// Runs the handler to its end, whatever that is.
    pub(crate) fn run(self) {
        let ReadyCall { connection, ready: Ready { id, route, mut request, message }, is_here } = self;
        let call = ServerCall::new(Arc::clone(&connection), id, Arc::clone(&route), is_here);
        // Where the call was read, nothing can have ended it since.
        if !is_here && call.is_over() {
            return;
        }
        if let Err(status) = call.interceptors().request(route.method, request.metadata_mut()) {
            return call.end_untold(&status);
        }
        let incoming = IncomingCall { call, request, message };
        let outcome = catch_unwind(AssertUnwindSafe(|| route.service.call(route.index, incoming)));
        if let Err(panic) = outcome {
            tracing::error!(path = route.method.path, "a handler panicked: {}", panic_text(&*panic));
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&'static str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
