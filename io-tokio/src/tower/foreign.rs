//! A tower service as a service of ours: each call becomes an HTTP request, each response a call's answer.

use super::answer::{Answer, Heard, asked};
use super::{Body, BoxError, fields, status_of};
use crate::clock;
use crate::incoming::{Handling, IncomingCall, Service};
use crate::replies::Replies;
use crate::streaming::Streaming;
use bytes::{Buf, Bytes};
use std::future::poll_fn;
use tokio::time::Instant;
use zrpc_core::rpc::{Idempotency, Kind, Method, RawCodec, Request, ServiceDescriptor, Status};

/// When the call ends as DEADLINE_EXCEEDED; in the extensions of requests that reach tower services.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline(pub Instant);

/// See the module.
pub(super) struct Foreign<S> {
    service: S,
    descriptor: &'static ServiceDescriptor,
}

impl<S> Foreign<S> {
    /// A service for all paths below `prefix`.
    pub(super) fn new(prefix: &str, service: S) -> Foreign<S> {
        Foreign { service, descriptor: descriptor_below(prefix) }
    }
}

/// Descriptors live as long as the program, as those of generated code do. There is one for each service that a program
/// registers, and none for what a peer asks for.
pub(super) fn descriptor_below(prefix: &str) -> &'static ServiceDescriptor {
    let name: &'static str = prefix.trim_matches('/').to_owned().leak();
    let path: &'static str = if name.is_empty() { "/" } else { format!("/{name}/").leak() };
    let method = Method { path, kind: Kind::Bidirectional, idempotency: Idempotency::Unknown };
    let methods: &'static [Method] = vec![method].leak();
    Box::leak(Box::new(ServiceDescriptor { name, methods, file_descriptor_set: &[] }))
}

impl<S, R> Service for Foreign<S>
where
    S: tower_service::Service<http::Request<Body>, Response = http::Response<R>>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    R: http_body::Body + Send + 'static,
    R::Data: Buf + Send,
    R::Error: Into<BoxError>,
{
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.descriptor
    }

    fn call(&self, _: usize, call: IncomingCall) -> Handling {
        let service = self.service.clone();
        let (path, authority) = (call.path().to_owned(), call.authority().to_owned());
        call.bidirectional::<RawCodec, _, _>(move |request, replies| async move {
            let request = to_http(&path, &authority, request)?;
            serve(service, request, replies).await
        })
    }
}

/// The call as an HTTP request.
fn to_http(
    path: &str,
    authority: &str,
    request: Request<Streaming<Bytes>>,
) -> Result<http::Request<Body>, Status> {
    let (messages, rest) = request.into_parts();
    let head = asked(path, authority, &rest);
    let mut request = fields::to_request(&head, Body::of_requests(messages))?;
    request.extensions_mut().insert(rest.peer());
    if let Some(deadline) = rest.deadline() {
        request.extensions_mut().insert(Deadline(clock::instant(deadline)));
    }
    Ok(request)
}

async fn serve<S, R>(
    mut service: S,
    request: http::Request<Body>,
    mut replies: Replies<Bytes>,
) -> Result<(), Status>
where
    S: tower_service::Service<http::Request<Body>, Response = http::Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    let failed = |error: S::Error| status_of(&*error.into(), "the service");
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
    let response = service.call(request).await.map_err(failed)?;
    let mut answer = Answer::new(response);
    loop {
        match poll_fn(|cx| answer.poll(cx)).await {
            Heard::Head { metadata, encoding } => {
                *replies.metadata_mut() = metadata;
                if let Some(encoding) = encoding {
                    replies.set_compression(encoding);
                }
                replies.send_metadata();
            }
            Heard::Message(message) => replies.send(message).await?,
            Heard::End { status, trailers } if status.is_ok() => {
                *replies.trailers_mut() = trailers;
                return Ok(());
            }
            Heard::End { status, .. } => return Err(status),
        }
    }
}
