//! A service with a method for each thing the tests look at, and the two ways to reach it.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod plain;

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use zrpc_core::rpc::{
    Encoding, Idempotency, Kind, Method, RawCodec, Request, Response, ServiceDescriptor, Status,
};
use zrpc_tokio::{
    Channel, Handling, IncomingCall, Remaining, Replies, Server, ServerBuilder, ServerHandle, Service,
    Streaming,
};

const fn method(path: &'static str, kind: Kind) -> Method {
    Method { path, kind, idempotency: Idempotency::Unknown }
}

pub static DEMO: ServiceDescriptor = ServiceDescriptor {
    name: "test.Demo",
    methods: &[
        method("/test.Demo/Echo", Kind::Unary),
        method("/test.Demo/Count", Kind::ServerStreaming),
        method("/test.Demo/Join", Kind::ClientStreaming),
        method("/test.Demo/Chat", Kind::Bidirectional),
        method("/test.Demo/Hang", Kind::Unary),
        method("/test.Demo/Panic", Kind::Unary),
        method("/test.Demo/Flood", Kind::ServerStreaming),
        method("/test.Demo/Fail", Kind::Unary),
        method("/test.Demo/Soon", Kind::Unary),
        method("/test.Demo/Remaining", Kind::Unary),
        method("/test.Demo/Deaf", Kind::ClientStreaming),
    ],
    file_descriptor_set: &[],
};

pub static ECHO: &Method = &DEMO.methods[0];
pub static COUNT: &Method = &DEMO.methods[1];
pub static JOIN: &Method = &DEMO.methods[2];
pub static CHAT: &Method = &DEMO.methods[3];
pub static HANG: &Method = &DEMO.methods[4];
pub static PANIC: &Method = &DEMO.methods[5];
pub static FLOOD: &Method = &DEMO.methods[6];
pub static FAIL: &Method = &DEMO.methods[7];
pub static SOON: &Method = &DEMO.methods[8];
pub static REMAINING: &Method = &DEMO.methods[9];
pub static DEAF: &Method = &DEMO.methods[10];

/// What the tests see of the handlers.
#[derive(Default)]
pub struct Probe {
    pub entered: Notify,
    pub dropped: Notify,
    pub alive: AtomicUsize,
    pub sent: AtomicUsize,
}

/// Counts a handler while it lives.
struct Guard(Arc<Probe>);

impl Guard {
    fn new(probe: &Arc<Probe>) -> Guard {
        probe.alive.fetch_add(1, Ordering::SeqCst);
        probe.entered.notify_one();
        Guard(Arc::clone(probe))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
        self.0.dropped.notify_one();
    }
}

#[derive(Clone, Default)]
pub struct Demo {
    pub probe: Arc<Probe>,
}

impl Demo {
    async fn echo(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let mut response = Response::new(request.message().clone());
        for (key, value) in request.metadata().iter().filter(|(key, _)| key.starts_with("x-")) {
            if key.ends_with("-bin") {
                let value = request.metadata().get_bin(key).unwrap_or_default();
                response.metadata_mut().append_bin(key, &value).unwrap();
                response.trailers_mut().append_bin(key, &value).unwrap();
            } else {
                response.metadata_mut().append(key, value).unwrap();
                response.trailers_mut().append(key, value).unwrap();
            }
        }
        if request.metadata().get("x-compress").is_some() {
            response = response.with_compression(Encoding::Gzip);
        }
        Ok(response)
    }

    async fn count(request: Request<Bytes>, mut replies: Replies<Bytes>) -> Result<(), Status> {
        let count: usize = std::str::from_utf8(request.message())
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Status::invalid_argument("send a number"))?;
        replies.metadata_mut().append("x-count", &count.to_string()).unwrap();
        for n in 0..count {
            replies.send(n.to_string().into()).await?;
        }
        replies.trailers_mut().append("x-sent", &count.to_string()).unwrap();
        Ok(())
    }

    async fn join(request: Request<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
        let mut requests = request.into_message();
        let mut joined = Vec::new();
        while let Some(message) = requests.message().await? {
            joined.extend_from_slice(&message);
        }
        Ok(Response::new(joined.into()))
    }

    async fn chat(
        self,
        request: Request<Streaming<Bytes>>,
        mut replies: Replies<Bytes>,
    ) -> Result<(), Status> {
        let _guard = Guard::new(&self.probe);
        let mut requests = request.into_message();
        while let Some(message) = requests.message().await? {
            replies.send(message).await?;
        }
        Ok(())
    }

    async fn hang(self) -> Result<Response<Bytes>, Status> {
        let _guard = Guard::new(&self.probe);
        std::future::pending().await
    }

    async fn flood(self, request: Request<Bytes>, mut replies: Replies<Bytes>) -> Result<(), Status> {
        let _guard = Guard::new(&self.probe);
        loop {
            replies.send(request.message().clone()).await?;
            self.probe.sent.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Service for Demo {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &DEMO
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        let demo = self.clone();
        match method {
            0 => call.unary::<RawCodec, _, _>(Demo::echo),
            1 => call.server_streaming::<RawCodec, _, _>(Demo::count),
            2 => call.client_streaming::<RawCodec, _, _>(Demo::join),
            3 => call.bidirectional::<RawCodec, _, _>(move |request, replies| demo.chat(request, replies)),
            4 => call.unary::<RawCodec, _, _>(move |_| demo.hang()),
            5 => call.unary::<RawCodec, _, _>(|request| async move {
                if !request.message().is_empty() {
                    tokio::task::yield_now().await;
                }
                panic!("the test wants this panic")
            }),
            6 => {
                call.server_streaming::<RawCodec, _, _>(move |request, replies| demo.flood(request, replies))
            }
            7 => call.unary::<RawCodec, _, _>(|_| async {
                Err(Status::not_found("no such thing").with_details(Bytes::from_static(b"\x08\x05")))
            }),
            8 => call.unary::<RawCodec, _, _>(|request| async move {
                tokio::time::sleep_until(Instant::now() + Duration::from_secs(1)).await;
                Ok(Response::new(request.into_message()))
            }),
            9 => call.unary::<RawCodec, _, _>(|request| async move {
                let left = request.remaining().map_or("none".to_owned(), |left| left.as_millis().to_string());
                Ok(Response::new(left.into()))
            }),
            10 => call.client_streaming::<RawCodec, _, _>(move |request| async move {
                let _guard = Guard::new(&demo.probe);
                let _unread = request;
                std::future::pending().await
            }),
            _ => call.unimplemented(),
        }
    }
}

/// How a test reaches the server.
#[derive(Clone, Copy, Debug)]
pub enum Over {
    Tcp,
    Memory,
}

pub const BOTH: [Over; 2] = [Over::Tcp, Over::Memory];

/// Starts a server and a channel to it.
pub async fn start(over: Over, builder: ServerBuilder) -> (Channel, ServerHandle) {
    match over {
        Over::Tcp => {
            let server = builder.bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", server.local_addr().unwrap());
            let handle = server.handle();
            tokio::spawn(server.run());
            (Channel::connect(&endpoint).await.unwrap(), handle)
        }
        Over::Memory => {
            let (listener, connector) = zrpc_tokio::memory();
            let server = builder.listen(listener);
            let handle = server.handle();
            tokio::spawn(server.run());
            (Channel::over(connector), handle)
        }
    }
}

/// A server of [`Demo`] and a channel to it.
pub async fn demo(over: Over) -> (Channel, ServerHandle, Arc<Probe>) {
    let demo = Demo::default();
    let probe = Arc::clone(&demo.probe);
    let (channel, handle) = start(over, Server::builder().service(demo)).await;
    (channel, handle, probe)
}

pub fn text(message: &str) -> Request<Bytes> {
    Request::new(Bytes::copy_from_slice(message.as_bytes()))
}

/// Waits until something holds that other tasks bring about.
pub async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

/// On virtual time: waits until this runtime runs no other task than the test.
pub async fn until_no_task_is_left() {
    let metrics = tokio::runtime::Handle::current().metrics();
    while metrics.num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
}

/// On virtual time: waits until every task waits for something that never comes by itself.
pub async fn until_nothing_moves() {
    let never = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_secs(1), never).await;
}

pub static WHO: ServiceDescriptor = ServiceDescriptor {
    name: "test.Who",
    methods: &[method("/test.Who/AmI", Kind::Unary)],
    file_descriptor_set: &[],
};

pub static AM_I: &Method = &WHO.methods[0];

/// Answers with who asks: an address without its port, or a process.
pub struct Who;

impl Service for Who {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &WHO
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        match method {
            0 => call.unary::<RawCodec, _, _>(|request| async move {
                let peer = request.peer();
                let said = peer.address().map_or_else(|| peer.to_string(), |peer| peer.ip().to_string());
                Ok(Response::new(said.into()))
            }),
            _ => call.unimplemented(),
        }
    }
}
