//! A zRPC server's services as a tower service, and tower layers around them.

use super::exchange::Exchange;
use super::foreign::Foreign;
use super::{Body, BoxError, ResponseFuture};
use crate::server::ServerBuilder;
use crate::server::shared::Shared;
use bytes::Buf;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;
use zrpc_core::rpc::grpc::Limits;

/// zRPC services behind HTTP: gRPC requests in, gRPC responses out. Made by [`ServerBuilder::http_service`].
///
/// It takes whatever body the server around it has, and never fails: what goes wrong is a status. Handlers that wait run
/// as tasks of tokio, so it is called inside a tokio runtime.
#[derive(Clone)]
pub struct HttpService {
    shared: Arc<Shared>,
    limits: Limits,
}

impl<B> Service<http::Request<B>> for HttpService
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ResponseFuture<B> {
        ResponseFuture::new(Exchange::new(&self.shared, self.limits, request))
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService")
            .field("running_handlers", &self.shared.running())
            .finish_non_exhaustive()
    }
}

/// Among tower services.
impl ServerBuilder {
    /// The services as a [`tower::Service`](Service) of HTTP requests, to be served by a router or server of axum, hyper
    /// or tonic, which brings the connections. Interceptors, [`max_calls`](ServerBuilder::max_calls) and the limits on
    /// messages are kept; what belongs to connections is the other server's to decide.
    ///
    /// gRPC needs trailers, so HTTP/2. Who calls is taken from the request's extensions, where a
    /// [`Peer`](zrpc_core::rpc::Peer) or a `SocketAddr` was put into them.
    #[must_use]
    pub fn http_service(self) -> HttpService {
        let limits = self.limits;
        HttpService { shared: Arc::new(self.into_shared()), limits }
    }

    /// Offers a tower service for all paths below `prefix`: the service that tonic generated under `/package.Service`,
    /// or under `/` a whole router. It is served unchanged, over whichever carrier calls come, and sees each as a gRPC
    /// request on HTTP/2: messages that arrive compressed are inflated before, and what it compresses is compressed
    /// again if the client takes it. Its time is limited by the call's deadline, which it also sees as `grpc-timeout`
    /// and, as an instant, as a [`Deadline`](super::Deadline) in the request's extensions; the [`Peer`](zrpc_core::rpc::Peer)
    /// stands there too.
    ///
    /// Methods of services offered with [`ServerBuilder::service`] come first, then the longest prefix.
    ///
    /// An interceptor sees its calls under the path `prefix/`. An error of the service ends the call: with the
    /// [`Status`](zrpc_core::rpc::Status) that it is or wraps, and otherwise as UNKNOWN.
    #[must_use]
    pub fn tower_service<S, R>(mut self, prefix: &str, service: S) -> ServerBuilder
    where
        S: Service<http::Request<Body>, Response = http::Response<R>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        R: http_body::Body + Send + 'static,
        R::Data: Buf + Send,
        R::Error: Into<BoxError>,
    {
        self.router.add_below(Arc::new(Foreign::new(prefix, service)));
        self
    }

    /// Wraps the services and interceptors added so far into a tower layer, whatever carrier their calls come over. The
    /// layer sees each call as an HTTP request and response; those of several that were added last see it first.
    #[must_use]
    pub fn layer<L, R>(mut self, layer: L) -> ServerBuilder
    where
        L: Layer<HttpService>,
        L::Service:
            Service<http::Request<Body>, Response = http::Response<R>> + Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<Body>>>::Future: Send + 'static,
        <L::Service as Service<http::Request<Body>>>::Error: Into<BoxError>,
        R: http_body::Body + Send + 'static,
        R::Data: Buf + Send,
        R::Error: Into<BoxError>,
    {
        let mut inner = crate::Server::builder().max_calls(self.calls_max);
        inner.router = std::mem::take(&mut self.router);
        inner.interceptors = std::mem::take(&mut self.interceptors);
        inner.limits = self.limits;
        self.tower_service("/", layer.layer(inner.http_service()))
    }
}
