//! tonic, used as its users use it: default settings, glue of the shape that its generator writes.

use crate::message::{DOWNLOAD, Payload, Total, UNARY, UPLOAD};
use bytes::Bytes;
use http::uri::PathAndQuery;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{ClientStreamingService, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use zrpc_benches::Failure;
use zrpc_benches::load::{Streams, Unary};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Replies = Pin<Box<dyn Stream<Item = Result<Payload, Status>> + Send>>;

/// Serves what comes in until the process ends.
pub async fn serve<I, S, E>(incoming: I) -> Result<(), Failure>
where
    I: Stream<Item = Result<S, E>>,
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    E: Into<Failure>,
{
    tonic::transport::Server::builder().add_service(EchoServer).serve_with_incoming(incoming).await?;
    Ok(())
}

/// A channel of one connection.
#[derive(Clone)]
pub struct Client(tonic::client::Grpc<Channel>);

impl Client {
    /// Connects.
    pub async fn connect(uri: String) -> Result<Client, Failure> {
        let channel = Endpoint::from_shared(uri)?.tcp_nodelay(true).connect().await?;
        Ok(Client(tonic::client::Grpc::new(channel)))
    }
}

impl Unary for Client {
    async fn echo(&mut self, body: Bytes) -> Result<usize, Failure> {
        self.0.ready().await?;
        let codec = ProstCodec::<Payload, Payload>::default();
        let path = PathAndQuery::from_static(UNARY);
        let reply = self.0.unary(Request::new(Payload { body }), path, codec).await?;
        Ok(reply.into_inner().body.len())
    }
}

impl Streams for Client {
    async fn upload(&mut self, body: Bytes, time: Duration) -> Result<u64, Failure> {
        self.0.ready().await?;
        let end = Instant::now() + time;
        let next = move || (Instant::now() < end).then(|| Payload { body: body.clone() });
        let messages = tokio_stream::iter(std::iter::from_fn(next));
        let codec = ProstCodec::<Payload, Total>::default();
        let path = PathAndQuery::from_static(UPLOAD);
        let reply = self.0.client_streaming(Request::new(messages), path, codec).await?;
        Ok(reply.into_inner().messages)
    }

    async fn download(&mut self, body: Bytes, time: Duration) -> Result<u64, Failure> {
        self.0.ready().await?;
        let end = Instant::now() + time;
        let codec = ProstCodec::<Payload, Payload>::default();
        let path = PathAndQuery::from_static(DOWNLOAD);
        let request = Request::new(Payload { body });
        let mut replies = self.0.server_streaming(request, path, codec).await?.into_inner();
        let mut messages = 0;
        while Instant::now() < end && replies.message().await?.is_some() {
            messages += 1;
        }
        Ok(messages)
    }
}

#[derive(Clone)]
struct EchoServer;

impl NamedService for EchoServer {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            UNARY => Box::pin(async move {
                let mut grpc = tonic::server::Grpc::new(ProstCodec::<Payload, Payload>::default());
                Ok(grpc.unary(Echo, request).await)
            }),
            UPLOAD => Box::pin(async move {
                let mut grpc = tonic::server::Grpc::new(ProstCodec::<Total, Payload>::default());
                Ok(grpc.client_streaming(Count, request).await)
            }),
            DOWNLOAD => Box::pin(async move {
                let mut grpc = tonic::server::Grpc::new(ProstCodec::<Payload, Payload>::default());
                Ok(grpc.server_streaming(Repeat, request).await)
            }),
            _ => Box::pin(async move { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

/// The user's handler as `async_trait` makes it: one box of its own.
fn echo(request: Request<Payload>) -> Boxed<Result<Response<Payload>, Status>> {
    Box::pin(async move { Ok(Response::new(request.into_inner())) })
}

struct Echo;

impl UnaryService<Payload> for Echo {
    type Response = Payload;
    type Future = Boxed<Result<Response<Payload>, Status>>;

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        Box::pin(async move { echo(request).await })
    }
}

struct Count;

impl ClientStreamingService<Payload> for Count {
    type Response = Total;
    type Future = Boxed<Result<Response<Total>, Status>>;

    fn call(&mut self, request: Request<Streaming<Payload>>) -> Self::Future {
        Box::pin(async move {
            let mut requests = request.into_inner();
            let mut messages = 0;
            while requests.message().await?.is_some() {
                messages += 1;
            }
            Ok(Response::new(Total { messages }))
        })
    }
}

struct Repeat;

impl ServerStreamingService<Payload> for Repeat {
    type Response = Payload;
    type ResponseStream = Replies;
    type Future = Boxed<Result<Response<Replies>, Status>>;

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        Box::pin(async move {
            let message = request.into_inner();
            let replies = tokio_stream::iter(std::iter::repeat(message)).map(Ok);
            Ok(Response::new(Box::pin(replies) as Replies))
        })
    }
}
