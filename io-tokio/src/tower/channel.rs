//! A channel as a tower service, and tower layers around a channel.

use super::exchange::Exchange;
use super::foreign::descriptor_below;
use super::{Body, BoxError, ResponseFuture};
use crate::client::Channel;
use crate::incoming::{Handling, IncomingCall, Service};
use crate::replies::Replies;
use crate::sender::Sender;
use crate::server::Server;
use crate::server::shared::Shared;
use crate::streaming::Streaming;
use bytes::{Buf, Bytes};
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use tower_layer::Layer;
use zrpc_core::rpc::grpc::Limits;
use zrpc_core::rpc::{Metadata, RawCodec, Request, ServiceDescriptor, Status};
use zrpc_core::stack::{ClientConfig, ServerConfig};

/// A [`Channel`] that takes HTTP requests of gRPC: what a client that tonic generated runs on, over any carrier.
///
/// `GreeterClient::new(HttpChannel::from(channel))` is all; the messages of a call pass through as they are, and
/// metadata, deadline (`grpc-timeout`), status and its details with them. `user-agent` is the channel's own. An
/// interceptor of the channel sees these calls under the path `/`.
#[derive(Clone)]
pub struct HttpChannel {
    shared: Arc<Shared>,
    limits: Limits,
}

impl From<Channel> for HttpChannel {
    fn from(channel: Channel) -> HttpChannel {
        let mut server = Server::builder().max_calls(usize::MAX);
        server.router.add_below(Arc::new(Relay { channel }));
        HttpChannel { shared: Arc::new(server.into_shared()), limits: unlimited() }
    }
}

impl<B> tower_service::Service<http::Request<B>> for HttpChannel
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

impl fmt::Debug for HttpChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpChannel").finish_non_exhaustive()
    }
}

/// Among tower services.
impl Channel {
    /// A channel whose calls all pass through a tower layer: it sees each as an HTTP request and response. Generated
    /// clients take the result as they take any channel.
    ///
    /// Between the client and the layer, calls pass through memory, which costs one more hop in this process.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn layered<L, R>(self, layer: L) -> Channel
    where
        L: Layer<HttpChannel>,
        L::Service: tower_service::Service<http::Request<Body>, Response = http::Response<R>>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as tower_service::Service<http::Request<Body>>>::Future: Send + 'static,
        <L::Service as tower_service::Service<http::Request<Body>>>::Error: Into<BoxError>,
        R: http_body::Body + Send + 'static,
        R::Data: Buf + Send,
        R::Error: Into<BoxError>,
    {
        let (listener, connector) = crate::memory();
        let mut config = ServerConfig { limits: unlimited(), ..ServerConfig::default() };
        config.http2.max_concurrent_streams = HOP_CALLS_MAX;
        let server = Server::builder().config(config).max_calls(usize::MAX);
        let server = server.tower_service("/", layer.layer(HttpChannel::from(self)));
        tokio::spawn(server.listen(listener).run());
        let unlimit = |config: &mut ClientConfig| config.limits = unlimited();
        Channel::builder_over(connector).config(unlimit).lazy()
    }
}

/// Calls that may be under way at once in a layered channel; the channel below has limits of its own.
const HOP_CALLS_MAX: u32 = 100_000;

/// Limits of a hop inside this process: whoever sends and whoever receives has limits of its own.
fn unlimited() -> Limits {
    Limits { receive_message_bytes_max: u32::MAX as usize, ..Limits::default() }
}

/// Serves every path by calling it on a channel.
struct Relay {
    channel: Channel,
}

static RELAYED: LazyLock<&'static ServiceDescriptor> = LazyLock::new(|| descriptor_below("/"));

impl Service for Relay {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        *RELAYED
    }

    fn call(&self, _: usize, call: IncomingCall) -> Handling {
        let (channel, path) = (self.channel.clone(), call.path().to_owned());
        call.bidirectional::<RawCodec, _, _>(|request, replies| relay(channel, path, request, replies))
    }
}

async fn relay(
    channel: Channel,
    path: String,
    request: Request<Streaming<Bytes>>,
    replies: Replies<Bytes>,
) -> Result<(), Status> {
    let (requests, mut rest) = request.into_parts();
    let metadata: &mut Metadata = rest.metadata_mut();
    metadata.remove("user-agent");
    let method = &RELAYED.methods[0];
    let (sender, responses) = channel.bidirectional_at::<RawCodec>(method, &path, rest).await?;
    let mut up = pin!(send_up(requests, sender));
    let mut down = pin!(send_down(responses, replies));
    let mut sent = false;
    poll_fn(|cx| {
        if !sent {
            // How sending ended says the call's status, which comes down.
            sent = up.as_mut().poll(cx).is_ready();
        }
        down.as_mut().poll(cx)
    })
    .await
}

async fn send_up(mut requests: Streaming<Bytes>, mut sender: Sender<Bytes>) -> Result<(), Status> {
    while let Some(message) = requests.message().await? {
        sender.send(message).await?;
    }
    sender.finish();
    Ok(())
}

async fn send_down(mut responses: Streaming<Bytes>, mut replies: Replies<Bytes>) -> Result<(), Status> {
    let head = responses.metadata().await.clone();
    // A call that failed at once has no head of its own, and gets none here.
    let mut next = match poll_fn(|cx| Poll::Ready(responses.poll_message(cx))).await {
        Poll::Ready(Err(status)) => return Err(status),
        ready => Some(ready),
    };
    *replies.metadata_mut() = head;
    replies.send_metadata();
    loop {
        let message = match next.take() {
            Some(Poll::Ready(message)) => message?,
            _ => responses.message().await?,
        };
        match message {
            Some(message) => replies.send(message).await?,
            None => break,
        }
    }
    *replies.trailers_mut() = responses.trailers().cloned().unwrap_or_default();
    Ok(())
}
