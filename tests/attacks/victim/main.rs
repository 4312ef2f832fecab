//! A server under attack, in a process of its own so that its memory and CPU time can be read from outside: ours on tokio,
//! or hyper with h2, each with the listener's defaults and an echo behind it.
//!
//! Usage: `attack-victim --stack zrpc|hyper`. Its first line of output is its port. It ends when its standard input does.

use bytes::Bytes;
use std::io;
use std::process::ExitCode;
use zrpc::core::rpc::{Idempotency, Kind, Method, RawCodec, Request, Response, ServiceDescriptor};
use zrpc::tokio::{Handling, IncomingCall, Server, Service, Streaming};
use zrpc_tests::arguments::{Arguments, exit_with_input};

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    exit_with_input();
    // One worker, as there are two processors and the other one is the attacker's.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let served = runtime.and_then(|runtime| match arguments.value("stack") {
        Some("zrpc") => runtime.block_on(zrpc()),
        Some("hyper") => runtime.block_on(hyper()),
        _ => Err(io::Error::other("say --stack zrpc or --stack hyper")),
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on 127.0.0.1: {error}");
            ExitCode::FAILURE
        }
    }
}

const fn method(path: &'static str, kind: Kind) -> Method {
    Method { path, kind, idempotency: Idempotency::Unknown }
}

static DESCRIPTOR: ServiceDescriptor = ServiceDescriptor {
    name: "attacks.Victim",
    methods: &[
        method("/attacks.Victim/Echo", Kind::Unary),
        method("/attacks.Victim/Deaf", Kind::ClientStreaming),
    ],
    file_descriptor_set: &[],
};

/// Echoes one method, and never reads the other.
struct Victim;

impl Service for Victim {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &DESCRIPTOR
    }

    fn call(&self, method: usize, call: IncomingCall) -> Handling {
        match method {
            0 => call.unary::<RawCodec, _, _>(|request: Request<Bytes>| async move {
                Ok(Response::new(request.into_message()))
            }),
            1 => call.client_streaming::<RawCodec, _, _>(|request: Request<Streaming<Bytes>>| async move {
                let _unread = request;
                std::future::pending().await
            }),
            _ => call.unimplemented(),
        }
    }
}

async fn zrpc() -> io::Result<()> {
    let server = Server::builder().service(Victim).bind("127.0.0.1:0").await?;
    println!("{}", server.local_addr()?.port());
    server.run().await;
    Ok(())
}

async fn hyper() -> io::Result<()> {
    use axum::body::Bytes as Body;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::service::TowerToHyperService;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let echo = axum::Router::new().fallback(|body: Body| async move { body });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(echo.clone());
        tokio::spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).http2_only();
            // How an attacker's connection fails is what the attacker reports.
            let _failed = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
