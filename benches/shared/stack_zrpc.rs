//! zRPC's tokio driver, used as its users use it: default settings, glue of the shape that its generator writes.

use crate::message::{DOWNLOAD, Payload, Total, UNARY, UPLOAD};
use bytes::Bytes;
use std::time::{Duration, Instant};
use zrpc_benches::Failure;
use zrpc_benches::load::{Streams, Unary};
use zrpc_core::rpc::{Idempotency, Kind, Method, ProstCodec, Request, Response, ServiceDescriptor, Status};
use zrpc_tokio::{Channel, Handling, IncomingCall, Listener, Replies, Server, Service, Streaming};

/// The service as its .proto would describe it.
pub static ECHO: ServiceDescriptor = ServiceDescriptor {
    name: "bench.Echo",
    methods: &[
        Method { path: UNARY, kind: Kind::Unary, idempotency: Idempotency::Unknown },
        Method { path: UPLOAD, kind: Kind::ClientStreaming, idempotency: Idempotency::Unknown },
        Method { path: DOWNLOAD, kind: Kind::ServerStreaming, idempotency: Idempotency::Unknown },
    ],
    file_descriptor_set: &[],
};

/// Serves on `listener` until the process ends.
pub async fn serve(listener: impl Listener) -> Result<(), Failure> {
    Server::builder().service(Echo).listen(listener).run().await;
    Ok(())
}

/// A channel of one connection.
#[derive(Clone)]
pub struct Client(Channel);

impl Client {
    /// Connects.
    pub async fn connect(uri: &str) -> Result<Client, Failure> {
        Ok(Client(Channel::connect(uri).await?))
    }
}

impl Unary for Client {
    async fn echo(&mut self, body: Bytes) -> Result<usize, Failure> {
        let request = Request::new(Payload { body });
        let reply = self.0.unary::<ProstCodec<Payload, Payload>>(&ECHO.methods[0], request).await?;
        Ok(reply.message().body.len())
    }
}

impl Streams for Client {
    async fn upload(&mut self, body: Bytes, time: Duration) -> Result<u64, Failure> {
        let end = Instant::now() + time;
        let request = Request::new(());
        let mut upload =
            self.0.client_streaming::<ProstCodec<Payload, Total>>(&ECHO.methods[1], request).await?;
        while Instant::now() < end {
            upload.send(Payload { body: body.clone() }).await?;
        }
        Ok(upload.finish().await?.message().messages)
    }

    async fn download(&mut self, body: Bytes, time: Duration) -> Result<u64, Failure> {
        let end = Instant::now() + time;
        let request = Request::new(Payload { body });
        let mut replies =
            self.0.server_streaming::<ProstCodec<Payload, Payload>>(&ECHO.methods[2], request).await?;
        let mut messages = 0;
        while Instant::now() < end && replies.message().await?.is_some() {
            messages += 1;
        }
        Ok(messages)
    }
}

struct Echo;

impl Service for Echo {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &ECHO
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        match method {
            0 => call.unary::<ProstCodec<Payload, Payload>, _, _>(echo),
            1 => call.client_streaming::<ProstCodec<Total, Payload>, _, _>(count),
            2 => call.server_streaming::<ProstCodec<Payload, Payload>, _, _>(repeat),
            _ => call.unimplemented(),
        }
    }
}

async fn echo(request: Request<Payload>) -> Result<Response<Payload>, Status> {
    Ok(Response::new(request.into_message()))
}

async fn count(request: Request<Streaming<Payload>>) -> Result<Response<Total>, Status> {
    let mut requests = request.into_message();
    let mut messages = 0;
    while requests.message().await?.is_some() {
        messages += 1;
    }
    Ok(Response::new(Total { messages }))
}

async fn repeat(request: Request<Payload>, mut replies: Replies<Payload>) -> Result<(), Status> {
    let message = request.into_message();
    loop {
        replies.send(message.clone()).await?;
    }
}
